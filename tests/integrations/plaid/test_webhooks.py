"""Nothing but what Plaid signed, this very body, within five minutes, is believed."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.errors import Unauthenticated, UpstreamInvalid, UpstreamUnavailable
from integrations.plaid.webhooks import (
    FETCH_EACH_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    WebhookVerifier,
)
from integrations.plaid.wire import VerificationKey

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = b'{"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED",\n  "item_id": "item1"}'
PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY_ID = "bfbd5111-8e33-4643-8ced-b2e642a72f3c"


class Keys:
    """Hands out one key by its name, counts who asks, and can be away."""

    def __init__(self, *, expired_at: int | None = None) -> None:
        self.asked: list[str] = []
        self.away = False
        self.now = 1000.0
        self.expired_at = expired_at
        self.verifier = WebhookVerifier(self.fetch, lambda: self.now)

    async def fetch(self, key_id: str) -> VerificationKey | None:
        """Return the key of that name."""
        self.asked.append(key_id)
        if self.away:
            raise UpstreamUnavailable(vendor="plaid", retryable=True)
        if key_id != KEY_ID:
            return None
        public = PRIVATE.public_key()
        return VerificationKey(id=key_id, public=public, expired_at=self.expired_at)


@pytest.fixture
def keys() -> Keys:
    return Keys()


def digest(body: bytes = BODY) -> str:
    return hashlib.sha256(body).hexdigest()


def signed(
    *,
    key: object = PRIVATE,
    algorithm: str = "ES256",
    key_id: object = KEY_ID,
    issued: object = None,
    sha256: object = None,
) -> str:
    claims = {
        "iat": int(AT.timestamp()) if issued is None else issued,
        "request_body_sha256": digest() if sha256 is None else sha256,
    }
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id})  # type: ignore[arg-type]


async def test_a_webhook_that_plaid_signed_is_read(keys: Keys) -> None:
    """Type, code and item come out, and when it was signed; the key is asked for once."""
    for _ in range(3):
        said = await keys.verifier.verified(signed(), BODY, AT)
    assert (said.type, said.code, said.item_id) == ("ITEM", "LOGIN_REPAIRED", "item1")
    assert said.at == AT
    assert keys.asked == [KEY_ID]


_OTHER = ec.generate_private_key(ec.SECP256R1())
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_SECRET = "a-secret-of-thirty-two-bytes-or-so"
FORGED: dict[str, Callable[[], str | None]] = {
    "none at all": lambda: None,
    "empty": lambda: "",
    "no token": lambda: "a.b",
    "no ASCII": lambda: "ü.b.c",
    "too long": lambda: signed() + "A" * 5000,
    "alg none": lambda: jwt.encode({}, "", algorithm="none", headers={"kid": KEY_ID}),
    "alg HS256": lambda: signed(key=_SECRET, algorithm="HS256"),
    "alg RS256": lambda: signed(key=_RSA, algorithm="RS256"),
    "another's key": lambda: signed(key=_OTHER),
    "no kid": lambda: jwt.encode({}, PRIVATE, algorithm="ES256"),
    "kid as a path": lambda: signed(key_id="../../etc/passwd"),
    "signature cut": lambda: signed()[:-4],
    "stale": lambda: signed(issued=int((AT - timedelta(seconds=301)).timestamp())),
    "from the future": lambda: signed(issued=int((AT + timedelta(seconds=31)).timestamp())),
    "another body's": lambda: signed(sha256=digest(BODY.replace(b"\n  ", b" "))),
    "hash in capitals": lambda: signed(sha256=digest().upper()),
    "hash not a text": lambda: signed(sha256=7),
    "iat a truth value": lambda: signed(issued=True),
    "iat a fraction": lambda: signed(issued=AT.timestamp() + 0.5),
}


@pytest.mark.parametrize("what", sorted(FORGED))
async def test_what_plaid_did_not_sign_is_refused(what: str, keys: Keys) -> None:
    """Wrong algorithm, key, age or body: refused, and nothing of why is told."""
    await keys.verifier.verified(signed(), BODY, AT)  # the key is known
    with pytest.raises(Unauthenticated) as raised:
        await keys.verifier.verified(FORGED[what](), BODY, AT)
    assert raised.value.message == Unauthenticated.default_message
    assert keys.asked == [KEY_ID]


@pytest.mark.parametrize("seconds", [-300, 0, 30])
async def test_the_window_of_time_has_its_edges(seconds: int, keys: Keys) -> None:
    """Five minutes old is young enough, and clocks may differ by half a minute."""
    issued = int((AT + timedelta(seconds=seconds)).timestamp())
    assert (await keys.verifier.verified(signed(issued=issued), BODY, AT)).code == "LOGIN_REPAIRED"


async def test_a_key_that_has_expired_verifies_nothing() -> None:
    """Plaid has stopped to sign with it: whoever does is not Plaid."""
    past = Keys(expired_at=int(AT.timestamp()))
    with pytest.raises(Unauthenticated):
        await past.verifier.verified(signed(), BODY, AT)
    later = Keys(expired_at=int(AT.timestamp()) + 1)
    await later.verifier.verified(signed(), BODY, AT)


async def test_made_up_keys_make_nobody_busy(keys: Keys) -> None:
    """Names without end cost one question in ten seconds; a known key goes on verifying."""
    await keys.verifier.verified(signed(), BODY, AT)
    keys.now += FETCH_EACH_SECONDS
    with pytest.raises(Unauthenticated):
        await keys.verifier.verified(signed(key_id="unknown"), BODY, AT)
    for number in range(100):
        with pytest.raises(UpstreamUnavailable, match="asked for again") as raised:
            await keys.verifier.verified(signed(key_id=f"unknown-{number}"), BODY, AT)
        assert raised.value.retryable
        await keys.verifier.verified(signed(), BODY, AT)
    assert keys.asked == [KEY_ID, "unknown"]


async def test_a_known_key_outlives_an_outage_for_a_day(keys: Keys) -> None:
    """A key is asked for again each hour; while Plaid is away the known one serves for a day."""
    await keys.verifier.verified(signed(), BODY, AT)
    keys.away = True
    keys.now += FRESH_SECONDS + 1
    await keys.verifier.verified(signed(), BODY, AT)
    await keys.verifier.verified(signed(), BODY, AT)
    assert len(keys.asked) == 2
    keys.now += KEPT_SECONDS
    with pytest.raises(UpstreamUnavailable):
        await keys.verifier.verified(signed(), BODY, AT)


async def test_a_key_that_was_taken_back_is_forgotten(keys: Keys) -> None:
    """What Plaid says of a key an hour later replaces what it said first."""
    await keys.verifier.verified(signed(), BODY, AT)
    keys.expired_at = int(AT.timestamp()) - 10
    keys.now += FRESH_SECONDS + 1
    with pytest.raises(Unauthenticated):
        await keys.verifier.verified(signed(), BODY, AT)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"webhook_type":"item","webhook_code":"X"}', b"\xff", b"[" * 99999],
)
async def test_what_plaid_signed_and_nobody_can_read_is_the_vendors_fault(
    body: bytes, keys: Keys
) -> None:
    """Signed nonsense is told apart from what is not signed."""
    with pytest.raises(UpstreamInvalid, match="cannot be read"):
        await keys.verifier.verified(signed(sha256=digest(body)), body, AT)


async def test_a_body_that_is_too_large_is_not_even_hashed(keys: Keys) -> None:
    """A million bytes is more than any webhook has."""
    body = b" " * 1_000_001
    with pytest.raises(Unauthenticated):
        await keys.verifier.verified(signed(sha256=digest(body)), body, AT)
