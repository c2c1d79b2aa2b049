"""Bodies: what was ever written is read, what cannot be read is said, what is sealed stays put."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.actors import PrincipalKind
from domain.audit import CONSUMER_NAME, AuditLine
from domain.errors import StoreUnavailable
from domain.events import Event
from tenants.keys.keyring import AgencyKeys
from tenants.records.codec import (
    AuditRow,
    Codec,
    actor_row,
    check_audit,
    decode,
    decode_audit,
    decode_event,
    encode,
    encode_audit,
    encode_event,
    sealed_under,
    spelled,
)
from tenants.records.kinds import KINDS, Body, KindSpec, Record
from tenants.records.mirrors import BodyForm
from tenants.records.sealing import FieldSealer
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import (
    AT,
    SAMPLES,
    a_consumer,
    a_credit_report,
    a_note,
    an_application,
    an_audit_line,
    an_event,
    any_of,
)
from tests.tenants.stores import AGENCY_ID

BODIES = Path(__file__).parent / "bodies"
KEYS = AgencyKeys(
    store_key=bytes(32),
    index_key=bytes(32),
    data_keys={"0001-01HARB0R000000000000000000": bytes(range(32))},
    current_data_key="0001-01HARB0R000000000000000000",
)
FIRST: dict[str, Record] = {"credit_report": replace(a_credit_report(), raw=None)}
"""What a sample was without that which later schema numbers added."""


def stored(name: str) -> bytes:
    """Return a body that was shipped, as compact as it is stored."""
    return msgspec.json.format((BODIES / f"{name}.json").read_bytes(), indent=-1)


def newest(spec: KindSpec[Any]) -> bytes:
    """Return the body on file as it is written now: with amounts, it tells that they are exact."""
    exact = f"{spec.kind}.{spec.schema}.exact"
    return stored(exact if (BODIES / f"{exact}.json").exists() else f"{spec.kind}.{spec.schema}")


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_every_schema_number_ever_shipped_is_read(spec: KindSpec[Any]) -> None:
    """For each number there is a body on file, and it reads as the record that was written."""
    for number in range(1, spec.schema + 1):
        expected = FIRST.get(spec.kind, SAMPLES[spec.kind]) if number == 1 else SAMPLES[spec.kind]
        assert decode(spec.kind, stored(f"{spec.kind}.{number}")) == expected
    assert decode(spec.kind, newest(spec)) == SAMPLES[spec.kind]


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_bodies_are_written_as_they_always_were(spec: KindSpec[Any]) -> None:
    """The body of a record is, byte for byte, the one on file for its present schema number."""
    body = encode(SAMPLES[spec.kind])
    assert body == newest(spec)
    assert body.startswith(b'{"schema":%d,"id":"' % spec.schema)


def test_sealed_bodies_on_file_are_read() -> None:
    """A sealed body that was ever shipped opens under the key it was sealed with."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    sealed = sorted(path.stem for path in BODIES.glob("*.sealed.json"))
    assert {name.split(".")[0] for name in sealed} == {spec.kind for spec in KINDS if spec.sealed}
    for name in sealed:
        kind = name.split(".")[0]
        assert decode(kind, stored(name), sealer) == SAMPLES[kind]


def test_events_and_audit_lines_on_file_are_read_and_written() -> None:
    """What waits in an outbox or was recorded years ago reads as it was written."""
    assert decode_event(stored("event.1")) == an_event()
    assert encode_event(an_event()) == stored("event.1")
    assert decode_audit(stored("audit_line.1")) == an_audit_line()
    assert decode_audit(stored("audit_line.2")) == an_audit_line()
    assert encode_audit(an_audit_line()) == stored("audit_line.2")


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_record_comes_back_as_it_was(spec: KindSpec[Any], data: st.DataObject) -> None:
    """Whatever a record holds, decoding its body gives an equal record; sealed or not."""
    record = data.draw(any_of(spec.record))
    assert decode(spec.kind, encode(record)) == record
    sealer = FieldSealer(AGENCY_ID, KEYS)
    body = encode(record, sealer)
    assert decode(spec.kind, body, sealer) == record
    assert msgspec.json.decode(body)["id"] == record.id


