"""The table of kinds: where each record lives and under what it is listed and found."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import IN_COUNSELING, Application, ApplicationStatus
from tenants.backend import INDEX_ENTRIES_PER_RECORD_MAX, IndexEntry, Key, UniqueEntry
from tenants.records.indexes import normalize, sort_time
from tenants.records.kinds import KINDS, Record, key_of, spec_of
from tests.tenants.record_samples import (
    APPLICATION,
    APPLICATION_ULID,
    AT,
    CONSUMER,
    SAMPLES,
    a_consumer,
    a_grant,
    a_note,
    an_application,
)

CONSUMER_ULID = CONSUMER.removeprefix("con_")


def blind(name: str, value: str) -> str:
    return f"blind {name} {value}"


def indexes_of(record: Record) -> set[tuple[str, str, str]]:
    entries = spec_of(type(record)).indexes(record, blind)
    return {(entry.name, entry.part, entry.sort) for entry in entries}


def test_every_kind_has_its_own_names() -> None:
    """No two kinds share a record class, a name or a prefix, and each has a sample."""
    for names in (
        [spec.record for spec in KINDS],
        [spec.kind for spec in KINDS],
        [spec.prefix for spec in KINDS],
    ):
        assert len(set(names)) == len(names)
    assert set(SAMPLES) == {spec.kind for spec in KINDS}


def test_every_schema_number_has_a_body_on_file() -> None:
    """For every number from 1 on there is a step to the next, and a body in the tests."""
    bodies = {path.name for path in (Path(__file__).parent / "bodies").iterdir()}
    for spec in KINDS:
        assert set(spec.upcasts) == set(range(1, spec.schema))
        assert {f"{spec.kind}.{number}.json" for number in range(1, spec.schema + 1)} <= bodies


@pytest.mark.parametrize("record", SAMPLES.values(), ids=SAMPLES)
def test_keys_and_global_ids_name_the_same(record: Record) -> None:
    """A record's global id gives its key, and the key gives the id again."""
    spec = spec_of(type(record))
    key = key_of(record)
    assert spec.key(record.id) == key
    assert spec.global_id(key) == record.id
    assert key.kind == spec.kind


def test_children_live_under_their_application() -> None:
    """Notes, consents, reports and grants share the root of the application they are about."""
    for kind in ("note", "consent", "credit_report", "access_grant"):
        assert key_of(SAMPLES[kind]).root == APPLICATION_ULID
    assert key_of(SAMPLES["application"]) == Key(APPLICATION_ULID, "application", APPLICATION_ULID)


@pytest.mark.parametrize("text", ["", "app_", CONSUMER, "note_x", APPLICATION.lower(), "app_é"])
def test_what_is_not_an_id_of_the_kind_has_no_key(text: str) -> None:
    """An id of another kind, or none at all, names nothing."""
    assert spec_of(Application).key(text) is None


def test_a_record_under_a_foreign_id_is_a_mistake() -> None:
    """A record whose id is of another kind cannot be keyed."""
    with pytest.raises(ValueError, match="global id"):
        key_of(an_application(id=CONSUMER))


def test_applications_are_listed_by_status_and_consumer() -> None:
    """Every application is under all, under its status and under its consumer, by its own id."""
    for status in ApplicationStatus:
        entries = indexes_of(an_application(status=status, assignment=None, submitted_at=None))
        assert entries == {
            ("application_all", "", APPLICATION_ULID),
            ("application_by_status", status.value, APPLICATION_ULID),
            ("application_by_consumer", CONSUMER_ULID, APPLICATION_ULID),
        }


def test_the_queue_holds_what_nobody_works_on() -> None:
    """Submitted and unassigned stands in the queue by the time of submission; assigned by lapse."""
    submitted, lapse = AT + timedelta(days=1), AT + timedelta(days=30)
    for status in ApplicationStatus:
        free = indexes_of(an_application(status=status, assignment=None))
        held = indexes_of(an_application(status=status))
        queued = ("application_queue", "", sort_time(submitted))
        lapses = ("application_lapse", "", sort_time(lapse))
        assert (queued in free) == (lapses in held) == (status in IN_COUNSELING)
        assert lapses not in free
        assert queued not in held


