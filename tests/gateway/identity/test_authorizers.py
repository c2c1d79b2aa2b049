"""An agency's own authorizer: what it is asked, and what is made of its answers."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from domain.access import CredentialMode, Scope
from domain.actors import Group, PrincipalKind
from domain.errors import AgencySuspended, GatewayError, StoreUnavailable, Unauthenticated
from gateway.agency import settle_agency
from gateway.identity.authorizers import ANSWER_BYTES_MAX, CONTEXT_BYTES_MAX, LIFE, Authorizers
from gateway.identity.credentials import Credential, Occasion, authenticate
from gateway.identity.refusals import Reason, Refusal, reason_of
from tests.gateway.identity.conftest import World, audit
from tests.gateway.identity.directory_changes import COUNSELOR, revoking, suspend
from tests.gateway.identity.forge import AT, GONE, NOW
from tests.gateway.identity.vouching import (
    OCCASION,
    Vouching,
    answer,
    authorizer,
    vouching,
)

TOKEN = "harbor-key"
DAY = 24 * 60 * 60


@pytest.fixture
def door(world: World) -> Iterator[Vouching]:
    """Give an authorizer of each of the two agencies."""
    with vouching(world) as given:
        yield given


async def why_not(given: Vouching, token: str = TOKEN, agency: str | None = None) -> Reason | None:
    """Return why a token is refused with the fixed words; it must be."""
    with pytest.raises(Unauthenticated, match="You are not authorized") as refusal:
        await given.principal(token, agency)
    return reason_of(refusal.value)


async def trouble(given: Vouching, token: str = TOKEN) -> tuple[Reason | None, str]:
    """Return what is wrong with the authorizer, and what its one log line says of it."""
    with capture_logs() as logs, pytest.raises(StoreUnavailable) as refusal:
        await given.principal(token)
    assert refusal.value.retry_after_seconds > 0
    (line,) = logs
    assert token not in json.dumps(line)
    return reason_of(refusal.value), line["why"]


async def test_it_is_asked_as_appsync_asks(door: Vouching) -> None:
    """The event has AppSync's members: the API is the agency's slug, the account its id."""
    await door.principal(TOKEN)
    assert door.events == [
        (
            "harbor",
            {
                "authorizationToken": TOKEN,
                "requestContext": {
                    "apiId": "harbor",
                    "accountId": door.world.harbor.id,
                    "requestId": "req-7",
                    "queryString": "query Q { me { kind } }",
                    "operationName": "Q",
                    "variables": {"a": 1},
                },
            },
        )
    ]
    headers = door.world.far_end.calls.last.request.headers
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_nothing_asked_yet_is_told_as_no_query(door: Vouching) -> None:
    """A handshake has no document; and what JSON can spell of variables, the event can."""
    occasion = Occasion(request_id="r", variables={"name": "\ud83d", "n": 1.5})
    await authenticate({"AUTHORIZATION": TOKEN}, door.authenticator, occasion)
    told = door.events[0][1]["requestContext"]
    assert (told["queryString"], told["operationName"]) == ("", None)
    assert told["variables"] == {"name": "\ud83d", "n": 1.5}


async def test_a_person_is_vouched_for(door: Vouching) -> None:
    """Of one group, with a sign-in and an end; of the agency that the authorizer is bound to."""
    door.answers["harbor"] = answer(
        "harbor",
        displayName="Grace",
        authenticatedAt=NOW - 60,
        expiresAt=NOW + 120,
        anything="else",
        number=1,
    )
    found = await door.principal(TOKEN, "harbor")
    assert (found.kind, found.group) == (PrincipalKind.COUNSELOR, Group.COUNSELORS)
    assert (found.subject, found.display_name) == ("harbor-door:u-1", "Grace")
    assert (found.agency_id, found.mode) == (door.world.harbor.id, CredentialMode.AUTHORIZER)
    assert found.authenticated_at == AT - timedelta(seconds=60)
    assert found.expires_at == AT + timedelta(seconds=120)
    assert (found.scopes, found.denied_fields) == (frozenset(), frozenset())


async def test_a_machine_is_vouched_for(door: Vouching) -> None:
    """With scopes and without a group; it ends after an hour where nothing else is said."""
    scopes = "applications:read credit:read"
    door.answers["harbor"] = answer("harbor", group=GONE, scopes=scopes)
    found = await door.principal(TOKEN)
    assert (found.kind, found.group) == (PrincipalKind.INTEGRATION, None)
    assert found.scopes == {Scope.APPLICATIONS_READ, Scope.CREDIT_READ}
    assert (found.display_name, found.authenticated_at) == ("u-1", None)
    assert found.expires_at == AT + LIFE


async def test_denied_fields_are_named_in_both_ways(door: Vouching) -> None:
    """As `Type.field` and as an ARN, whose API is not looked at: there is only this one."""
    door.answers["harbor"]["deniedFields"] = [
        "Mutation.pullCredit",
        "arn:aws:appsync:us-east-1:111122223333:apis/other/types/Consumer/fields/ssn",
        "arn:aws-us-gov:appsync:us-gov-west-1:1:apis/harbor/types/Query/fields/_node",
    ]
    found = await door.principal(TOKEN)
    assert found.denied_fields == {"Mutation.pullCredit", "Consumer.ssn", "Query._node"}


async def test_what_it_refuses_is_refused(door: Vouching) -> None:
    """By the fixed words, whatever else the answer says; and it is asked anew the next time."""
    door.answers["harbor"]["isAuthorized"] = False
    for _ in range(2):
        assert await why_not(door) is Reason.AUTHORIZER_REFUSED
    door.answers["harbor"] = {"isAuthorized": False}
    assert await why_not(door) is Reason.AUTHORIZER_REFUSED
    assert len(door.events) == 3
    door.answers["harbor"] = answer("harbor", expiresAt=NOW)
    assert await why_not(door) is Reason.EXPIRED


NOT_UNDERSTOOD: dict[str, Any] = {
    "a list": [],
    "a text": "yes",
    "null": None,
    "empty": {},
    "isAuthorized as a text": {**answer("harbor"), "isAuthorized": "true"},
    "isAuthorized as a number": {**answer("harbor"), "isAuthorized": 1},
    "isAuthorized misspelled": {**answer("harbor"), "isAuthorised": True},
    "denied fields misspelled": {**answer("harbor"), "deniedfields": ["Query.me"]},
    "denied fields as a text": {**answer("harbor"), "deniedFields": "Query.me"},
    "a denied field without a type": {**answer("harbor"), "deniedFields": ["me"]},
    "a denied field with a blank": {**answer("harbor"), "deniedFields": ["Query. me"]},
    "a denied field of three parts": {**answer("harbor"), "deniedFields": ["A.b.c"]},
    "a denied field that is none": {**answer("harbor"), "deniedFields": [None]},
    "an ARN of a type": {
        **answer("harbor"),
        "deniedFields": ["arn:aws:appsync:us-east-1:1:apis/a/types/Consumer"],
    },
    "an ARN of another service": {
        **answer("harbor"),
        "deniedFields": ["arn:aws:lambda:us-east-1:1:apis/a/types/A/fields/b"],
    },
    "too many denied fields": {**answer("harbor"), "deniedFields": ["A.b"] * 1001},
    "ttl as a text": {**answer("harbor"), "ttlOverride": "10"},
    "ttl as a truth": {**answer("harbor"), "ttlOverride": True},
    "ttl with a fraction": {**answer("harbor"), "ttlOverride": 1.5},
    "ttl in the past": {**answer("harbor"), "ttlOverride": -1},
    "ttl beyond an hour": {**answer("harbor"), "ttlOverride": 3601},
    "ttl beyond all": {**answer("harbor"), "ttlOverride": 10**400},
    "no context": {"isAuthorized": True},
    "a context that is a list": {"isAuthorized": True, "resolverContext": []},
    "a nested context": answer("harbor", more={"a": 1}),
    "a list in the context": answer("harbor", more=["a"]),
    "no agency": answer("harbor", agency=GONE),
    "another agency": answer("summit"),
    "an agency of another type": answer("harbor", agency=True),
    "no subject": answer("harbor", subject=GONE),
    "an empty subject": answer("harbor", subject=""),
    "a subject with a blank": answer("harbor", subject="a b"),
    "a subject that is a number": answer("harbor", subject=7),
    "a subject that is too long": answer("harbor", subject="s" * 129),
    "no group": answer("harbor", group=GONE),
    "an unknown group": answer("harbor", group="chiefs"),
    "operators": answer("harbor", group="operators"),
    "a group and scopes": answer("harbor", scopes="credit:read"),
    "a group that is null": answer("harbor", group=None),
    "no scopes": answer("harbor", group=GONE, scopes=""),
    "an unknown scope": answer("harbor", group=GONE, scopes="credit:read all"),
    "scopes that are a number": answer("harbor", group=GONE, scopes=1),
    "a name of another type": answer("harbor", displayName=1),
    "a name that cannot be shown": answer("harbor", displayName="a\nb"),
    "a name that is blank": answer("harbor", displayName=" "),
    "a name that is too long": answer("harbor", displayName="n" * 129),
    "a token id of another type": answer("harbor", tokenId=5),
    "an end as a text": answer("harbor", expiresAt=str(NOW + 60)),
    "an end in milliseconds": answer("harbor", expiresAt=(NOW + 60) * 1000),
    "an end beyond a day": answer("harbor", expiresAt=NOW + DAY + 1),
    "a sign-in to come": answer("harbor", authenticatedAt=NOW + 60),
    "a sign-in before time": answer("harbor", authenticatedAt=-1),
    "a redirect": httpx.Response(302, headers={"location": "https://vouch.test/summit"}),
    "a refusal by status": httpx.Response(401, json=answer("harbor")),
    "no content": httpx.Response(204),
    "no JSON": httpx.Response(200, text="isAuthorized: true"),
    "a byte order mark": httpx.Response(200, content=b"\xef\xbb\xbf" + b"{}"),
    "a member twice": httpx.Response(200, content=b'{"isAuthorized": false, "isAuthorized": true}'),
    "too deep": httpx.Response(200, content=b"[" * 100_000),
    "huge": httpx.Response(200, content=b" " * (ANSWER_BYTES_MAX + 1)),
    "compressed": httpx.Response(
        200, content=b"\x1f\x8b", headers={"content-encoding": "identity"}
    ),
    "a context beyond 5 MB": answer("harbor", more="m" * CONTEXT_BYTES_MAX),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
async def test_an_answer_that_is_none_lets_nobody_in(door: Vouching, name: str) -> None:
    """It is the agency's trouble, said in one line: the caller is told to come back, not to go."""
    door.answers["harbor"] = NOT_UNDERSTOOD[name]
    reason, _ = await trouble(door)
    assert reason is Reason.AUTHORIZER_NOT_UNDERSTOOD
    assert not door.authenticator._verdicts


