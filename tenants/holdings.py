"""Everything that an agency holds about somebody, by kind, so that no new kind is forgotten."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.applications import Application
from domain.audit import AuditLine
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import BlobRef, CreditReport
from domain.documents import Document
from domain.ids import root_of
from domain.plans import Plan
from domain.retention import LegalHold
from tenants.records.kinds import KINDS, Record
from tenants.store import AgencyStore

_LINES_PER_READ = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """An application with all that lies under its root, itself last."""

    application: Application
    records: tuple[Record, ...]

    @property
    def held(self) -> bool:
        """Say whether a legal hold lies on it."""
        return any(isinstance(record, LegalHold) for record in self.records)

    @property
    def signed(self) -> bool:
        """Say whether a plan was signed under it."""
        return is_signed(self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What is held about a consumer.

    own: what lies under the consumer's own root, the consumer last. strays: consents that outlived
    the application that they were given for.
    """

    consumer: Consumer
    own: tuple[Record, ...]
    applications: tuple[Filed, ...]
    strays: tuple[Consent, ...]

    @property
    def consents(self) -> tuple[Consent, ...]:
        """Return every consent that they gave."""
        filed = (record for one in self.applications for record in one.records)
        return (*(record for record in filed if isinstance(record, Consent)), *self.strays)

    @property
    def ids(self) -> frozenset[str]:
        """Return the global ids of all that is held about them."""
        filed = (record.id for one in self.applications for record in one.records)
        return frozenset({*(record.id for record in (*self.own, *self.strays)), *filed})


async def holdings_of(store: AgencyStore, consumer: Consumer) -> Holdings:
    """Return what the agency's store holds about a consumer."""
    applications = await applications_of(store, consumer.id)
    filed = [
        Filed(application=application, records=await under(store, application.id))
        for application in applications
    ]
    roots = {root_of(application.id) for application in applications}
    names = {consumer.id, consumer.subject}
    strays = [
        consent
        async for consent in store.scan(Consent)
        if consent.given_by.id in names and root_of(consent.id) not in roots
    ]
    return Holdings(
        consumer=consumer,
        own=await under(store, consumer.id),
        applications=tuple(filed),
        strays=tuple(strays),
    )


def is_signed(records: Iterable[Record]) -> bool:
    """Say whether a signed plan is among the records."""
    return any(isinstance(one, Plan) and one.acceptance is not None for one in records)


async def under(store: AgencyStore, global_id: str) -> tuple[Record, ...]:
    """Return every record of every kind under a root, the root's own record last."""
    found: list[Record] = []
    for spec in KINDS:
        found += await store.children(spec.record, global_id)
    return tuple(sorted(found, key=lambda record: record.id == global_id))


async def applications_of(store: AgencyStore, consumer_id: str) -> list[Application]:
    """Return a consumer's applications, oldest first."""
    return await store.listed(Application, "application_by_consumer", root_of(consumer_id))


async def lines_about(store: AgencyStore, ids: frozenset[str]) -> AsyncIterator[AuditLine]:
    """Yield the audit lines about any of these records, oldest first; the waiting ones last."""
    async for line in lines_of(store):
        if line.is_about(ids):
            yield line


async def lines_of(store: AgencyStore) -> AsyncIterator[AuditLine]:
    """Yield all audit lines that the store has, oldest first, those that wait for the ledger last.

    What waits is read first, as it may be merged while the ledger is read.
    """
    after: int | None = None
    while True:
        waiting = {line.id: line for line in await store.audit_lines(None, _LINES_PER_READ)}
        many, merged = len(waiting) >= _LINES_PER_READ, False
        async for entry in store.ledger.walk(after=after):
            line = entry.line
            waiting.pop(line.id, None)
            yield line
            after, merged = entry.index, True
        if not (many and merged):
            break
    for line in waiting.values():
        yield line


async def lines_before(store: AgencyStore, moment: datetime) -> int:
    """Return the index of the first audit line that is not older than the moment."""
    index = await store.ledger.pruned()
    async for entry in store.ledger.walk():
        if entry.line.at >= moment:
            return entry.index
        index = entry.index + 1
    return index


def raw_files(records: tuple[Record, ...]) -> tuple[BlobRef, ...]:
    """Return the files that belong to records."""
    named = (file_of(record) for record in records)
    return tuple(file for file in named if file is not None)


def file_of(record: Record) -> BlobRef | None:
    """Return the file that a record names, or None."""
    match record:
        case CreditReport():
            return record.raw
        case Document():
            return record.file
        case _:
            return None
