"""Who is let in, what they are then, and how soon a change of mind is noticed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.access import ApiKey, Principal, Scope
from domain.actors import Group, PrincipalKind
from domain.agencies import AgencyStatus, Pool, Staff
from domain.errors import AgencySuspended, StoreUnavailable, Unauthenticated
from domain.ids import new_ulid
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Reason, reason_of
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix
from tenants.directory.port import Revocation
from tenants.directory.sqlite import open_directory
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import ACTOR, FILE_KEY, World, audit
from tests.gateway.identity.forge import AT, GONE, NOW, SUBJECT, access_claims

Change = Callable[[World], Awaitable[None]]

COUNSELOR = Staff(
    id="staff_1",
    subject=SUBJECT,
    display_name="Grace Counselor",
    email="grace@harbor.test",
    group=Group.COUNSELORS,
)


def a_key(secret: str, **changes: Any) -> ApiKey:
    key = ApiKey(
        id=f"key_{new_ulid()}",
        name="nightly import",
        prefix=secret_prefix(secret),
        hash=secret_hash(secret),
        scopes=frozenset({Scope.APPLICATIONS_READ}),
        created_by=ACTOR,
        created_at=AT,
        expires_at=AT + timedelta(days=90),
    )
    return replace(key, **changes)


async def refused(world: World, authorization: str) -> Reason | None:
    """Return why the token is refused; it must be."""
    with pytest.raises(Unauthenticated) as refusal:
        await world.principal(authorization)
    return reason_of(refusal.value)


@pytest.mark.parametrize("prefix", ["", "Bearer "])
async def test_an_access_token_names_its_bearer(world: World, prefix: str) -> None:
    """An honest access token gives the principal, its agency, group, sign-in and end."""
    found = await world.principal(prefix + world.signers.harbor.token())

    assert found == Principal(
        kind=PrincipalKind.COUNSELOR,
        subject=SUBJECT,
        display_name=SUBJECT,
        agency_id=world.harbor.id,
        group=Group.COUNSELORS,
        authenticated_at=AT - timedelta(seconds=60),
        expires_at=AT + timedelta(seconds=3540),
    )


@pytest.mark.parametrize("prefix", ["", "Bearer "])
async def test_an_id_token_names_the_same_bearer(world: World, prefix: str) -> None:
    """An ID token gives the same principal as the access token of the same sign-in."""
    access = await world.principal(world.signers.harbor.token())

    assert await world.principal(prefix + world.signers.harbor.id_token()) == access


@pytest.mark.parametrize(
    "changes",
    [
        {"cognito_groups": ["us-east-1_pool_Google", "counselors", "newsletter"]},
        {"jti": GONE, "origin_jti": GONE},
        {"username": GONE},
        {"auth_time": GONE},
        {"iat": NOW + 5},
        {"iat": NOW + 5, "auth_time": NOW + 5, "nbf": NOW + 5},
        {"iat": NOW, "exp": NOW + 86_400},
        {"exp": NOW + 1},
        {"client_id": "almonermobile"},
        {"aud": forge.CLIENT},
        {"sub": "x"},
        {"sub": "s" * 128},
        {"username": "josé 田中"},
        {"event_id": "an-id", "device_key": "a-key", "version": 2},
        {"extra": [[[[[[[[[[[[[["depth 16"]]]]]]]]]]]]]]},
        {"extra": "[[[[[[[[[[[[[[[[[[[[[[[[[[ in a text {{{{{{{{{{{"},
        {"extra": [{}] * 30},
        {"extra": 1.5},
        {"filling": "a" * 5000},
    ],
    ids="-".join,
)
async def test_what_else_an_honest_token_may_hold(world: World, changes: dict[str, Any]) -> None:
    """Foreign groups, absent options, limits just met and unknown claims do no harm."""
    found = await world.principal(world.signers.harbor.token(**changes))

    assert isinstance(found, Principal)
    assert found.kind is PrincipalKind.COUNSELOR


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({}, SUBJECT),
        ({"email": "olga@almoner.test"}, "olga@almoner.test"),
        ({"name": "Olga Quist"}, "Olga Quist"),
        (
            {"name": "Olga Quist", "email": "olga@almoner.test", "email_verified": True},
            "Olga Quist <olga@almoner.test>",
        ),
        ({"name": "Olga", "email": "ceo@almoner.test", "email_verified": False}, "Olga"),
        ({"name": "a\nb", "email": ["olga@almoner.test"]}, SUBJECT),
        ({"name": " ", "email": "x" * 129}, SUBJECT),
    ],
)
async def test_an_operator_is_shown_as_their_pool_names_them(
    world: World, claims: dict[str, Any], shown: str
) -> None:
    """An admin who is asked sees name and address; what cannot be believed or shown is left out."""
    token = world.signers.operators.token(cognito_groups=["operators"], **claims)

    operator = await world.principal(token)
    assert isinstance(operator, Principal)
    assert operator.display_name == shown
    counselor = await world.principal(world.signers.harbor.token(**claims))
    assert isinstance(counselor, Principal)
    assert counselor.display_name == SUBJECT, "agencies list their own people"


@pytest.mark.parametrize("typ", ["JWT", GONE])
async def test_the_type_may_be_said_or_not(world: World, typ: Any) -> None:
    """`typ` is JWT where it is there at all."""
    await world.principal(world.signers.harbor.token({"typ": typ}))


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("consumers", PrincipalKind.CONSUMER),
        ("counselors", PrincipalKind.COUNSELOR),
        ("admins", PrincipalKind.ADMIN),
        ("analysts", PrincipalKind.ANALYST),
    ],
)
async def test_the_group_says_what_kind_of_principal_it_is(
    world: World, group: str, kind: PrincipalKind
) -> None:
    """Each of an agency's groups is one kind."""
    found = await world.principal(world.signers.harbor.token(cognito_groups=[group]))

    assert isinstance(found, Principal)
    assert (found.kind, found.group) == (kind, Group(group))


