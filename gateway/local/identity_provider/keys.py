"""A pool's signing keys: made on this machine, renewed every 90 days, never one without overlap.

The next key is published a day before it signs, so that whoever keeps a key set has it by then; the
last one stays published until the last token that it signed has ended.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.local.identity_provider.limits import (
    ACCESS_SECONDS_MAX,
    KEY_AHEAD_SECONDS,
    KEY_SECONDS,
)
from tenants.sqlite.moments import after, micros, moment
from tenants.sqlite.sqlcipher import Connection

KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a pool. signs_from: from when it signs; until then it is only published."""

    key_id: str
    private: rsa.RSAPrivateKey = field(repr=False)
    signs_from: datetime

    def public_jwk(self) -> dict[str, str]:
        """Return the public part as a JWK."""
        return {**_required(self.private), "alg": "RS256", "use": "sig", "kid": self.key_id}


def add_first_key(connection: Connection, pool_id: str, at: datetime) -> None:
    """Give a new pool a key that signs at once."""
    _insert(connection, pool_id, micros(at))


def published_keys(connection: Connection, pool_id: str) -> list[SigningKey]:
    """Return the keys that the pool's key set has, oldest first."""
    rows = connection.execute(
        "SELECT private_key, signs_from FROM signing_key WHERE pool_id = ? ORDER BY signs_from, id",
        (pool_id,),
    ).fetchall()
    return [_read(bytes(stored), signs_from) for stored, signs_from in rows]


def signing_key(connection: Connection, pool_id: str, at: datetime) -> SigningKey:
    """Return the key that signs at that moment."""
    keys = published_keys(connection, pool_id)
    return [keys[0], *(key for key in keys[1:] if key.signs_from <= at)][-1]


def renew_keys(connection: Connection, pool_id: str, at: datetime) -> None:
    """Publish the next key where the last one is old; forget those whose tokens have ended."""
    keys = published_keys(connection, pool_id)
    newest = keys[-1]
    due = newest.signs_from + timedelta(seconds=KEY_SECONDS - KEY_AHEAD_SECONDS)
    if due <= at:
        _insert(connection, pool_id, after(at, KEY_AHEAD_SECONDS))
    for key, successor in pairwise(keys):
        if successor.signs_from + timedelta(seconds=ACCESS_SECONDS_MAX) < at:
            connection.execute(
                "DELETE FROM signing_key WHERE pool_id = ? AND signs_from = ?",
                (pool_id, micros(key.signs_from)),
            )


def _insert(connection: Connection, pool_id: str, signs_from: int) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    stored = private.private_bytes(
        encoding=serialization.Encoding.DER,
        format=serialization.PrivateFormat.PKCS8,
        encryption_algorithm=serialization.NoEncryption(),  # the file it goes to is encrypted
    )
    connection.execute(
        "INSERT INTO signing_key (pool_id, id, private_key, signs_from) VALUES (?, ?, ?, ?)",
        (pool_id, _thumbprint(private), stored, signs_from),
    )


@lru_cache(maxsize=64)
def _load(stored: bytes) -> tuple[str, rsa.RSAPrivateKey]:
    loaded = serialization.load_der_private_key(stored, password=None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return _thumbprint(loaded), loaded


def _read(stored: bytes, signs_from: int) -> SigningKey:
    key_id, private = _load(stored)
    return SigningKey(key_id, private, moment(signs_from))


def _required(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}


def _thumbprint(key: rsa.RSAPrivateKey) -> str:
    """Return the key's id: the thumbprint of RFC 7638."""
    digest = hashlib.sha256(json.dumps(_required(key), separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
