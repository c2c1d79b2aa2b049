"""What the directory promises of operators' grants."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessGrant, Scope
from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency
from domain.errors import IdempotencyMismatch, NotFound, VersionConflict
from domain.ids import new_ulid
from tenants.backend import Once, Replayed
from tenants.directory import changes as directory_changes
from tenants.directory.port import AgencyDirectory
from tenants.directory.rows import FORMATS
from tenants.directory.sqlite import APPLICATION_ID, SqliteDirectory, open_directory
from tenants.keys.removal import DirectoryPlace, holds
from tenants.sqlite.sqlcipher import open_encrypted
from tests.tenants.directory.directory_samples import AT, FILE_KEY, WRAPPED, an_agency, audit

OPERATOR = Actor(id="operator-1", kind=PrincipalKind.OPERATOR, display_name="Olga Operator")
ADMIN = Actor(id="admin-1", kind=PrincipalKind.ADMIN, display_name="Ada Admin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "directory.db"


@pytest.fixture
async def directory(path: Path) -> AsyncIterator[SqliteDirectory]:
    opened = open_directory(path, FILE_KEY, create=True, clock=lambda: AT)
    yield opened
    await opened.aclose()


@pytest.fixture
async def other(path: Path, directory: SqliteDirectory) -> AsyncIterator[SqliteDirectory]:
    """Return the same directory through connections of its own, as another process has it."""
    opened = open_directory(path, FILE_KEY, create=False, clock=lambda: AT)
    yield opened
    await opened.aclose()


@pytest.fixture
async def harbor(directory: SqliteDirectory) -> Agency:
    agency = an_agency()
    await directory.add_agency(agency, WRAPPED, audit("cli:agency add"))
    return agency


def a_request(number: int = 0, **changes: Any) -> AccessGrant:
    at = AT + timedelta(seconds=number)
    grant = AccessGrant(
        id=f"grant_{new_ulid(at)}",
        grantee=OPERATOR,
        scope=Scope.APPLICATIONS_READ,
        subject=None,
        reason="A complaint",
        requested_at=at,
        minutes=60,
        expires_at=at + timedelta(hours=24),
    )
    return replace(grant, **changes)


def a_once(grant: AccessGrant, digest: str = "input-1") -> Once:
    return Once(key="once-1", digest=digest, reference=grant.id, expires_at=AT + timedelta(days=1))


async def test_what_is_erased_is_forgotten_without_a_trace(
    directory: SqliteDirectory, path: Path, harbor: Agency
) -> None:
    """Grants over the subjects go, others stay; no page of the file or its log has the reason."""
    place = DirectoryPlace(path=path, key=FILE_KEY)
    reason = "Ana Uphold asked about it"
    over = a_request(1, subject="con_1", reason=reason)
    for grant in (over, a_request(2, subject="con_2"), a_request(3)):
        await directory.put_access_grant(harbor.id, grant, audit("requestAccess"))
    assert holds(place, [reason.encode()])
    epoch = directory.epoch(harbor.id)

    erased = audit("cli:consumer erase")
    assert await directory.forget_access_grants(harbor.id, {"con_1", "app_1"}, erased) == 1
    left = {grant.subject for grant in await directory.access_grants(harbor.id)}
    assert left == {"con_2", None}
    assert not holds(place, [reason.encode()])
    assert directory.epoch(harbor.id) > epoch
    lines = len(await directory.audit_lines(harbor.id, None, 100))
    assert await directory.forget_access_grants(harbor.id, {"con_1"}, audit("again")) == 0
    assert len(await directory.audit_lines(harbor.id, None, 100)) == lines


async def test_a_grant_comes_back_as_it_was_written(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """Request, approval and revocation are each read at once, by every process."""
    requested = await directory.put_access_grant(harbor.id, a_request(), audit())
    assert requested.version == 1
    approved = replace(
        requested, approved_by=ADMIN, approved_at=AT, expires_at=AT + timedelta(hours=1)
    )
    for written in (approved, replace(approved, version=2, revoked_at=AT)):
        kept = await directory.put_access_grant(harbor.id, written, audit())
        assert kept == replace(written, version=written.version + 1)
        for handle in (directory, other):
            assert await handle.access_grant(harbor.id, kept.id) == kept
            assert await handle.access_grants(harbor.id) == [kept]
            still_open = await handle.open_access_grants(harbor.id, OPERATOR.id, AT)
            assert still_open == ([] if kept.revoked_at else [kept])


async def test_grants_are_found_until_their_end_to_the_second(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """What ends at a moment is not open at it; each operator finds their own, newest first."""
    mine = [await directory.put_access_grant(harbor.id, a_request(n), audit()) for n in range(3)]
    stranger = replace(OPERATOR, id="operator-2")
    theirs = await directory.put_access_grant(harbor.id, a_request(9, grantee=stranger), audit())
    assert await directory.access_grants(harbor.id) == [theirs, *mine[::-1]]
    assert await directory.open_access_grants(harbor.id, stranger.id, AT) == [theirs]
    end = mine[0].expires_at
    for at, found in ((end - timedelta(seconds=1), mine[::-1]), (end, mine[:0:-1])):
        assert await directory.open_access_grants(harbor.id, OPERATOR.id, at) == found


async def test_a_stale_copy_is_refused(directory: SqliteDirectory, harbor: Agency) -> None:
    """Of two who change a grant at once, one does; what was read before is written no more."""
    grant = await directory.put_access_grant(harbor.id, a_request(), audit())
    approved = replace(grant, approved_by=ADMIN, approved_at=AT)
    revoked = replace(grant, revoked_at=AT)
    outcomes = await asyncio.gather(
        *(directory.put_access_grant(harbor.id, one, audit()) for one in (approved, revoked)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, VersionConflict)]
    assert len(refused) == 1
    assert refused[0].current_version == 2
    with pytest.raises(VersionConflict):
        await directory.put_access_grant(harbor.id, replace(grant, version=0), audit())
    with pytest.raises(VersionConflict):
        await directory.put_access_grant(harbor.id, a_request(version=7), audit())


async def test_every_change_leaves_a_line_and_raises_the_epoch(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """A refused one leaves neither."""
    epoch = other.epoch(harbor.id)
    grant = await directory.put_access_grant(harbor.id, a_request(), audit("requestAccess"))
    with pytest.raises(VersionConflict):
        await directory.put_access_grant(harbor.id, a_request(version=3), audit("approveAccess"))
    with pytest.raises(NotFound):
        await directory.put_access_grant("nowhere", a_request(), audit("requestAccess"))
    lines = await directory.audit_lines(harbor.id, None, 99)
    assert [line.action for line in lines if "Access" in line.action] == ["requestAccess"]
    assert other.epoch(harbor.id) == epoch + 1
    assert await directory.access_grants(harbor.id) == [grant]


async def test_a_repetition_is_answered_with_the_first(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """An idempotency key makes one grant; with another input it is refused."""
    first, second = a_request(), a_request(1)
    await directory.put_access_grant(harbor.id, first, audit(), a_once(first))
    with pytest.raises(Replayed) as replayed:
        await directory.put_access_grant(harbor.id, second, audit(), a_once(second))
    assert replayed.value.reference == first.id
    with pytest.raises(IdempotencyMismatch):
        await directory.put_access_grant(harbor.id, second, audit(), a_once(second, "input-2"))
    assert [one.id for one in await directory.access_grants(harbor.id)] == [first.id]


async def test_a_grant_is_one_agencys_alone(directory: SqliteDirectory, harbor: Agency) -> None:
    """Another agency neither finds, lists nor changes it; its removal takes it away."""
    summit = an_agency("summit")
    await directory.add_agency(summit, WRAPPED, audit())
    mine, theirs = AgencyDirectory(directory, harbor), AgencyDirectory(directory, summit)
    grant = await mine.put_access_grant(a_request(), audit(), None)
    assert await mine.access_grants() == [grant]
    assert await mine.access_grant(grant.id) == grant
    assert await mine.open_access_grants(OPERATOR.id, AT) == [grant]
    assert await theirs.access_grants() == []
    assert await theirs.access_grant(grant.id) is None
    assert await theirs.open_access_grants(OPERATOR.id, AT) == []
    with pytest.raises(VersionConflict):
        await theirs.put_access_grant(replace(grant, approved_at=AT), audit())
    await directory.remove_agency(harbor.id, audit())
    assert await mine.access_grants() == []


async def test_a_directory_of_before_there_were_grants_is_brought_forward(path: Path) -> None:
    """An older file gets the table, and keeps what it held."""
    older = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    for statement in FORMATS[0]:
        older.execute(statement)
    older.execute("PRAGMA user_version = 1")
    agency = an_agency()
    directory_changes.insert_agency(older, agency)
    older.commit()
    older.close()

    opened = open_directory(path, FILE_KEY, create=False, clock=lambda: AT)
    try:
        assert await opened.access_grants(agency.id) == []
        grant = await opened.put_access_grant(agency.id, a_request(), audit())
        assert await opened.access_grants(agency.id) == [grant]
    finally:
        await opened.aclose()