async def test_an_operator_belongs_to_no_agency(world: World) -> None:
    """The operators' pool gives operators, without agency."""
    found = await world.principal(world.signers.operators.token(cognito_groups=["operators"]))

    assert isinstance(found, Principal)
    assert (found.kind, found.agency_id) == (PrincipalKind.OPERATOR, None)


async def test_staff_go_by_the_directorys_name(world: World) -> None:
    """The display name of staff is the directory's, of the agency whose pool it is alone."""
    await world.directory.put_staff(world.summit.id, COUNSELOR, audit())
    elsewhere = await world.principal(world.signers.harbor.token())
    await world.directory.put_staff(world.harbor.id, COUNSELOR, audit())
    here = await world.principal(world.signers.harbor.token())

    assert isinstance(elsewhere, Principal)
    assert isinstance(here, Principal)
    assert (elsewhere.display_name, here.display_name) == (SUBJECT, "Grace Counselor")


async def test_a_second_client_of_the_pool_is_enough(world: World) -> None:
    """A token is for one of the pool's clients, and not for another pool's."""
    operators = Pool(issuer=forge.OPERATORS, client_ids=("consoleapp",))
    await world.directory.set_operator_pool(operators, audit())
    token = world.signers.operators.token(cognito_groups=["operators"])

    assert await refused(world, token) is Reason.WRONG_CLIENT


async def test_an_agency_without_its_pool_knows_nobody(world: World) -> None:
    """Where the directory names no such issuer nobody is asked for keys."""
    token = world.signers.harbor.token()
    await world.directory.update_agency(replace(world.harbor, pools=()), audit())

    assert await refused(world, token) is Reason.UNKNOWN_ISSUER
    assert not world.far_end.calls


# Verdicts -----------------------------------------------------------------------------------------


class Counted:
    """Counts what is asked of a directory."""

    def __init__(self, directory: Any) -> None:
        self.directory = directory
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Return the directory's method, and take note of it."""
        self.asked.append(name)
        return getattr(self.directory, name)


async def test_a_known_token_costs_one_look_at_the_epoch(world: World) -> None:
    """The second request with a token asks the directory for its epoch and for nothing else."""
    counted: Any = Counted(world.directory)
    authenticator = Authenticator(counted, world.key_sets, world.clock)
    credential = Credential(kind="jwt", value=world.signers.harbor.token())
    first = await authenticator.authenticate(credential)
    counted.asked.clear()
    second = await authenticator.authenticate(credential)

    assert second is first
    assert counted.asked == ["epoch"]
    assert world.fetches(forge.HARBOR) == 1


async def test_a_verdict_ends_with_its_token(world: World) -> None:
    """At `exp` a kept verdict is worth nothing, without any leeway."""
    token = world.signers.harbor.token(exp=NOW + 60)
    await world.principal(token)
    world.clock.turn(59.9)
    await world.principal(token)
    world.clock.turn(0.1)

    assert await refused(world, token) is Reason.EXPIRED
    assert not world.authenticator._verdicts


