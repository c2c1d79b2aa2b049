"""Masking: no field undecided, no original value left, joins kept; and what is left is found."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actors import Group
from domain.agencies import Staff
from domain.applications import Application, compute_totals
from domain.consents import Consent
from domain.consumers import Consumer
from domain.ids import ulid_time
from domain.money import monthly
from tenants.masking.masking import Masking
from tenants.masking.rules import (
    DROPPED_TEXT,
    TREATMENTS,
    Undecided,
    parts_of,
    treatments_of,
    undecided,
)
from tenants.masking.scan import Needles, sealed_values
from tenants.masking.treatments import Treatment
from tenants.records.codec import encode
from tenants.records.kinds import KINDS, KindSpec, Record
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import (
    APPLICATION,
    CONSUMER,
    SAMPLES,
    a_consent,
    a_consumer,
    a_debt,
    a_note,
    an_application,
)
from tests.tenants.stores import AGENCY_ID, Stores, sqlite_stores

KEY = bytes(range(32))
COPIED: list[type[Any]] = [Staff, *(spec.record for spec in KINDS)]
SHOWN = {  # what is sealed with a group and tells nobody apart
    "Address.state",
    *("BankAccount.type", "BankAccount.subtype", "BankAccount.currency"),
    *(f"Tradeline.{name}" for name in ("creditor", "account_type", "ecoa", "rating")),
    *(f"Tradeline.{name}" for name in ("payment_pattern", "remarks", "industry_code")),
    *("CreditScore.model", "ScoreFactor.code", "CreditInquiry.subscriber"),
    *("CreditorPolicy.creditor", "CreditorPolicy.participation"),
    *("Reason.code", "Debt.creditor"),
    *("PublicRecord.kind", "CreditFile.alerts", "Tradeline.original_creditor"),
}


def quiet(step: str, count: int) -> None:
    pass


@dataclass
class Copying:
    """Two stores under different keys, and the masking from one to the other."""

    source: AgencyStore
    target: AgencyStore
    masking: Masking

    async def copy(self, *records: Record) -> None:
        """Put records into the source, and mask them into the target."""
        await self.source.commit(Change(put=tuple(replace(one, version=0) for one in records)))
        await self.masking.learn([])
        assert await self.masking.write(self.target) == len(records)

    async def only(self, record_type: type[Any]) -> Any:
        """Return the target's one record of a class."""
        (found,) = [one async for one in self.target.scan(record_type)]
        return found


@pytest.fixture
async def copying(tmp_path: Path) -> Any:
    """Give two empty stores in files."""
    stores: list[Stores] = [sqlite_stores(tmp_path / name) for name in ("source", "target")]
    source, target = [
        AgencyStore(await one.open(), random_agency_keys(), AGENCY_ID) for one in stores
    ]
    yield Copying(source=source, target=target, masking=Masking(source, KEY, quiet))
    for one in stores:
        await one.aclose()


def test_every_field_of_every_kind_is_decided() -> None:
    """A record kind, or a field of one, that masking was not told about fails here."""
    assert list(undecided(COPIED)) == []


def test_the_table_holds_nothing_else() -> None:
    """What is decided about is there: no row for a record that is gone."""
    assert set(TREATMENTS) == set(parts_of(COPIED))


def test_an_undecided_record_is_not_copied() -> None:
    """A class that is not in the table, or has one field more, is refused by name."""

    @dataclass
    class Pet:
        owner_name: str

    assert list(undecided([Pet])) == ["Pet.owner_name"]
    with pytest.raises(Undecided, match=r"Pet\.owner_name"):
        treatments_of(Pet(owner_name="Robert"))


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_what_is_sealed_is_never_kept(spec: KindSpec[Any]) -> None:
    """The table keeps no text and no date that a kind seals, but for codes and the state."""
    record = SAMPLES[spec.kind]
    kept = {
        f"{part.__name__}.{name}"
        for part in parts_of([spec.record])
        for name, treatment in TREATMENTS[part].items()
        if treatment is Treatment.KEEP
    }
    sealed = {field for field, value in sealed_values(record) if value is not None}
    assert sealed & kept <= SHOWN


async def test_no_sealed_value_is_in_the_copy(copying: Copying) -> None:
    """Every sealed text and date of every kind is another one in the copy, in every part of it."""
    await copying.copy(*SAMPLES.values())
    for kind, record in SAMPLES.items():
        copy = await copying.only(type(record))
        body = encode(copy)
        for field, value in sealed_values(record):
            if value is not None and field not in SHOWN and len(str(value)) > 1:
                assert str(value).encode() not in body, (kind, field)
    assert await copying.masking.check(copying.target) == []


