"""`almoner retention …`: what is disposed of when, legal holds, and the disposal itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import click

from domain.agencies import Agency
from domain.applications import Application
from domain.audit import AuditLine
from domain.errors import NotFound
from domain.event_catalogue import described
from domain.events import Event, EventName
from domain.ids import new_ulid
from domain.retention import (
    AUDIT_YEARS,
    CONSENT_YEARS,
    RETENTION_YEARS_MAX,
    RETENTION_YEARS_MIN,
    LegalHold,
)
from domain.settings import AgencySettings
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    in_workspace,
    json_option,
    leave_line,
    print_record,
    print_rows,
    reason_if_given,
    reason_option,
    reason_or_ask,
    working,
)
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace
from tenants.retention import (
    Audited,
    Disposal,
    dispose,
    due,
    hold_id,
    old_lines,
    place_hold,
    release_hold,
    sweep_files,
)
from tenants.settings import numbered_next, settings_in_force
from tenants.store import AgencyStore, Change

application_argument = click.argument("application")


@click.group()
def retention() -> None:
    """Retention: years, run, hold, release, holds.

    \b
    Example:
      almoner retention run harbor --dry-run
    """


@retention.command()
@agency_argument
@click.argument(
    "number", required=False, type=click.IntRange(RETENTION_YEARS_MIN, RETENTION_YEARS_MAX)
)
@reason_option
@json_option
def years(*, agency: str, number: int | None, reason: str | None, as_json: bool) -> None:
    """Show, or set, how many years an application is kept after it has ended.

    It is one of the agency's settings: setting it makes a new version of them, in force from today.
    A version that was made to begin later keeps its own years.

    \b
    Example:
      almoner retention years harbor 5 --reason "state law"
    """
    given = "" if number is None else reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> int:
        found, today = await agency_named(workspace, agency), datetime.now(UTC).date()
        async with workspace.registry.lease(found) as store:
            kept = await settings_in_force(store, found, today)
            if number is not None and number != kept.retention_years:
                changed = replace(kept, retention_years=number, effective_from=today)
                await _change(store, changed, given)
            return number or kept.retention_years

    kept = {"applications": in_workspace(run), "consents": CONSENT_YEARS, "audit": AUDIT_YEARS}
    print_record({f"{name} (years)": value for name, value in kept.items()}, as_json=as_json)


@retention.command()
@agency_argument
@click.option("--dry-run", is_flag=True, help="List what would go, and change nothing.")
@reason_option
@json_option
def run(*, agency: str, dry_run: bool, reason: str | None, as_json: bool) -> None:
    """Dispose of what has served its time: applications with all under them, consents, audit lines.

    What lies under a legal hold stays. A run that was cut off is simply repeated.

    \b
    Example:
      almoner retention run harbor --reason "monthly disposal"
    """
    given = reason_if_given(reason) if dry_run else reason_or_ask(reason, demanded=True)

    async def act(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
        if dry_run:
            await leave_line(workspace, found, "retention run --dry-run", given)
        async with workspace.registry.lease(found) as store:
            disposing = None if dry_run else _Disposing(workspace, found, given)
            at = datetime.now(UTC)
            kept = await settings_in_force(store, found, at.date())
            return await _run(store, kept.retention_years, at, disposing)

    rows = in_workspace(act)
    print_rows(rows, as_json=as_json, empty="nothing has served its time yet")
    if dry_run and rows and not as_json:
        click.echo("nothing was changed; leave out --dry-run to dispose of these", err=True)


@retention.command()
@agency_argument
@application_argument
@reason_option
def hold(*, agency: str, application: str, reason: str | None) -> None:
    """Keep an application and all under it, whatever its age, until the hold is released.

    \b
    Example:
      almoner retention hold harbor app_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --reason "subpoena 24-118"
    """
    given = reason_or_ask(reason, demanded=True)

    async def act(store: AgencyStore, found: Application) -> None:
        audit = _about(cli_audit("retention hold", subject=found.id, reason=given), found)
        placed = LegalHold(
            id=hold_id(found.id),
            application_id=found.id,
            reason=given,
            placed_by=audit.actor,
            placed_at=audit.at,
        )
        await place_hold(store, placed, audit)

    _with_application(agency, application, act)
    click.echo(f"{application} is kept until: almoner retention release {agency} {application}")


@retention.command()
@agency_argument
@application_argument
@reason_option
def release(*, agency: str, application: str, reason: str | None) -> None:
    """Let an application go when its time comes.

    \b
    Example:
      almoner retention release harbor app_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --reason "case closed"
    """
    given = reason_or_ask(reason, demanded=True)

    async def act(store: AgencyStore, found: Application) -> None:
        audit = cli_audit("retention release", subject=found.id, reason=given)
        await release_hold(store, found.id, _about(audit, found))

    _with_application(agency, application, act)
    click.echo(f"the hold on {application} is released")


@retention.command()
@agency_argument
@reason_option
@json_option
def holds(*, agency: str, reason: str | None, as_json: bool) -> None:
    """List the legal holds.

    \b
    Example:
      almoner retention holds harbor
    """
    given = reason_if_given(reason)

    async def act(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
        await leave_line(workspace, found, "retention holds", given)
        async with workspace.registry.lease(found) as store:
            return [
                {
                    "application": item.application_id,
                    "reason": item.reason,
                    "by": item.placed_by.display_name,
                    "since": item.placed_at.isoformat(timespec="seconds"),
                }
                async for item in store.scan(LegalHold)
            ]

    print_rows(in_workspace(act), as_json=as_json, empty="nothing is held")


def audited_as(action: str, reason: str) -> Audited:
    """Return what makes the audit lines of a command, for whatever it is done to."""

    def audited(subject: str | None, consumers: Sequence[str]) -> AuditLine:
        return replace(
            cli_audit(action, subject=subject, reason=reason), consumers=tuple(consumers)
        )

    return audited


async def _change(store: AgencyStore, settings: AgencySettings, reason: str) -> None:
    """Write settings as the next version, as updateSettings does."""
    audit = cli_audit("retention years", subject=None, reason=reason)
    settings = await numbered_next(store, settings, audit.at)
    name = EventName.SETTINGS_UPDATED
    event = Event(
        id=new_ulid(audit.at),
        name=name,
        schema=described(name, settings.id, {}),
        at=audit.at,
        subject=settings.id,
        version=1,
    )
    line = replace(audit, subject=settings.id, fields=("AgencySettings.retentionYears",))
    await store.commit(Change(put=(settings,), event=event, audit=line))


def _with_application(
    slug: str, application_id: str, act: Callable[[AgencyStore, Application], Awaitable[None]]
) -> None:
    """Open the agency's store and do something with one of its applications."""

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, slug)
        async with workspace.registry.lease(found) as store:
            application = await store.get(Application, application_id)
            if application is None:
                raise NotFound(f"{slug} has no application {application_id}")
            await act(store, application)

    in_workspace(run)