async def test_verdicts_are_bounded(world: World) -> None:
    """However many tokens there are, a bounded number of verdicts is kept."""
    authenticator = Authenticator(world.directory, world.key_sets, world.clock, verdicts_max=3)
    for number in range(6):
        token = world.signers.harbor.token(jti=f"t{number}")
        await authenticator.authenticate(Credential(kind="jwt", value=token))

    assert len(authenticator._verdicts) == 3


async def test_a_verdict_is_for_its_kind_of_credential(world: World) -> None:
    """A token that is presented as an API key is not let in by the token's verdict."""
    token = world.signers.harbor.token()
    await world.principal(token)
    with pytest.raises(Unauthenticated) as refusal:
        await world.authenticator.authenticate(Credential(kind="api_key", value=token))

    assert reason_of(refusal.value) is Reason.MALFORMED_API_KEY
    with pytest.raises(Unauthenticated):
        await world.authenticator.authenticate(Credential(kind="jwt", value=new_secret()))


def revoking(kind: Any, value: str) -> Change:
    async def change(world: World) -> None:
        revocation = Revocation(kind=kind, value=value, at=AT, expires_at=AT + timedelta(days=1))
        await world.directory.revoke(world.harbor.id, revocation, audit())

    return change


async def suspend(world: World) -> None:
    changed = replace(world.harbor, status=AgencyStatus.SUSPENDED)
    await world.directory.update_agency(changed, audit())


async def dismiss(world: World) -> None:
    await world.directory.put_staff(world.harbor.id, replace(COUNSELOR, active=False), audit())


async def change_clients(world: World) -> None:
    pools = (Pool(issuer=forge.HARBOR, client_ids=("newapp",)),)
    await world.directory.update_agency(replace(world.harbor, pools=pools), audit())


async def remove(world: World) -> None:
    await world.directory.remove_agency(world.harbor.id, audit())


async def hand_over(world: World) -> None:
    """Give harbor's pool to summit."""
    await world.directory.update_agency(replace(world.harbor, pools=()), audit())
    changed = replace(world.summit, pools=(*world.summit.pools, *world.harbor.pools))
    await world.directory.update_agency(changed, audit())