async def test_what_is_just_allowed_of_an_answer(door: Vouching) -> None:
    """A context of nearly 5 MB, the longest names, the last second."""
    more = "m" * (CONTEXT_BYTES_MAX - 400)
    door.answers["harbor"] = answer(
        "harbor", subject="s" * 128, displayName="n" * 128, expiresAt=NOW + DAY, more=more
    )
    door.answers["harbor"] |= {"ttlOverride": 3600, "deniedFields": ["A.b"] * 1000}
    assert (await door.principal(TOKEN)).expires_at == AT + timedelta(days=1)


@pytest.mark.parametrize(
    "said",
    [
        httpx.ConnectError("down"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("gone"),
        httpx.Response(500, json=answer("harbor")),
        httpx.Response(503),
    ],
    ids=lambda said: type(said).__name__,
)
async def test_an_authorizer_that_is_down_signs_nobody_out(door: Vouching, said: Any) -> None:
    """Nothing is wrong with the token: it is to be sent again, and then it may hold."""
    door.answers["harbor"] = said
    reason, _ = await trouble(door)
    assert reason is Reason.AUTHORIZER_UNAVAILABLE
    door.answers["harbor"] = answer("harbor")
    await door.principal(TOKEN)


async def test_an_authorizer_that_answers_late_is_not_waited_for(door: Vouching) -> None:
    """However slowly it dribbles: the span is over all of the answer, and over waiting in line."""

    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    configured = authorizer("harbor")
    door.world.far_end.post(configured.url).mock(side_effect=never)
    impatient = Authorizers((configured,), door.world.key_sets._client, timeout_seconds=0.05)
    asking = [impatient.ask(configured, door.world.harbor, TOKEN, OCCASION, AT) for _ in range(60)]
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, Refusal)
        assert outcome.reason is Reason.AUTHORIZER_UNAVAILABLE


