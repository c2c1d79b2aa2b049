"""`almoner access …`: who may do what in an agency now, for the quarterly review."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click

from domain.access import AccessGrant, ApiKey
from domain.agencies import Agency, Staff
from domain.applications import Application
from domain.errors import GatewayError
from domain.ids import ulid_time
from gateway.cli.terminal import (
    Tell,
    agency_argument,
    agency_named,
    in_workspace,
    json_option,
    leave_line,
    print_rows,
    reason_option,
    reason_or_ask,
    working,
)
from gateway.workspace import Workspace
from tenants.ledger.ledger import Ledger
from tenants.ledger.sequencer import Sequencer
from tenants.store import AgencyStore

T = TypeVar("T")
QUARTER_DAYS = 92
_READ_AT_ONCE = 500
_TOLD_LINES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Something that somebody may do now. ends: None where nothing but a command ends it."""

    kind: str
    id: str
    who: str
    what: str
    over: str
    since: datetime
    ends: datetime | None
    last_use: datetime | None


@dataclass(frozen=True, slots=True)
class Uses:
    """When somebody did anything last, and when with the data of a consumer."""

    by_actor: dict[str, datetime]
    by_file: dict[tuple[str, str], datetime]

    def last(self, actor: str, consumer: str | None, since: datetime) -> datetime | None:
        """Return the last use of a power that somebody has had since then; None before any."""
        if consumer is None:
            found = self.by_actor.get(actor)
        else:
            found = self.by_file.get((actor, consumer))
        return None if found is None or found < since else found


@click.group()
def access() -> None:
    """Access: review.

    \b
    Example:
      almoner access review harbor
    """


@access.command()
@agency_argument
@click.option(
    "--days",
    default=QUARTER_DAYS,
    show_default=True,
    type=click.IntRange(1, 3660),
    help="How far back to look for the last use.",
)
@reason_option
@json_option
def review(*, agency: str, days: int, reason: str | None, as_json: bool) -> None:
    """List every live power: staff, API keys, counselors' grants, operators' grants.

    Each with its age in days, its end, and when it was last used, by the audit ledger; "-" where
    nobody used it in the days looked back over. What is no longer needed, take away: almoner staff
    deactivate, almoner key revoke, and revokeAccess.

    \b
    Example:
      almoner access review harbor --reason "Q1 review" --json > harbor-2026-q1.json
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
        await leave_line(workspace, found, "access review", given)
        now = datetime.now(UTC)
        async with (
            workspace.registry.lease(found) as store,
            working("reading the audit ledger backward") as tell,
        ):
            with suppress(GatewayError):  # a ledger that was tampered with takes no lines
                await Sequencer(store.ledger, workspace.directory, found.id).merge()
            uses = await uses_since(store.ledger, now - timedelta(days=days), tell)
            powers = [power async for power in live_powers(workspace, found, store, uses, now)]
        return [_row(power, now) for power in powers]

    print_rows(in_workspace(run), as_json=as_json, empty="nobody may do anything")


async def live_powers(
    workspace: Workspace, agency: Agency, store: AgencyStore, uses: Uses, now: datetime
) -> AsyncIterator[Power]:
    """Yield every power that is live now: staff, keys, counselors' grants, operators' grants."""
    for person in await workspace.directory.staff(agency.id):
        if person.active:
            yield _of_staff(person, uses)
    for key in await workspace.directory.api_keys(agency.id):
        if key.is_live(now):
            yield _of_key(key, uses)
    live = [grant async for grant in store.scan(AccessGrant) if grant.is_live(now)]
    for power in _of_grants("counselor grant", live, await _consumers_of(store, live), uses):
        yield power
    live = [one for one in await workspace.directory.access_grants(agency.id) if one.is_live(now)]
    for power in _of_grants("operator grant", live, await _consumers_of(store, live), uses):
        yield power


async def uses_since(ledger: Ledger, since: datetime, tell: Tell) -> Uses:
    """Return the last uses that the ledger tells of, read backward until that moment."""
    uses = Uses({}, {})
    async for one in ledger.walk(newest_first=True):
        line = one.line
        # Lines stand as they were merged: a little out of order, never by a day.
        if line.at < since - timedelta(days=1):
            break
        _note(uses.by_actor, line.actor.id, line.at)
        for consumer in line.consumers:
            _note(uses.by_file, (line.actor.id, consumer), line.at)
        if one.index % _TOLD_LINES == 0:
            tell(f"line {one.index:,}")
    return Uses(_not_before(uses.by_actor, since), _not_before(uses.by_file, since))


def _note(uses: dict[T, datetime], key: T, at: datetime) -> None:
    uses[key] = max(at, uses.get(key, at))


def _not_before(uses: Mapping[T, datetime], since: datetime) -> dict[T, datetime]:
    return {key: at for key, at in uses.items() if at >= since}


def _of_staff(person: Staff, uses: Uses) -> Power:
    since = ulid_time(person.id.rpartition("_")[2])
    return Power(
        kind="staff",
        id=person.id,
        who=f"{person.display_name} <{person.email}>",
        what=person.group.value,
        over="the agency",
        since=since,
        ends=None,
        last_use=uses.last(person.subject, None, since),
    )


def _of_key(key: ApiKey, uses: Uses) -> Power:
    return Power(
        kind="key",
        id=key.id,
        who=key.name,
        what=" ".join(sorted(key.scopes)),
        over="the agency",
        since=key.created_at,
        ends=key.expires_at,
        last_use=key.last_used_at or uses.last(key.id, None, key.created_at),
    )


def _of_grants(
    kind: str, grants: Sequence[AccessGrant], consumers: Mapping[str, str], uses: Uses
) -> Iterator[Power]:
    for grant in sorted(grants, key=lambda grant: grant.expires_at):
        since = grant.approved_at or grant.requested_at
        consumer = None if grant.subject is None else consumers.get(grant.subject, grant.subject)
        yield Power(
            kind=kind,
            id=grant.id,
            who=grant.grantee.display_name,
            what=grant.scope.value,
            over=grant.subject or "the agency",
            since=since,
            ends=grant.expires_at,
            last_use=uses.last(grant.grantee.id, consumer, since),
        )


async def _consumers_of(store: AgencyStore, grants: Sequence[AccessGrant]) -> dict[str, str]:
    """Return whose application it is, for those that grants are over."""
    subjects = sorted({grant.subject for grant in grants if grant.subject is not None})
    found: dict[str, str] = {}
    for start in range(0, len(subjects), _READ_AT_ONCE):
        some = await store.get_many(Application, subjects[start : start + _READ_AT_ONCE])
        found |= {id_: application.consumer_id for id_, application in some.items()}
    return found


def _row(power: Power, now: datetime) -> dict[str, object]:
    return {
        "kind": power.kind,
        "who": power.who,
        "what": power.what,
        "over": power.over,
        "age": (now - power.since).days,
        "ends": power.ends and power.ends.isoformat(timespec="seconds"),
        "last use": power.last_use and power.last_use.isoformat(timespec="seconds"),
        "id": power.id,
    }
