"""Tokens of a configured OpenID Connect issuer: whom they name, and which of them do not hold."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from domain.access import CredentialMode
from domain.actors import Group, PrincipalKind
from domain.agencies import Pool
from domain.errors import AgencySuspended, StoreUnavailable, Unauthenticated
from gateway.identity.jwks import BODY_BYTES_MAX, FETCH_EACH_SECONDS, discovered_address
from gateway.identity.patterns import Pattern
from gateway.identity.refusals import Reason, Refusal, reason_of
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import World, audit
from tests.gateway.identity.directory_changes import COUNSELOR, Change, dismiss, revoking, suspend
from tests.gateway.identity.forge import AT, GONE, NOW, SUBJECT, encode
from tests.gateway.identity.vouching import DISCOVERY, ISSUER, KEYS, Vouching, vouching


@pytest.fixture
def issuer(world: World) -> Iterator[Vouching]:
    """Give the issuer as it is configured for harbor."""
    with vouching(world) as given:
        yield given


async def why_not(given: Vouching, token: str) -> Reason | None:
    """Return why a token is refused, raw and after `Bearer`; it must be, with the fixed words."""
    reasons = set()
    for authorization in (token, f"Bearer {token}"):
        with pytest.raises(Unauthenticated, match="You are not authorized") as refusal:
            await given.principal(authorization)
        reasons.add(reason_of(refusal.value))
    assert len(reasons) == 1
    return reasons.pop()


async def test_a_token_names_a_person_of_the_one_agency(issuer: Vouching) -> None:
    """Its subject has the issuer's name before it, so that no pool's user can be meant."""
    for token in (issuer.token(preferred_username="gracie"), issuer.curve_token()):
        found = await issuer.principal(f"Bearer {token}")
        assert (found.kind, found.group) == (PrincipalKind.COUNSELOR, Group.COUNSELORS)
        assert found.subject == f"login:{SUBJECT}"
        assert found.agency_id == issuer.world.harbor.id
        assert (found.mode, found.scopes) == (CredentialMode.OIDC, frozenset())
        assert found.authenticated_at == AT - timedelta(seconds=120)
        assert found.expires_at == AT + timedelta(seconds=3540)
    assert (await issuer.principal(issuer.token(preferred_username="gracie"))).display_name == (
        "gracie"
    )
    at_jwt = issuer.token({"typ": "at+jwt"}, aud="https://api.test", azp="mobile-7")
    assert (await issuer.principal(at_jwt)).subject == f"login:{SUBJECT}"


async def test_keys_are_found_once(issuer: Vouching) -> None:
    """Discovery and keys are fetched once for all tokens, and made-up key ids fetch none."""
    for number in range(5):
        await issuer.principal(issuer.token(jti=f"j{number}"))
        assert await why_not(issuer, issuer.token({"kid": f"k{number}"})) is Reason.UNKNOWN_KEY
    asked = [str(call.request.url) for call in issuer.world.far_end.calls]
    assert asked == [DISCOVERY, KEYS]


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"aud": "web"}, True),
        ({"aud": ["other", "web"]}, True),
        ({"aud": "mobile-42"}, True),
        ({"aud": GONE, "azp": "web"}, True),
        ({"aud": "https://api.test", "azp": "web"}, True),
        ({"aud": "webb"}, False),
        ({"aud": "a-web"}, False),
        ({"aud": "mobile-"}, False),
        ({"aud": "web\n"}, False),
        ({"aud": "WEB"}, False),
        ({"aud": "mobile-" + "1" * 300}, False),
        ({"aud": GONE}, False),
        ({"aud": []}, False),
        ({"aud": "other", "azp": "other"}, False),
        ({"aud": GONE, "azp": GONE, "client_id": "web"}, False),
    ],
)
async def test_the_client_is_matched_as_a_whole(
    issuer: Vouching, changes: dict[str, Any], *, accepted: bool
) -> None:
    """With `aud`, else with `azp`; no part of a name, and no name beyond the bound, is one."""
    if accepted:
        await issuer.principal(issuer.token(**changes))
    else:
        assert await why_not(issuer, issuer.token(**changes)) is Reason.WRONG_CLIENT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": 5}, Reason.MALFORMED_CLAIM),
        ({"aud": ["web", 5]}, Reason.MALFORMED_CLAIM),
        ({"aud": ["x"] * 33}, Reason.MALFORMED_CLAIM),
        ({"azp": ["web"]}, Reason.MALFORMED_CLAIM),
        ({"sub": GONE}, Reason.MALFORMED_CLAIM),
        ({"sub": "a b"}, Reason.MALFORMED_CLAIM),
        ({"exp": GONE}, Reason.MALFORMED_CLAIM),
        ({"exp": NOW}, Reason.EXPIRED),
        ({"iat": NOW + 60, "exp": NOW + 120}, Reason.NOT_YET_VALID),
        ({"nbf": NOW + 60}, Reason.NOT_YET_VALID),
        ({"exp": NOW + 200_000}, Reason.LIFETIME_TOO_LONG),
        ({"cnf": {"jkt": "x"}}, Reason.BOUND_TOKEN),
        ({"groups": GONE}, Reason.NO_GROUP),
        ({"groups": []}, Reason.NO_GROUP),
        ({"groups": "consumers"}, Reason.NO_GROUP),
        ({"groups": ["operators"]}, Reason.NO_GROUP),
        ({"groups": ["Counselors", "Chiefs"]}, Reason.SEVERAL_GROUPS),
        ({"groups": {"Counselors": True}}, Reason.MALFORMED_CLAIM),
        ({"groups": ["Counselors", 5]}, Reason.MALFORMED_CLAIM),
        ({"groups": ["x"] * 501}, Reason.MALFORMED_CLAIM),
        ({"iss": ISSUER.rstrip("/")}, Reason.UNKNOWN_ISSUER),
        ({"iss": ISSUER + "/"}, Reason.UNKNOWN_ISSUER),
        ({"iss": "https://login.test/summit/"}, Reason.UNKNOWN_ISSUER),
        ({"iss": ISSUER.replace("login", "LOGIN")}, Reason.UNKNOWN_ISSUER),
        ({"iss": "http://login.test/harbor/"}, Reason.UNKNOWN_ISSUER),
        ({"iss": forge.HARBOR}, Reason.UNKNOWN_KEY),
        ({"iss": GONE}, Reason.MALFORMED_CLAIM),
    ],
)
async def test_a_token_that_does_not_hold_is_refused(
    issuer: Vouching, changes: dict[str, Any], reason: Reason
) -> None:
    """Foreign issuers, ended tokens and odd claims are refused as a pool's are."""
    assert await why_not(issuer, issuer.token(**changes)) is reason


