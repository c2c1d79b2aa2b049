"""Disposal: what the rules of domain/retention.py let go is removed, with its files, in units.

The state is the data itself: a run that was cut off is repeated, and goes on. Children go first and
the root last, and every unit demands that no legal hold has come meanwhile.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.actors import Actor, PrincipalKind
from domain.applications import Application
from domain.audit import AuditLine
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.documents import Document
from domain.errors import Duplicate, NotFound, VersionConflict
from domain.ids import root_of, ulid_time
from domain.retention import (
    LegalHold,
    Obstacle,
    audit_cutoff,
    judge_application,
    judge_consent,
    judge_consumer,
    obstacles_to_erasure,
)
from tenants.holdings import (
    Holdings,
    applications_of,
    is_signed,
    lines_before,
    raw_files,
    under,
)
from tenants.records.kinds import Record, spec_of
from tenants.store import AgencyStore, Change

RECORDS_PER_UNIT = 48  # each may bring the check of a hold with it, and a unit holds 100
ORPHAN_AGE = timedelta(days=1)  # a file is kept first and its record a moment later

_NOBODY = Actor(id="", kind=PrincipalKind.OPERATOR, display_name="")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

Audited = Callable[[str | None, Sequence[str]], AuditLine]
"""Makes the audit line about disposing of a record (global id), of these consumers' data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """What goes together, and why. subject: global id of the record that it hangs on, goes last."""

    subject: str
    reason: str
    consumers: tuple[str, ...] = ()
    records: tuple[Record, ...] = field(repr=False)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many records of each kind go."""
        return Counter(spec_of(type(record)).kind for record in self.records)


async def due(store: AgencyStore, *, years: int, at: datetime) -> AsyncIterator[Disposal]:
    """Yield what goes at that moment: applications, then consents of others, then consumers.

    Each may be disposed of as soon as it is yielded, or merely be listed.
    """
    held = {root_of(hold.id) async for hold in store.scan(LegalHold)}
    going: set[str] = set()
    async for application in store.scan(Application):
        verdict = judge_application(
            application, held=root_of(application.id) in held, years=years, at=at
        )
        if not verdict.goes:
            continue
        records = await under(store, application.id)
        if is_signed(records):
            verdict = judge_application(application, held=False, years=years, at=at, signed=True)
        if verdict.goes:
            going.add(application.id)
            yield Disposal(
                subject=application.id,
                reason=verdict.reason,
                consumers=(application.consumer_id,),
                records=_without_kept(records, at),
            )
    async for consent in store.scan(Consent):
        verdict = judge_consent(consent, held=root_of(consent.id) in held, at=at)
        if verdict.goes and consent.application_id not in going:
            yield Disposal(subject=consent.id, reason=verdict.reason, records=(consent,))
    async for consumer in store.scan(Consumer):
        left = [one for one in await applications_of(store, consumer.id) if one.id not in going]
        verdict = judge_consumer(consumer, applications=len(left), years=years, at=at)
        if verdict.goes:
            yield Disposal(
                subject=consumer.id,
                reason=verdict.reason,
                consumers=(consumer.id,),
                records=await under(store, consumer.id),
            )


async def dispose(store: AgencyStore, disposal: Disposal, audited: Audited) -> bool:
    """Remove what goes together; False where it was changed, or put under a hold, meanwhile.

    The audit line is in the first unit: what was begun is told even where it is cut off.
    """
    audit: AuditLine | None = audited(disposal.subject, disposal.consumers)
    records = disposal.records
    parts = [records[at : at + RECORDS_PER_UNIT] for at in range(0, len(records), RECORDS_PER_UNIT)]
    for number, part in enumerate(parts, start=1):
        last = () if number == len(parts) else records[-1:]
        try:
            await store.commit(Change(delete=part, check=(*_no_holds(part), *last), audit=audit))
        except VersionConflict:
            return False
        audit = None
        for file in raw_files(part):
            await store.blobs.delete(file.id)
    return True


async def sweep_files(store: AgencyStore, *, at: datetime) -> int:
    """Remove files that no record names: of a pull, an upload or a disposal that was cut off."""
    old = {blob for blob in await store.blobs.ids() if at - ulid_time(blob) > ORPHAN_AGE}
    for record_type in (CreditReport, Document) if old else ():
        async for record in store.scan(record_type):
            old -= {file.id for file in raw_files((record,))}
    for blob in old:
        await store.blobs.delete(blob)
    return len(old)


async def old_lines(store: AgencyStore, *, at: datetime) -> int:
    """Return the index below which audit lines have served their time."""
    return await lines_before(store, audit_cutoff(at))


async def place_hold(store: AgencyStore, hold: LegalHold, audit: AuditLine) -> None:
    """Keep an application until the hold is released. Raises NotFound, Duplicate."""
    application = await store.get(Application, hold.application_id)
    if application is None:
        raise NotFound(f"there is no application {hold.application_id}")
    if await store.get(LegalHold, hold.id) is not None:
        raise Duplicate(f"a legal hold lies on {hold.application_id} already")
    await store.commit(Change(put=(hold,), check=(application,), audit=audit))


async def release_hold(store: AgencyStore, application_id: str, audit: AuditLine) -> None:
    """Let retention go on for an application. Raises NotFound where no hold lies on it."""
    hold = await store.get(LegalHold, hold_id(application_id))
    if hold is None:
        raise NotFound(f"no legal hold lies on {application_id}")
    await store.commit(Change(delete=(hold,), audit=audit))


def hold_id(application_id: str) -> str:
    """Return the global id of an application's hold: there is one place for it."""
    return f"hold_{root_of(application_id)}"


def obstacles(holdings: Holdings, *, years: int, at: datetime) -> tuple[Obstacle, ...]:
    """Return every duty to keep that stands against erasing what is held about a consumer."""
    applications = ((one.application, one.held, one.signed) for one in holdings.applications)
    return obstacles_to_erasure(applications, holdings.consents, years=years, at=at)


async def erase(store: AgencyStore, holdings: Holdings, audited: Audited) -> bool:
    """Remove all that is held about a consumer, where no duty stands against it.

    Returns False, with the rest still there, where something was changed meanwhile: to be repeated.
    """
    filed = (record for one in holdings.applications for record in one.records)
    everything = Disposal(
        subject=holdings.consumer.id,
        reason="erasure",
        consumers=(holdings.consumer.id,),
        records=(*filed, *holdings.strays, *holdings.own),
    )
    return await dispose(store, everything, audited)


def _without_kept(records: Iterable[Record], at: datetime) -> tuple[Record, ...]:
    """Return an application's records without the consents that are kept for longer."""
    return tuple(
        record
        for record in records
        if not (isinstance(record, Consent) and not judge_consent(record, held=False, at=at).goes)
    )


def _no_holds(records: Iterable[Record]) -> Iterator[LegalHold]:
    """Yield what demands that there is no hold where the records lie: holds yet to be written."""
    for root in sorted({root_of(record.id) for record in records}):
        yield LegalHold(
            id=f"hold_{root}",
            application_id=f"app_{root}",
            reason="",
            placed_by=_NOBODY,
            placed_at=_NEVER,
        )
