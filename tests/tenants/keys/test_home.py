"""A home's keys brought back from a backup, and the root key's file, without KMS itself."""

import base64
import json
import stat
from pathlib import Path

import pytest

from domain.errors import StoreUnavailable
from tenants.keys.home import (
    KEYRING_FILE,
    ROOT_KEY_FILE,
    KeySettings,
    _read_root,
    _root_file,
    open_keys,
    write_keys,
)
from tenants.keys.keyring import LocalKeyring, derive_root
from tenants.keys.keyring_file import is_locked

KEY = bytes(range(32))
IN_FILE = KeySettings()
IN_KMS = KeySettings(keyring="kms:alias/almoner")
WRAPPED = b"what KMS wrapped"
OF_FILE = {"keyring": base64.b64encode(KEY).decode()}
OF_KMS = {"kms": base64.b64encode(WRAPPED).decode()}
PASSPHRASE = "correct horse battery staple"


async def test_a_home_s_keys_are_its_keyring_s(tmp_path: Path) -> None:
    """The root key is the keyring's own, a backup holds it, and what is derived is always alike."""
    async with open_keys(tmp_path, IN_FILE, None, create=True) as made:
        held = made.for_backup
    async with open_keys(tmp_path, IN_FILE, None, create=False) as keys:
        assert keys.root == made.root == base64.b64decode(held["keyring"])
        assert keys.derive("issuer") == derive_root(keys.root, "issuer") == made.derive("issuer")
    with pytest.raises(StoreUnavailable, match="no keyring"):
        async with open_keys(tmp_path / "other", IN_FILE, None, create=False):
            pass


@pytest.mark.usefixtures("cheap_passphrases")
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
async def test_a_keyring_is_written_from_a_backup(tmp_path: Path, passphrase: str | None) -> None:
    """The same key opens afterwards, under the passphrase that is given now, if any."""
    path = write_keys(OF_FILE, tmp_path, IN_FILE, passphrase)
    assert path == tmp_path / KEYRING_FILE
    assert is_locked(path) is (passphrase is not None)
    opened = LocalKeyring.from_file(path, create=False, passphrase=passphrase)
    assert opened.export_key() == KEY
    async with open_keys(tmp_path, IN_FILE, passphrase, create=False) as keys:
        assert keys.for_backup == OF_FILE


def test_a_root_key_is_written_from_a_backup(tmp_path: Path) -> None:
    """As KMS wrapped it, for its owner alone; what is there already stays."""
    path = write_keys(OF_KMS, tmp_path, IN_KMS, None)
    assert path == tmp_path / ROOT_KEY_FILE
    assert json.loads(path.read_text()) == {"version": 1, "wrapped": OF_KMS["kms"]}
    assert _read_root(path.read_bytes(), path) == WRAPPED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = {"kms": base64.b64encode(b"other").decode()}
    assert write_keys(other, tmp_path, IN_KMS, None) == path
    assert _read_root(path.read_bytes(), path) == WRAPPED


def test_a_backup_of_the_other_kind_is_said(tmp_path: Path) -> None:
    """Which setting to change is told, and nothing is written."""
    for backup, settings, told in (
        (OF_KMS, IN_FILE, r"keys are in AWS KMS: set ALMONER_KEYRING to that key \(kms:…\)"),
        (
            OF_FILE,
            IN_KMS,
            "in a file: set ALMONER_KEYRING to `file` before it is restored",
        ),
    ):
        with pytest.raises(StoreUnavailable, match=told):
            write_keys(backup, tmp_path, settings, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["*", "AAA", f"{OF_FILE['keyring']} ", "AAAA"])
def test_a_backup_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    """What is not exactly base64, or not of a key's length, is never written as a keyring."""
    with pytest.raises(ValueError):  # noqa: PT011 -- of base64, or of the keyring
        write_keys({"keyring": text}, tmp_path, IN_FILE, None)
    if text != "AAAA":
        with pytest.raises(ValueError):  # noqa: PT011 -- of base64
            write_keys({"kms": text}, tmp_path, IN_KMS, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"version":1}',
        b'{"version":1,"wrapped":5}',
        b'{"version":1,"wrapped":"***"}',
        b'{"version":1,"wrapped":"AA*AA"}',
        b"\xff\x00",
    ],
)
def test_a_file_that_is_no_root_key_is_said(tmp_path: Path, content: bytes) -> None:
    """A foreign file, or one that was cut off, is named and never taken for a key."""
    with pytest.raises(StoreUnavailable, match=r"directory\.key is not a root key") as refusal:
        _read_root(content, tmp_path / ROOT_KEY_FILE)
    assert refusal.value.__cause__ is not None


def test_a_newer_root_key_is_said(tmp_path: Path) -> None:
    """A file of another version is refused as such."""
    newer = _root_file(WRAPPED).replace(b'"version": 1', b'"version": 2')
    with pytest.raises(StoreUnavailable, match=r"directory\.key is of a version that is not known"):
        _read_root(newer, tmp_path / ROOT_KEY_FILE)
