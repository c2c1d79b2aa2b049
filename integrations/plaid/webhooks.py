"""Proves that a webhook comes from Plaid, before a word of it is believed.

By Plaid's page on webhook verification: the header `Plaid-Verification` is a JWT, signed by ES256
with a key that Plaid names by `kid` and hands out by that name; it is at most five minutes old and
has the SHA-256 of the body, byte for byte.

Who asks is not verified yet, so nothing in a header may make this module busy: a key that is not
known is asked for at most once in ten seconds, whatever names are made up. While that time runs a
webhook of a new key is put off, not refused: Plaid sends it again.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
import msgspec
from cachetools import LRUCache

from domain.banking import WebhookFacts
from domain.errors import Unauthenticated, Upstream, UpstreamInvalid, UpstreamUnavailable
from integrations.plaid.refusals import VENDOR
from integrations.plaid.wire import Unusable, VerificationKey, read_webhook

AGE_SECONDS_MAX = 300
AHEAD_SECONDS_MAX = 30
FETCH_EACH_SECONDS = 10.0
FRESH_SECONDS = 60.0 * 60
KEPT_SECONDS = 24.0 * 60 * 60
KEYS_MAX = 64
SIGNATURE_CHARACTERS_MAX = 4_096
BODY_BYTES_MAX = 1_000_000
_KEY_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

FetchKey = Callable[[str], Awaitable[VerificationKey | None]]
"""Asks Plaid for a key by its name; None where there is none of that name."""


@dataclass(slots=True)
class _Held:
    public: VerificationKey
    fetched_at: float


class WebhookVerifier:
    """Verifies the webhooks of one client, with the keys that it has seen."""

    def __init__(self, fetch: FetchKey, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: LRUCache[str, _Held] = LRUCache(KEYS_MAX)
        self._asked_at: float | None = None

    async def verified(self, signature: str | None, body: bytes, at: datetime) -> WebhookFacts:
        """Return what a webhook says, once everything about it holds.

        Raises Unauthenticated where Plaid did not sign this very body within five minutes of `at`,
        UpstreamUnavailable where the key cannot be had right now, and UpstreamInvalid where what
        Plaid signed cannot be read.
        """
        key_id = _key_id(signature)
        if signature is None or key_id is None or len(body) > BODY_BYTES_MAX:
            raise Unauthenticated
        key = await self._key(key_id)
        if key is None or (key.expired_at is not None and key.expired_at <= at.timestamp()):
            raise Unauthenticated
        signed_at = _check(signature, key, body, at)
        try:
            return read_webhook(body, signed_at)
        except (Unusable, msgspec.DecodeError) as error:
            why = str(error) if isinstance(error, Unusable) else "it is no JSON"
            raise UpstreamInvalid(
                f"A webhook that Plaid signed cannot be read: {why}.",
                vendor=VENDOR,
                retryable=False,
                may_have_acted=False,
            ) from None

    async def _key(self, key_id: str) -> VerificationKey | None:
        held = self._held.get(key_id)
        now = self._clock()
        if held is not None and now - held.fetched_at <= FRESH_SECONDS:
            return held.public
        too_early = self._asked_at is not None and now - self._asked_at < FETCH_EACH_SECONDS
        usable = held is not None and now - held.fetched_at <= KEPT_SECONDS
        if too_early:
            if held is not None and usable:
                return held.public
            raise UpstreamUnavailable(
                "The key of a webhook is not known yet. It is asked for again in a moment.",
                vendor=VENDOR,
                retryable=True,
                may_have_acted=False,
            )
        self._asked_at = now
        try:
            key = await self._fetch(key_id)
        except Upstream:
            if held is not None and usable:
                return held.public
            raise
        if key is None or key.id != key_id:
            self._held.pop(key_id, None)
            return None
        self._held[key_id] = _Held(key, self._clock())
        return key


def _key_id(signature: str | None) -> str | None:
    """Return the name of the key, None where the header is not one that Plaid would send."""
    if signature is None or len(signature) > SIGNATURE_CHARACTERS_MAX or not signature.isascii():
        return None
    try:
        header = jwt.get_unverified_header(signature)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    key_id = header.get("kid")
    if header.get("alg") != "ES256" or not isinstance(key_id, str):
        return None
    return key_id if _KEY_ID.fullmatch(key_id) else None


def _check(signature: str, key: VerificationKey, body: bytes, at: datetime) -> datetime:
    """Return when the webhook was signed; raises Unauthenticated."""
    try:
        claims = jwt.decode(
            signature,
            key.public,
            algorithms=["ES256"],
            # Of time and audience Plaid has `iat` alone, which is judged below by `at`.
            options={"verify_signature": True, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthenticated from None
    issued, digest = claims.get("iat"), claims.get("request_body_sha256")
    if not isinstance(issued, int) or isinstance(issued, bool) or not isinstance(digest, str):
        raise Unauthenticated
    age = at.timestamp() - issued
    if not -AHEAD_SECONDS_MAX <= age <= AGE_SECONDS_MAX:
        raise Unauthenticated
    expected = hashlib.sha256(body).hexdigest()
    if not _SHA256.fullmatch(digest) or not hmac.compare_digest(digest, expected):
        raise Unauthenticated
    return datetime.fromtimestamp(issued, UTC)
