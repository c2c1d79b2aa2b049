"""Who came in and who was turned away is told: once, in bounds, and to the right agency."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from domain.access import Principal
from domain.actors import Group
from domain.audit import AuditLine, AuditOutcome
from domain.errors import AgencySuspended, StoreUnavailable, Unauthenticated
from domain.ids import ulid_time
from gateway.identity import sightings as module
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Refusal
from gateway.identity.sightings import Sightings
from resolvers.context import RequestMeta
from tenants.directory.api_keys import new_secret
from tenants.directory.rows import AUDIT_LINES
from tests.gateway.identity.conftest import World, audit
from tests.gateway.identity.directory_changes import a_key, revoking, suspend
from tests.resolvers.world import World as StoreWorld
from tests.resolvers.world import open_world

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
async def agency(tmp_path: Path) -> AsyncIterator[StoreWorld]:
    """One agency with a store and a directory."""
    async with open_world(tmp_path) as opened:
        yield opened


def meta(at: datetime = AT, source_ip: str = "203.0.113.7") -> RequestMeta:
    """Return what is known of a request."""
    return RequestMeta(id="request-1", at=at, source_ip=source_ip)


async def _arrive(agency: StoreWorld, sightings: Sightings, who: Principal, at: datetime) -> int:
    before = len(await agency.audit())
    await sightings.arrived(who, meta(at), agency.store, agency.directory)
    await agency.store.flush_reads()
    return len(await agency.audit()) - before


async def test_a_sign_in_is_told_once(agency: StoreWorld) -> None:
    """However many requests and tokens come of it; another sign-in is told again."""
    sightings, nora = Sightings(), agency.person(Group.COUNSELORS)
    assert [await _arrive(agency, sightings, nora, AT) for _ in range(3)] == [1, 0, 0]
    assert await _arrive(agency, sightings, nora, AT + timedelta(hours=5)) == 0
    again = replace(nora, authenticated_at=AT + timedelta(hours=5))
    assert await _arrive(agency, sightings, again, AT + timedelta(hours=5)) == 1
    (first, _) = await agency.audit()
    assert (first.action, first.actor, first.outcome) == ("signIn", nora.actor, AuditOutcome.DONE)
    assert (first.request_id, first.source_ip) == ("request-1", "203.0.113.7")
    assert (first.at, ulid_time(first.id), first.subject) == (AT, AT, None)


async def test_a_keys_use_is_told_once_an_hour(agency: StoreWorld) -> None:
    """The first use, and the first one an hour later, with the key named."""
    sightings, key = Sightings(), agency.key()
    minutes = (0, 30, 59, 60, 61, 120)
    told = [await _arrive(agency, sightings, key, AT + timedelta(minutes=m)) for m in minutes]
    assert told == [1, 0, 0, 1, 0, 1]
    assert {(line.action, line.subject) for line in await agency.audit()} == {
        ("useApiKey", key.subject)
    }


async def test_a_consumers_name_is_in_no_line(agency: StoreWorld) -> None:
    """What the pool calls a consumer may be their name; the ledger lies open for good.

    So does the directory's own log, where those are told of who are refused.
    """
    sightings = Sightings()
    consumer = replace(agency.person(Group.CONSUMERS), display_name="ada.byron")
    await _arrive(agency, sightings, consumer, AT)
    await sightings.turned_away(AgencySuspended(), consumer, meta(), agency.directory)
    (waiting,) = await agency.backend.audit_lines(after=None, limit=10)
    kept = await agency.directory._read(AUDIT_LINES, agency.agency.id, "", 10)
    bodies = (waiting.body, *(body for (body,) in kept))
    assert sum(b"signIn" in body and consumer.subject.encode() in body for body in bodies) == 2
    assert not any(b"byron" in body for body in bodies)


async def test_operators_are_told_of_where_they_belong(agency: StoreWorld) -> None:
    """In the directory, and in the ledger of each agency that they enter."""
    sightings, operator = Sightings(), agency.person(Group.OPERATORS)
    await sightings.arrived(operator, meta(), None, agency.directory)
    assert await _arrive(agency, sightings, operator, AT) == 1
    (line,) = await agency.directory.audit_lines(None, None, 10)
    assert (line.action, line.actor) == ("signIn", operator.actor)


async def test_nobody_comes_in_untold(agency: StoreWorld) -> None:
    """Where the line cannot be taken the request ends, and the next one tries again."""
    sightings, nora = Sightings(), agency.person(Group.COUNSELORS)
    agency.store._reads._failing = True
    with pytest.raises(StoreUnavailable):
        await sightings.arrived(nora, meta(), agency.store, agency.directory)
    agency.store._reads._failing = False
    assert await _arrive(agency, sightings, nora, AT) == 1


async def _refusal(world: World, credential: Credential) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as raised:
        await world.authenticator.authenticate(credential)
    return raised.value


async def _told(world: World, agency_id: str | None) -> list[AuditLine]:
    lines = await world.directory.audit_lines(agency_id, None, 1000)
    return [line for line in lines if line.outcome is AuditOutcome.REFUSED]


async def test_a_refused_credential_is_told_to_its_agency(world: World) -> None:
    """A token of the agency's pool or a key of its own that does not hold, with the reason."""
    sightings = Sightings()
    token = world.signers.harbor.token()
    forged = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    await revoking("jti", _jti(world))(world)
    secret = new_secret()
    key = replace(a_key(secret), expires_at=world.clock() + timedelta(hours=1))
    await world.directory.add_api_key(world.harbor.id, key, audit())
    world.clock.turn(3601)
    credentials = [
        Credential(kind="jwt", value=forged),
        Credential(kind="jwt", value=token),
        Credential(kind="api_key", value=secret),
    ]
    for credential in credentials:
        error = await _refusal(world, credential)
        await sightings.turned_away(error, None, meta(), world.directory)
    reasons = [line.purpose for line in await _told(world, world.harbor.id)]
    assert sorted(map(str, reasons)) == ["ended-api-key", "expired", "wrong-signature"]
    for line in await _told(world, world.harbor.id):
        assert (line.action, line.actor.id, line.source_ip) == ("signIn", "unknown", "203.0.113.7")
        assert not {forged, token, secret} & {*repr(line).split("'")}
    assert await _told(world, world.summit.id) == await _told(world, None) == []