async def test_the_copy_is_joined_as_the_original_was(copying: Copying) -> None:
    """Parents and children, counselors and grants, reports and consents still find each other."""
    await copying.copy(*SAMPLES.values())
    consumer, application = await copying.only(Consumer), await copying.only(Application)
    assert application.consumer_id == consumer.id != CONSUMER
    children = {
        spec.kind: await copying.target.children(spec.record, application.id) for spec in KINDS
    }
    assert {kind: len(found) for kind, found in children.items() if found} == dict.fromkeys(
        (
            *("application", "note", "consent", "credit_report", "access_grant", "legal_hold"),
            *("bank_connection", "bank_sync", "bank_month", "bank_findings", "document"),
            *("analysis", "plan"),
        ),
        1,
    )
    (grant,), (report,), (consent,) = (
        children[kind] for kind in ("access_grant", "credit_report", "consent")
    )
    assert application.assignment.grant_id == grant.id
    assert application.assignment.counselor == grant.grantee
    assert (grant.subject, report.consent_id) == (application.id, consent.id)
    assert (report.raw, grant.reason) == (None, DROPPED_TEXT)
    debt, line = application.debts[0], report.file.tradelines[0]
    assert (debt.account_last4, debt.source_key) == (line.account_last4, line.source_key)
    assert application.submitted_at - application.created_at == timedelta(days=1)
    assert application.created_at.time() != an_application().created_at.time()
    assert ulid_time(application.id[4:]).time() != ulid_time(APPLICATION[4:]).time()
    apr, before = debt.apr, an_application().debts[0].apr
    assert before is not None
    assert Decimal(0) < abs(apr - before) <= before / 10 + Decimal("0.01")
    assert await copying.target.count("application_by_consumer", consumer.id[4:]) == 1


async def test_people_are_looked_up_as_before(copying: Copying) -> None:
    """Who shared an e-mail address still does; sums and indexes are those of the copy."""
    other = "con_01HARB0R000000000000000009"
    twins = (a_consumer(), a_consumer(id=other, subject="sub-8", email=" robert@example.TEST"))
    await copying.copy(*twins, an_application(), a_consent_for(copying, twins[0]))
    first, second = [one async for one in copying.target.scan(Consumer)]
    assert first.email is not None
    assert first.email == second.email
    found = await copying.target.query(
        Consumer, "consumer_by_email", copying.target.blind("email", first.email), first=9
    )
    assert {one.id for one in found.items} == {first.id, second.id}
    consent = await copying.only(Consent)
    assert first.ssn is not None
    assert consent.ssn_index == copying.target.blind("ssn", first.ssn)
    application = await copying.only(Application)
    line = application.incomes[0]
    assert line.monthly == monthly(line.net, line.frequency)
    assert application.totals == compute_totals(
        application.incomes, application.expenses, application.debts
    )


def a_consent_for(copying: Copying, consumer: Consumer) -> Consent:
    assert consumer.ssn is not None
    return replace(a_consent(), ssn_index=copying.source.blind("ssn", consumer.ssn))


async def test_a_creditor_that_one_person_names_is_made_up(copying: Copying) -> None:
    """A name that a bureau or three consumers know is kept; a brother's is not."""
    lender = replace(a_debt(2), creditor="My brother Ted")
    await copying.copy(
        an_application(debts=(a_debt(1), lender)), SAMPLES["credit_report"], a_consumer()
    )
    kept, hidden = (await copying.only(Application)).debts
    assert kept.creditor == "First Bank"
    assert hidden.creditor != lender.creditor
    assert len(hidden.creditor) == len(lender.creditor)


LEAKS: dict[str, tuple[str, Any]] = {
    "number in a note": ("note", {"text": "His number is 666-48-4418, call back"}),
    "bare number in a note": ("note", {"text": "666484418"}),
    "address in a note": ("note", {"text": "Wrote to ROBERT@example.test"}),
    "telephone in a reason": ("access_grant", {"reason": "rang 5865550100"}),
    "full name": ("application", {"hardship_reason": "robert uphold was here"}),
    "part of a text": ("application", {"status_reason": "xx Reduced hours – “temporary” xx"}),
    "sign-in": ("consent", {"source_ip": "203.0.113.7"}),
    "street": ("legal_hold", {"reason": "at 27366 PERRY ST"}),
}


