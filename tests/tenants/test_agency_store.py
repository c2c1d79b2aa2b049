"""One agency's store in records: what resolvers read, commit and page through."""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.access import AccessGrant
from domain.applications import Application, ApplicationStatus, Note
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.errors import (
    Duplicate,
    IdempotencyMismatch,
    InvalidInput,
    OutcomeUnknown,
    StoreUnavailable,
    VersionConflict,
)
from domain.ids import new_ulid
from tenants.backend import Put, Replayed, StoreBackend, Unit
from tenants.keys.keyring import AgencyKeys
from tenants.records.codec import encode
from tenants.records.excerpts import Excerpt
from tenants.records.indexes import sort_time
from tenants.records.kinds import KINDS, KindSpec, Record, key_of
from tenants.records.reader import (
    DECODED_BODY_BYTES_MAX,
    DECODED_RECORDS_MAX,
    EXCERPTS_PER_RECORD_MAX,
)
from tenants.store import (
    REMEMBERED_MAX,
    AgencyStore,
    Change,
)
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import (
    AT,
    CONSUMER,
    SAMPLES,
    a_consumer,
    a_grant,
    a_note,
    an_application,
    an_audit_line,
    an_event,
    child,
)
from tests.tenants.stores import AGENCY_ID, Stores, a_once