def _jti(world: World) -> str:
    return f"another-{world.harbor.id}"


async def test_a_suspended_agency_hears_of_it(world: World) -> None:
    """The credential holds and the agency may not: told under its own reason."""
    token = Credential(kind="jwt", value=world.signers.harbor.token())
    await suspend(world)
    error = await _refusal(world, token)
    assert isinstance(error, AgencySuspended)
    await Sightings().turned_away(error, None, meta(), world.directory)
    (line,) = await _told(world, world.harbor.id)
    assert line.purpose == "suspended-agency"


async def test_what_names_no_agency_is_told_to_nobody(world: World) -> None:
    """Rubbish, tokens of foreign issuers and keys that nobody has are the log's business."""
    sightings = Sightings()
    for credential in (
        Credential(kind="api_key", value=new_secret()),
        Credential(kind="jwt", value="a.b.c"),
    ):
        error = await _refusal(world, credential)
        await sightings.turned_away(error, None, meta(), world.directory)
    await sightings.turned_away(Unauthenticated(), None, meta(), world.directory)
    for agency_id in (world.harbor.id, world.summit.id, None):
        assert await _told(world, agency_id) == []


async def _refuse(world: World, sightings: Sightings, reason: str, **more: Any) -> None:
    error = Unauthenticated()
    error.__cause__ = Refusal(cast("Any", _Named(reason)))
    error.__cause__.is_attributed = True
    error.__cause__.agency_id = world.harbor.id
    await sightings.turned_away(error, None, meta(**more), world.directory)


