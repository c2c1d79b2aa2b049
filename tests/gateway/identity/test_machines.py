"""Who is let in by an API key, until when, and what is recorded of its use."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.access import CredentialMode, Principal, Scope
from domain.actors import PrincipalKind
from domain.errors import AgencySuspended, StoreUnavailable, Unauthenticated
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Reason, Refusal, reason_of
from tenants.directory.api_keys import new_secret
from tenants.directory.port import Revocation
from tenants.directory.sqlite import open_directory
from tests.gateway.identity.conftest import FILE_KEY, World, audit
from tests.gateway.identity.directory_changes import Counted, a_key, remove, revoking, suspend
from tests.gateway.identity.forge import AT


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
        mode=CredentialMode.API_KEY,
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
    with capture_logs() as logged:
        found = await authenticator.authenticate(Credential(kind="api_key", value=secret))
        await authenticator.aclose()

    assert found.kind is PrincipalKind.INTEGRATION
    assert logged == [
        {
            "event": "use of an API key not recorded",
            "key": found.subject,
            "why": "STORE_UNAVAILABLE",
            "log_level": "warning",
        }
    ]


async def test_a_known_key_costs_one_look_at_the_epoch(world: World) -> None:
    """The second request with a key is let in by its verdict, and records of uses are let go."""
    secret = new_secret()
    await world.directory.add_api_key(world.harbor.id, a_key(secret), audit())
    counted: Any = Counted(world.directory)
    authenticator = Authenticator(counted, world.key_sets, world.clock)
    credential = Credential(kind="api_key", value=secret)
    first = await authenticator.authenticate(credential)
    await authenticator.aclose()
    counted.asked.clear()
    second = await authenticator.authenticate(credential)

    assert second is first
    assert counted.asked == ["epoch"]
    assert not authenticator._recordings


async def test_another_agencys_change_costs_a_key_nothing(world: World) -> None:
    """A key's verdict outlives what happens elsewhere, among the operators too."""
    secret = new_secret()
    await world.directory.add_api_key(world.harbor.id, a_key(secret), audit())
    first = await use(world, secret)
    await revoking("sub", "somebody")(replace(world, harbor=world.summit))
    revocation = Revocation(kind="sub", value="x", at=AT, expires_at=AT + timedelta(days=1))
    await world.directory.revoke(None, revocation, audit())

    assert await use(world, secret) is first
    await revoking("sub", "somebody")(world)
    assert await use(world, secret) is not first


class Between(Counted):
    """Says on the second look at a key something else than on the first."""

    def __init__(self, directory: Any, **second: Any) -> None:
        super().__init__(directory)
        self.second = second

    async def api_key_by_hash(self, key_hash: str) -> Any:
        """Return the key; from the second time on, what it has become."""
        self.asked.append("api_key_by_hash")
        if self.asked.count("api_key_by_hash") > 1 and "found" in self.second:
            return self.second["found"]
        return await self.directory.api_key_by_hash(key_hash)

    async def agency(self, agency_id: str) -> Any:
        """Return the agency, or what it has become."""
        return self.second.get("agency", await self.directory.agency(agency_id))


@pytest.mark.parametrize("gone", ["key", "agency", "both", "elsewhere"])
async def test_what_ends_between_two_looks_at_a_key_is_refused(world: World, gone: str) -> None:
    """Keys are found before the epoch that they are judged under: what is gone since is unknown."""
    secret = new_secret()
    key = a_key(secret)
    await world.directory.add_api_key(world.harbor.id, key, audit())
    changes: dict[str, dict[str, Any]] = {
        "key": {"found": None},
        "agency": {"agency": None},
        "both": {"agency": None, "found": None},
        "elsewhere": {"found": (world.summit.id, key)},
    }
    between: Any = Between(world.directory, **changes[gone])
    authenticator = Authenticator(between, world.key_sets, world.clock)
    with pytest.raises(Unauthenticated) as refusal:
        await authenticator.authenticate(Credential(kind="api_key", value=secret))

    assert reason_of(refusal.value) is Reason.UNKNOWN_API_KEY
    assert isinstance(refusal.value.__cause__, Refusal)
    assert refusal.value.__cause__.agency_id == world.harbor.id