async def test_groups_are_mapped_from_wherever_they_are(world: World) -> None:
    """One name or several that mean the same group; from a claim within claims where configured."""
    with vouching(world, groups_claim=("realm_access", "roles")) as given:
        for listed in ("Chiefs", ["Chiefs", "others"]):
            found = await given.principal(given.token(realm_access={"roles": listed}))
            assert found.group is Group.ADMINS
        found = await given.principal(
            given.token(realm_access={"roles": ["Counselors", "Seniors"]})
        )
        assert found.group is Group.COUNSELORS
        for nothing in ("Chiefs", ["Chiefs"], None):
            token = given.token(realm_access=nothing, groups=["Chiefs"])
            assert await why_not(given, token) is Reason.NO_GROUP


async def test_an_algorithm_is_its_keys_alone(issuer: Vouching) -> None:
    """Whatever a token says of itself, a key verifies by its own algorithm or not at all."""
    rs256, es256 = issuer.token(), issuer.curve_token()
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"alg": "ES384"}):
        assert await why_not(issuer, issuer.token(header)) is Reason.WRONG_ALGORITHM
    for token in (
        issuer.token({"alg": "ES256"}),
        issuer.token({"alg": "ES256", "kid": "curve-key"}),
        issuer.token({"kid": "curve-key"}),
        issuer.curve_token({"alg": "RS256"}),
        issuer.curve_token({"kid": "oidc-key"}),
        f"{rs256.rpartition('.')[0]}.{es256.rpartition('.')[2]}",
        f"{es256.rpartition('.')[0]}.{encode(bytes(64))}",
        f"{es256.rpartition('.')[0]}.{encode(bytes(63))}",
    ):
        assert await why_not(issuer, token) is Reason.WRONG_SIGNATURE
    keys: tuple[dict[str, Any], ...] = (
        {"jwk": issuer.curve_jwk()},
        {"jku": KEYS},
        {"x5u": KEYS},
        {"crit": ["b64"]},
    )
    for bringing in keys:
        assert await why_not(issuer, issuer.token(bringing)) is Reason.HEADER_NOT_ALLOWED
    for kind in ("dpop+jwt", "logout+jwt", 5):
        assert await why_not(issuer, issuer.token({"typ": kind})) is Reason.WRONG_TYPE


