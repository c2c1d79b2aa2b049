"""Disposal: what has served its time goes whole, with its files; what is held or kept stays."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.applications import Application, ApplicationStatus
from domain.audit import AuditLine
from domain.consumers import Consumer
from domain.credit import BlobRef, CreditReport
from domain.errors import Duplicate, NotFound, StoreUnavailable
from domain.ids import new_ulid
from domain.plans import Plan
from domain.retention import CONSENT_YEARS, PLAN_YEARS, Duty, LegalHold, years_after
from domain.settings import AgencySettings
from tenants.backend import StoreBackend, Unit
from tenants.holdings import holdings_of, lines_about, lines_of
from tenants.keys.removal import DirectoryPlace, holds
from tenants.ledger.lines import texts_of
from tenants.records.blobs import FileBlobs
from tenants.records.kinds import KINDS, Record, key_of
from tenants.retention import (
    RECORDS_PER_UNIT,
    Disposal,
    dispose,
    due,
    erase,
    obstacles,
    old_lines,
    place_hold,
    release_hold,
    sweep_files,
)
from tenants.sqlite.formats import APPLICATION_ID
from tenants.sqlite.sqlcipher import open_encrypted
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.ledger.ledger_samples import a_line
from tests.tenants.record_samples import (
    APPLICATION,
    AT,
    CONSUMER,
    SAMPLES,
    a_consent,
    a_consumer,
    a_credit_report,
    a_document,
    a_hold,
    a_note,
    a_plan,
    an_application,
    an_audit_line,
)
from tests.tenants.stores import AGENCY_ID, Stores

LATER = years_after(AT, 20)
CLOSED = an_application(status=ApplicationStatus.CLOSED)
BLOB = new_ulid(AT, randomness=77)
SHORT_YEARS = 2


@dataclass
class Counted:
    """Makes audit lines and remembers what they were about."""

    subjects: list[str | None] = field(default_factory=list)

    def __call__(self, subject: str | None, consumers: Sequence[str]) -> AuditLine:
        """Return a line."""
        self.subjects.append(subject)
        return replace(an_audit_line(), id=new_ulid(), subject=subject, consumers=tuple(consumers))


@pytest.fixture
def audited() -> Counted:
    return Counted()


@pytest.fixture
def store(backend: StoreBackend, tmp_path: Path) -> AgencyStore:
    files = FileBlobs(tmp_path / "blobs")
    return AgencyStore(backend, random_agency_keys(), AGENCY_ID, blobs=files)


async def put(store: AgencyStore, *records: Record) -> None:
    for start in range(0, len(records), 50):
        part = records[start : start + 50]
        await store.commit(Change(put=tuple(replace(record, version=0) for record in part)))


OF_NOBODY = {"settings"}
"""Kinds that are no consumer's, which neither disposal nor erasure touches."""


async def put_everything(store: AgencyStore) -> None:
    """Write a closed application with a record of every kind under it but a hold, and its file."""
    await store.blobs.put(BLOB, b"<creditBureau>")
    raw = BlobRef(id=BLOB, sha256="ab" * 32, bytes=14, media_type="text/xml")
    others = [
        record
        for record in SAMPLES.values()
        if not isinstance(record, Application | CreditReport | LegalHold)
    ]
    await put(store, CLOSED, replace(a_credit_report(), raw=raw), *others)


async def all_due(store: AgencyStore, at: datetime, *, years: int = 7) -> list[Disposal]:
    return [item async for item in due(store, years=years, at=at)]


async def run(store: AgencyStore, audited: Counted, at: datetime, *, years: int = 7) -> list[str]:
    """Dispose of all that is due, as it is found; return what went."""
    return [
        item.subject
        async for item in due(store, years=years, at=at)
        if await dispose(store, item, audited)
    ]


async def left(store: AgencyStore) -> set[str]:
    """Return the kinds of which anything is left, but for what is about nobody."""
    found = {spec.kind for spec in KINDS async for _ in store.scan(spec.record)}
    return found - OF_NOBODY