@pytest.mark.parametrize(
    ("configured", "override", "kept"),
    [(300, None, 300), (300, 10, 10), (300, 0, 0), (0, None, 0), (0, 3600, 3600)],
)
async def test_an_answer_is_kept_as_long_as_it_says(
    world: World, configured: int, override: int | None, kept: int
) -> None:
    """`ttlOverride`, or else what is configured; 0 is for this once; never beyond its own end."""
    with vouching(
        world, authorizers=(authorizer("harbor", result_ttl_seconds=configured),)
    ) as door:
        if override is not None:
            door.answers["harbor"]["ttlOverride"] = override
        await door.principal(TOKEN)
        if kept:
            world.clock.turn(kept - 1)
            await door.principal(TOKEN)
            assert len(door.events) == 1
            world.clock.turn(1)
        await door.principal(TOKEN)
        assert len(door.events) == 2
        door.answers["harbor"] = {**answer("harbor", expiresAt=int(world.clock().timestamp()) + 5)}
        await door.principal("harbor-other")
        world.clock.turn(5)
        assert await why_not(door, "harbor-other") is Reason.EXPIRED


async def test_an_answer_is_one_agency_s_and_one_token_s(door: Vouching) -> None:
    """The same text is another credential to the other agency's authorizer, and to API keys."""
    door.answers["summit"] = answer("summit", subject="u-9", group="admins")
    first = await door.principal("shared", "harbor")
    second = await door.principal("shared", "summit")
    assert [one.agency_id for one in (first, second)] == [
        door.world.harbor.id,
        door.world.summit.id,
    ]
    assert [one.subject for one in (first, second)] == ["harbor-door:u-1", "summit-door:u-9"]
    for agency, expected in (("harbor", first), ("summit", second)):
        assert await door.principal("shared", agency) == expected
    assert [agency for agency, _ in door.events] == ["harbor", "summit"]
    await door.principal("harbor-other", "harbor")
    assert len(door.events) == 3
    await door.principal(TOKEN)
    for credential in (
        Credential(kind="jwt", value=TOKEN),
        Credential(kind="api_key", value=TOKEN),
    ):
        with pytest.raises(Unauthenticated):
            await door.authenticator.authenticate(credential)