async def test_a_pool_is_as_strict_as_before(issuer: Vouching) -> None:
    """What other issuers may do is not allowed to a pool: ES256, and the type of access tokens."""
    harbor = issuer.world.signers.harbor
    assert await why_not(issuer, harbor.token({"alg": "ES256"})) is Reason.WRONG_ALGORITHM
    assert await why_not(issuer, harbor.token({"typ": "at+jwt"})) is Reason.WRONG_TYPE
    assert (await issuer.principal(harbor.token())).mode is CredentialMode.USER_POOL


@pytest.mark.parametrize(
    ("terms", "claims", "end"),
    [
        ({"issued_for": timedelta(seconds=61)}, {}, NOW + 1),
        ({"issued_for": timedelta(seconds=60)}, {}, None),
        ({"signed_in_for": timedelta(seconds=121)}, {}, NOW + 1),
        ({"signed_in_for": timedelta(seconds=120)}, {}, None),
        ({"issued_for": timedelta(days=9), "signed_in_for": timedelta(days=9)}, {}, NOW + 3540),
        ({"issued_for": timedelta(seconds=61)}, {"auth_time": GONE}, NOW + 1),
    ],
)
async def test_a_token_is_taken_no_longer_than_configured(
    world: World, terms: dict[str, Any], claims: dict[str, Any], end: int | None
) -> None:
    """`iatTTL` and `authTTL` end a token before its time, cached verdicts included."""
    with vouching(world, **terms) as given:
        token = given.token(**claims)
        if end is None:
            assert await why_not(given, token) is Reason.EXPIRED
            return
        assert (await given.principal(token)).expires_at == datetime.fromtimestamp(end, UTC)
        world.clock.turn(end - NOW)
        assert await why_not(given, token) is Reason.EXPIRED


async def test_a_sign_in_that_is_not_told_is_none_that_counts(world: World) -> None:
    """Where `authTTL` is set, a token without `auth_time` is refused."""
    with vouching(world, signed_in_for=timedelta(days=1)) as given:
        assert await why_not(given, given.token(auth_time=GONE)) is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (revoking("sub", f"login:{SUBJECT}"), Reason.REVOKED),
        (revoking("jti", "login:token-1"), Reason.REVOKED),
    ],
)
async def test_a_revoked_token_is_refused_at_once(
    issuer: Vouching, change: Change, reason: Reason
) -> None:
    """A cached verdict included; and what is revoked of a pool is not revoked of another issuer."""
    token = issuer.token()
    await issuer.principal(token)
    await revoking("sub", SUBJECT)(issuer.world)
    await revoking("jti", "token-1")(issuer.world)
    await issuer.principal(token)
    await change(issuer.world)
    assert await why_not(issuer, token) is reason


async def test_a_suspended_agency_s_people_are_refused(issuer: Vouching) -> None:
    """Whoever vouches for them; and nobody is vouched for who is dismissed."""
    token = issuer.token()
    await issuer.principal(token)
    staff = replace(COUNSELOR, subject=f"login:{SUBJECT}", active=False)
    await issuer.world.directory.put_staff(issuer.world.harbor.id, staff, audit())
    assert await why_not(issuer, token) is Reason.INACTIVE_STAFF
    await issuer.world.directory.put_staff(
        issuer.world.harbor.id, replace(staff, active=True), audit()
    )
    assert (await issuer.principal(token)).display_name == COUNSELOR.display_name
    await dismiss(issuer.world)  # somebody else, of the pool
    await issuer.principal(token)
    await suspend(issuer.world)
    with pytest.raises(AgencySuspended):
        await issuer.principal(token)


async def test_an_issuer_of_no_agency_is_nobody_s(world: World) -> None:
    """An issuer configured for an agency that there is not lets nobody in."""
    with vouching(world, agency="nowhere") as given:
        assert await why_not(given, given.token()) is Reason.UNKNOWN_ISSUER
        assert not world.far_end.calls