async def test_all_under_a_root_goes_with_it(store: AgencyStore, audited: Counted) -> None:
    """Records of every kind, a new one included, and the bureau's file; then the consumer."""
    await put_everything(store)
    assert await all_due(store, AT) == []
    assert await run(store, audited, LATER) == [APPLICATION, CONSUMER]
    assert await left(store) == set()
    assert await store.blobs.ids() == []
    assert audited.subjects == [APPLICATION, CONSUMER]
    lines = [line async for line in lines_of(store)]
    assert [line.consumers for line in lines] == [(CONSUMER,), (CONSUMER,)]


async def test_a_dry_run_says_what_would_go(store: AgencyStore) -> None:
    """Listing names everything, the consumer too, and changes nothing."""
    await put_everything(store)
    first, second = await all_due(store, LATER)
    assert (first.subject, second.subject) == (APPLICATION, CONSUMER)
    assert first.counts == {
        "application": 1,
        "note": 1,
        "consent": 1,
        "credit_report": 1,
        "document": 1,
        "access_grant": 1,
        "bank_connection": 1,
        "bank_sync": 1,
        "bank_month": 1,
        "bank_findings": 1,
        "analysis": 1,
        "plan": 1,
    }
    assert "ended on" in first.reason
    assert await all_due(store, LATER) == [first, second]


async def test_what_is_held_stays_until_it_is_released(
    store: AgencyStore, audited: Counted
) -> None:
    """A hold keeps the application, its consents and its consumer, and there is one at a time."""
    await put_everything(store)
    await place_hold(store, replace(a_hold(), version=0), an_audit_line())
    with pytest.raises(Duplicate):
        await place_hold(store, replace(a_hold(), version=0), an_audit_line(2))
    assert await all_due(store, LATER) == []
    await release_hold(store, APPLICATION, an_audit_line(3))
    with pytest.raises(NotFound):
        await release_hold(store, APPLICATION, an_audit_line(4))
    assert await run(store, audited, LATER) == [APPLICATION, CONSUMER]


async def test_a_hold_that_comes_meanwhile_wins(store: AgencyStore, audited: Counted) -> None:
    """Placed between the finding and the disposal, it refuses every unit of it."""
    await put_everything(store)
    (application, consumer) = await all_due(store, LATER)
    await place_hold(store, replace(a_hold(), version=0), an_audit_line())
    assert not await dispose(store, application, audited)
    assert await left(store) == {spec.kind for spec in KINDS} - OF_NOBODY
    assert await dispose(store, consumer, audited)


async def test_a_hold_on_nothing_is_refused(store: AgencyStore) -> None:
    """There is no hold without an application."""
    with pytest.raises(NotFound):
        await place_hold(store, replace(a_hold(), version=0), an_audit_line())


async def test_a_consent_outlives_its_application(store: AgencyStore, audited: Counted) -> None:
    """Where an agency keeps applications for less, consents stay for their own seven years."""
    await put_everything(store)
    early = years_after(AT, SHORT_YEARS + 1)
    plan = await store.get(Plan, a_plan().id)
    assert plan is not None
    await store.commit(Change(put=(replace(plan, acceptance=None),)))
    assert await run(store, audited, early, years=SHORT_YEARS) == [APPLICATION, CONSUMER]
    assert await left(store) == {"consent"}
    late = years_after(a_consent().expires_at, CONSENT_YEARS)
    assert await run(store, audited, late - timedelta(seconds=1), years=SHORT_YEARS) == []
    assert await run(store, audited, late, years=SHORT_YEARS) == [a_consent().id]
    assert await left(store) == set()


async def test_a_signed_plan_outlives_a_shorter_retention(
    store: AgencyStore, audited: Counted
) -> None:
    """Five years after its application was closed, to the moment, and all under it with it."""
    await put_everything(store)
    end = years_after(CLOSED.updated_at, PLAN_YEARS)
    before = end - timedelta(microseconds=1)
    assert await all_due(store, before, years=SHORT_YEARS) == []
    assert await run(store, audited, end, years=SHORT_YEARS) == [APPLICATION, CONSUMER]


async def test_a_consent_goes_from_an_open_application(
    store: AgencyStore, audited: Counted
) -> None:
    """The clock of a consent does not wait for the application."""
    await put(store, an_application(), a_consumer(), a_consent())
    assert await run(store, audited, LATER) == [a_consent().id]
    assert await left(store) == {"application", "consumer"}


