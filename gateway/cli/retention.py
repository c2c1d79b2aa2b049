"""`almoner retention …`: what is disposed of when, legal holds, and the disposal itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import click

from domain.applications import Application
from domain.audit import AuditLine
from domain.errors import NotFound
from domain.retention import (
    AUDIT_YEARS,
    CONSENT_YEARS,
    RETENTION_YEARS_MAX,
    RETENTION_YEARS_MIN,
    LegalHold,
)
from gateway.cli.terminal import (
    agency_named,
    in_workspace,
    json_option,
    print_record,
    print_rows,
    reason_option,
    reason_or_ask,
)
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace
from tenants.retention import (
    Audited,
    dispose,
    due,
    hold_id,
    old_lines,
    place_hold,
    release_hold,
    sweep_files,
)
from tenants.store import AgencyStore


@click.group()
def retention() -> None:
    """Retention: years, run, hold, release, holds.

    \b
    Example:
      almoner retention run harbor --dry-run
    """


@retention.command()
@click.argument("agency")
@click.argument(
    "number", required=False, type=click.IntRange(RETENTION_YEARS_MIN, RETENTION_YEARS_MAX)
)
@reason_option
@json_option
def years(*, agency: str, number: int | None, reason: str | None, as_json: bool) -> None:
    """Show, or set, how many years an application is kept after it has ended.

    \b
    Example:
      almoner retention years harbor 5 --reason "state law"
    """
    given = "" if number is None else reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> int:
        found = await agency_named(workspace, agency)
        if number is None or number == found.retention_years:
            return found.retention_years
        audit = cli_audit("retention years", subject=f"agency_{found.id}", reason=given)
        await workspace.directory.update_agency(replace(found, retention_years=number), audit)
        return number

    kept = {"applications": in_workspace(run), "consents": CONSENT_YEARS, "audit": AUDIT_YEARS}
    print_record({f"{name} (years)": value for name, value in kept.items()}, as_json=as_json)


@retention.command()
@click.argument("agency")
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
    given = "" if dry_run else reason_or_ask(reason, demanded=True)

    async def act(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
        async with workspace.registry.lease(found) as store:
            audited = None if dry_run else audited_as("retention run", given)
            return await _run(store, found.retention_years, datetime.now(UTC), audited)

    rows = in_workspace(act)
    print_rows(rows, as_json=as_json, empty="nothing has served its time yet")
    if dry_run and rows and not as_json:
        click.echo("nothing was changed; leave out --dry-run to dispose of these", err=True)


@retention.command()
@click.argument("agency")
@click.argument("application")
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
@click.argument("agency")
@click.argument("application")
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
@click.argument("agency")
@json_option
def holds(*, agency: str, as_json: bool) -> None:
    """List the legal holds.

    \b
    Example:
      almoner retention holds harbor
    """

    async def act(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
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


async def _run(
    store: AgencyStore, kept_years: int, at: datetime, audited: Audited | None
) -> list[dict[str, object]]:
    """Dispose of what is due, or list it where there is no audit line to write."""
    rows: list[dict[str, object]] = []
    if audited is not None:
        await store.record_audit(audited(None, ()))  # that it ran, even where nothing is due
    async for item in due(store, years=kept_years, at=at):
        done = audited is None or await dispose(store, item, audited)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(item.counts.items()))
        why = item.reason if done else "it was changed or held meanwhile, and stays for now"
        rows.append({"what": item.subject, "records": kinds, "why": why})
    below, first = await old_lines(store, at=at), await store.ledger.pruned()
    if below > first:
        why = f"they are older than {AUDIT_YEARS} years"
        if audited is not None:
            below = await store.ledger.prune(below)
        if below > first:
            rows.append({"what": f"audit lines {first} to {below - 1}", "records": "", "why": why})
    if audited is not None:
        swept = await sweep_files(store, at=at)
        if swept:
            why = "no report names them: their pull was cut off"
            rows.append({"what": "files", "records": f"{swept} file", "why": why})
    return rows


def _about(audit: AuditLine, application: Application) -> AuditLine:
    return replace(audit, consumers=(application.consumer_id,))
