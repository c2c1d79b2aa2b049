"""`almoner key …`: API keys of the agencies' own machines."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click

from domain.access import KEY_DAYS_MAX, KEY_DAYS_MIN, ApiKey, Scope
from domain.agencies import Agency
from domain.errors import NotFound
from domain.ids import new_ulid
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    in_workspace,
    json_option,
    leave_line,
    print_rows,
    reason_if_given,
    reason_option,
    reason_or_ask,
)
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix


@click.group()
def key() -> None:
    """API keys: create, list, revoke.

    \b
    Example:
      almoner key create harbor --scope applications:read --days 30
    """


@key.command()
@agency_argument
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; repeatable.",
)
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(KEY_DAYS_MIN, KEY_DAYS_MAX),
    help="When it ends.",
)
@click.option("--name", default="command line", show_default=True, help="To tell keys apart.")
@reason_option
def create(
    *, agency: str, scopes: tuple[str, ...], days: int, name: str, reason: str | None
) -> None:
    """Print a new key's secret: the only time that anybody sees it.

    \b
    Example:
      KEY=$(almoner key create harbor --scope applications:read --days 30)
    """
    given = reason_or_ask(reason)
    secret = new_secret()

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, agency)
        now = datetime.now(UTC)
        identifier = f"key_{new_ulid()}"
        audit = cli_audit("key create", subject=identifier, reason=given)
        await workspace.directory.add_api_key(
            found.id,
            ApiKey(
                id=identifier,
                name=name.strip(),
                prefix=secret_prefix(secret),
                hash=secret_hash(secret),
                scopes=frozenset(Scope(scope) for scope in scopes),
                created_by=audit.actor,
                created_at=now,
                expires_at=now + timedelta(days=days),
            ),
            audit,
        )

    in_workspace(run)
    click.echo(secret)


@key.command(name="list")
@click.argument("agency", required=False)
@reason_option
@json_option
def list_(*, agency: str | None, reason: str | None, as_json: bool) -> None:
    """List keys, never their secrets; of one agency or of all.

    \b
    Example:
      almoner key list harbor
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> list[dict[str, object]]:
        agencies = (
            [await agency_named(workspace, agency)]
            if agency
            else await workspace.directory.agencies()
        )
        for item in agencies:
            await leave_line(workspace, item, "key list", given)
        now = datetime.now(UTC)
        return [
            _row(item, found, now)
            for item in agencies
            for found in await workspace.directory.api_keys(item.id)
        ]

    print_rows(in_workspace(run), as_json=as_json, empty="no keys: almoner key create --help")


@key.command()
@agency_argument
@click.argument("key_id", metavar="KEY")
@reason_option
def revoke(*, agency: str, key_id: str, reason: str | None) -> None:
    """End a key at once, in every process. KEY: its id, or the first characters of its secret.

    \b
    Example:
      almoner key revoke harbor key_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --reason "laptop lost"
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> str:
        found = await agency_named(workspace, agency)
        keys = await workspace.directory.api_keys(found.id)
        named = [item for item in keys if key_id in (item.id, item.prefix)]
        if len(named) != 1:
            several = (
                "several keys begin so; name one by its id" if named else "there is no such key"
            )
            raise NotFound(f"{several}: almoner key list {agency}")
        audit = cli_audit("key revoke", subject=named[0].id, reason=given)
        ended = replace(named[0], revoked_at=datetime.now(UTC))
        await workspace.directory.replace_api_key(found.id, ended, audit)
        return ended.id

    click.echo(f"{in_workspace(run)} is revoked")


def _row(agency: Agency, item: ApiKey, now: datetime) -> dict[str, object]:
    state = "revoked" if item.revoked_at else "live" if item.is_live(now) else "expired"
    return {
        "agency": agency.slug,
        "id": item.id,
        "name": item.name,
        "prefix": item.prefix,
        "scopes": sorted(item.scopes),
        "state": state,
        "expires": item.expires_at.isoformat(timespec="seconds"),
        "last used": item.last_used_at.isoformat(timespec="seconds") if item.last_used_at else None,
    }