async def test_a_consumer_stays_for_another_application(
    store: AgencyStore, audited: Counted
) -> None:
    """Only when nothing of theirs is left does a consumer go."""
    other = an_application(id="app_01HARB0R000000000000000009")
    await put(store, a_consumer(), CLOSED, other)
    assert await run(store, audited, LATER) == [APPLICATION]
    assert await store.get(Consumer, CONSUMER) is not None


class Killed(Exception):
    """The process ends here."""


@dataclass
class Mortal:
    """A store's backend whose process is killed at the n-th commit from now on."""

    backend: Any
    commits_left: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    async def commit(self, unit: Unit, *, at: datetime) -> None:
        """Commit, or be killed."""
        if self.commits_left == 0:
            raise Killed
        self.commits_left -= 1
        await self.backend.commit(unit, at=at)


@pytest.mark.parametrize("commits", range(5))
async def test_a_run_that_was_cut_off_goes_on(stores: Stores, commits: int) -> None:
    """Killed before any of its units, a run is repeated: the rest goes, and every part is told."""
    backend, keys = await stores.open(), random_agency_keys()
    store = AgencyStore(backend, keys, AGENCY_ID)
    notes = tuple(a_note(number) for number in range(3 * RECORDS_PER_UNIT))
    await put(store, a_consumer(), CLOSED, *notes)
    mortal = AgencyStore(Mortal(backend, commits), keys, AGENCY_ID)
    with pytest.raises(Killed):
        await run(mortal, Counted(), LATER)
    if commits < 4:
        assert await store.get(Application, APPLICATION) is not None
    assert await run(store, Counted(), LATER) == [APPLICATION, CONSUMER][commits // 4 :]
    assert await left(store) == set()
    lines = [line async for line in lines_of(store)]
    told = [line.subject for line in lines]
    assert told == ([APPLICATION] if 0 < commits < 4 else []) + [APPLICATION, CONSUMER]


async def test_files_that_no_record_names_are_swept(store: AgencyStore) -> None:
    """A file of a pull that was cut off goes after a day; those in use and the new ones stay."""
    await put_everything(store)
    orphan, fresh = new_ulid(AT, randomness=79), new_ulid(LATER - timedelta(hours=1))
    uploaded = a_document().file
    assert uploaded is not None
    for blob in (orphan, fresh, uploaded.id):
        await store.blobs.put(blob, b"?")
    assert await sweep_files(store, at=LATER) == 1
    assert set(await store.blobs.ids()) == {BLOB, fresh, uploaded.id}


async def test_audit_lines_go_after_seven_years(store: AgencyStore) -> None:
    """The oldest whole tiles of lines below the cutoff go; what is left still verifies."""
    lines = [a_line(number) for number in range(600)]
    for start in range(0, len(lines), 100):
        texts = [one.text for one in texts_of(*lines[start : start + 100])]
        assert await store.ledger.append(texts)
    assert await old_lines(store, at=AT) == 0
    at = years_after(lines[550].at, 7)
    assert await old_lines(store, at=at) == 550
    assert await store.ledger.prune(550) == 512
    assert await old_lines(store, at=at) == 550
    assert await old_lines(store, at=years_after(AT, 30)) == 600
    assert (await store.ledger.verify()).finding is None


async def test_holdings_are_all_that_is_held(store: AgencyStore) -> None:
    """Records of every kind about a consumer are found, and the lines about any of them."""
    await put_everything(store)
    await store.record_audit(
        replace(an_audit_line(1), subject=a_note().id, consumers=()),
        replace(an_audit_line(2), subject=None, consumers=(CONSUMER,)),
        replace(an_audit_line(3), subject="con_01HARB0R000000000000000009", consumers=()),
    )
    held = await holdings_of(store, a_consumer())
    others = LegalHold | AgencySettings
    ids = {record.id for record in SAMPLES.values() if not isinstance(record, others)}
    assert held.ids == ids
    lines = [line.id async for line in lines_about(store, held.ids)]
    assert lines == [an_audit_line(1).id, an_audit_line(2).id]


async def test_a_consent_without_its_application_is_held_too(
    store: AgencyStore, audited: Counted
) -> None:
    """What outlived its application is still somebody's: it is handed out, and erased."""
    given_by = replace(a_consent().given_by, id="sub-9")
    consent = replace(a_consent(), given_by=given_by, used_at=None)
    await put(store, a_consumer(), consent)
    held = await holdings_of(store, a_consumer())
    assert held.strays == held.consents == (consent,)
    assert obstacles(held, years=7, at=AT) == ()
    assert await erase(store, held, audited)
    assert await left(store) == set()


async def test_erasure_leaves_one_line_and_no_value(
    store: AgencyStore, audited: Counted, backend: StoreBackend
) -> None:
    """Everything under every root goes, whatever its number; the line holds ids alone."""
    other = replace(CLOSED, id="app_01HARB0R000000000000000009")
    await put_everything(store)
    await put(store, other, *(a_note(number) for number in range(100, 250)))
    held = await holdings_of(store, a_consumer())
    duties = {item.verdict.duty for item in obstacles(held, years=7, at=AT)}
    assert duties == {Duty.RETENTION, Duty.CONSENT}
    assert obstacles(held, years=7, at=LATER) == ()
    assert await erase(store, held, audited)
    assert await left(store) == set()
    assert await store.blobs.ids() == []
    (line,) = [line async for line in lines_of(store)]
    assert (line.subject, line.consumers) == (CONSUMER, (CONSUMER,))
    for index in ("consumer_by_email", "consumer_by_ssn", "consumer_by_phone"):
        name = index.rpartition("_")[2]
        value = store.blind(name, str(getattr(a_consumer(), name)))
        assert await backend.count(index, value) == 0
    assert await backend.find_unique("consumer_subject", "sub-9") is None


async def test_erasure_stops_where_something_changes(store: AgencyStore, audited: Counted) -> None:
    """A consumer who was changed after they were looked at is not erased."""
    await put(store, a_consumer(), CLOSED)
    held = await holdings_of(store, a_consumer())
    await store.commit(Change(put=(replace(a_consumer(), phone="+1 586 555 0101"),)))
    assert not await erase(store, held, audited)
    assert await left(store) == {"consumer", "application"}


async def test_disposal_without_a_place_for_files_is_told(backend: StoreBackend) -> None:
    """Where a report names a file that cannot be reached, the run stops and says so."""
    store = AgencyStore(backend, random_agency_keys(), AGENCY_ID)
    raw = BlobRef(id=BLOB, sha256="ab" * 32, bytes=14, media_type="text/xml")
    await put(store, CLOSED, replace(a_credit_report(), raw=raw))
    with pytest.raises(StoreUnavailable):
        await run(store, Counted(), LATER)


async def test_what_was_erased_is_in_no_page_of_the_files(tmp_path: Path, audited: Counted) -> None:
    """No version of an erased consumer is in any page of file or log, free ones included.

    Where somebody reads the store meanwhile, it is said that it could not be done.
    """
    keys, path = random_agency_keys(), tmp_path / "a.db"
    backend = open_sqlite(path, keys.store_key, AGENCY_ID, create=True)
    store = AgencyStore(backend, keys, AGENCY_ID)
    await put(store, CLOSED, *(a_note(number) for number in range(1, 60)))
    await put(store, a_consumer())
    consumer = a_consumer()
    sealed: list[bytes] = []
    for number in range(120):
        email = f"{'a' * (number % 7 * 30)}{number}@mail.test"
        await store.commit(Change(put=(replace(consumer, email=email),)))
        consumer = replace(consumer, email=email, version=consumer.version + 1)
        row = await backend.get(key_of(consumer))
        assert row is not None
        sealed.append(row.body.rpartition(b"-sample.")[2][:40])
    place = DirectoryPlace(path=path, key=keys.store_key)
    assert await erase(store, await holdings_of(store, consumer), audited)
    assert holds(place, sealed), "as long as the log is not emptied"
    reading = open_encrypted(
        path, keys.store_key, application_id=APPLICATION_ID, create=False, read_only=True
    )
    backend._writer.execute("PRAGMA busy_timeout = 1").fetchall()
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM entity").fetchall()
    assert not await store.scrub()
    reading.close()
    assert await store.scrub()
    assert not holds(place, sealed)
    await store.aclose()


def test_what_is_deleted_is_overwritten(tmp_path: Path) -> None:
    """Freed pages of a data file are wiped, so that what was erased does not lie on in them."""
    connection = open_encrypted(tmp_path / "a.db", bytes(range(32)), application_id=1, create=True)
    try:
        assert connection.execute("PRAGMA secure_delete").fetchall() == [(1,)]
    finally:
        connection.close()
