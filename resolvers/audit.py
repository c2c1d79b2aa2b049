"""The agency's audit ledger, as its admins read it; reading it leaves a line like any read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.actors import Actor
from domain.audit import AuditLine, AuditOutcome
from resolvers.audit_lines import known_owner
from resolvers.context import RequestContext, store_of
from resolvers.inputs import Maybe, given
from resolvers.pages import Cut, Listing, read_forward
from tenants.ledger.ledger import LedgerLine

EVENTS_SCANNED_MAX = 5_000
"""Lines that one page looks at in search of those asked for; then it comes short, with a cursor."""
_EVENTS_PER_READ = 500
_INDEX_DIGITS_MAX = 15
_LISTING = "auditEvents"
_PREFIX = "aud_"

Keep = Callable[[AuditLine], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """A line of the ledger in its place, which its id names.

    leaf_hash: under which the Merkle tree holds the line (RFC 9162), in lower-case hex.
    """

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str | None
    consumers: tuple[str, ...]
    purpose: str | None
    fields: tuple[str, ...]
    outcome: AuditOutcome
    request_id: str
    source_ip: str | None
    leaf_hash: str


async def audit_events(
    context: RequestContext,
    *,
    first: Maybe[int],
    after: Maybe[str],
    subject: Maybe[str],
    actor: Maybe[str],
    action: Maybe[str],
) -> Listing[AuditEvent]:
    """Return the lines of the ledger, newest first; a line is in it within a second.

    subject: the object named, or a consumer whose data it is about. actor: whoever did it. action:
    what was done, also as one of several. Of a page that comes short while `has_next` holds, the
    end cursor says where to go on.
    """
    window = read_forward(first, after)
    store = store_of(context)
    about = await known_owner(context, given(subject))
    context.guard.reads.consult("Query.auditEvents", None if about is None else given(subject))
    before = None if window.after is None else int(store.open_cursor(_LISTING, window.after))
    keep = _keeps(given(subject), given(actor), given(action))
    found, seen = await _find(context, keep, window.size, before)
    return Cut(
        items=tuple(_event(one) for one in found),
        positions=tuple(str(one.index) for one in found),
        has_next=seen is not None,
        has_previous=before is not None,
        seal=lambda position: store.seal_cursor(_LISTING, position),
        stopped_at=None if seen is None else str(seen),
    )


async def audit_event(context: RequestContext, id: str) -> AuditEvent | None:
    """Return the line of that id, or None where there is none, or none any more."""
    digits = id.removeprefix(_PREFIX)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _INDEX_DIGITS_MAX:
        return None
    index = int(digits)
    if id != f"{_PREFIX}{index}":
        return None  # one object has one spelling
    context.guard.reads.consult("Query.node", None)
    lines = await store_of(context).ledger.lines(after=index - 1, before=index + 1, limit=1)
    return _event(lines[0]) if lines else None


async def _find(
    context: RequestContext, keep: Keep, wanted: int, before: int | None
) -> tuple[list[LedgerLine], int | None]:
    """Return lines that are kept, and where to go on: None where nothing is left."""
    ledger = store_of(context).ledger
    found: list[LedgerLine] = []
    scanned = 0
    while scanned < EVENTS_SCANNED_MAX:
        lines = await ledger.lines(before=before, limit=_EVENTS_PER_READ, newest_first=True)
        for one in lines:
            if len(found) == wanted:
                return found, before
            before = one.index
            if keep(one.line):
                found.append(one)
        if len(lines) < _EVENTS_PER_READ:
            return found, None
        scanned += len(lines)
        await asyncio.sleep(0)  # a long scan lets other requests in between
    return found, before


def _keeps(subject: str | None, actor: str | None, action: str | None) -> Keep:
    named = None if subject is None else frozenset({subject})

    def keep(line: AuditLine) -> bool:
        return (
            (named is None or line.is_about(named))
            and (actor is None or actor == line.actor.id)
            and (action is None or action == line.action or action in line.action.split(","))
        )

    return keep


def _event(found: LedgerLine) -> AuditEvent:
    line = found.line
    return AuditEvent(
        id=f"{_PREFIX}{found.index}",
        at=line.at,
        actor=line.actor,
        action=line.action,
        subject=line.subject,
        consumers=line.consumers,
        purpose=line.purpose,
        fields=line.fields,
        outcome=line.outcome,
        request_id=line.request_id,
        source_ip=line.source_ip,
        leaf_hash=found.leaf_hash.hex(),
    )