@settings(max_examples=40, deadline=None)
@given(event=any_of(Event), line=any_of(AuditLine))
def test_any_event_and_line_comes_back_as_it_was(event: Event, line: AuditLine) -> None:
    """Decoding an event or an audit line gives back an equal one."""
    assert decode_event(encode_event(event)) == event
    assert decode_audit(encode_audit(line)) == line


@settings(max_examples=80, deadline=None)
@given(line=any_of(AuditLine))
def test_a_line_is_written_as_its_mirror_is(line: AuditLine) -> None:
    """Byte for byte, for the ledger hashes these bytes; also as a row of its own."""
    expected = BodyForm(AuditLine).encode(line)
    assert encode_audit(line) == expected
    held = {one: getattr(line, one) for one in AuditRow.__struct_fields__}
    actor = actor_row(line.actor.id, line.actor.kind, line.actor.display_name)
    row = AuditRow(**{**held, "actor": actor, "fields": spelled(line.fields)})
    assert encode_audit(row) == expected
    check_audit(expected)


def test_a_row_names_no_consumer() -> None:
    """Whatever a consumer is called: their id says who it was."""
    assert actor_row("sub", PrincipalKind.CONSUMER, "Ann Uphold").display_name == CONSUMER_NAME
    assert actor_row("sub", PrincipalKind.COUNSELOR, "Nora").display_name == "Nora"


def test_bodies_hold_wire_names_and_wire_values() -> None:
    """Names are camelCase, amounts text with their places, moments ISO in UTC, None left out."""
    document = msgspec.json.decode(encode(an_application(state=None)))
    assert document["createdAt"] == "2026-01-15T12:00:00Z"
    assert document["totals"]["monthlyIncome"] == "2166.67"
    assert document["incomes"][0]["gross"] == "1250.00"
    assert document["status"] == "IN_REVIEW"
    assert "state" not in document


def test_defaults_are_written_out() -> None:
    """A value that is the default is in the body, so that the default may change one day."""
    plain = an_application(status=type(an_application().status).DRAFT, incomes=(), version=0)
    document = msgspec.json.decode(encode(plain))
    assert (document["status"], document["incomes"], document["version"]) == ("DRAFT", [], 0)


def test_what_a_body_lacks_is_the_default() -> None:
    """A body without an attribute that has a default reads with it; unknown names are passed by."""
    document = msgspec.json.decode(encode(an_application()))
    for name in ("incomes", "totals", "state"):
        del document[name]
    read = decode("application", msgspec.json.encode({**document, "later": 1}))
    assert read == replace(
        an_application(), incomes=(), totals=type(read)(**_required(read)).totals, state=None
    )


def _required(application: Any) -> dict[str, Any]:
    names = ("id", "consumer_id", "created_at", "updated_at")
    return {name: getattr(application, name) for name in names}


def test_a_moment_keeps_its_instant() -> None:
    """A moment written with another offset reads as the same instant."""
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    read = decode("note", encode(replace(a_note(), created_at=elsewhere)))
    assert read.created_at == AT


def test_a_moment_without_a_zone_is_refused() -> None:
    """A moment that could be anywhere is a mistake, and is never written."""
    naive = datetime(2026, 1, 15)  # noqa: DTZ001 -- it is the mistake
    with pytest.raises(msgspec.ValidationError):
        encode(replace(a_note(), created_at=naive))


def test_amounts_are_exact() -> None:
    """An amount keeps its places, trailing zeros and all."""
    for text in ("0.00", "1250.10", "-3.50", "99999999.99", "10"):
        totals = replace(an_application().totals, monthly_income=Decimal(text))
        read = decode("application", encode(an_application(totals=totals)))
        assert str(read.totals.monthly_income) == text


