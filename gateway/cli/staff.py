"""`almoner staff …`: the people who work for an agency, as its user pool knows them."""

from dataclasses import replace

import click

from domain.actors import Group
from domain.agencies import Staff
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

_GROUPS = [Group.COUNSELORS.value, Group.ADMINS.value, Group.ANALYSTS.value]


@click.group()
def staff() -> None:
    """Staff: add, list, deactivate.

    \b
    Example:
      almoner staff list harbor
    """


@staff.command()
@agency_argument
@click.option("--subject", required=True, help="The `sub` of their tokens.")
@click.option("--email", required=True)
@click.option("--name", required=True, help="As colleagues see it.")
@click.option("--group", required=True, type=click.Choice(_GROUPS))
@reason_option
def add(
    *, agency: str, subject: str, email: str, name: str, group: str, reason: str | None
) -> None:
    """Enter somebody, so that applications can be handed to them.

    \b
    Example:
      almoner staff add harbor --subject 7c0e… --email ana@harbor.test --name "Ana Wells" \\
        --group counselors
    """
    given = reason_or_ask(reason)

    async def run(workspace: Workspace) -> str:
        found = await agency_named(workspace, agency)
        person = Staff(
            id=f"staff_{new_ulid()}",
            subject=subject,
            display_name=name.strip(),
            email=email.strip(),
            group=Group(group),
        )
        audit = cli_audit("staff add", subject=person.id, reason=given)
        await workspace.directory.put_staff(found.id, person, audit)
        return person.id

    click.echo(in_workspace(run))


@staff.command(name="list")
@agency_argument
@reason_option
@json_option
def list_(*, agency: str, reason: str | None, as_json: bool) -> None:
    """List an agency's staff.

    \b
    Example:
      almoner staff list harbor --json
    """
    given = reason_if_given(reason)

    async def run(workspace: Workspace) -> list[dict[str, object]]:
        found = await agency_named(workspace, agency)
        await leave_line(workspace, found, "staff list", given)
        return [
            {
                "id": person.id,
                "name": person.display_name,
                "email": person.email,
                "group": person.group.value,
                "active": person.active,
            }
            for person in await workspace.directory.staff(found.id)
        ]

    print_rows(in_workspace(run), as_json=as_json, empty="nobody yet: almoner staff add --help")


@staff.command()
@agency_argument
@click.argument("staff_id", metavar="STAFF")
@reason_option
def deactivate(*, agency: str, staff_id: str, reason: str | None) -> None:
    """Refuse somebody's tokens, within a second, in every process.

    \b
    Example:
      almoner staff deactivate harbor staff_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --reason "left"
    """
    given = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, agency)
        people = await workspace.directory.staff(found.id)
        person = next((item for item in people if item.id == staff_id), None)
        if person is None:
            raise NotFound(f"there is no such person: almoner staff list {agency}")
        audit = cli_audit("staff deactivate", subject=person.id, reason=given)
        await workspace.directory.put_staff(found.id, replace(person, active=False), audit)

    in_workspace(run)
    click.echo(f"{staff_id} is no longer active")