@pytest.fixture(scope="module")
def keys() -> AgencyKeys:
    return random_agency_keys()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        """Return the moment it was set to."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(backend: StoreBackend, keys: AgencyKeys, clock: Clock) -> AgencyStore:
    return AgencyStore(backend, keys, AGENCY_ID, clock)


def fresh(record: Record) -> Record:
    """Return the record as it is before it was ever written."""
    return replace(record, version=0)


def another_application(number: int, **changes: object) -> Application:
    """Return an application of its own, in the order of the numbers."""
    own = new_ulid(AT + timedelta(seconds=number), randomness=number)
    return an_application(id=f"app_{own}", version=0, **changes)


async def test_records_of_every_kind_come_back(store: AgencyStore) -> None:
    """Each kind of record is read as it was committed, with the version it has now."""
    written = await store.commit(Change(put=tuple(fresh(record) for record in SAMPLES.values())))
    assert written == tuple(replace(record, version=1) for record in SAMPLES.values())
    for record in written:
        assert await store.get(type(record), record.id) == record
        found = await store.get_many(type(record), [record.id])
        assert found == {record.id: record}


async def test_an_id_that_names_nothing_is_none(store: AgencyStore) -> None:
    """A malformed id, one of another kind, and one of nothing at all read as None."""
    await store.commit(Change(put=(fresh(a_consumer()),)))
    for text in ("", "x", CONSUMER.replace("con", "app"), f"con_{new_ulid()}", CONSUMER + "\n"):
        assert await store.get(Consumer, text) is None
    assert await store.get(Application, CONSUMER) is None
    asked = [CONSUMER, "x", f"con_{new_ulid()}"]
    assert await store.get_many(Consumer, asked) == {CONSUMER: a_consumer()}
    assert await store.get_many(Consumer, ["x"]) == {}


async def test_a_change_is_read_at_once(store: AgencyStore) -> None:
    """What commit answers is what is read afterwards, and goes into the next change as it is."""
    (first,) = await store.commit(Change(put=(fresh(an_application()),)))
    assert isinstance(first, Application)
    (second,) = await store.commit(Change(put=(replace(first, state="OH"),)))
    assert second == replace(first, state="OH", version=2)
    assert await store.get(Application, first.id) == second


async def test_a_stale_change_names_the_version_now(store: AgencyStore) -> None:
    """Changing, removing or demanding an older version is a conflict with the current one."""
    (first,) = await store.commit(Change(put=(fresh(a_note()),)))
    (second,) = await store.commit(Change(put=(first,)))
    for change in (Change(put=(first,)), Change(delete=(first,)), Change(check=(first,))):
        with pytest.raises(VersionConflict) as refused:
            await store.commit(change)
        assert refused.value.current_version == 2
    await store.commit(Change(check=(second,)))
    await store.commit(Change(delete=(second,)))
    with pytest.raises(VersionConflict) as refused:
        await store.commit(Change(put=(second,)))
    assert refused.value.current_version is None


async def test_a_sign_in_belongs_to_one_consumer(store: AgencyStore) -> None:
    """A consumer is found by their sign-in, and a second one under it is a duplicate."""
    await store.commit(Change(put=(fresh(a_consumer()),)))
    assert await store.find(Consumer, "consumer_subject", "sub-9") == a_consumer()
    assert await store.find(Consumer, "consumer_subject", "sub-8") is None
    with pytest.raises(Duplicate):
        await store.commit(Change(put=(a_consumer(id=f"con_{new_ulid()}", version=0),)))


async def test_children_come_by_root(store: AgencyStore) -> None:
    """Children are listed oldest first; asked for many roots, every root asked is there."""
    application = an_application()
    notes = tuple(a_note(number) for number in (1, 2, 3))
    await store.commit(Change(put=tuple(fresh(note) for note in notes)))
    assert await store.children(Note, application.id) == list(notes)
    assert await store.children(AccessGrant, application.id) == []
    assert await store.children(Note, "nonsense") == []
    empty = f"app_{new_ulid()}"
    assert await store.children_many(Note, [empty, application.id, "nonsense"]) == {
        empty: [],
        application.id: list(notes),
        "nonsense": [],
    }
    assert await store.children_many(Note, []) == {}


async def test_personal_values_are_found_blindly(store: AgencyStore) -> None:
    """A consumer is found by any spelling of email, phone and number, and by nothing near it."""
    await store.commit(Change(put=(fresh(a_consumer()),)))
    for field, spellings in {
        "email": ["robert@example.test", " ROBERT@example.TEST"],
        "phone": ["586-555-0100", "+15865550100"],
        "ssn": ["666484418", "666-48-4418"],
    }.items():
        for spelling in spellings:
            part = store.blind(field, spelling)
            page = await store.query(Consumer, f"consumer_by_{field}", part, first=2)
            assert page.items == (a_consumer(),)
        page = await store.query(Consumer, f"consumer_by_{field}", store.blind(field, "1"), first=2)
        assert page.items == ()


def test_blind_values_are_the_agency_s_own(store: AgencyStore, keys: AgencyKeys) -> None:
    """A blind value has 128 bits, differs by field and agency, and outlives data keys."""
    value = store.blind("ssn", "666484418")
    assert len(bytes.fromhex(value)) == 16
    backend: StoreBackend = store._backend
    rotated = AgencyStore(backend, with_new_data_key(keys), AGENCY_ID)
    assert rotated.blind("ssn", "666484418") == value
    others = {
        AgencyStore(backend, random_agency_keys(), AGENCY_ID).blind("ssn", "666484418"),
        AgencyStore(backend, keys, "other").blind("ssn", "666484418"),
        store.blind("phone", "+666484418"),
        store.blind("ssn", "666484417"),
    }
    assert len(others) == 4
    assert value not in others


async def test_personal_fields_are_sealed_in_the_rows(
    store: AgencyStore, backend: StoreBackend
) -> None:
    """What the backend is given of a consumer shows no personal data, entries included."""
    await store.commit(Change(put=(fresh(a_consumer()),)))
    row = await backend.get(key_of(a_consumer()))
    assert row is not None
    assert b"sealed" in row.body
    assert b"Uphold" not in row.body
    assert store._reader._kept == {}


async def test_older_data_keys_still_read(
    store: AgencyStore, backend: StoreBackend, keys: AgencyKeys
) -> None:
    """After a rotation older records are read, and new ones are sealed under the new key."""
    await store.commit(Change(put=(fresh(a_consumer()),)))
    rotated = with_new_data_key(keys)
    later = AgencyStore(backend, rotated, AGENCY_ID)
    assert await later.get(Consumer, CONSUMER) == a_consumer()
    await later.commit(Change(put=(a_consumer(),)))
    row = await backend.get(key_of(a_consumer()))
    assert row is not None
    assert rotated.current_data_key.encode() in row.body
    with pytest.raises(StoreUnavailable, match="sealed fields"):
        await store.get(Consumer, CONSUMER)


async def test_a_row_moved_elsewhere_is_refused(store: AgencyStore, backend: StoreBackend) -> None:
    """A body that lies under another record's key, or with another version, is never believed."""
    note = a_note(1)
    for key, expected in ((key_of(a_note(2)), 0), (key_of(note), 0), (key_of(note), 1)):
        body = encode(note, store.sealer)
        await backend.commit(Unit(operations=(Put(key=key, expected=expected, body=body),)), at=AT)
    with pytest.raises(StoreUnavailable, match="where it belongs"):
        await store.get(Note, a_note(2).id)
    with pytest.raises(StoreUnavailable, match="belongs"):
        await store.get(Note, a_note(2).id, Excerpt.of(Note, {"text"}))
    with pytest.raises(StoreUnavailable, match="version"):
        await store.get(Note, note.id)
    with pytest.raises(StoreUnavailable, match="version"):
        await store.get(Note, note.id, Excerpt.of(Note, {"text"}))