def test_a_newer_schema_number_is_named() -> None:
    """A body of a newer number is refused with both numbers, even where its shape has changed."""
    for body in (b'{"schema":7,"whatever":[]}', encode(a_note()).replace(b":2,", b":7,", 1)):
        with pytest.raises(StoreUnavailable, match=r"note has schema number 7, .* up to 2"):
            decode("note", body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"schema":0}',
        b'{"schema":-1}',
        b'{"schema":"1"}',
        b'{"schema":1}',
        b'{"schema":1,"id":5}',
        b"\xff\xfe",
        b'{"schema":1,"sealed":7}',
    ],
)
@pytest.mark.parametrize("kind", ["note", "consumer"])
def test_a_body_that_is_no_record_is_said(kind: str, body: bytes) -> None:
    """Anything else than a body of its kind is a clear error, never a half-filled record."""
    with pytest.raises(StoreUnavailable, match="damaged"):
        decode(kind, body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"schema":1,"sealed":7}'])
def test_what_a_damaged_body_lies_under_is_not_guessed(body: bytes) -> None:
    """Whoever looks for what is sealed under a key is told of a body that cannot be read."""
    with pytest.raises(StoreUnavailable, match="consumer is damaged"):
        sealed_under("consumer", body)


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_a_new_codec_does_as_any_other(spec: KindSpec[Any]) -> None:
    """Nothing depends on what was read or written before, sealed or not."""
    sealer, record = FieldSealer(AGENCY_ID, KEYS), SAMPLES[spec.kind]
    assert Codec().encode(record) == encode(record)
    sealed = Codec().encode(record, sealer)
    assert Codec().decode(spec.kind, sealed, sealer) == record
    assert Codec().decode(spec.kind, encode(record)) == record
    assert Codec().sealed_under(spec.kind, sealed) == sealed_under(spec.kind, sealed)
    first = FIRST.get(spec.kind, record)
    assert Codec().decode(spec.kind, stored(f"{spec.kind}.1")) == first
    groups = set(msgspec.json.decode(sealed).get("sealed", ()))
    assert groups == set(spec.sealed)


