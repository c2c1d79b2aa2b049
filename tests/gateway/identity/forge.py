"""Makes tokens, honest and hostile, from the ground up: no library to correct what is asked for."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
CLIENT = "almonerweb"
HARBOR, SUMMIT, OPERATORS = (
    f"https://pools.test/us-east-1_{name}" for name in ("Harbor01", "Summit01", "Almoner1")
)
SUBJECT = "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a11"
GONE = object()  # a claim to leave out


@dataclass(frozen=True, slots=True)
class Signer:
    """A pool's key as the forger has it."""

    issuer: str
    key_id: str
    key: rsa.RSAPrivateKey

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public key as the pool publishes it."""
        numbers = self.key.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        published = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": encode(numbers.n.to_bytes(size, "big")),
            "e": encode(numbers.e.to_bytes(3, "big")),
        }
        return published | changes

    def token(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Return an access token; keyword arguments replace claims, GONE leaves one out."""
        return self.text(header or {}, json.dumps(access_claims(self.issuer, **changes)))

    def id_token(self, **changes: Any) -> str:
        """Return an ID token, with changes as above."""
        return self.text({}, json.dumps(id_claims(self.issuer, **changes)))

    def text(self, header: Mapping[str, Any] | str | bytes, payload: str | bytes) -> str:
        """Return a token of exactly this payload; a mapping changes the honest header."""
        if isinstance(header, Mapping):
            full = {"kid": self.key_id, "alg": "RS256", **header}
            header = json.dumps({name: value for name, value in full.items() if value is not GONE})
        return self.sign(encode(_bytes(header)), encode(_bytes(payload)))

    def spliced(self, addition: str, **changes: Any) -> str:
        """Return an access token whose payload ends with `addition`, written as it is."""
        text = json.dumps(access_claims(self.issuer, **changes))
        return self.text({}, f"{text[:-1]},{addition}}}")

    def sign(self, header: str, payload: str) -> str:
        """Return the token of two parts, whatever they are."""
        signed = f"{header}.{payload}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{encode(signature)}"


def access_claims(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return an access token's claims, as Cognito has them; `cognito_` stands for `cognito:`."""
    return _changed(
        {
            "sub": SUBJECT,
            "cognito:groups": ["counselors"],
            "iss": issuer,
            "client_id": CLIENT,
            "origin_jti": "4a2c6b51-53c3-4d53-a3a5-0e3d6d4d6f51",
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": NOW - 60,
            "exp": NOW + 3540,
            "iat": NOW - 60,
            "jti": "0d7e7f24-3b8e-41c9-8e2c-2b6e3d0f6a4d",
            "username": SUBJECT,
        },
        changes,
    )


def id_claims(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return an ID token's claims, as Cognito has them."""
    claims = access_claims(issuer)
    for name in ("client_id", "scope", "username"):
        del claims[name]
    mine = {
        "aud": CLIENT,
        "token_use": "id",
        "cognito:username": SUBJECT,
        "email": "counselor@harbor.test",
        "email_verified": True,
    }
    return _changed(claims | mine, changes)


def encode(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return what base64url without padding holds."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _changed(claims: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in changes.items():
        exact = name.replace("cognito_", "cognito:")
        if value is GONE:
            claims.pop(exact, None)
        else:
            claims[exact] = value
    return claims


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