class _Disposing:
    """Disposes of things one by one: what the store holds, and operators' grants over it."""

    def __init__(self, workspace: Workspace, agency: Agency, reason: str) -> None:
        self._workspace, self._agency, self._reason = workspace, agency, reason
        self.audited = audited_as("retention run", reason)

    async def dispose(self, store: AgencyStore, item: Disposal) -> bool:
        """Remove what goes together; False where it was changed or held meanwhile."""
        if not await dispose(store, item, self.audited):
            return False
        # Their reasons may say whom they are about.
        audit = audited_as("retention run: operators' grants", self._reason)
        await self._workspace.directory.forget_access_grants(
            self._agency.id,
            {record.id for record in item.records},
            audit(item.subject, item.consumers),
        )
        return True


async def _run(
    store: AgencyStore, kept_years: int, at: datetime, disposing: _Disposing | None
) -> list[dict[str, object]]:
    """Dispose of what is due, or list it where nothing is to be disposed of."""
    rows: list[dict[str, object]] = []
    if disposing is not None:
        await store.record_audit(disposing.audited(None, ()))  # even where nothing is due
    async with working("looking for what has served its time") as tell:
        async for item in due(store, years=kept_years, at=at):
            done = disposing is None or await disposing.dispose(store, item)
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(item.counts.items()))
            why = item.reason if done else "it was changed or held meanwhile, and stays for now"
            rows.append({"what": item.subject, "records": kinds, "why": why})
            tell(f"{len(rows):,} found")
        below, first = await old_lines(store, at=at), await store.ledger.pruned()
        if below > first:
            why = f"they are older than {AUDIT_YEARS} years"
            if disposing is not None:
                below = await store.ledger.prune(below)
            if below > first:
                lines = f"audit lines {first} to {below - 1}"
                rows.append({"what": lines, "records": "", "why": why})
        swept = 0 if disposing is None else await sweep_files(store, at=at)
        if swept:
            why = "no record names them: a pull or an upload was cut off"
            rows.append({"what": "files", "records": f"{swept} file", "why": why})
    if disposing is not None:
        await scrub(store)
    return rows


async def scrub(store: AgencyStore) -> None:
    """Take what was removed out of the store's files too; say so where that could not be done."""
    if not await store.scrub():
        click.echo(
            "Somebody was reading the store all the while: what was removed may still be in its "
            "write-ahead log. Empty that in a moment, with: almoner retention run",
            err=True,
        )


def _about(audit: AuditLine, application: Application) -> AuditLine:
    return replace(audit, consumers=(application.consumer_id,))
