"""Who is let in by a token, and what they are then."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.access import Principal
from domain.actors import Group, PrincipalKind
from domain.agencies import Pool
from domain.errors import StoreUnavailable, Unauthenticated
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Reason, reason_of
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import World, audit
from tests.gateway.identity.directory_changes import (
    COUNSELOR,
    refused,
)
from tests.gateway.identity.forge import AT, GONE, NOW, SUBJECT


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


@pytest.mark.parametrize("kind", ["jwt", "api_key"])
async def test_what_no_header_can_spell_is_refused_like_any_other(world: World, kind: Any) -> None:
    """A lone surrogate, past the reading of headers, is a wrong spelling and breaks nothing."""
    with pytest.raises(Unauthenticated) as refusal:
        await world.authenticator.authenticate(Credential(kind=kind, value="a.b.\ud800"))

    assert reason_of(refusal.value) in {Reason.MALFORMED_TOKEN, Reason.MALFORMED_API_KEY}


async def test_an_outage_of_the_pool_signs_nobody_out(world: World) -> None:
    """Where keys cannot be fetched nothing is wrong with the token: it is to be sent again."""
    route = world.far_end.get(f"{forge.HARBOR}/.well-known/jwks.json")
    route.mock(side_effect=httpx.ConnectError)
    token = world.signers.harbor.token()
    with pytest.raises(StoreUnavailable) as refusal:
        await world.principal(token)

    assert refusal.value.message == (
        "The issuer's keys cannot be fetched right now. Repeat in a moment."
    )
    assert reason_of(refusal.value) is Reason.KEY_SET_UNAVAILABLE
    await world.principal(world.signers.summit.token())
    world.clock.turn(10)
    route.mock(return_value=httpx.Response(200, json={"keys": [world.signers.harbor.jwk()]}))
    await world.principal(token)