def test_grants_are_listed_until_they_are_revoked() -> None:
    """A grant stands under its grantee by its end until then; in the lists of all it stays."""
    live = a_grant(revoked_at=None)
    own = live.id.rpartition("_")[2]
    newest = {("grant_all", "", own), ("grant_of_grantee", live.grantee.id, own)}
    assert indexes_of(live) == newest | {
        ("grant_by_grantee", live.grantee.id, sort_time(live.expires_at)),
    }
    assert indexes_of(a_grant()) == newest


def test_consumers_are_found_by_blind_values_alone() -> None:
    """Email, phone and number are listed normalized and blinded; the sign-in is unique."""
    assert indexes_of(a_consumer()) == {
        ("consumer_by_email", "blind email robert@example.test", CONSUMER_ULID),
        ("consumer_by_phone", "blind phone +15865550100", CONSUMER_ULID),
        ("consumer_by_ssn", "blind ssn 666484418", CONSUMER_ULID),
    }
    spec = spec_of(type(a_consumer()))
    assert spec.uniques(a_consumer(), blind) == (UniqueEntry("consumer_subject", "sub-9"),)
    bare = a_consumer(email=None, phone="", ssn=None, subject=None)
    assert (indexes_of(bare), spec.uniques(bare, blind)) == (set(), ())


@pytest.mark.parametrize("record", SAMPLES.values(), ids=SAMPLES)
def test_entries_keep_within_what_every_backend_holds(record: Record) -> None:
    """No record has more entries than the strictest backend, and all sort keys are ASCII."""
    entries: tuple[IndexEntry, ...] = spec_of(type(record)).indexes(record, blind)
    assert len(entries) <= INDEX_ENTRIES_PER_RECORD_MAX
    assert all(entry.sort.isascii() for entry in entries)


def test_a_note_is_neither_listed_nor_unique() -> None:
    """What is only ever read under its root has no entries."""
    spec = spec_of(type(a_note()))
    assert (spec.indexes(a_note(), blind), spec.uniques(a_note(), blind)) == ((), ())


@pytest.mark.parametrize(
    ("name", "value", "normal"),
    [
        ("email", "  Ann@Example.TEST ", "ann@example.test"),
        ("phone", "(586) 555-0100", "+15865550100"),
        ("phone", "586.555.0100", "+15865550100"),
        ("phone", "1-586-555-0100", "+15865550100"),
        ("phone", "+1 586 555 0100", "+15865550100"),
        ("phone", "+44 20 7946 0000", "+442079460000"),
        ("phone", "+31 20 794 600", "+3120794600"),
        ("ssn", "666-48-4418", "666484418"),
        ("ssn", " 666 48 4418 ", "666484418"),
    ],
)
def test_personal_values_are_normalized(name: str, value: str, normal: str) -> None:
    """Spellings of the same address or number come to one, which is its own normal form."""
    assert normalize(name, value) == normal
    assert normalize(name, normal) == normal


@given(text=st.text(), name=st.sampled_from(["email", "phone", "ssn"]))
def test_normalizing_twice_changes_nothing(text: str, name: str) -> None:
    """Whatever is typed, its normal form is its own normal form."""
    once = normalize(name, text)
    assert normalize(name, once) == once


@given(
    moments=st.lists(
        st.datetimes(
            datetime(1000, 1, 1),  # noqa: DTZ001 -- the zone is given beside it
            datetime(9000, 1, 1),  # noqa: DTZ001
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_sort_times_order_as_time_does(moments: list[datetime]) -> None:
    """Text orders as the moments do, whatever their zones, and is fixed in width."""
    first, second = moments
    assert (first < second) == (sort_time(first) < sort_time(second))
    assert len(sort_time(first)) == len("2026-01-15T12:00:00.000000Z")


def test_a_moment_without_a_zone_cannot_be_ordered() -> None:
    """A naive moment is a mistake."""
    with pytest.raises(ValueError, match="time zone"):
        sort_time(datetime(2026, 1, 1))  # noqa: DTZ001 -- it is the mistake
