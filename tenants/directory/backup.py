"""Backs the directory up into one sealed file together with the home's keys, and restores it.

Losing the directory would mean losing every agency's keys, and with them every agency's data; so
one file and one passphrase bring both back (where AWS KMS holds the keys, KMS must still be there:
the file has what KMS wrapped, and no key). The file is scrypt and AES-GCM over a snapshot, which
is itself encrypted by the keyring: nothing in it is ever written in plain.
"""

import asyncio
import json
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlcipher3 import dbapi2 as driver

from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.directory.changes import set_up
from tenants.directory.port import Directory
from tenants.directory.sqlite import APPLICATION_ID, DIRECTORY_FILE
from tenants.keys.home import HomeKeys, KeySettings, open_keys, write_keys
from tenants.keys.keyring_file import PASSPHRASE_LENGTH_MIN, passphrase_key
from tenants.sqlite.sqlcipher import (
    make_private_directory,
    open_encrypted,
    sync_directory,
    translate,
)

BACKUP_BYTES_MAX = 1024 * 1024 * 1024

_LEAD = b"almoner directory backup 1\n"
_SALT_BYTES, _NONCE_BYTES = 16, 12
_SIDE_FILES = ("-wal", "-shm")
_UNREADABLE = (
    "This is not a backup of a directory, it is damaged or cut off, or the passphrase is wrong."
)


async def backup(
    directory: Directory,
    keys: HomeKeys,
    target: Path,
    passphrase: str,
    *,
    overwrite: bool = False,
) -> None:
    """Write the directory as it is now, and what brings its keys back, into one file.

    The file appears whole or not at all, for its owner alone; with `overwrite`, in place of a
    backup of that name. Raises StoreUnavailable where it cannot be written, ValueError for a
    passphrase that is too short.
    """
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise ValueError(f"a passphrase has at least {PASSPHRASE_LENGTH_MIN} characters")
    demand_room(target, overwrite=overwrite)
    snapshot = await directory.snapshot()
    header = json.dumps(dict(keys.for_backup)).encode()
    content = len(header).to_bytes(4, "big") + header + snapshot
    await asyncio.to_thread(_write_backup, target, content, passphrase)


def demand_room(target: Path, *, overwrite: bool) -> None:
    """Raise StoreUnavailable where a backup cannot be written to `target`.

    `overwrite` is for backups alone: no other file is ever replaced by one.
    """
    if not target.parent.is_dir():
        raise StoreUnavailable(f"There is no folder {target.parent}.")
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise StoreUnavailable(f"There is {target} already: name another file, or --overwrite.")
    try:
        with target.open("rb") as file:
            lead = file.read(len(_LEAD))
    except OSError as error:
        raise translate(error) from error
    if lead != _LEAD:
        raise StoreUnavailable(f"{target} is no backup of a directory: name another file.")


async def restore(
    source: Path,
    home: Path,
    passphrase: str,
    *,
    settings: KeySettings | None = None,
    keyring_passphrase: str | None = None,
    overwrite: bool = False,
) -> None:
    """Bring directory and keys back into a home folder, which nothing may be using.

    settings, keyring_passphrase: where that home's keys are. All is proved to open before anything
    of the home is touched. Raises StoreUnavailable where the backup cannot be read, or the home has
    a directory or other keys: `overwrite` moves those aside, to names that end in
    `.replaced-<id>`. Interrupted, it can simply be repeated.
    """
    where = settings or KeySettings()
    try:
        header, snapshot = await asyncio.to_thread(_read_backup, source, passphrase)
        make_private_directory(home)
        with tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as unfinished:
            directory = Path(unfinished) / DIRECTORY_FILE
            _write_file(directory, snapshot)
            key_file = _write_keys(header, Path(unfinished), where, keyring_passphrase)
            async with open_keys(
                Path(unfinished), where, keyring_passphrase, create=False
            ) as restored:
                _prove(directory, restored.derive("directory"))
            same = await _holds(home, where, keyring_passphrase, restored.root)
            _make_way(home, key_file.name, same_keys=same, overwrite=overwrite)
            if not (home / key_file.name).exists():
                key_file.rename(home / key_file.name)
            directory.rename(home / DIRECTORY_FILE)  # last: only now the home has a directory
            sync_directory(home)
    except OSError as error:
        raise translate(error) from error


def _write_backup(target: Path, content: bytes, passphrase: str) -> None:
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(passphrase_key(passphrase, salt)).encrypt(nonce, content, _LEAD + salt)
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_file(unfinished, _LEAD + salt + nonce + sealed)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_directory(target.absolute().parent)
    except OSError as error:
        raise translate(error) from error


def _read_backup(source: Path, passphrase: str) -> tuple[dict[str, str], bytes]:
    """Return what brings the keys back, and the directory's snapshot."""
    with source.open("rb") as file:
        stored = file.read(BACKUP_BYTES_MAX + 1)
    body = stored[len(_LEAD) :]
    salt, nonce = body[:_SALT_BYTES], body[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
    sealed = body[_SALT_BYTES + _NONCE_BYTES :]
    if not stored.startswith(_LEAD) or not sealed or len(stored) > BACKUP_BYTES_MAX:
        raise StoreUnavailable(_UNREADABLE)
    try:
        content = AESGCM(passphrase_key(passphrase, salt)).decrypt(nonce, sealed, _LEAD + salt)
        size = int.from_bytes(content[:4], "big")
        header = {str(name): str(value) for name, value in json.loads(content[4:][:size]).items()}
    except (InvalidTag, ValueError, AttributeError) as error:
        raise StoreUnavailable(_UNREADABLE) from error
    return header, content[4 + size :]


def _write_keys(
    header: dict[str, str], folder: Path, settings: KeySettings, passphrase: str | None
) -> Path:
    try:
        return write_keys(header, folder, settings, passphrase)
    except ValueError as error:
        raise StoreUnavailable(_UNREADABLE) from error


def _prove(directory: Path, file_key: bytes) -> None:
    """Open what was restored with the key that was restored; raises StoreUnavailable."""
    connection = open_encrypted(directory, file_key, application_id=APPLICATION_ID, create=False)
    try:
        set_up(connection)  # a newer format than this program knows is refused here
        if connection.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
            raise StoreUnavailable(_UNREADABLE)
    except driver.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _make_way(home: Path, key_file: str, *, same_keys: bool, overwrite: bool) -> None:
    """Move what the home has aside, or refuse to.

    A file with the same keys stays: it is what an interrupted restore leaves, and what a lost
    directory leaves.
    """
    directory, keys = home / DIRECTORY_FILE, home / key_file
    present = [path for path in (directory,) if path.exists()]
    if keys.exists() and not same_keys:
        present.append(keys)
    if present and not overwrite:
        names = " and ".join(path.name for path in present)
        raise StoreUnavailable(f"There is {names} in {home} already; nothing was changed.")
    suffix = f".replaced-{new_ulid()}"
    # The log of the old directory must never be replayed into the new one, whether or not the old
    # file itself is still there.
    for path in [*present, *(directory.with_name(directory.name + side) for side in _SIDE_FILES)]:
        if path.exists():
            path.rename(path.with_name(path.name + suffix))


async def _holds(home: Path, settings: KeySettings, passphrase: str | None, root: bytes) -> bool:
    try:
        async with open_keys(home, settings, passphrase, create=False) as held:
            return held.root == root
    except StoreUnavailable:
        return False


def _write_file(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