async def test_no_configuration_takes_a_pool_from_its_agency(world: World) -> None:
    """An issuer that is a pool in the directory is that agency's, by that pool's terms."""
    pools = (*world.summit.pools, Pool(issuer=ISSUER, client_ids=("web",)))
    await world.directory.update_agency(replace(world.summit, pools=pools), audit())
    with vouching(world) as given:
        world.far_end.get(f"{ISSUER}.well-known/jwks.json").respond(
            json={"keys": [given.rsa_signer.jwk()]}
        )
        assert await why_not(given, given.token()) is Reason.WRONG_TOKEN_USE
        found = await given.principal(given.rsa_signer.token(client_id="web"))
        assert found.agency_id == world.summit.id


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ISSUER.rstrip("/")},
        {"issuer": "https://other.test/"},
        {"issuer": GONE},
        {"jwks_uri": GONE},
        {"jwks_uri": 5},
        {"jwks_uri": "http://keys.login.test/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "https://127.0.0.1/keys"},
        {"jwks_uri": "https://localhost/keys"},
        {"jwks_uri": "https://user:pass@keys.login.test/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": KEYS + "#here"},
    ],
    ids=lambda one: "-".join(
        f"{name}={'none' if value is GONE else str(value)[:30]}" for name, value in one.items()
    ),
)
async def test_a_wrong_discovery_document_leads_nowhere(
    issuer: Vouching, changes: dict[str, Any]
) -> None:
    """About another issuer, or to a place that must not be asked: no keys are fetched there."""
    issuer.discover(**changes)
    with capture_logs() as logs, pytest.raises(StoreUnavailable) as refusal:
        await issuer.principal(issuer.token())
    assert reason_of(refusal.value) is Reason.KEY_SET_UNAVAILABLE
    assert [line["event"] for line in logs] == ["key set not fetched"]
    assert [str(call.request.url) for call in issuer.world.far_end.calls] == [DISCOVERY]


@pytest.mark.parametrize(
    "response",
    [
        {"status_code": 302, "headers": {"location": KEYS}},
        {"status_code": 500},
        {"content": b"{" + b" " * BODY_BYTES_MAX + b"}"},
        {"content": b"[" * 50_000},
        {"text": "not JSON"},
    ],
)
@pytest.mark.parametrize("address", [DISCOVERY, KEYS])
async def test_odd_answers_of_an_issuer_are_not_followed(
    issuer: Vouching, address: str, response: dict[str, Any]
) -> None:
    """A redirect, a huge or a broken answer is an outage, which signs nobody out and ends."""
    issuer.world.far_end.get(address).respond(**response)
    with pytest.raises(StoreUnavailable) as refusal:
        await issuer.principal(issuer.token())
    assert refusal.value.retry_after_seconds > 0
    issuer.discover()
    issuer.publish(issuer.rsa_signer.jwk())
    issuer.world.clock.turn(FETCH_EACH_SECONDS)
    await issuer.principal(issuer.token())


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"alg": "ES256", "use": "sig"}, True),
        ({"use": "enc"}, False),
        ({"alg": "RS256"}, False),
        ({"alg": "ES512"}, False),
        ({"alg": ["ES256"]}, False),
        ({"crv": "P-384"}, False),
        ({"kty": "OKP"}, False),
        ({"kty": ["EC"]}, False),
        ({"x": encode(bytes(31) + b"\x01")}, False),
        ({"y": "!!"}, False),
        ({"d": encode(bytes(32))}, False),
    ],
)
async def test_which_curve_keys_verify(
    issuer: Vouching, changes: dict[str, Any], *, accepted: bool
) -> None:
    """A point on P-256, for signatures, without its private part."""
    issuer.publish(issuer.rsa_signer.jwk(alg=None), issuer.curve_jwk(**changes))
    if accepted:
        await issuer.principal(issuer.curve_token())
    else:
        assert await why_not(issuer, issuer.curve_token()) is Reason.UNKNOWN_KEY


async def test_a_pool_s_keys_are_not_an_issuer_s(issuer: Vouching) -> None:
    """A token signed by the key of another issuer, under that one's key id, does not hold."""
    assert await why_not(issuer, issuer.token({"kid": "harbor-key"})) is Reason.UNKNOWN_KEY
    stranger = ec.generate_private_key(ec.SECP256R1())
    own = issuer.curve_key
    issuer.curve_key = stranger
    forged = issuer.curve_token()
    issuer.curve_key = own
    assert await why_not(issuer, forged) is Reason.WRONG_SIGNATURE


def test_keys_of_an_issuer_on_this_machine_are_on_this_machine() -> None:
    """A local issuer's keys may be spoken for in plain, and only theirs."""
    local = "http://127.0.0.1:9000"
    document = b'{"issuer": "http://127.0.0.1:9000", "jwks_uri": "http://localhost:9000/keys"}'
    assert discovered_address(local, document) == "http://localhost:9000/keys"
    for wrong in (document.replace(b"localhost", b"elsewhere.test"), b"[]", b""):
        with pytest.raises((ValueError, Refusal)):
            discovered_address(local, wrong)


async def test_a_hostile_client_name_is_refused_quickly(world: World) -> None:
    """A pattern on which others take exponential time costs no more than the name is long."""
    with vouching(world, client=Pattern("(a|a)*(a*)*b", characters_max=256)) as given:
        assert await why_not(given, given.token(aud=["a" * 256] * 16)) is Reason.WRONG_CLIENT
