"""`almoner edge …`: what the edge router goes by, its table, and the bundle for Lambda@Edge."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from domain.addresses import is_loopback
from domain.agencies import Agency, Routing
from domain.errors import Duplicate
from edge_router.bundle import BUNDLE_BYTES_MAX, write_bundle
from edge_router.compiling import DAYS_DEFAULT, DAYS_MAX
from edge_router.sealing import read_bundled
from edge_router.table import RoutingTable
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    configured,
    in_workspace,
    json_option,
    leave_line,
    print_record,
    print_rows,
    reason_if_given,
    reason_option,
    reason_or_ask,
)
from gateway.edge import compiled, opened, opened_text, terms_of
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace

_file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def edge() -> None:
    """The edge router: route, compile, show, verify, bundle.

    \b
    Example:
      almoner edge route harbor --weight 300 --partner HARBOR10 --reason "spring campaign"
      almoner edge compile --out edge.json --reason "spring campaign"
      almoner edge bundle edge.json --out edge.zip
    """


@edge.command()
@agency_argument
@click.option("--weight", type=int, default=None, help="Its share of new visitors; 0 for none.")
@click.option("--partner", "codes", multiple=True, help="All its partner codes anew; repeatable.")
@click.option("--no-partners", is_flag=True, help="It has no partner codes any more.")
@click.option(
    "--open/--crowded", "accepting", default=None, help="Whether it takes new visitors at all."
)
@reason_option
@json_option
def route(
    *,
    agency: str,
    weight: int | None,
    codes: tuple[str, ...],
    no_partners: bool,
    accepting: bool | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Replace what visitors are routed to an agency by, and leave the rest as it is.

    \b
    Example:
      almoner edge route harbor --crowded --reason "no counselor free this week"
    """
    if codes and no_partners:
        raise click.UsageError("--partner and --no-partners exclude each other")
    changes: dict[str, object] = {
        **({} if weight is None else {"weight": weight}),
        **({} if accepting is None else {"accepting": accepting}),
        **({"partner_codes": _codes(codes)} if codes or no_partners else {}),
    }
    if not changes:
        raise click.UsageError(
            "name what is to change: --weight, --partner, --no-partners, --open, --crowded"
        )
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> Agency:
        found = await agency_named(workspace, agency)
        routing: Routing = replace(found.routing, **changes)  # type: ignore[arg-type]
        _demand_own(routing, [one for one in await workspace.directory.agencies() if one != found])
        changed = replace(found, routing=routing)
        audit = cli_audit("edge route", subject=f"agency_{found.id}", reason=given)
        await workspace.directory.update_agency(changed, audit)
        return changed

    print_record(_routing(in_workspace(run)), as_json=as_json)


@edge.command(name="compile")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The table's file; the one there is what the new one follows.",
)
@click.option("--days", type=int, default=DAYS_DEFAULT, help=f"How long it holds, to {DAYS_MAX}.")
@click.option("--allow-shrink", is_flag=True, help="Let states or agencies go.")
@click.option(
    "--forget-cookies", is_flag=True, help="After a leak: no cookie so far counts any more."
)
@reason_option
@json_option
def compile_(
    *,
    out: Path,
    days: int,
    allow_shrink: bool,
    forget_cookies: bool,
    reason: str | None,
    as_json: bool,
) -> None:
    """Write the directory's agencies into one signed table for the edge.

    \b
    Example:
      almoner edge compile --out edge.json --reason "a new agency"
    """
    config = configured("command")
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> RoutingTable:
        terms = terms_of(
            config,
            workspace.keys,
            days=days,
            allow_shrink=allow_shrink,
            forget_cookies=forget_cookies,
        )
        await leave_line(workspace, None, "edge compile", given)
        return compiled(await workspace.directory.agencies(), terms, workspace.keys, out)

    print_record(_summary(in_workspace(run)), as_json=as_json)


@edge.command()
@_file_argument
@json_option
def show(*, file: Path, as_json: bool) -> None:
    """Print where a table sends visitors; its keys are not shown.

    \b
    Example:
      almoner edge show edge.json
    """
    table = _opened(file)
    rows = [
        {
            "agency": route.agency,
            "site": route.site,
            "states": list(route.states),
            "weight": route.weight,
            "accepting": route.accepting,
            "partnerCodes": list(route.partner_codes),
        }
        for route in table.routes
    ]
    print_rows(rows, as_json=as_json, empty="the table routes nobody")


@edge.command()
@_file_argument
@json_option
def verify(*, file: Path, as_json: bool) -> None:
    """Check that a table was signed here, is whole, and has not ended; exit 1 where not.

    \b
    Example:
      almoner edge verify edge.json
    """
    table = _opened(file)
    print_record(_summary(table), as_json=as_json)
    if time.time() >= table.expires_at:
        raise click.ClickException("the table has ended: compile it anew")


@edge.command()
@_file_argument
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@reason_option
@json_option
def bundle(*, file: Path, out: Path, reason: str | None, as_json: bool) -> None:
    """Verify a table and write it, with the router, into one package for Lambda@Edge.

    The package holds the keys of cookies: keep it as you keep them. Its handler is
    `edge_router.viewer_request.handler`.

    \b
    Example:
      almoner edge bundle edge.json --out edge.zip --reason "release of the week"
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> bytes:
        text = opened_text(file, workspace.keys)
        await leave_line(workspace, None, "edge bundle", given)
        return text

    text = in_workspace(run)
    size = write_bundle(out, text)
    here = [one.site for one in read_bundled(text).routes if is_loopback(one.site)]
    if here:
        click.echo(f"almoner: not for deployment: only this machine has {' '.join(here)}", err=True)
    record = {
        "wrote": str(out),
        "bytes": size,
        "bytesMax": BUNDLE_BYTES_MAX,
        "handler": "edge_router.viewer_request.handler",
    }
    print_record(record, as_json=as_json)


def _opened(file: Path) -> RoutingTable:
    async def run(workspace: Workspace) -> RoutingTable:
        return opened(file, workspace.keys)

    return in_workspace(run)


def _codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code.strip().upper() for code in codes))


def _demand_own(routing: Routing, others: list[Agency]) -> None:
    """Raise Duplicate for a code that another agency has."""
    for other in others:
        taken = set(routing.partner_codes) & set(other.routing.partner_codes)
        if taken:
            raise Duplicate(f"{', '.join(sorted(taken))}: a partner code of {other.slug} already")


def _routing(agency: Agency) -> dict[str, object]:
    return {
        "slug": agency.slug,
        "weight": agency.routing.weight,
        "accepting": agency.routing.accepting,
        "partnerCodes": list(agency.routing.partner_codes),
    }


def _summary(table: RoutingTable) -> dict[str, object]:
    return {
        "version": table.version,
        "compiledAt": _moment(table.compiled_at),
        "expiresAt": _moment(table.expires_at),
        "agencies": [route.agency for route in table.routes],
        "states": sorted(table.licensed),
        "cookieKeys": [key.id for key in table.keys],
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