async def test_the_same_bytes_give_the_same_record(store: AgencyStore) -> None:
    """A record that has not changed is not decoded again; one that has is read anew."""
    (note,) = await store.commit(Change(put=(fresh(a_note()),)))
    assert isinstance(note, Note)
    first = await store.get(Note, note.id)
    assert await store.get(Note, note.id) is first
    await store.commit(Change(put=(replace(note, text="New"),)))
    second = await store.get(Note, note.id)
    assert second is not None
    assert second.text == "New"


TELLING = {
    *("consumer", "credit_report", "plan"),
    *("bank_connection", "bank_sync", "bank_month", "bank_findings"),
}


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
async def test_consumers_and_credit_reports_do_not_stay_in_memory(
    store: AgencyStore, spec: KindSpec[Any]
) -> None:
    """Of every kind but those that tell most of somebody, the record read last is held."""
    (record,) = await store.commit(Change(put=(fresh(SAMPLES[spec.kind]),)))
    first = await store.get(spec.record, record.id)
    assert first == record
    held = [one for kept in store._reader._kept.values() for one in kept.records.values()]
    assert held == ([] if spec.kind in TELLING else [record])
    assert (await store.get(spec.record, record.id) is first) is bool(held)


async def test_what_was_read_is_at_hand_until_a_record_changes(
    stores: Stores, keys: AgencyKeys
) -> None:
    """Lines are written all the time and change nothing; what another process changes is seen."""
    store, other = [AgencyStore(await stores.open(), keys, AGENCY_ID) for _ in range(2)]
    (note,) = await store.commit(Change(put=(fresh(a_note()),)))
    assert isinstance(note, Note)
    assert store.recall(Note, note.id) is None, "nobody has read it"
    assert await store.get(Note, note.id) == note
    await other.record_audit(an_audit_line())
    assert store.recall(Note, note.id) == note
    assert store.recall(Application, note.id) is None
    (changed,) = await other.commit(Change(put=(replace(note, text="New"),)))
    assert store.recall(Note, note.id) is None
    assert (await store.get_many(Note, [note.id])) == {note.id: changed}
    await other.commit(Change(put=(fresh(a_note(2)),)))
    assert store.recall(Note, note.id) is None, "any change of any record"
    assert await store.get(Note, note.id) == store.recall(Note, note.id) == changed
    await other.commit(Change(delete=(changed,)))
    assert await store.get(Note, note.id) is None
    assert await store.get_many(Note, [note.id]) == {}


async def test_an_excerpt_is_kept_as_its_record_is(store: AgencyStore) -> None:
    """Until the record changes, and not in the record's place; where a record is not, it is not."""
    (application,) = await store.commit(Change(put=(fresh(an_application()),)))
    assert isinstance(application, Application)
    excerpt = Excerpt.of(Application, {"state"})
    first = await store.get(Application, application.id, excerpt)
    assert first is not None
    assert type(first) is excerpt.struct
    assert await store.get(Application, application.id, excerpt) is first
    assert Excerpt.of(Application, {"state"}) is excerpt
    other = Excerpt.of(Application, {"state", "household_size"})
    assert await store.get(Application, application.id, other) is not first
    assert await store.get(Application, application.id) == application
    await store.commit(Change(put=(replace(application, state="OH"),)))
    (second,) = (await store.get_many(Application, [application.id], excerpt)).values()
    assert (second.state, second.version, first.state) == ("OH", 2, "MI")
    await store.commit(Change(put=(fresh(a_consumer()),)))
    of_consumer = Excerpt.of(Consumer, {"name"})
    kept = len(store._reader._kept)
    found = [await store.get(Consumer, CONSUMER, of_consumer) for _ in range(2)]
    assert found[0] is not None
    assert found[0] is not found[1]
    assert len(store._reader._kept) == kept


