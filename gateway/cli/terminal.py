"""What the commands share: the home folder, tables or JSON, the reason of an action."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from domain.agencies import Agency
from domain.errors import NotFound
from domain.validation import REASON_CHARACTERS_MAX, Faults, clean_text
from gateway.config import Config, load_config_here
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace, blobs_of, open_workspace
from tenants.keys.keyring_file import PASSPHRASE_LENGTH_MIN

T = TypeVar("T")

Tell = Callable[[str], None]
"""Takes how far a command has come, in words."""

SHOWN_EACH_SECONDS = 0.5
_NOT_GIVEN = "not given"

agency_argument = click.argument("agency")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reason_option = click.option(
    "--reason", default=None, help="Why; it goes into the audit log with your user name."
)


def in_workspace(use: Callable[[Workspace], Awaitable[T]], *, create: bool = False) -> T:
    """Open the configured home folder, run `use` with it, and return what it returns."""
    config = load_config_here("command")

    async def run() -> T:
        async with open_workspace(
            config.home, keys=config.keys, blobs=blobs_of(config), create=create
        ) as workspace:
            return await use(workspace)

    return asyncio.run(run())


def configured(command: str, overrides: Mapping[str, object] | None = None) -> Config:
    """Return the effective configuration of a command."""
    return load_config_here(command, overrides)


def reason_or_ask(reason: str | None, *, demanded: bool = False) -> str:
    """Return the reason; on a terminal it is asked for, elsewhere its absence is recorded.

    Raises click.UsageError for a reason that says nothing, and without a terminal for one that is
    `demanded` and was left out.
    """
    if reason is not None:
        return _clean_reason(reason)
    if sys.stdin.isatty() and sys.stderr.isatty():
        asked: str = click.prompt("Reason (for the audit log)", err=True, value_proc=_clean_reason)
        return asked
    if demanded:
        raise click.UsageError('say why: --reason "…" (it goes into the audit log)')
    return _NOT_GIVEN


def reason_if_given(reason: str | None) -> str:
    """Return the reason, or that none was given: for what lists powers and shows nobody's file."""
    return _NOT_GIVEN if reason is None else _clean_reason(reason)


async def leave_line(
    workspace: Workspace,
    agency: Agency | None,
    action: str,
    reason: str,
    *,
    consumers: tuple[str, ...] = (),
) -> None:
    """Record a command that reads, before it shows anything; agency: None for what spans them."""
    agency_id = None if agency is None else agency.id
    line = cli_audit(action, subject=agency_id and f"agency_{agency_id}", reason=reason)
    await workspace.directory.record_audit(agency_id, replace(line, consumers=consumers))


@asynccontextmanager
async def working(step: str) -> AsyncIterator[Tell]:
    """Show on a terminal what is being done, how far it is and for how long; nothing elsewhere."""
    told = ""

    def tell(text: str) -> None:
        nonlocal told
        told = f": {text}"

    if not sys.stderr.isatty():
        yield tell
        return
    began = time.monotonic()

    async def show() -> None:
        while True:
            await asyncio.sleep(SHOWN_EACH_SECONDS)
            seconds = time.monotonic() - began
            click.echo(f"\r{step}{told} ({seconds:.0f} s)\033[K", nl=False, err=True)

    showing = asyncio.create_task(show())
    try:
        yield tell
    finally:
        showing.cancel()
        await asyncio.wait([showing])
        click.echo("\r\033[K", nl=False, err=True)


def passphrase_or_ask(file: Path | None, *, confirm: bool) -> str:
    """Return a passphrase: a file's first line, what is typed, or a line of standard input.

    Raises click.UsageError for one that is too short.
    """
    if file is not None:
        text = file.read_text(encoding="utf-8").split("\n", 1)[0]
    elif sys.stdin.isatty():
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        text = sys.stdin.readline().rstrip("\n")
    if len(text) < PASSPHRASE_LENGTH_MIN:
        raise click.UsageError(f"the passphrase needs at least {PASSPHRASE_LENGTH_MIN} characters")
    return text


def _clean_reason(reason: str) -> str:
    faults = Faults()
    text = clean_text(faults, "--reason", reason, characters_max=REASON_CHARACTERS_MAX, worded=True)
    for fault in faults.found:
        raise click.UsageError(f"{fault.path}: {fault.message}")
    return text


async def agency_named(workspace: Workspace, slug: str) -> Agency:
    """Return the agency of that slug; raises NotFound, naming those there are."""
    found = await workspace.directory.agency_by_slug(slug)
    if found is not None:
        return found
    known = ", ".join(sorted(agency.slug for agency in await workspace.directory.agencies()))
    raise NotFound(f"there is no agency {slug}. There are: {known or 'none yet'}")


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str) -> None:
    """Print rows as JSON or as a table with a heading; `empty` is said where there are none."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2, default=str))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    for line in [[name.upper() for name in names], *cells]:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_record(record: Mapping[str, object], *, as_json: bool) -> None:
    """Print one thing, a line a field."""
    if as_json:
        click.echo(json.dumps(record, indent=2, default=str))
        return
    width = max(len(name) for name in record)
    for name, value in record.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple, set, frozenset)):
        return " ".join(sorted(str(item) for item in value)) or "-"
    return str(value)