class _Named(str):
    """A reason as the enumeration has them."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """Return what it is called."""
        return str(self)


async def test_the_same_refusal_is_told_once_a_minute(world: World) -> None:
    """For each agency, reason and address; a minute later again."""
    sightings = Sightings()
    for seconds in (0, 1, 59, 60, 61, 120):
        await _refuse(world, sightings, "expired", at=AT + timedelta(seconds=seconds))
    assert len(await _told(world, world.harbor.id)) == 3
    await _refuse(world, sightings, "revoked", at=AT + timedelta(seconds=121))
    await _refuse(world, sightings, "expired", at=AT + timedelta(seconds=121), source_ip="::1")
    assert len(await _told(world, world.harbor.id)) == 5


async def test_a_flood_is_bounded(world: World) -> None:
    """Whoever sends forged tokens from many addresses fills neither disk nor memory."""
    sightings = Sightings()
    for number in range(module.REFUSALS_PER_AGENCY_MAX + 40):
        await _refuse(world, sightings, "expired", source_ip=f"2001:db8::{number:x}")
    assert len(await _told(world, world.harbor.id)) == module.REFUSALS_PER_AGENCY_MAX
    later = AT + module.REFUSAL_TOLD_EACH
    await _refuse(world, sightings, "expired", source_ip="2001:db8::1", at=later)
    assert len(await _told(world, world.harbor.id)) == module.REFUSALS_PER_AGENCY_MAX + 1


async def test_a_refusal_that_cannot_be_told_stays_a_refusal(world: World) -> None:
    """The caller is answered 401 whatever the directory can write; the log says why."""
    await world.directory.aclose()
    with capture_logs() as logged:
        await _refuse(world, Sightings(), "expired")
    assert logged == [
        {
            "event": "a refused credential not recorded",
            "reason": "expired",
            "why": "STORE_UNAVAILABLE",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(AgencySuspended(), "suspended-agency"), (Unauthenticated(), "another-agency")],
)
async def test_a_principal_who_does_not_fit_is_told_by_name(
    agency: StoreWorld, error: Unauthenticated, reason: str
) -> None:
    """Whose credential held, and whose agency is suspended or another one, is no stranger."""
    nora = agency.person(Group.COUNSELORS)
    error.__cause__ = ValueError("whatever it was")
    await Sightings().turned_away(error, nora, meta(), agency.directory)
    (line,) = (
        one
        for one in await agency.directory.audit_lines(agency.agency.id, None, 10)
        if one.outcome is AuditOutcome.REFUSED
    )
    assert (line.actor, line.purpose, line.action) == (nora.actor, reason, "signIn")
    assert (line.at, ulid_time(line.id)) == (AT, AT)
    assert (line.request_id, line.source_ip) == ("request-1", "203.0.113.7")


async def test_an_error_of_another_kind_is_told_to_nobody(world: World) -> None:
    """What was no refused credential says nothing of an agency."""
    error = Unauthenticated()
    error.__cause__ = ValueError("whatever it was")
    await Sightings().turned_away(error, None, meta(), world.directory)
    assert await _told(world, world.harbor.id) == await _told(world, None) == []


async def test_each_agency_hears_of_its_own(world: World) -> None:
    """What was told to one, and as often as may be, is told to another all the same."""
    sightings = Sightings()
    for number in range(module.REFUSALS_PER_AGENCY_MAX):
        await _refuse(world, sightings, "expired", source_ip=f"2001:db8::{number:x}")
    await _refuse(replace(world, harbor=world.summit), sightings, "expired", source_ip="2001:db8::")
    assert len(await _told(world, world.summit.id)) == 1


async def test_without_a_store_the_agencys_directory_is_told(agency: StoreWorld) -> None:
    """Whoever has an agency and comes in where its store is not open is told to that agency."""
    nora = agency.person(Group.COUNSELORS)
    await Sightings().arrived(nora, meta(), None, agency.directory)
    told = await agency.directory.audit_lines(agency.agency.id, None, 10)
    assert [line.actor for line in told if line.action == "signIn"] == [nora.actor]
    assert await agency.directory.audit_lines(None, None, 10) == []