async def test_no_former_excerpt_outlives_a_change(store: AgencyStore) -> None:
    """However many ways a record was read in: what was taken out of it is in memory no more."""
    (application,) = await store.commit(Change(put=(fresh(an_application()),)))
    assert isinstance(application, Application)
    ways = [
        Excerpt.of(Application, {"hardship_reason", name}) for name in ("state", "id", "status")
    ]
    for way in (*ways, None):
        await store.get(Application, application.id, way)
    await store.commit(Change(put=(replace(application, hardship_reason=None),)))
    await store.get(Application, application.id, ways[0])
    (kept,) = store._reader._kept.values()
    assert [one.hardship_reason for one in kept.records.values()] == [None]  # type: ignore[union-attr]


async def test_few_excerpts_of_a_record_are_held(store: AgencyStore) -> None:
    """What many plans read of one record pushes no other record out."""
    notes = await store.commit(Change(put=(fresh(a_note(1)), fresh(a_note(2)))))
    for note in notes:
        await store.get(Note, note.id)
    names = [attribute.name for attribute in fields(Application)]
    (application,) = await store.commit(Change(put=(fresh(an_application()),)))
    for name in names:
        await store.get(Application, application.id, Excerpt.of(Application, {name}))
    kept = [len(one.records) for one in store._reader._kept.values()]
    assert kept == [1, 1, EXCERPTS_PER_RECORD_MAX]


async def test_what_is_at_hand_of_a_consumer_is_sealed(store: AgencyStore) -> None:
    """The row stays in memory as the file has it; it is opened anew for each who reads it."""
    consumer = a_consumer()
    await store.commit(Change(put=(fresh(consumer),)))
    first = await store.get(Consumer, consumer.id)
    second = store.recall(Consumer, consumer.id)
    assert first is not None
    assert first == second
    assert first is not second
    ((_, row),) = store._remembered.values()
    assert consumer.name.family.encode() not in row.body
    assert str(consumer.email).encode() not in row.body


async def test_little_is_remembered(store: AgencyStore) -> None:
    """Neither many records nor large ones."""
    notes = [a_note(number) for number in range(REMEMBERED_MAX + 40)]
    for start in range(0, len(notes), 80):
        await store.commit(Change(put=tuple(map(fresh, notes[start : start + 80]))))
    await store.get_many(Note, [one.id for one in notes])
    assert len(store._remembered) == REMEMBERED_MAX
    large = replace(a_note(len(notes)), text="x" * DECODED_BODY_BYTES_MAX)
    await store.commit(Change(put=(fresh(large),)))
    assert await store.get(Note, large.id) is not None
    assert store.recall(Note, large.id) is None


async def test_few_decoded_records_are_held(store: AgencyStore) -> None:
    """What is held decoded is bounded."""
    notes = [a_note(number) for number in range(DECODED_RECORDS_MAX + 40)]
    for start in range(0, len(notes), 80):
        await store.commit(Change(put=tuple(map(fresh, notes[start : start + 80]))))
    assert len(await store.children(Note, an_application().id)) == len(notes)
    assert len(store._reader._kept) == DECODED_RECORDS_MAX
    assert await store.get(Note, notes[-1].id) == notes[-1]


async def test_a_change_writes_event_and_line_with_it(store: AgencyStore) -> None:
    """Record, event and audit line are written together, and all can be read back."""
    await store.commit(
        Change(put=(fresh(an_application()),), event=an_event(), audit=an_audit_line())
    )
    assert await store.outbox.pending(10) == [an_event()]
    assert await store.audit_lines(None, 10) == [an_audit_line()]
    await store.outbox.done([an_event().id])
    assert await store.outbox.pending(10) == []
    with pytest.raises(VersionConflict):
        await store.commit(
            Change(put=(fresh(an_application()),), event=an_event(2), audit=an_audit_line(2))
        )
    assert await store.outbox.pending(10) == []
    assert len(await store.audit_lines(None, 10)) == 1


