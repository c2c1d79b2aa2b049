"""`almoner keyring passphrase`: the keyring's file is put under a passphrase and freed again."""

import asyncio
import json
from pathlib import Path

import pytest

from domain.audit import AuditLine
from gateway.workspace import open_workspace
from tenants.keys.home import KEYRING_FILE, KeySettings
from tests.gateway.cli.command import almoner, made

pytestmark = pytest.mark.usefixtures("cheap_passphrases")
FIRST, SECOND = "correct horse battery staple", "another long passphrase"
REASON = ("--reason", "test")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


def secret(folder: Path, text: str) -> str:
    path = folder / text.replace(" ", "-")
    path.write_text(text + "\n")
    return str(path)


def opens(home: Path, **environment: str) -> bool:
    return almoner(home, "agency", "list", "--json", environment=environment).status == 0


def test_a_passphrase_is_set_changed_and_removed(home: Path, tmp_path: Path) -> None:
    """After each step the home opens with the passphrase that holds, and with no other."""
    first, second = secret(tmp_path, FIRST), secret(tmp_path, SECOND)
    command = ("keyring", "passphrase", *REASON)
    done = almoner(home, *command, "--new-passphrase-file", first)
    assert done.status == 0, done.output
    assert "ALMONER_KEYRING_PASSPHRASE_FILE" in done.output
    with_first = {"ALMONER_KEYRING_PASSPHRASE_FILE": first}
    with_second = {"ALMONER_KEYRING_PASSPHRASE_FILE": f"file://{second}"}
    assert opens(home, **with_first)
    assert not opens(home)
    assert not opens(home, **with_second)

    done = almoner(home, *command, environment=with_first, text=SECOND + "\n")
    assert done.status == 0, done.output
    assert opens(home, **with_second)
    assert not opens(home, **with_first)

    done = almoner(home, *command, "--remove", environment=with_second)
    assert done.status == 0, done.output
    assert opens(home)
    assert json.loads((home / KEYRING_FILE).read_text())["version"] == 1


def test_what_cannot_be_done_is_said_and_changes_nothing(home: Path, tmp_path: Path) -> None:
    """A short passphrase, two wishes at once, or keys in AWS KMS: one clear line each."""
    before = (home / KEYRING_FILE).read_bytes()
    command = ("keyring", "passphrase", *REASON)
    short = almoner(home, *command, text="short\n")
    both = almoner(home, *command, "--remove", "--new-passphrase-file", secret(tmp_path, FIRST))
    elsewhere = almoner(home, *command, environment={"ALMONER_KEYRING": "kms:alias/almoner"})

    assert (short.status, both.status, elsewhere.status) == (2, 2, 1)
    assert "at least 12 characters" in short.output
    assert "exclude each other" in both.output
    assert "AWS KMS" in elsewhere.output
    assert (home / KEYRING_FILE).read_bytes() == before


def test_the_change_leaves_an_audit_line_and_no_passphrase(home: Path, tmp_path: Path) -> None:
    """The audit log says that it was done and why; a backup made then restores under it."""
    first = secret(tmp_path, FIRST)
    almoner(home, "keyring", "passphrase", "--new-passphrase-file", first, *REASON)
    with_first = {"ALMONER_KEYRING_PASSPHRASE_FILE": first}
    saved = str(tmp_path / "almoner.backup")
    backup = ("--passphrase-file", secret(tmp_path, SECOND), *REASON)
    done = almoner(home, "directory", "backup", saved, *backup, environment=with_first)
    assert done.status == 0, done.output

    other = tmp_path / "other"
    done = almoner(other, "directory", "restore", saved, *backup, environment=with_first)
    assert done.status == 0, done.output
    assert opens(other, **with_first)
    assert not opens(other)

    async def lines() -> list[AuditLine]:
        settings = KeySettings(passphrase_file=first)
        async with open_workspace(home, keys=settings) as workspace:
            return list(await workspace.directory.audit_lines(None, None, 10))

    said = [(line.action, line.purpose) for line in asyncio.run(lines())]
    assert ("cli:keyring passphrase set", "test") in said
    assert not any(FIRST in repr(line) for line in asyncio.run(lines()))
