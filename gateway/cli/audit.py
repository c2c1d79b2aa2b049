"""`almoner audit …`: read an agency's audit ledger, verify it, and prove what stands in it."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click

from domain.agencies import Agency
from domain.errors import GatewayError
from domain.ids import parse_global_id
from gateway.cli.audit_output import (
    print_line,
    print_verdict,
    show_progress,
    write_export,
    write_proof,
)
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    in_workspace,
    json_option,
    print_record,
    reason_option,
    reason_or_ask,
    working,
)
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace
from tenants.ledger.ledger import Ledger, LedgerLine
from tenants.ledger.sequencer import Sequencer
from tenants.ledger.verify import Trusted, Verdict

T = TypeVar("T")
FOLLOW_SECONDS = 1.0
_SHOWING_LINES = frozenset({"tail", "export", "prove"})  # they say whose data was read, and why

out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; it is readable by you alone.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An agency's ledger, with this command's own line in it already."""

    agency: Agency
    ledger: Ledger
    workspace: Workspace


@click.group()
def audit() -> None:
    """The audit ledger: verify, tail, export, prove, checkpoint.

    \b
    Example:
      almoner audit verify harbor
    """


@audit.command()
@agency_argument
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint that was kept elsewhere; repeatable.",
)
@reason_option
@json_option
def verify(
    *, agency: str, checkpoints: tuple[Path, ...], reason: str | None, as_json: bool
) -> None:
    """Walk every line, and name the first one removed, changed, reordered or cut off.

    Exit status 1 where anything is found, also where a row waits that cannot be read. What the
    directory has witnessed is compared by itself; a checkpoint that you keep elsewhere shows what
    even a thief of all our keys cannot undo.

    \b
    Example:
      almoner audit checkpoint harbor --out harbor.checkpoint
      almoner audit verify harbor --checkpoint harbor.checkpoint
    """
    given = [
        Trusted(source=str(path), note=path.read_text(encoding="utf-8")) for path in checkpoints
    ]
    began = time.monotonic()

    async def run(opened: _Opened) -> Verdict:
        witnessed = [
            Trusted(source="the directory's witness", note=note)
            for note in await opened.workspace.directory.witnessed(opened.agency.id)
        ]
        progress = show_progress if sys.stderr.isatty() and not as_json else None
        return await opened.ledger.verify(progress, [*witnessed, *given])

    verdict = _with_ledger(agency, "verify", reason, run)
    print_verdict(verdict, time.monotonic() - began, as_json=as_json)
    if verdict.finding is not None:
        sys.exit(1)


@audit.command()
@agency_argument
@click.option(
    "-n", "--lines", "count", default=20, show_default=True, help="How many to begin with."
)
@click.option("-f", "--follow", is_flag=True, help="Go on printing lines as they come.")
@reason_option
@click.option("--json", "as_json", is_flag=True, help="Print each line as it is stored.")
def tail(*, agency: str, count: int, follow: bool, reason: str | None, as_json: bool) -> None:
    """Print the newest lines, the newest last.

    \b
    Example:
      almoner audit tail harbor -f --reason "looking into a complaint"
    """

    async def run(opened: _Opened) -> None:
        every_seconds = FOLLOW_SECONDS if follow else None
        async for line in tailed(opened.ledger, count, every_seconds=every_seconds):
            print_line(line, as_json=as_json)

    _with_ledger(agency, "tail", reason, run)


async def tailed(
    ledger: Ledger, count: int, *, every_seconds: float | None
) -> AsyncIterator[LedgerLine]:
    """Yield the newest lines, the newest last; then, looked for that often, all that come.

    every_seconds: None ends it after the newest.
    """
    last = await ledger.size() - 1 - max(0, count)
    while True:
        async for line in ledger.walk(after=max(-1, last)):
            yield line
            last = line.index
        if every_seconds is None:
            return
        await asyncio.sleep(every_seconds)


@audit.command()
@agency_argument
@out_option
@reason_option
@json_option
def export(*, agency: str, out: Path, reason: str | None, as_json: bool) -> None:
    """Write all lines to a file, as JSON lines, with what it takes to check them.

    The first line holds the signed checkpoint, the key, and the hashes over the lines that
    retention has removed; every further one holds a line's index and its exact text.

    \b
    Example:
      almoner audit export harbor --out harbor-audit.jsonl --reason "yearly audit"
    """

    async def run(opened: _Opened) -> int:
        async with working("writing") as tell:
            return await write_export(opened.ledger, opened.agency.slug, out, tell)

    count = _with_ledger(agency, "export", reason, run)
    print_record({"file": str(out), "lines": count}, as_json=as_json)


@audit.command()
@agency_argument
@click.argument("consumer")
@out_option
@reason_option
@json_option
def prove(*, agency: str, consumer: str, out: Path, reason: str | None, as_json: bool) -> None:
    """Write every line about a consumer, each with the proof that it is in the signed ledger.

    Give the file to the consumer with `examples/verify_audit.py`, which checks it without us.

    \b
    Example:
      almoner audit prove harbor con_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --out proof.json \\
        --reason "the consumer asked"
    """
    named = parse_global_id(consumer)
    if named is None or named.prefix != "con":
        raise click.UsageError("name the consumer by the id that clients see: con_…")

    async def run(opened: _Opened) -> int:
        async with working("proving") as tell:
            return await write_proof(opened.ledger, opened.agency.slug, consumer, out, tell)

    count = _with_ledger(agency, "prove", reason, run, consumers=(consumer,))
    print_record({"file": str(out), "consumer": consumer, "lines": count}, as_json=as_json)


@audit.command()
@agency_argument
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to write to.")
@click.option("--key", is_flag=True, help="Print the key that checks it instead.")
@reason_option
@json_option
def checkpoint(
    *, agency: str, out: Path | None, key: bool, reason: str | None, as_json: bool
) -> None:
    """Print the signed checkpoint: keep it elsewhere, and verify against it later.

    \b
    Example:
      almoner audit checkpoint harbor --out harbor.checkpoint
    """

    async def run(opened: _Opened) -> dict[str, str]:
        return {
            "key": str(opened.ledger.verifier),
            "checkpoint": await opened.ledger.checkpoint(),
        }

    found = _with_ledger(agency, "checkpoint", reason, run)
    text = (
        json.dumps(found) + "\n" if as_json else found["key"] + "\n" if key else found["checkpoint"]
    )
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"written to {out}", err=True)


def _with_ledger(
    slug: str,
    action: str,
    reason: str | None,
    use: Callable[[_Opened], Awaitable[T]],
    *,
    consumers: tuple[str, ...] = (),
) -> T:
    """Record the command, merge what waits, and return what `use` does with the ledger."""
    given = reason_or_ask(reason, demanded=action in _SHOWING_LINES)

    async def run(workspace: Workspace) -> T:
        found = await agency_named(workspace, slug)
        line = cli_audit(f"audit {action}", subject=f"agency_{found.id}", reason=given)
        await workspace.directory.record_audit(found.id, replace(line, consumers=consumers))
        async with workspace.registry.lease(found) as store:
            try:
                await Sequencer(store.ledger, workspace.directory, found.id).merge()
            except GatewayError as error:  # a ledger that was tampered with takes no lines
                click.echo(f"What waits is not in the ledger yet: {error.message}", err=True)
            return await use(_Opened(agency=found, ledger=store.ledger, workspace=workspace))

    return in_workspace(run)