async def test_whose_token_it_is_has_to_be_clear(door: Vouching) -> None:
    """By what it looks like or by the agency that is named; no two authorizers get to see it."""
    with pytest.raises(Unauthenticated, match="x-agency") as refusal:
        await door.principal("shared")
    assert reason_of(refusal.value) is Reason.SEVERAL_AUTHORIZERS
    for token, agency in (("unknown", None), (TOKEN, "summit"), ("shared", "nowhere")):
        assert await why_not(door, token, agency) is Reason.NO_AUTHORIZER
    assert door.events == []


async def test_an_authorizer_for_several_agencies_says_itself_whose_token_it_is(
    world: World,
) -> None:
    """Who names another agency than the token's gets nowhere, though both ask at one address."""
    (harbor, summit) = (authorizer(one, token=None) for one in ("harbor", "summit"))
    with vouching(world, authorizers=(harbor, replace(summit, url=harbor.url))) as door:
        assert (await door.principal(TOKEN, "harbor")).agency_id == world.harbor.id
        with pytest.raises(StoreUnavailable):
            await door.principal(TOKEN, "summit")


async def test_stage_3_holds_the_principal_against_the_hint(door: Vouching) -> None:
    """The agency is the authorizer's, and a hint at another is refused as from anybody."""
    found = await door.principal(TOKEN)
    settled = await settle_agency(found, "harbor", door.world.directory, at=AT)
    assert settled.agency == door.world.harbor
    with pytest.raises(Unauthenticated):
        await settle_agency(found, "summit", door.world.directory, at=AT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (revoking("sub", "harbor-door:u-1"), Reason.REVOKED),
        (revoking("jti", "harbor-door:t-1"), Reason.REVOKED),
        (suspend, None),
    ],
)
async def test_what_is_revoked_is_refused_at_once(
    door: Vouching, change: Any, reason: Reason | None
) -> None:
    """A kept answer included, without asking the authorizer what it thinks of it."""
    door.answers["harbor"] = answer("harbor", tokenId="t-1")
    await door.principal(TOKEN)
    await change(door.world)
    with pytest.raises(Unauthenticated) as refusal:
        await door.principal(TOKEN)
    if reason is None:
        assert isinstance(refusal.value, AgencySuspended)
        assert len(door.events) == 1
    else:
        assert reason_of(refusal.value) is reason