CLAIMS = access_claims(forge.HARBOR)
CHANGES: dict[str, tuple[Change, Reason]] = {
    "revoked-by-jti": (revoking("jti", CLAIMS["jti"]), Reason.REVOKED),
    "revoked-by-origin_jti": (revoking("origin_jti", CLAIMS["origin_jti"]), Reason.REVOKED),
    "revoked-by-sub": (revoking("sub", SUBJECT), Reason.REVOKED),
    "suspended": (suspend, Reason.SUSPENDED_AGENCY),
    "dismissed": (dismiss, Reason.INACTIVE_STAFF),
    "client-removed": (change_clients, Reason.WRONG_CLIENT),
    "agency-removed": (remove, Reason.UNKNOWN_ISSUER),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_a_change_of_mind_is_seen_at_the_next_request(
    world: World, name: str, *, elsewhere: bool
) -> None:
    """Whatever ends a token ends its kept verdicts too, in other processes as in this one."""
    change, reason = CHANGES[name]
    tokens = [world.signers.harbor.token(), world.signers.harbor.id_token()]
    other = world.signers.summit.token()
    for token in (*tokens, other):
        await world.principal(token)
    if elsewhere:
        directory = open_directory(world.path, FILE_KEY, create=False)
        await change(replace(world, directory=directory))
        await directory.aclose()
    else:
        await change(world)
    for token in tokens:
        with pytest.raises(Unauthenticated) as refusal:
            await world.principal(token)
        assert reason_of(refusal.value) is reason
        assert isinstance(refusal.value, AgencySuspended) is (name == "suspended")

    found = await world.principal(other)
    assert isinstance(found, Principal)
    assert found.agency_id == world.summit.id


async def test_what_is_revoked_is_not_what_looks_alike(world: World) -> None:
    """Revoking one token of a sign-in, or another pool's subject, leaves the others alone."""
    await revoking("jti", CLAIMS["jti"])(world)
    second = world.signers.harbor.token(jti="another")
    await world.principal(second)
    await revoking("sub", SUBJECT)(world)

    assert await refused(world, second) is Reason.REVOKED
    await world.principal(world.signers.summit.token())
    await world.principal(world.signers.harbor.token(iat=NOW + 1, jti="later"))


async def test_a_revocation_does_not_depend_on_the_tokens_text(world: World) -> None:
    """A revoked token stays revoked in any other text that holds the same claims."""
    await revoking("jti", CLAIMS["jti"])(world)
    respelled = world.signers.harbor.text({"typ": "JWT"}, " " + json.dumps(CLAIMS) + " ")

    assert await refused(world, respelled) is Reason.REVOKED


async def test_operators_tokens_are_revoked_in_their_own_pool(world: World) -> None:
    """A revocation without agency is the operators', and theirs alone."""
    token = world.signers.operators.token(cognito_groups=["operators"])
    await world.principal(token)
    await revoking("sub", SUBJECT)(world)
    await world.principal(token)
    revocation = Revocation(kind="sub", value=SUBJECT, at=AT, expires_at=AT + timedelta(days=1))
    await world.directory.revoke(None, revocation, audit())

    assert await refused(world, token) is Reason.REVOKED


async def test_no_verdict_crosses_agencies(world: World) -> None:
    """A pool that changes hands takes nobody along: its people are of the new agency at once."""
    token = world.signers.harbor.token()
    before = await world.principal(token)
    await hand_over(world)
    after = await world.principal(token)

    assert isinstance(before, Principal)
    assert isinstance(after, Principal)
    assert (before.agency_id, after.agency_id) == (world.harbor.id, world.summit.id)


async def test_another_agencys_change_costs_nothing(world: World) -> None:
    """A verdict outlives whatever happens at another agency."""
    token = world.signers.harbor.token()
    first = await world.principal(token)
    await revoking("sub", "somebody")(replace(world, harbor=world.summit))

    assert await world.principal(token) is first


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_while_keys_are_fetched_is_seen(world: World, name: str) -> None:
    """What is decided while the issuer is slow to answer counts for the request that waits."""
    change, reason = CHANGES[name]
    keys = {"keys": [world.signers.harbor.jwk()]}

    async def slow(_: httpx.Request) -> httpx.Response:
        await change(world)
        return httpx.Response(200, json=keys)

    world.far_end.get(f"{forge.HARBOR}/.well-known/jwks.json").mock(side_effect=slow)

    assert await refused(world, world.signers.harbor.token()) is reason


async def test_a_pool_that_changes_hands_meanwhile_lets_nobody_in(world: World) -> None:
    """A token is not judged by one agency's rules after its pool became another's."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await hand_over(world)
        return httpx.Response(200, json={"keys": [world.signers.harbor.jwk()]})

    world.far_end.get(f"{forge.HARBOR}/.well-known/jwks.json").mock(side_effect=slow)
    token = world.signers.harbor.token()

    assert await refused(world, token) is Reason.UNKNOWN_ISSUER
    found = await world.principal(token)
    assert isinstance(found, Principal)
    assert found.agency_id == world.summit.id


# API keys -----------------------------------------------------------------------------------------


async def use(world: World, secret: str) -> Principal:
    return await world.authenticator.authenticate(Credential(kind="api_key", value=secret))


async def test_an_api_key_is_its_agencys_machine(world: World) -> None:
    """A key gives a principal with its scopes, without group or sign-in."""
    secret = new_secret()
    key = a_key(secret)
    await world.directory.add_api_key(world.harbor.id, key, audit())

    assert await use(world, secret) == Principal(
        kind=PrincipalKind.INTEGRATION,
        subject=key.id,
        display_name="nightly import",
        agency_id=world.harbor.id,
        group=None,
        scopes=frozenset({Scope.APPLICATIONS_READ}),
        expires_at=key.expires_at,
    )


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_a_revoked_key_is_refused_at_once(world: World, *, elsewhere: bool) -> None:
    """Revocation by any process ends a key that was used a moment ago."""
    secret = new_secret()
    key = a_key(secret)
    await world.directory.add_api_key(world.harbor.id, key, audit())
    await use(world, secret)
    other = open_directory(world.path, FILE_KEY, create=False)
    directory = other if elsewhere else world.directory
    await directory.replace_api_key(world.harbor.id, replace(key, revoked_at=AT), audit())
    with pytest.raises(Unauthenticated) as refusal:
        await use(world, secret)
    await other.aclose()

    assert reason_of(refusal.value) is Reason.ENDED_API_KEY


async def test_a_key_ends_when_it_says(world: World) -> None:
    """At its end a key is refused, and until then its verdict is kept."""
    secret = new_secret()
    key = a_key(secret, expires_at=AT + timedelta(seconds=30))
    await world.directory.add_api_key(world.harbor.id, key, audit())
    await use(world, secret)
    world.clock.turn(30)
    with pytest.raises(Unauthenticated) as refusal:
        await use(world, secret)

    assert reason_of(refusal.value) is Reason.ENDED_API_KEY


async def test_a_rotated_key_works_until_its_overlap_ends(world: World) -> None:
    """Both keys authenticate during the overlap, the successor alone afterwards."""
    secrets = [new_secret(), new_secret()]
    old, new = a_key(secrets[0]), a_key(secrets[1])
    await world.directory.add_api_key(world.harbor.id, old, audit())
    await use(world, secrets[0])
    ending = replace(old, expires_at=AT + timedelta(hours=24))
    successor = replace(new, rotated_from=old.id)
    await world.directory.rotate_api_key(world.harbor.id, ending, successor, audit())

    assert {(await use(world, secret)).subject for secret in secrets} == {old.id, new.id}
    world.clock.turn(24 * 3600)
    with pytest.raises(Unauthenticated):
        await use(world, secrets[0])
    assert (await use(world, secrets[1])).subject == new.id


async def test_a_suspended_agencys_key_says_so(world: World) -> None:
    """The key holds and its agency may not: the refusal is AgencySuspended."""
    secret = new_secret()
    await world.directory.add_api_key(world.harbor.id, a_key(secret), audit())
    await use(world, secret)
    await suspend(world)
    with pytest.raises(AgencySuspended):
        await use(world, secret)


async def test_an_unknown_key_is_refused(world: World) -> None:
    """A well-spelled secret that nobody has is refused, as is one of a removed agency."""
    secret = new_secret()
    await world.directory.add_api_key(world.harbor.id, a_key(secret), audit())
    await use(world, secret)
    await remove(world)
    for unknown in (new_secret(), secret):
        with pytest.raises(Unauthenticated) as refusal:
            await use(world, unknown)
        assert reason_of(refusal.value) is Reason.UNKNOWN_API_KEY


async def test_the_use_of_a_key_is_recorded_once_a_minute(world: World) -> None:
    """The first use is recorded, and further ones a minute later, beside the requests."""
    secret = new_secret()
    key = a_key(secret)
    await world.directory.add_api_key(world.harbor.id, key, audit())
    counted: Any = Counted(world.directory)
    authenticator = Authenticator(counted, world.key_sets, world.clock)
    for seconds in (0, 30, 29, 1, 1):
        world.clock.turn(seconds)
        await authenticator.authenticate(Credential(kind="api_key", value=secret))
    await authenticator.aclose()
    stored = await world.directory.api_key(world.harbor.id, key.id)

    assert counted.asked.count("touch_api_key") == 2
    assert stored is not None
    assert stored.last_used_at == AT + timedelta(seconds=60)


async def test_a_use_that_cannot_be_recorded_stops_nobody(world: World) -> None:
    """Where the directory cannot be written the request goes on."""
    secret = new_secret()
    await world.directory.add_api_key(world.harbor.id, a_key(secret), audit())

    class ReadOnly(Counted):
        async def touch_api_key(self, *_: object) -> None:
            raise StoreUnavailable("The disk is full.")

    read_only: Any = ReadOnly(world.directory)
    authenticator = Authenticator(read_only, world.key_sets, world.clock)
    found = await authenticator.authenticate(Credential(kind="api_key", value=secret))
    await authenticator.aclose()

    assert found.kind is PrincipalKind.INTEGRATION


async def test_many_requests_at_once_are_right(world: World) -> None:
    """Concurrent requests of two agencies each get their own principal, for one fetch each."""
    tokens = [
        (signer.token(jti=f"t{number}"), agency.id)
        for number in range(20)
        for signer, agency in (
            (world.signers.harbor, world.harbor),
            (world.signers.summit, world.summit),
        )
    ]
    found = await asyncio.gather(*(world.principal(token) for token, _ in tokens))

    assert [one.agency_id for one in found if isinstance(one, Principal)] == [
        agency for _, agency in tokens
    ]
    assert (world.fetches(forge.HARBOR), world.fetches(forge.SUMMIT)) == (1, 1)
