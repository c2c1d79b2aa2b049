"""What a request leaves in the agency's audit ledger beside what it changed: reads and refusals.

Runs after the operation and before its answer: an answer whose lines cannot be taken does not
leave. Reads of what is kept closest (Social Security numbers, credit reports) are on the disk by
then, and all lines of their request with them; those of other reads follow within a tenth of a
second, many in one write.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.audit import AuditLine, AuditOutcome
from domain.errors import GatewayError, OutcomeUnknown
from resolvers.context import RequestContext
from resolvers.reads import FieldNames, Reads, in_lines, owner_named
from resolvers.trail import audited
from tenants.directory.port import Directory
from tenants.records.codec import AuditRow, actor_row, spelled

Alike = Mapping[tuple[int, str | None], Sequence[str]]
"""Owners by fields and purpose, as `Reads.alike` gives them."""


async def leave_lines(
    context: RequestContext, names: FieldNames, directory: Directory, *, changes: bool
) -> None:
    """Write what was noted while the operation ran.

    changes: it was a mutation, which is done by now. directory: where a principal without an agency
    leaves their lines. Raises StoreUnavailable where a line cannot be taken, and OutcomeUnknown in
    its place after a mutation: clients repeat what is answered as unavailable.
    """
    reads = context.guard.reads
    if reads.is_empty:
        return
    try:
        if unknown := reads.unknown():
            await _learn_owners(context, unknown)
        alike = reads.alike(names.personal)
        durable = bool(reads.stated) or any(fields & names.durable for fields, _ in alike)
        lines = _of_reads(context, names, alike, durable=durable)
        if reads.stated or reads.consulted:
            lines += _stated(context, reads)
        if reads.refused:
            lines += _refusals(context, reads)
        if lines:
            await _write(context, lines, directory, durable=durable)
    except GatewayError as error:
        if changes:
            raise OutcomeUnknown(_HELD_BACK) from error
        raise


async def known_owner(context: RequestContext, typed: str | None) -> str | None:
    """Return the consumer or application that a typed id is of; None where there is none here.

    What a caller makes up, or has from elsewhere, is written into no line.
    """
    owner = owner_named(typed)
    if owner is None:
        return None
    loaders = context.loaders
    if owner.startswith("con_"):
        return None if await loaders.consumers.load(owner) is None else owner
    return None if await loaders.applications.load(owner) is None else owner


_HELD_BACK = (
    "The change may have been made, and its answer was held back because it could not be recorded "
    "who read it. Read the object again."
)


async def _learn_owners(context: RequestContext, unknown: Sequence[str]) -> None:
    """Find out whose the applications are that nothing before has told it of."""
    for application in await asyncio.gather(*map(context.loaders.applications.load, unknown)):
        if application is not None:
            context.guard.reads.learn(application)


def _of_reads(
    context: RequestContext, names: FieldNames, alike: Alike, *, durable: bool
) -> list[AuditLine]:
    """Return the lines of what was read; those of one consumer's data alone are taken at once."""
    lines: list[AuditLine] = []
    for (fields, purpose), owners in alike.items():
        if len(owners) == 1 and context.store is not None and not durable:
            for part in names.of(fields):
                context.store.record_reads(_row(context, owners[0], part, purpose))
        else:
            lines += _lines(context, owners, names.of(fields), purpose=purpose)
    return lines


async def _write(
    context: RequestContext, lines: Sequence[AuditLine], directory: Directory, *, durable: bool
) -> None:
    if context.store is None:
        for line in lines:
            await directory.record_audit(context.principal.agency_id, line)
    elif durable:
        await context.store.record_audit(*lines)
    else:
        for line in lines:
            context.store.record_reads(line)


def _stated(context: RequestContext, reads: Reads) -> Iterator[AuditLine]:
    alike: dict[tuple[str, str], list[str]] = {}
    for one in reads.stated:
        alike.setdefault((one.field, one.purpose), []).append(one.owner)
    for (field, purpose), owners in alike.items():
        yield from _lines(context, owners, ((field,),), purpose=purpose)
    for field, subject in reads.consulted:
        yield audited(context, reads.action, subject, fields=(field,))


def _refusals(context: RequestContext, reads: Reads) -> Iterator[AuditLine]:
    """Yield what was refused: the fields in one line, and one for each object out of reach."""
    fields: dict[str, None] = {}
    owners: dict[str, None] = {}
    for one in reads.refused:
        if one.field is not None:
            fields[one.field] = None
        if one.field is not None and one.owner is not None:
            owners[one.owner] = None
        if one.field is None and one.owner is not None:
            yield from _lines(context, [one.owner], ((),), outcome=AuditOutcome.REFUSED)
    if fields:
        yield from _lines(context, list(owners), in_lines(fields), outcome=AuditOutcome.REFUSED)


def _row(
    context: RequestContext, owner: str, names: tuple[str, ...], purpose: str | None
) -> AuditRow:
    """Return what `_lines` would of one consumer's data: most requests read no more."""
    request, principal, reads = context.request, context.principal, context.guard.reads
    consumer = reads.consumer_of(owner)
    return AuditRow(
        at=request.at,
        actor=actor_row(principal.subject, principal.kind, principal.display_name),
        action=reads.action,
        subject=owner,
        consumers=() if consumer is None else (consumer,),
        purpose=purpose,
        fields=spelled(names),
        outcome=AuditOutcome.DONE,
        request_id=request.id,
        source_ip=request.source_ip,
    )


def _lines(
    context: RequestContext,
    owners: Sequence[str],
    parts: Iterable[tuple[str, ...]],
    *,
    purpose: str | None = None,
    outcome: AuditOutcome = AuditOutcome.DONE,
) -> Iterator[AuditLine]:
    reads = context.guard.reads
    found = map(reads.consumer_of, owners)
    consumers = tuple(dict.fromkeys(one for one in found if one is not None))
    for names in parts:
        yield audited(
            context,
            reads.action,
            owners[0] if len(owners) == 1 else None,
            consumers=consumers,
            purpose=purpose,
            fields=names,
            outcome=outcome,
        )
