"""Keys that webhooks are signed by, and what webhooks say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from jwt.utils import base64url_decode
from msgspec import Meta, Struct

from domain.banking import WebhookFacts
from integrations.plaid.wire.values import Code, Id, Unusable, Word, decode

_Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class _Key(Struct, frozen=True, kw_only=True):
    alg: Word
    crv: Word
    kid: Id
    kty: Word
    use: Word
    x: Id
    y: Id
    expired_at: _Seconds | None = None


class _KeyAnswer(Struct, frozen=True, kw_only=True):
    key: _Key


class _Fault(Struct, frozen=True, kw_only=True):
    error_code: Code


class _Webhook(Struct, frozen=True, kw_only=True):
    webhook_type: Code
    webhook_code: Code
    item_id: Id | None = None
    error: _Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key. expired_at: when Plaid stopped to sign with it, Unix time; None: it does."""

    id: str
    public: EllipticCurvePublicKey
    expired_at: int | None


def read_key(body: bytes) -> VerificationKey:
    """Return a key on the curve P-256. Raises Unusable and msgspec.DecodeError."""
    key = decode(body, _KeyAnswer).key
    if (key.kty, key.crv, key.alg, key.use) != ("EC", "P-256", "ES256", "sig"):
        raise Unusable("the key is not one that ES256 verifies signatures with")
    try:
        numbers = EllipticCurvePublicNumbers(_coordinate(key.x), _coordinate(key.y), SECP256R1())
        public = numbers.public_key()
    except ValueError:
        raise Unusable("the key is no point of its curve") from None
    return VerificationKey(id=key.kid, public=public, expired_at=key.expired_at)


def read_webhook(body: bytes, at: datetime) -> WebhookFacts:
    """Return what a webhook says. at: when it was signed. Raises Unusable, msgspec.DecodeError."""
    said = decode(body, _Webhook)
    return WebhookFacts(
        type=said.webhook_type,
        code=said.webhook_code,
        item_id=said.item_id,
        error_code=said.error.error_code if said.error else None,
        at=at,
    )


def _coordinate(text: str) -> int:
    """Return a coordinate; raises ValueError. A number that is too large is on no curve."""
    return int.from_bytes(base64url_decode(text), "big")
