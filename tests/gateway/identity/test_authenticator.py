"""Verdicts: how long they are kept, and how soon a change of mind is noticed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.access import Principal
from domain.errors import AgencySuspended, Unauthenticated
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Reason, reason_of
from tenants.directory.api_keys import new_secret
from tenants.directory.port import Revocation
from tenants.directory.sqlite import open_directory
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import FILE_KEY, World, audit
from tests.gateway.identity.directory_changes import (
    Change,
    Counted,
    change_clients,
    dismiss,
    hand_over,
    refused,
    remove,
    revoking,
    suspend,
)
from tests.gateway.identity.forge import AT, NOW, SUBJECT, access_claims


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
    for name, whose in (("somebody", world.harbor), ("elsewhere", world.summit)):
        await revoking("sub", name)(replace(world, harbor=whose))
    token = world.signers.harbor.token()
    first = await world.principal(token)
    assert await world.principal(token) is first
    for _ in range(2):
        await revoking("sub", "somebody")(replace(world, harbor=world.summit))
    revocation = Revocation(kind="sub", value="x", at=AT, expires_at=AT + timedelta(days=1))
    await world.directory.revoke(None, revocation, audit())

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