async def test_a_later_sign_in_outlives_a_revocation(door: Vouching) -> None:
    """Where the authorizer tells of it: what is not known to be newer is refused."""
    await revoking("sub", "harbor-door:u-1")(door.world)
    assert await why_not(door) is Reason.REVOKED
    door.world.clock.turn(60)
    door.answers["harbor"] = answer("harbor", authenticatedAt=NOW + 30)
    await door.principal(TOKEN)


async def test_staff_who_are_dismissed_are_refused(door: Vouching) -> None:
    """By the subject that the authorizer gives them, with its name before it."""
    staff = replace(COUNSELOR, subject="harbor-door:u-1")
    directory = door.world.directory
    await directory.put_staff(door.world.harbor.id, staff, audit())
    assert (await door.principal(TOKEN)).display_name == staff.display_name
    await directory.put_staff(door.world.harbor.id, replace(staff, active=False), audit())
    assert await why_not(door) is Reason.INACTIVE_STAFF


async def test_an_authorizer_of_no_agency_is_asked_nothing(world: World) -> None:
    """One that is configured for an agency that there is not lets nobody in."""
    configured = authorizer("harbor", agency="nowhere", token=None)
    with vouching(world, authorizers=(configured,)) as door:
        assert await why_not(door) is Reason.UNKNOWN_AGENCY
        assert door.events == []


async def test_without_authorizers_an_opaque_token_is_nobody_s(world: World) -> None:
    """What is no token is refused where nobody is there to judge it."""
    for text in ("custom", "Basic eDp5", "null"):
        with pytest.raises(Unauthenticated) as refusal:
            await world.principal(text)
        assert reason_of(refusal.value) is Reason.NO_AUTHORIZER


async def test_an_agency_that_is_removed_while_it_is_asked_lets_nobody_in(
    door: Vouching,
) -> None:
    """What decides is read after the answer has come."""

    async def removing(_request: httpx.Request) -> httpx.Response:
        await door.world.directory.remove_agency(door.world.harbor.id, audit())
        return httpx.Response(200, json=answer("harbor"))

    door.world.far_end.post(authorizer("harbor").url).mock(side_effect=removing)
    with pytest.raises(GatewayError) as refusal:
        await door.principal(TOKEN)
    assert reason_of(refusal.value) is Reason.UNKNOWN_AGENCY
