"""The keys that a home folder hangs on: its keyring, and the root key of its own files.

With a keyring in a file the root key is the keyring's own; with AWS KMS it is a random one, wrapped
by KMS, in `directory.key`. The directory and a demo's token issuer are encrypted by keys derived
from it.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import StoreUnavailable
from tenants.aws import AwsSettings
from tenants.keys.keyring import Keyring, LocalKeyring, derive_root
from tenants.keys.keyring_file import read_private, write_once
from tenants.keys.kms_keyring import open_kms

KEYRING_FILE = "keyring.json"
ROOT_KEY_FILE = "directory.key"
IN_FILE = "file"
IN_KMS = "kms:"
_ROOT_VERSION = 1
_ROOT_CONTEXT = {"purpose": "directory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """Where a home's keys are: `file` or `kms:<key id, ARN or alias>`.

    passphrase_file: where the keyring file's passphrase is, as a path or a reference.
    """

    keyring: str = IN_FILE
    passphrase_file: str | None = None
    aws: AwsSettings = field(default_factory=AwsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeKeys:
    """A home folder's keys, opened. for_backup: what brings them back, for a sealed backup."""

    keyring: Keyring
    root: bytes = field(repr=False)
    for_backup: Mapping[str, str] = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for a purpose (`directory`, `issuer`); always the same one."""
        return derive_root(self.root, purpose)


@asynccontextmanager
async def open_keys(
    home: Path, settings: KeySettings, passphrase: str | None, *, create: bool
) -> AsyncIterator[HomeKeys]:
    """Open a home folder's keys; with `create`, new ones where there are none.

    Raises StoreUnavailable where they are missing, damaged, or not to be had.
    """
    if settings.keyring == IN_FILE:
        keyring = await asyncio.to_thread(  # a passphrase takes half a second
            LocalKeyring.from_file, home / KEYRING_FILE, create=create, passphrase=passphrase
        )
        root = keyring.export_key()
        backup = {"keyring": base64.b64encode(root).decode()}
        yield HomeKeys(keyring=keyring, root=root, for_backup=backup)
        return
    async with open_kms(settings.keyring.removeprefix(IN_KMS), settings.aws) as kms:
        path = home / ROOT_KEY_FILE
        if create and not path.exists():
            _, made = await kms.generate(_ROOT_CONTEXT)
            write_once(path, _root_file(made))
        wrapped = _read_root(read_private(path, "root key"), path)
        root = await kms.unwrap(wrapped, _ROOT_CONTEXT)
        backup = {"kms": base64.b64encode(wrapped).decode()}
        yield HomeKeys(keyring=kms, root=root, for_backup=backup)


def write_keys(
    backup: Mapping[str, str], folder: Path, settings: KeySettings, passphrase: str | None
) -> Path:
    """Write what a backup holds of a home's keys into a folder; return the file.

    Raises StoreUnavailable where the settings want keys of the other kind, KeyError and ValueError
    for what is no backup of keys.
    """
    if settings.keyring == IN_FILE:
        if "keyring" not in backup:
            raise StoreUnavailable(
                "The backup is of a home whose keys are in AWS KMS: set ALMONER_KEYRING to that "
                "key (kms:…) before it is restored."
            )
        keyring = LocalKeyring(base64.b64decode(backup["keyring"], validate=True))
        keyring.save(folder / KEYRING_FILE, passphrase)
        return folder / KEYRING_FILE
    if "kms" not in backup:
        raise StoreUnavailable(
            "The backup is of a home whose keys are in a file: set ALMONER_KEYRING to `file` "
            "before it is restored."
        )
    wrapped = base64.b64decode(backup["kms"], validate=True)
    write_once(folder / ROOT_KEY_FILE, _root_file(wrapped))
    return folder / ROOT_KEY_FILE


def _root_file(wrapped: bytes) -> bytes:
    stored = {"version": _ROOT_VERSION, "wrapped": base64.b64encode(wrapped).decode()}
    return json.dumps(stored).encode()


def _read_root(content: bytes, path: Path) -> bytes:
    try:
        stored = json.loads(content)
        if stored["version"] != _ROOT_VERSION:
            raise StoreUnavailable(f"The root key {path} is of a version that is not known here.")
        return base64.b64decode(stored["wrapped"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise StoreUnavailable(f"The file {path} is not a root key, or was cut off.") from error
