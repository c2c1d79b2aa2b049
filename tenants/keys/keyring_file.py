"""The file that a local keyring's key is in: plain for its owner alone, or under a passphrase.

Version 1 holds the key itself, version 2 the key sealed under a passphrase by scrypt and AES-GCM.
What lies there is replaced by `replace_key` alone, whole or not at all.
"""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from domain.errors import StoreUnavailable
from tenants.sqlite.sqlcipher import make_private_directory, sync_directory

PASSPHRASE_LENGTH_MIN = 12
KEY_BYTES = 32
_FILE_BYTES_MAX = 4096
_PLAIN, _SEALED = 1, 2
_SALT_BYTES, _NONCE_BYTES = 16, 12
# 128 MB and half a second for each guess: what OWASP's password storage cheat sheet asks of scrypt.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**17, 8, 1
_SCRYPT_N_MAX = 2**20  # a foreign file cannot ask for more memory than a gigabyte


def passphrase_key(passphrase: str, salt: bytes, *, n: int = _SCRYPT_N) -> bytes:
    """Return the key of 32 bytes that a passphrase stands for; it takes half a second."""
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=_SCRYPT_R, p=_SCRYPT_P).derive(
        passphrase.encode()
    )


def read_key(path: Path, passphrase: str | None) -> bytes:
    """Return the key in a file; one that has no passphrase is read with any.

    Raises StoreUnavailable for a file that is missing, foreign, cut off, or that others than its
    owner could read, and for a passphrase that is missing or wrong.
    """
    content = read_private(path, "keyring")
    damaged = StoreUnavailable(f"The file {path} is not a keyring, or was cut off.")
    try:
        stored = json.loads(content)
        if stored["version"] == _PLAIN:
            key = base64.b64decode(stored["key"], validate=True)
        elif stored["version"] == _SEALED:
            salt = base64.b64decode(stored["salt"], validate=True)
            sealed = base64.b64decode(stored["sealed"], validate=True)
            n = int(stored["scrypt_n"])
            if n > _SCRYPT_N_MAX:
                raise damaged
            key = _unseal(path, passphrase, salt, sealed, n)
        else:
            raise StoreUnavailable(f"The keyring {path} is of a version that is not known here.")
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise damaged from error
    if len(key) != KEY_BYTES:
        raise damaged
    return key


def is_locked(path: Path) -> bool:
    """Say whether a passphrase is needed; False for what is no keyring at all."""
    try:
        return bool(json.loads(read_private(path, "keyring"))["version"] == _SEALED)
    except (StoreUnavailable, ValueError, KeyError, TypeError):
        return False


def save_key(path: Path, key: bytes, passphrase: str | None) -> None:
    """Write the key to a new file; a file that is there stays as it is."""
    write_private(path, _content(key, passphrase), _unless_there)


def replace_key(path: Path, key: bytes, passphrase: str | None) -> None:
    """Write the key in place of the file that is there."""
    write_private(path, _content(key, passphrase), os.replace)


def read_private(path: Path, what: str) -> bytes:
    """Return the beginning of a small file of secrets that nobody but its owner may read.

    Raises StoreUnavailable where there is none, or others can use it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_FILE_BYTES_MAX)
    except FileNotFoundError as error:
        raise StoreUnavailable(f"There is no {what} at {path}.") from error
    except OSError as error:
        raise StoreUnavailable(f"The {what} {path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise StoreUnavailable(
            f"The {what} {path} can be read by others than its owner. "
            f"Close it first: chmod 600 {path}"
        )
    return content


def write_private(path: Path, content: bytes, put: Callable[[Path, Path], None]) -> None:
    """Write a file for its owner alone, whole or not at all; `put` brings it to its name."""
    make_private_directory(path.parent)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone; a file that is there stays as it is."""
    write_private(path, content, _unless_there)


def _unless_there(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)  # unlike a rename, never replaces what is there
    except FileExistsError:
        return


def _content(key: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return json.dumps({"version": _PLAIN, "key": base64.b64encode(key).decode()}).encode()
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(passphrase_key(passphrase, salt)).encrypt(nonce, key, salt)
    return json.dumps(
        {
            "version": _SEALED,
            "scrypt_n": _SCRYPT_N,
            "salt": base64.b64encode(salt).decode(),
            "sealed": base64.b64encode(sealed).decode(),
        }
    ).encode()


def _unseal(path: Path, passphrase: str | None, salt: bytes, sealed: bytes, n: int) -> bytes:
    if passphrase is None:
        raise StoreUnavailable(
            f"The keyring {path} is under a passphrase, and none is given: "
            "ALMONER_KEYRING_PASSPHRASE_FILE names the file that it is in."
        )
    cipher = AESGCM(passphrase_key(passphrase, salt, n=n))
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], salt)
    except InvalidTag as error:
        raise StoreUnavailable(f"The passphrase does not open the keyring {path}.") from error