@pytest.mark.parametrize("read", [decode_event, decode_audit])
def test_an_event_or_line_that_is_none_is_said(read: Callable[[bytes], object]) -> None:
    """A damaged event or audit line is a clear error."""
    with pytest.raises(StoreUnavailable, match="damaged"):
        read(b'{"id":1}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A record whose shape has changed twice: `name` became `title`, `grams` became `weight`."""

    id: str
    version: int = 0
    title: str
    weight: Decimal
    secret: str = "none"


def _name_to_title(body: Body) -> Body:
    return {**body, "title": body["name"]}


def _grams_to_weight(body: Body) -> Body:
    return {**body, "weight": f"{Decimal(body['grams']) / 1000:.3f}"}


def parcels(*, schema: int = 3, sealed: dict[str, tuple[str, ...]] | None = None) -> Codec:
    """Return a codec for parcels alone."""
    spec: KindSpec[Any] = KindSpec(
        record=cast("Any", Parcel),
        kind="parcel",
        prefix="par",
        schema=schema,
        upcasts={1: _name_to_title, 2: _grams_to_weight},
        sealed=sealed or {},
    )
    return Codec([spec])


def test_older_bodies_are_upcast_step_by_step() -> None:
    """A body of each older number takes every step from there on, and reads as the newest."""
    expected = Parcel(id="par_1", version=4, title="Box", weight=Decimal("1.250"))
    for body in (
        b'{"schema":1,"id":"par_1","version":4,"name":"Box","grams":1250}',
        b'{"schema":2,"id":"par_1","version":4,"title":"Box","grams":1250}',
        b'{"schema":3,"id":"par_1","version":4,"title":"Box","weight":"1.250"}',
    ):
        assert parcels().decode("parcel", body) == expected


def test_an_older_body_that_would_fit_is_upcast_too() -> None:
    """The number decides, not the shape: an older body is never read as it lies."""
    body = b'{"schema":2,"id":"p","title":"Box","weight":"9","grams":1250}'
    assert parcels().decode("parcel", body).weight == Decimal("1.250")


def test_a_missing_step_is_said() -> None:
    """A number that there is no way from is an error, not a guess."""
    with pytest.raises(StoreUnavailable, match="damaged"):
        parcels(schema=5).decode("parcel", b'{"schema":1,"id":"p","name":"x","grams":1}')


def test_sealed_fields_are_upcast_as_if_open() -> None:
    """Upcasts see the sealed fields of an older body in the open."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    groups = {"a": b'{"name":"Box"}', "b": b'{"secret":"s"}'}
    hidden = {group: sealer.seal("parcel", "par_1", group, groups[group]) for group in groups}
    older = {"schema": 1, "id": "par_1", "grams": 1250, "sealed": hidden}
    codec = parcels(sealed={"a": ("title",), "b": ("secret",)})
    assert codec.decode("parcel", msgspec.json.encode(older), sealer) == Parcel(
        id="par_1", title="Box", weight=Decimal("1.250"), secret="s"
    )


def test_sealed_bodies_show_no_personal_data() -> None:
    """Nothing of name, birth, addresses or number can be read from a sealed body."""
    body = encode(a_consumer(), FieldSealer(AGENCY_ID, KEYS))
    for text in (b"Robert", b"Uphold", b"66648", b"8418", b"Perry", b"1961-", b"(586)", b"xample"):
        assert text not in body


def test_sealing_differs_each_time() -> None:
    """The same record sealed twice gives two ciphertexts."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    assert encode(a_consumer(), sealer) != encode(a_consumer(), sealer)


def test_sealed_fields_cannot_be_moved() -> None:
    """What was sealed for one record, kind or agency, or was changed, opens nowhere else."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    sealed = sealer.seal("consumer", "con_1", "name", b"{}")
    assert sealer.unseal("consumer", "con_1", "name", sealed) == b"{}"
    key_id, _, text = sealed.partition(".")
    other = FieldSealer("another agency", KEYS)
    for use, kind, record_id, value in (
        (sealer, "consumer", "con_2", sealed),
        (sealer, "other", "con_1", sealed),
        (other, "consumer", "con_1", sealed),
        (FieldSealer(AGENCY_ID, random_agency_keys()), "consumer", "con_1", sealed),
        (sealer, "consumer", "con_1", f"{key_id}.A{text[1:]}" if text[0] != "A" else "."),
        (sealer, "consumer", "con_1", text),
        (sealer, "consumer", "con_1", ""),
        (sealer, "consumer", "con_1", f"{key_id}.%%%"),
    ):
        with pytest.raises(StoreUnavailable, match="sealed fields cannot be opened"):
            use.unseal(kind, record_id, "name", value)
    for group in ("identity", "", None):
        with pytest.raises(StoreUnavailable, match="sealed fields cannot be opened"):
            sealer.unseal("consumer", "con_1", group, sealed)


def test_a_sealed_body_needs_its_keys() -> None:
    """A sealed body is refused where no keys are at hand."""
    with pytest.raises(StoreUnavailable, match="without its keys"):
        decode("consumer", encode(a_consumer(), FieldSealer(AGENCY_ID, KEYS)))


def test_older_data_keys_still_open() -> None:
    """After a rotation new bodies are sealed under the new key, and older ones still open."""
    rotated = with_new_data_key(KEYS)
    before, after = FieldSealer(AGENCY_ID, KEYS), FieldSealer(AGENCY_ID, rotated)
    old, new = encode(a_consumer(), before), encode(a_consumer(), after)
    assert decode("consumer", old, after) == decode("consumer", new, after) == a_consumer()
    assert rotated.current_data_key.encode() in new
    with pytest.raises(StoreUnavailable):
        decode("consumer", new, before)
