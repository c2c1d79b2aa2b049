"""Keys: the keyring that wraps them, and the three kinds that each agency has.

The store key opens the agency's file, data keys seal fields and rotate, the index key makes blind
indexes and cursors and never rotates. All are random, and kept only as the keyring wrapped them.
"""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.directory import KeyPurpose, WrappedKey
from tenants.sqlcipher import make_private_directory, sync_directory

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAPPED_FORMAT = b"\x01"
_FILE_VERSION = 1
_FILE_BYTES_MAX = 4096


class Keyring(Protocol):
    """Wraps keys: a local file by default, a key management service in the cloud."""

    async def wrap(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted; only the same context unwraps it."""
        ...

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped; raises StoreUnavailable where key or context do not fit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyKeys:
    """One agency's keys, unwrapped. data_keys: by key id; `current_data_key` seals what is new."""

    store_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    data_keys: Mapping[str, bytes] = field(repr=False)
    current_data_key: str


class LocalKeyring:
    """A keyring whose one key is in a file that only its owner can read."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a keyring's key has 32 bytes")
        self._key = key
        self._cipher = AESGCM(self.derive("wrap"))

    @classmethod
    def from_file(cls, path: Path, *, create: bool) -> "LocalKeyring":
        """Return the keyring in a file; with `create`, a new one where there is no file.

        Raises StoreUnavailable for a file that is missing, foreign, cut off, or that others than
        its owner could read.
        """
        if create and not path.exists():
            cls(secrets.token_bytes(KEY_BYTES)).save(path)
        return cls(_read_key_file(path))

    def save(self, path: Path) -> None:
        """Write the key to a new file, whole or not at all; a file that is there stays as it is."""
        make_private_directory(path.parent)
        text = base64.b64encode(self._key).decode()
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump({"version": _FILE_VERSION, "key": text}, file)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(unfinished, path)  # unlike a rename, never replaces what is there
            except FileExistsError:
                return
        finally:
            unfinished.unlink()
        sync_directory(path.parent)

    def export_key(self) -> bytes:
        """Return the key itself: for a backup that is encrypted, and for nothing else."""
        return self._key

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for a purpose (`directory`, `issuer`); always the same one."""
        return derive_key(self._key, f"almoner keyring {purpose}")

    async def wrap(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted by AES-GCM, with the context as associated data."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plain, associated_data(context))
        return _WRAPPED_FORMAT + nonce + sealed

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped; raises StoreUnavailable where key or context do not fit."""
        nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        try:
            if wrapped[:1] != _WRAPPED_FORMAT:
                raise InvalidTag  # noqa: TRY301 -- one answer for all that does not fit
            return self._cipher.decrypt(nonce, sealed, associated_data(context))
        except (InvalidTag, ValueError) as error:
            raise StoreUnavailable(
                "An agency's key cannot be unwrapped: it was wrapped by another keyring, "
                "for another agency, or is damaged."
            ) from error


def derive_key(key: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes made from a random one for a purpose, by HKDF-SHA256."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


def associated_data(context: Mapping[str, str]) -> bytes:
    """Return a context as bytes; each part carries its length, so that none can be moved."""
    parts = [part.encode() for item in sorted(context.items()) for part in item]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def new_agency_keys() -> AgencyKeys:
    """Return random keys for a new agency."""
    current = _data_key_id(1)
    return AgencyKeys(
        store_key=secrets.token_bytes(KEY_BYTES),
        index_key=secrets.token_bytes(KEY_BYTES),
        data_keys={current: secrets.token_bytes(KEY_BYTES)},
        current_data_key=current,
    )


def with_new_data_key(keys: AgencyKeys) -> AgencyKeys:
    """Return the keys with a further data key as the current one; the older ones still open."""
    current = _data_key_id(int(max(keys.data_keys).partition("-")[0]) + 1)
    data_keys = {**keys.data_keys, current: secrets.token_bytes(KEY_BYTES)}
    return replace(keys, data_keys=data_keys, current_data_key=current)


async def wrap_agency_keys(
    keyring: Keyring, agency_id: str, keys: AgencyKeys, *, at: datetime | None = None
) -> tuple[WrappedKey, ...]:
    """Return an agency's keys as the directory keeps them."""
    created_at = at or datetime.now(UTC)
    plain: list[tuple[KeyPurpose, str, bytes]] = [
        ("store", "1", keys.store_key),
        ("index", "1", keys.index_key),
        *(("data", key_id, key) for key_id, key in keys.data_keys.items()),
    ]
    return tuple(
        [
            WrappedKey(
                purpose=purpose,
                key_id=key_id,
                wrapped=await keyring.wrap(key, _context(agency_id, purpose, key_id)),
                created_at=created_at,
            )
            for purpose, key_id, key in plain
        ]
    )


async def unwrap_agency_keys(
    keyring: Keyring, agency_id: str, wrapped: Sequence[WrappedKey]
) -> AgencyKeys:
    """Return an agency's keys; raises StoreUnavailable where one is missing or does not unwrap.

    The newest data key is the current one: their ids begin with a running number.
    """
    plain: dict[KeyPurpose, dict[str, bytes]] = {"store": {}, "index": {}, "data": {}}
    for key in wrapped:
        context = _context(agency_id, key.purpose, key.key_id)
        plain[key.purpose][key.key_id] = await keyring.unwrap(key.wrapped, context)
    if not all(plain.values()):
        raise StoreUnavailable("The directory does not hold all of this agency's keys.")
    return AgencyKeys(
        store_key=plain["store"][max(plain["store"])],
        index_key=plain["index"][max(plain["index"])],
        data_keys=plain["data"],
        current_data_key=max(plain["data"]),
    )


def _data_key_id(number: int) -> str:
    return f"{number:04}-{new_ulid()}"


def _context(agency_id: str, purpose: str, key_id: str) -> dict[str, str]:
    return {"agency": agency_id, "purpose": purpose, "key": key_id}


def _read_key_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_FILE_BYTES_MAX)
    except FileNotFoundError as error:
        raise StoreUnavailable(f"There is no keyring at {path}.") from error
    except OSError as error:
        raise StoreUnavailable(f"The keyring {path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise StoreUnavailable(
            f"The keyring {path} can be read by others than its owner. "
            f"Close it first: chmod 600 {path}"
        )
    try:
        stored = json.loads(content)
        if stored["version"] != _FILE_VERSION:
            raise StoreUnavailable(f"The keyring {path} is of a version that is not known here.")
        key = base64.b64decode(stored["key"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise StoreUnavailable(f"The file {path} is not a keyring, or was cut off.") from error
    if len(key) != KEY_BYTES:
        raise StoreUnavailable(f"The file {path} is not a keyring, or was cut off.")
    return key
