"""`almoner agency …`: bring an agency in, look at it, change it, suspend it, take it out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from domain.agencies import Agency, AgencyStatus, Pool
from domain.errors import Duplicate
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
)
from gateway.provisioning import add_agency, cli_audit, remove_agency
from gateway.workspace import Workspace


@click.group()
def agency() -> None:
    """Agencies: add, list, show, update, suspend, resume, remove.

    \b
    Example:
      almoner agency add lakeside --name "Lakeside Counseling" --state MI --state WI \\
        --issuer https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123 --client-id 7abc
    """


@agency.command()
@click.argument("slug")
@click.option("--name", required=True, help="As people know it.")
@click.option(
    "--state", "states", multiple=True, required=True, help="USPS code of a licence; repeatable."
)
@click.option("--website", default=None, help="The agency's own site.")
@click.option("--store", "store_url", default=None, help="Where its data lives (default: SQLite).")
@click.option(
    "--store-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="File with a store URL that holds a password; `-` as --store reads standard input.",
)
@click.option("--issuer", default=None, help="Issuer of its user pool: the exact `iss` of tokens.")
@click.option("--client-id", "client_ids", multiple=True, help="App client of the pool.")
@reason_option
@json_option
def add(
    *,
    slug: str,
    name: str,
    states: tuple[str, ...],
    website: str | None,
    store_url: str | None,
    store_secret_file: Path | None,
    issuer: str | None,
    client_ids: tuple[str, ...],
    reason: str | None,
    as_json: bool,
) -> None:
    """Make an agency's keys and store, and enter it into the directory.

    \b
    Example:
      almoner agency add lakeside --name "Lakeside Counseling" --state MI
    """
    pools = _pools(issuer, client_ids)
    url = _store_url(store_url, store_secret_file)
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> Agency:
        return await add_agency(
            workspace,
            slug=slug,
            name=name.strip(),
            states=_codes(states),
            website=website,
            store_url=url,
            pools=pools,
            reason=given,
        )

    print_record(_record(in_workspace(run, create=True)), as_json=as_json)


@agency.command(name="list")
@reason_option
@json_option
def list_(*, reason: str | None, as_json: bool) -> None:
    """List the agencies.

    \b
    Example:
      almoner agency list --json
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> list[Agency]:
        await leave_line(workspace, None, "agency list", given)
        return await workspace.directory.agencies()

    rows = [
        {"slug": item.slug, "name": item.name, "states": item.states, "status": item.status.value}
        for item in in_workspace(run)
    ]
    print_rows(rows, as_json=as_json, empty="no agencies yet: almoner agency add --help")