@pytest.mark.parametrize(("kind", "changes"), LEAKS.values(), ids=LEAKS)
async def test_a_value_that_is_left_is_found(
    copying: Copying, kind: str, changes: dict[str, Any]
) -> None:
    """Wherever in the copy an original value stands, and however written, the search names it."""
    await copying.copy(*SAMPLES.values())
    copy = await copying.only(type(SAMPLES[kind]))
    await copying.target.commit(Change(put=(replace(copy, **changes),)))
    found = await copying.masking.check(copying.target)
    assert {item.place for item in found} == {kind}


FORGOTTEN = ("name", "email", "phone", "date_of_birth", "address", "ssn")


@pytest.mark.parametrize("attribute", FORGOTTEN)
async def test_a_field_that_masking_forgot_is_found(copying: Copying, attribute: str) -> None:
    """Each of a consumer's attributes, left as it was, is told by name: the search is no echo."""
    await copying.copy(*SAMPLES.values())
    copy = await copying.only(Consumer)
    left = replace(copy, **{attribute: getattr(a_consumer(), attribute)})
    await copying.target.commit(Change(put=(left,)))
    found = await copying.masking.check(copying.target)
    assert found
    assert {item.place for item in found} == {"consumer"}


async def test_only_the_family_name_left_is_found(copying: Copying) -> None:
    """A name by itself is found too, in another's record."""
    other = a_consumer(id="con_01HARB0R000000000000000009", subject=None, ssn=None, email=None)
    await copying.copy(*SAMPLES.values(), replace(other, phone=None))
    _, second = [one async for one in copying.target.scan(Consumer)]
    left = replace(second, name=replace(second.name, middle="Uphold"))
    await copying.target.commit(Change(put=(left,)))
    found = await copying.masking.check(copying.target)
    assert [item.field for item in found] == ["PersonName.middle"]


@given(data=st.data(), noise=st.binary(max_size=200))
def test_a_needle_is_found_anywhere(data: st.DataObject, noise: bytes) -> None:
    """In whatever bytes, with capitals or without, a value is found; without it, nothing is."""
    needles = Needles()
    needles.add("Robert.Uphold@mail.test", "email")
    needles.add("Ünal “Q”", "name")
    value = data.draw(
        st.sampled_from(["ROBERT.uphold@MAIL.test", "Ünal “Q”", "\\u00DCnal \\u201CQ\\u201D"])
    )
    at = data.draw(st.integers(0, len(noise)))
    assert needles.find(noise[:at] + value.encode() + noise[at:]) in ("email", "name")
    assert needles.find(noise) is None


def test_digits_within_a_hash_are_nobodys() -> None:
    """Nine digits are found as a number, not as a piece of a longer run of letters and digits."""
    needles = Needles()
    needles.add("123456789", "ssn")
    assert needles.find(b'{"ssn":"123456789"}') == "ssn"
    assert needles.find(b"No 123456789, he said") == "ssn"
    assert needles.find(b"ab123456789cdef") is None
    assert needles.find(b"0123456789 1234567890") is None


def test_a_needle_across_two_reads_of_a_file_is_found(tmp_path: Path) -> None:
    """Where a file is read in parts, what lies over the edge is found."""
    needles = Needles()
    needles.add("robert.uphold@mail.test", "email")
    for start in (0, 256 * 1024 - 10, 256 * 1024, 512 * 1024 - 1):
        path = tmp_path / str(start)
        path.write_bytes(bytes(start) + b"Robert.Uphold@mail.test" + bytes(100))
        assert needles.find_in_file(path) == "email"
    path.write_bytes(bytes(600 * 1024))
    assert needles.find_in_file(path) is None


async def test_staff_are_hidden_as_in_the_records(copying: Copying) -> None:
    """Somebody of the staff has the same pseudonym in the directory and in what they did."""
    note = a_note()
    person = Staff(
        id="staff_01HARB0R000000000000000003",
        subject=note.author.id,
        display_name=note.author.display_name,
        email="cora@harbor.test",
        group=Group.COUNSELORS,
    )
    await copying.masking.learn([person])
    await copying.copy(*SAMPLES.values())
    hidden = copying.masking.masked(person, copying.target)
    author = (await copying.only(type(note))).author
    assert (hidden.subject, hidden.display_name) == (author.id, author.display_name)
    assert hidden.email != person.email
