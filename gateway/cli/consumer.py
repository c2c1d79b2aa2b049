"""`almoner consumer …`: what is held about somebody, handed out or erased at their wish."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from domain.agencies import Agency
from domain.audit import AuditLine
from domain.consumers import Consumer
from domain.credit import BlobRef
from domain.errors import InvalidTransition, NotFound, VersionConflict
from gateway.cli.retention import audited_as, scrub
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
from gateway.settings import CannotStart
from gateway.workspace import Workspace
from tenants.holdings import Holdings, holdings_of, lines_about, raw_files
from tenants.records.codec import encode, encode_audit
from tenants.records.kinds import Record, spec_of
from tenants.retention import erase, obstacles
from tenants.settings import settings_in_force
from tenants.store import AgencyStore

T = TypeVar("T")
_FORMAT = 1
_LINES_PER_READ = 1000


@click.group()
def consumer() -> None:
    """Consumers: export, erase.

    \b
    Example:
      almoner consumer export harbor con_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --out file.json
    """


@consumer.command()
@agency_argument
@click.argument("consumer_id", metavar="CONSUMER")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to make."
)
@reason_option
@json_option
def export(*, agency: str, consumer_id: str, out: Path, reason: str | None, as_json: bool) -> None:
    """Write everything held about a consumer to a file, as JSON, for its owner alone to read.

    Records, raw bureau files, and every audit line: who did or read what, and why.

    \b
    Example:
      almoner consumer export harbor con_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --out file.json \\
        --reason "the consumer asked for it"
    """
    given = reason_or_ask(reason, demanded=True)
    if out.exists():
        raise click.UsageError(f"{out} is there already; name a file that is not")

    async def act(
        workspace: Workspace, found: Agency, store: AgencyStore, holdings: Holdings
    ) -> int:
        line = audited_as("consumer export", given)(consumer_id, (consumer_id,))
        await store.record_audit(replace(line, fields=_fields(holdings)))  # before anything leaves
        async with working("reading the audit ledger"):
            lines = [line async for line in lines_about(store, holdings.ids)]
            lines += await _of_directory(workspace, found, holdings, {line.id for line in lines})
            document = await _document(store, found, holdings)
        document["operatorGrants"] = [
            _plain(grant)
            for grant in await workspace.directory.access_grants(found.id)
            if grant.subject in holdings.ids
        ]
        document["audit"] = [json.loads(encode_audit(line)) for line in lines]
        text = json.dumps(document, indent=2)
        await asyncio.to_thread(_write, out, text)
        return len(text.encode())

    size = _with_holdings(agency, consumer_id, act)
    if as_json:
        print_record({"file": str(out), "consumer": consumer_id, "bytes": size}, as_json=True)
        return
    click.echo(f"{out}: {size // 1024 + 1} KB. It holds everything in the clear: keep it safe.")


@consumer.command(name="erase")
@agency_argument
@click.argument("consumer_id", metavar="CONSUMER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def erase_(*, agency: str, consumer_id: str, yes: bool, reason: str | None, as_json: bool) -> None:
    """Remove everything held about a consumer, unless a duty to keep stands against it.

    Refused, with the reasons: an application that is open or was closed too recently, a consent
    that proves a pull, a legal hold. Operators' grants over it go too. An audit line is left, with
    ids and the reason that you give: name nobody in it.

    \b
    Example:
      almoner consumer erase harbor con_01JH8Q4Z5W6X7Y8Z9A0B1C2D3E --reason "request of 2 May"
    """
    given = reason_or_ask(reason, demanded=True)

    async def act(
        workspace: Workspace, found: Agency, store: AgencyStore, holdings: Holdings
    ) -> None:
        at = datetime.now(UTC)
        years = (await settings_in_force(store, found, at.date())).retention_years
        against = obstacles(holdings, years=years, at=at)
        if against:
            told = "; ".join(f"{item.subject}: {item.verdict.reason}" for item in against)
            raise InvalidTransition(f"{consumer_id} cannot be erased yet. {told}")
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody is here to ask: repeat with --yes")
            typed = click.prompt(f"There is no way back. Type {consumer_id} to go on")
            if typed != consumer_id:
                raise click.Abort
        async with working("erasing"):
            # First, as nobody finds them once the consumer is gone.
            audited = audited_as("consumer erase: operators' grants", given)
            await workspace.directory.forget_access_grants(
                found.id, holdings.ids, audited(consumer_id, (consumer_id,))
            )
            if not await erase(store, holdings, audited_as("consumer erase", given)):
                raise VersionConflict
            await scrub(store)

    _with_holdings(agency, consumer_id, act)
    if as_json:
        print_record({"erased": consumer_id}, as_json=True)
        return
    click.echo(
        f"{consumer_id} is erased. Their sign-in, if they have one, is in the user pool: remove it "
        "there."
    )


def _with_holdings(
    slug: str,
    consumer_id: str,
    act: Callable[[Workspace, Agency, AgencyStore, Holdings], Awaitable[T]],
) -> T:
    """Find the consumer with all that is held about them, and do something with it."""

    async def run(workspace: Workspace) -> T:
        found = await agency_named(workspace, slug)
        async with workspace.registry.lease(found) as store:
            known = await store.get(Consumer, consumer_id)
            if known is None:
                raise NotFound(f"{slug} has no consumer {consumer_id}")
            async with working("looking for all that is held"):
                holdings = await holdings_of(store, known)
            return await act(workspace, found, store, holdings)

    return in_workspace(run)


async def _document(store: AgencyStore, agency: Agency, holdings: Holdings) -> dict[str, Any]:
    applications = [_by_kind(filed.records) for filed in holdings.applications]
    records = tuple(record for filed in holdings.applications for record in filed.records)
    return {
        "format": _FORMAT,
        "exportedAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "agency": {"id": f"agency_{agency.id}", "name": agency.name},
        "held": _by_kind(holdings.own),
        "applications": applications,
        "consentsOfDisposedApplications": [_plain(consent) for consent in holdings.strays],
        "rawFiles": [await _file(store, file) for file in raw_files(records)],
    }


def _by_kind(records: Iterable[Record]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for record in records:
        found.setdefault(spec_of(type(record)).kind, []).append(_plain(record))
    return found


def _plain(record: Record) -> Any:
    return json.loads(encode(record))


async def _file(store: AgencyStore, file: BlobRef) -> dict[str, object]:
    content = await store.blobs.get(file.id)
    return {
        "id": file.id,
        "mediaType": file.media_type,
        "sha256": file.sha256,
        **_told(content, file.media_type),
    }


def _told(content: bytes | None, media_type: str) -> dict[str, str | None]:
    """Return a file's content: what is text as such, all else in base64."""
    if content is None or media_type.startswith("text/"):
        text = None if content is None else content.decode("utf-8", "backslashreplace")
        return {"content": text}
    return {"contentBase64": base64.b64encode(content).decode()}


async def _of_directory(
    workspace: Workspace, agency: Agency, holdings: Holdings, known: set[str]
) -> list[AuditLine]:
    """Return the directory's lines about the consumer that the ledger has not taken over yet."""
    found: list[AuditLine] = []
    after: str | None = None
    while lines := await workspace.directory.audit_lines(agency.id, after, _LINES_PER_READ):
        found += [line for line in lines if line.id not in known and line.is_about(holdings.ids)]
        after = lines[-1].id
    return found


def _fields(holdings: Holdings) -> tuple[str, ...]:
    """Return the names of what leaves, such as `Consumer.ssn`; everything of the other kinds."""
    person = holdings.consumer
    held = (name for name in ("ssn", "date_of_birth", "email", "phone") if getattr(person, name))
    kinds = {type(record).__name__ for filed in holdings.applications for record in filed.records}
    return (*(f"Consumer.{_wire_name(name)}" for name in held), *sorted(kinds))


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _write(out: Path, text: str) -> None:
    """Write a file that is not there yet, for its owner alone; whole or not at all."""
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"cannot make {out}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        out.unlink()
        raise
