"""`almoner key-rotation …`: a new data key for an agency, and everything sealed anew under it."""

import sys

import click

from domain.agencies import Agency
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
from tenants.keys.rotation import KeyHolding, reseal, retire_keys, start_rotation, under_each_key


@click.group(name="key-rotation")
def rotation() -> None:
    """Data keys of an agency: a new one, what lies under which, the end of an old one.

    \b
    Example:
      almoner key-rotation start harbor --reason "once a year"
    """


@rotation.command()
@agency_argument
@reason_option
@json_option
def start(*, agency: str, reason: str | None, as_json: bool) -> None:
    """Make a new data key, and seal everything anew under it while others go on working.

    It may be stopped at any moment: `resume` goes on where it was.

    \b
    Example:
      almoner key-rotation start harbor --reason "once a year"
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> dict[str, object]:
        found = await agency_named(workspace, agency)
        audit = cli_audit("key-rotation start", subject=f"agency_{found.id}", reason=given)
        key = await start_rotation(workspace.directory, workspace.keyring, found.id, audit)
        click.echo(f"new data key {key.key_id}; sealing anew under it …", err=True)
        return await _reseal(workspace, found)

    print_record(in_workspace(run), as_json=as_json)
    click.echo("back the directory up now: older backups of it lack the new key", err=True)


@rotation.command()
@agency_argument
@reason_option
@json_option
def resume(*, agency: str, reason: str | None, as_json: bool) -> None:
    """Seal anew what does not lie under the newest data key yet.

    \b
    Example:
      almoner key-rotation resume harbor --reason "the machine was restarted"
    """
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> dict[str, object]:
        found = await agency_named(workspace, agency)
        audit = cli_audit("key-rotation resume", subject=f"agency_{found.id}", reason=given)
        await workspace.directory.record_audit(found.id, audit)
        return await _reseal(workspace, found)

    print_record(in_workspace(run), as_json=as_json)


@rotation.command()
@agency_argument
@reason_option
@json_option
def status(*, agency: str, reason: str | None, as_json: bool) -> None:
    """Count what lies under each data key.

    \b
    Example:
      almoner key-rotation status harbor
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> list[KeyHolding]:
        found = await agency_named(workspace, agency)
        await leave_line(workspace, found, "key-rotation status", given)
        wrapped = await workspace.directory.wrapped_keys(found.id)
        async with workspace.registry.lease(found) as store, working("counting"):
            return await under_each_key(store, wrapped)

    rows = [
        {
            "key": use.key_id,
            "made": None if use.created_at is None else f"{use.created_at:%Y-%m-%d %H:%M}",
            "seals": use.newest,
            "records": use.records,
            "files": use.files,
        }
        for use in in_workspace(run)
    ]
    print_rows(rows, as_json=as_json, empty="")


@rotation.command()
@agency_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def finish(*, agency: str, yes: bool, reason: str | None, as_json: bool) -> None:
    """Destroy the older data keys, under which nothing lies any more.

    Copies of the store from before the rotation cannot be read afterwards.

    \b
    Example:
      almoner key-rotation finish harbor --reason "rotated last week"
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> dict[str, object]:
        found = await agency_named(workspace, agency)
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody is here to ask: repeat with --yes")
            click.confirm(
                f"Older copies of {agency}'s store cannot be read afterwards. Go on?", abort=True
            )
        audit = cli_audit("key-rotation finish", subject=f"agency_{found.id}", reason=given)
        async with workspace.registry.lease(found) as store:
            gone = await retire_keys(workspace.directory, store, found.id, audit)
        return {"agency": agency, "destroyed": gone}

    print_record(in_workspace(run), as_json=as_json)


async def _reseal(workspace: Workspace, agency: Agency) -> dict[str, object]:
    async with workspace.registry.lease(agency) as store:
        async with working("sealing anew") as tell:
            done = await reseal(
                store, lambda done, seen: tell(f"{done:,} of {seen:,} that were looked at")
            )
        return {"agency": agency.slug, "key": store.sealer.newest_key, "sealedAnew": done}