async def test_a_read_leaves_a_line_by_itself(store: AgencyStore) -> None:
    """An audit line can be written alone; lines are paged by id."""
    lines = [an_audit_line(number) for number in range(3)]
    for line in lines:
        await store.record_audit(line)
    assert await store.audit_lines(None, 2) == lines[:2]
    assert await store.audit_lines(lines[1].id, 2) == lines[2:]


async def test_an_attempt_is_recorded_ahead(store: AgencyStore, clock: Clock) -> None:
    """While an attempt is open a retry's outcome is unknown; when done it is told the result."""
    note = fresh(a_note())
    await store.commit(Change(begin=a_once()))
    assert await store.once("k") == a_once()
    with pytest.raises(OutcomeUnknown):
        await store.commit(Change(put=(note,), begin=a_once()))
    await store.commit(Change(put=(note,), finish=a_once(reference=note.id)))
    with pytest.raises(Replayed) as replayed:
        await store.commit(Change(put=(note,), begin=a_once()))
    assert replayed.value.reference == note.id
    with pytest.raises(IdempotencyMismatch):
        await store.commit(Change(begin=a_once(digest="other")))
    clock.now = AT + timedelta(days=2)
    assert await store.once("k") is None
    await store.commit(Change(begin=a_once(digest="other", hours=96)))


async def test_a_scan_gives_records(store: AgencyStore) -> None:
    """Every record of a class is seen once, over the segments together."""
    notes = [a_note(number) for number in range(30)]
    await store.commit(Change(put=tuple(map(fresh, notes))))
    seen = [note for part in range(2) async for note in store.scan(Note, part, 2)]
    assert sorted(note.id for note in seen) == sorted(note.id for note in notes)


async def test_counts_are_of_one_part(store: AgencyStore) -> None:
    """A count is of what is listed under the part now."""
    applications = tuple(
        another_application(number, status=status)
        for number, status in enumerate([ApplicationStatus.DRAFT] * 3 + [ApplicationStatus.CLOSED])
    )
    await store.commit(Change(put=applications))
    assert await store.count("application_by_status", "DRAFT") == 3
    assert await store.count("application_by_status", "CLOSED") == 1
    assert await store.count("application_by_status", "ENROLLED") == 0


async def test_grants_are_ordered_by_their_end(store: AgencyStore) -> None:
    """A grantee's live grants are those whose end is not before now."""
    grants = [
        a_grant(
            id=child("grant", day),
            version=0,
            revoked_at=None,
            expires_at=AT + timedelta(days=day),
        )
        for day in (3, 1, 2)
    ]
    await store.commit(Change(put=tuple(grants)))
    lo = sort_time(AT + timedelta(days=2))
    page = await store.query(AccessGrant, "grant_by_grantee", grants[0].grantee.id, first=10, lo=lo)
    assert [grant.id for grant in page.items] == [child("grant", 2), child("grant", 3)]


async def test_cursors_of_other_listings_can_be_sealed(store: AgencyStore) -> None:
    """What is listed elsewhere has cursors of this agency too."""
    cursor = store.seal_cursor("staff", "position")
    assert store.open_cursor("staff", cursor) == "position"
    with pytest.raises(InvalidInput):
        store.open_cursor("audit", cursor)


async def test_two_agencies_share_nothing(stores: Stores, keys: AgencyKeys) -> None:
    """A store names its agency, cannot be given another, and accepts no other's cursor."""
    store = AgencyStore(await stores.open(), keys, AGENCY_ID)
    other = AgencyStore(await stores.open(), random_agency_keys(), "other")
    assert (store.agency_id, other.agency_id) == (AGENCY_ID, "other")
    with pytest.raises(AttributeError):
        store.agency_id = "other"  # type: ignore[misc]  # it must not be assignable
    with pytest.raises(InvalidInput):
        other.open_cursor("staff", store.seal_cursor("staff", "x"))


async def test_a_closed_store_says_so(store: AgencyStore) -> None:
    """After closing, reading and writing are refused."""
    await store.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get(CreditReport, child("rep", 1))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.commit(Change(put=(fresh(a_note()),)))
