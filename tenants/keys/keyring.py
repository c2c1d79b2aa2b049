"""Keys: the keyring that wraps them, and the three kinds that each agency has.

The store key opens the agency's file, data keys seal fields and rotate, the index key makes blind
indexes and cursors and never rotates. All are random, and kept only as the keyring wrapped them.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.directory.port import KeyPurpose, WrappedKey
from tenants.keys.keyring_file import KEY_BYTES, read_key, save_key

CANNOT_UNWRAP = (
    "An agency's key cannot be unwrapped: it was wrapped by another keyring, for another agency, "
    "or is damaged."
)
_NONCE_BYTES = 12
_WRAPPED_FORMAT = b"\x01"


class KeyRefused(StoreUnavailable):
    """A key is not to be had, and asking again does not help: who holds it must let it go."""


class KeyringUnreachable(StoreUnavailable):
    """Whoever holds the keys does not answer now; what was unwrapped before is still right."""


class Keyring(Protocol):
    """Wraps keys: a local file by default, a key management service in the cloud.

    context: agency, purpose and key id; what was wrapped for one does not unwrap for another. Every
    method may raise KeyRefused or KeyringUnreachable, which both are StoreUnavailable.
    """

    async def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new random key of 32 bytes, plain and wrapped."""
        ...

    async def wrap(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted; only the same context unwraps it."""
        ...

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped; raises KeyRefused where key or context do not fit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyKeys:
    """One agency's keys, unwrapped. data_keys: by key id; `current_data_key` is the newest.

    data_key_created: when each was made; one that is not named was made long ago.
    """

    store_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    data_keys: Mapping[str, bytes] = field(repr=False)
    current_data_key: str
    data_key_created: Mapping[str, datetime] = field(default_factory=dict)


class LocalKeyring:
    """A keyring whose one key is in a file that only its owner can read."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a keyring's key has 32 bytes")
        self._key = key
        self._cipher = AESGCM(self.derive("wrap"))

    @classmethod
    def from_file(
        cls, path: Path, *, create: bool, passphrase: str | None = None
    ) -> "LocalKeyring":
        """Return the keyring in a file; with `create`, a new one where there is no file.

        Raises StoreUnavailable for a file that is missing, foreign, cut off, or that others than
        its owner could read, and for a passphrase that is missing or wrong.
        """
        if create and not path.exists():
            cls(secrets.token_bytes(KEY_BYTES)).save(path, passphrase)
        return cls(read_key(path, passphrase))

    def save(self, path: Path, passphrase: str | None = None) -> None:
        """Write the key to a new file, whole or not at all; a file that is there stays as it is."""
        save_key(path, self._key, passphrase)

    def export_key(self) -> bytes:
        """Return the key itself: for a backup that is encrypted, and for nothing else."""
        return self._key

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for a purpose (`directory`, `issuer`); always the same one."""
        return derive_root(self._key, purpose)

    async def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new random key of 32 bytes, plain and wrapped."""
        plain = secrets.token_bytes(KEY_BYTES)
        return plain, await self.wrap(plain, context)

    async def wrap(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted by AES-GCM, with the context as associated data."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plain, associated_data(context))
        return _WRAPPED_FORMAT + nonce + sealed

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped; raises KeyRefused where key or context do not fit."""
        nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        try:
            if wrapped[:1] != _WRAPPED_FORMAT:
                raise InvalidTag  # noqa: TRY301 -- one answer for all that does not fit
            return self._cipher.decrypt(nonce, sealed, associated_data(context))
        except (InvalidTag, ValueError) as error:
            raise KeyRefused(CANNOT_UNWRAP) from error


def derive_root(root: bytes, purpose: str) -> bytes:
    """Return the key that a root key stands for in a purpose (`directory`, `issuer`, `wrap`)."""
    return derive_key(root, f"almoner keyring {purpose}")


def derive_key(key: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes made from a random one for a purpose, by HKDF-SHA256."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


def associated_data(context: Mapping[str, str]) -> bytes:
    """Return a context as bytes; each part carries its length, so that none can be moved."""
    parts = [part.encode() for item in sorted(context.items()) for part in item]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


async def new_agency_keys(
    keyring: Keyring, agency_id: str, at: datetime
) -> tuple[AgencyKeys, tuple[WrappedKey, ...]]:
    """Return random keys for a new agency, and the same as the directory keeps them."""
    purposes: tuple[tuple[KeyPurpose, str], ...] = (
        ("store", "1"),
        ("index", "1"),
        ("data", _data_key_id(1)),
    )
    plain, wrapped = {}, []
    for purpose, key_id in purposes:
        plain[purpose], key = await _generate(keyring, agency_id, purpose, key_id, at)
        wrapped.append(key)
    current = wrapped[-1].key_id
    keys = AgencyKeys(
        store_key=plain["store"],
        index_key=plain["index"],
        data_keys={current: plain["data"]},
        current_data_key=current,
        data_key_created={current: at},
    )
    return keys, tuple(wrapped)


async def new_data_key(
    keyring: Keyring, agency_id: str, held: Sequence[WrappedKey], at: datetime
) -> WrappedKey:
    """Return a further data key for an agency that holds these; it is the newest of them.

    The plain key is had by unwrapping, as every other process has it.
    """
    numbers = [data_key_number(key.key_id) for key in held if key.purpose == "data"]
    key_id = _data_key_id(max(numbers, default=0) + 1)
    _, wrapped = await _generate(keyring, agency_id, "data", key_id, at)
    return wrapped


async def unwrap_agency_keys(
    keyring: Keyring, agency_id: str, wrapped: Sequence[WrappedKey]
) -> AgencyKeys:
    """Return an agency's keys; raises KeyRefused where one is missing or does not unwrap.

    The newest data key is the current one: their ids begin with a running number.
    """
    plain: dict[KeyPurpose, dict[str, bytes]] = {"store": {}, "index": {}, "data": {}}
    for key in wrapped:
        context = _context(agency_id, key.purpose, key.key_id)
        plain[key.purpose][key.key_id] = await keyring.unwrap(key.wrapped, context)
    if not all(plain.values()):
        raise KeyRefused("The directory does not hold all of this agency's keys.")
    return AgencyKeys(
        store_key=plain["store"][max(plain["store"])],
        index_key=plain["index"][max(plain["index"])],
        data_keys=plain["data"],
        current_data_key=max(plain["data"], key=data_key_number),
        data_key_created={key.key_id: key.created_at for key in wrapped if key.purpose == "data"},
    )


def data_key_number(key_id: str) -> int:
    """Return the running number that a data key's id begins with."""
    return int(key_id.partition("-")[0])


def _data_key_id(number: int) -> str:
    return f"{number:04}-{new_ulid()}"


async def _generate(
    keyring: Keyring, agency_id: str, purpose: KeyPurpose, key_id: str, at: datetime
) -> tuple[bytes, WrappedKey]:
    plain, wrapped = await keyring.generate(_context(agency_id, purpose, key_id))
    return plain, WrappedKey(purpose=purpose, key_id=key_id, wrapped=wrapped, created_at=at)


def _context(agency_id: str, purpose: str, key_id: str) -> dict[str, str]:
    return {"agency": agency_id, "purpose": purpose, "key": key_id}
