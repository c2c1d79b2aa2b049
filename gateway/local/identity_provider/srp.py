"""Cognito's dialect of SRP-6a, the server's side: a verifier is kept, and never the password.

The 3072-bit group of RFC 5054 and SHA-256. What Cognito adds: numbers are hashed with a zero byte
before a set top bit, the name within the password's hash is the pool's and the user's, and the key
is 16 bytes of HKDF (RFC 5869) under a text of its own. Every client agrees on these bytes or fails.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

GROUP_PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"
    "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"
    "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33"
    "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864"
    "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2"
    "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
SALT_BYTES = 16
_KEY_BYTES = 16
_EXPONENT_BITS = 256  # at least 256 by RFC 5054, 2.5.3
_KEY_INFO = b"Caldera Derived Key\x01"


class BadPublicValue(ValueError):
    """A client's A that would let it in without the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordVerifier:
    """What is kept of a password."""

    salt: int
    value: int = field(repr=False)

    @property
    def salt_text(self) -> str:
        """Return the salt as clients want it: hex without leading zeros.

        Some of them read a number and others keep the text; they agree on this spelling alone.
        """
        return format(self.salt, "x")


def make_verifier(pool_id: str, user_id: str, password: str) -> PasswordVerifier:
    """Return what to keep of a user's password, under a salt of its own."""
    salt = 0
    while not salt:
        salt = int.from_bytes(secrets.token_bytes(SALT_BYTES), "big")
    return PasswordVerifier(salt=salt, value=_verifier(pool_id, user_id, password, salt))


def is_password(pool_id: str, user_id: str, password: str, kept: PasswordVerifier) -> bool:
    """Say whether that is the password, in a time that does not depend on how near it is."""
    found = _verifier(pool_id, user_id, password, kept.salt)
    return hmac.compare_digest(padded(found), padded(kept.value))


def make_exponent() -> int:
    """Return the server's secret number of one attempt."""
    return secrets.randbits(_EXPONENT_BITS - 1) | 1 << (_EXPONENT_BITS - 1)


def public_value(kept: PasswordVerifier, exponent: int) -> int:
    """Return B, which the client is answered with."""
    return (_MULTIPLIER * kept.value + pow(GENERATOR, exponent, GROUP_PRIME)) % GROUP_PRIME


def check_public_value(value: int) -> None:
    """Raise BadPublicValue for an A whose product with anything is known beforehand."""
    if not 0 < value < GROUP_PRIME:  # a number beyond the group is another spelling of one in it
        raise BadPublicValue


def expected_signature(
    *,
    pool_id: str,
    user_id: str,
    kept: PasswordVerifier,
    exponent: int,
    client_value: int,
    secret_block: bytes,
    timestamp: str,
) -> str:
    """Return PASSWORD_CLAIM_SIGNATURE as a client that knows the password makes it."""
    check_public_value(client_value)
    server_value = public_value(kept, exponent)
    scramble = _hash(padded(client_value) + padded(server_value))
    if scramble == 0:
        raise BadPublicValue
    base = client_value * pow(kept.value, scramble, GROUP_PRIME) % GROUP_PRIME
    key = _session_key(pow(base, exponent, GROUP_PRIME), scramble)
    signed = (pool_name(pool_id) + user_id).encode() + secret_block + timestamp.encode()
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def pool_name(pool_id: str) -> str:
    """Return the part of a pool's id that is hashed: what stands behind the underscore."""
    return pool_id.partition("_")[2]


def padded(number: int) -> bytes:
    """Return a number as it is hashed: big-endian, with a zero byte before a set top bit."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _verifier(pool_id: str, user_id: str, password: str, salt: int) -> int:
    inner = hashlib.sha256(f"{pool_name(pool_id)}{user_id}:{password}".encode()).digest()
    return pow(GENERATOR, _hash(padded(salt) + inner), GROUP_PRIME)


def _session_key(premaster: int, scramble: int) -> bytes:
    extracted = hmac.digest(padded(scramble), padded(premaster), "sha256")
    return hmac.digest(extracted, _KEY_INFO, "sha256")[:_KEY_BYTES]


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


_MULTIPLIER = _hash(padded(GROUP_PRIME) + padded(GENERATOR))