@agency.command()
@agency_argument
@reason_option
@json_option
def show(*, agency: str, reason: str | None, as_json: bool) -> None:
    """Show one agency.

    \b
    Example:
      almoner agency show harbor
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> Agency:
        found = await agency_named(workspace, agency)
        await leave_line(workspace, found, "agency show", given)
        return found

    print_record(_record(in_workspace(run)), as_json=as_json)


@agency.command()
@agency_argument
@click.option("--name", default=None, help="As people know it.")
@click.option("--state", "states", multiple=True, help="All its licences anew; repeatable.")
@click.option("--website", default=None, help='The agency\'s own site; "" for none.')
@click.option("--issuer", default=None, help="Its user pool, in place of the one it has.")
@click.option("--client-id", "client_ids", multiple=True, help="App client of the pool.")
@reason_option
@json_option
def update(
    *,
    agency: str,
    name: str | None,
    states: tuple[str, ...],
    website: str | None,
    issuer: str | None,
    client_ids: tuple[str, ...],
    reason: str | None,
    as_json: bool,
) -> None:
    """Replace what is given, and leave the rest as it is.

    \b
    Example:
      almoner agency update lakeside --reason "pool moved" \\
        --issuer https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123 --client-id 7abc
    """
    pools = _pools(issuer, client_ids)
    changes: dict[str, Any] = {
        **({} if name is None else {"name": name.strip()}),
        **({"states": _codes(states)} if states else {}),
        **({} if website is None else {"website": website or None}),
        **({"pools": pools} if pools else {}),
    }
    if not changes:
        raise click.UsageError("name what is to change: --name, --state, --website, --issuer")
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> Agency:
        found = await agency_named(workspace, agency)
        changed = replace(found, **changes)
        audit = cli_audit("agency update", subject=f"agency_{found.id}", reason=given)
        await workspace.directory.update_agency(changed, audit)
        return changed

    print_record(_record(in_workspace(run)), as_json=as_json)


@agency.command()
@agency_argument
@reason_option
def suspend(*, agency: str, reason: str | None) -> None:
    """Refuse the agency's credentials, within a second, in every process.

    \b
    Example:
      almoner agency suspend harbor --reason "licence expired"
    """
    _set_status(agency, AgencyStatus.SUSPENDED, reason_or_ask(reason, demanded=True))
    click.echo(f"{agency} is suspended")


@agency.command()
@agency_argument
@reason_option
def resume(*, agency: str, reason: str | None) -> None:
    """Honour the agency's credentials again.

    \b
    Example:
      almoner agency resume harbor --reason "licence renewed"
    """
    _set_status(agency, AgencyStatus.ACTIVE, reason_or_ask(reason))
    click.echo(f"{agency} is active")


@agency.command()
@agency_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def remove(*, agency: str, yes: bool, reason: str | None, as_json: bool) -> None:
    """Destroy the agency's keys, store and files, and prove it. There is no way back.

    \b
    Example:
      almoner agency remove harbor --reason "contract ended"
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> tuple[str, ...]:
        found = await agency_named(workspace, agency)
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody is here to ask: repeat with --yes")
            typed = click.prompt(f"This destroys all data of {found.name}. Type {agency} to go on")
            if typed != agency:
                raise click.Abort
        return await remove_agency(workspace, found, reason=given)

    proofs = in_workspace(run)
    if as_json:
        print_record({"removed": agency, "proved": list(proofs)}, as_json=True)
        return
    click.echo(f"{agency} is removed; its keys are destroyed. Proved:")
    for proof in proofs:
        click.echo(f"  {proof}")


def _set_status(slug: str, status: AgencyStatus, reason: str) -> None:
    action = "agency suspend" if status is AgencyStatus.SUSPENDED else "agency resume"

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, slug)
        if found.status is status:
            raise Duplicate(f"{slug} is {status.value.lower()} already")
        audit = cli_audit(action, subject=f"agency_{found.id}", reason=reason)
        await workspace.directory.update_agency(replace(found, status=status), audit)

    in_workspace(run)


def _codes(states: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(state.strip().upper() for state in states))


def _pools(issuer: str | None, client_ids: tuple[str, ...]) -> tuple[Pool, ...]:
    if (issuer is None) != (not client_ids):
        raise click.UsageError("--issuer and --client-id go together")
    return (Pool(issuer=issuer, client_ids=client_ids),) if issuer is not None else ()


def _store_url(url: str | None, secret_file: Path | None) -> str | None:
    """Return the store's URL; one with a password comes from a file or standard input only."""
    if secret_file is not None:
        return secret_file.read_text(encoding="utf-8").strip()
    if url == "-":
        return sys.stdin.readline().strip()
    if url is not None and urlsplit(url).password is not None:
        raise click.UsageError(
            "a password on the command line is seen by everybody on this machine: put the URL "
            "into a file (--store-secret-file) or give --store - and standard input"
        )
    return url


def _record(item: Agency) -> dict[str, object]:
    parts = urlsplit(item.store_url)
    shown = item.store_url.replace(f":{parts.password}@", ":***@") if parts.password else None
    return {
        "id": f"agency_{item.id}",
        "slug": item.slug,
        "name": item.name,
        "states": list(item.states),
        "status": item.status.value,
        "website": item.website,
        "store": shown or item.store_url,
        "issuers": [pool.issuer for pool in item.pools],
        "clientIds": [client for pool in item.pools for client in pool.client_ids],
    }
