"""Months: merged without a loss, in records that a body holds."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from domain import bank_months
from domain.bank_connections import BankConnection, BankMonth, BankSync, MonthRef, sync_id
from domain.bank_months import Merged, merge
from domain.banking import AccountFacts, TransactionChanges, TransactionFacts
from domain.errors import TooLarge
from tenants.backend import BODY_BYTES_MAX
from tenants.records.codec import encode
from tenants.records.sealing import FieldSealer
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT, a_bank_connection, a_bank_sync

LINK: BankConnection = a_bank_connection(accounts=())
EMPTY: BankSync = a_bank_sync(id=sync_id(LINK.id), months=(), loose=(), cursor=None, lease=None)
CHECKING = AccountFacts(source_id="checking", name="Checking", type="depository")
DAY = date(2026, 1, 15)


def spent(number: int, on: date = DAY, name: str = "A SHOP") -> TransactionFacts:
    """Return a transaction of the checking account."""
    return TransactionFacts(
        source_id=f"t{number}",
        account_id="checking",
        posted_on=on,
        name=name,
        amount=Decimal(number),
    )


def changes(
    *added: TransactionFacts, removed: tuple[str, ...] = (), from_start: bool = False
) -> TransactionChanges:
    """Return what a sync brought."""
    return TransactionChanges(
        accounts=(CHECKING,),
        added=added,
        removed=removed,
        cursor="next",
        complete=True,
        from_start=from_start,
    )


def merged(brought: TransactionChanges, kept: tuple[BankMonth, ...] = ()) -> Merged:
    """Return what comes of it; all that is kept counted before."""
    before = EMPTY
    if kept:
        refs = (
            MonthRef(account_id=one.account_id, month=one.month, part=one.part, month_id=one.id)
            for one in kept
        )
        before = a_bank_sync(id=EMPTY.id, months=tuple(refs))
    return merge(LINK, before, kept, (CHECKING,), brought, AT)


def test_a_month_of_many_is_several_records_that_a_body_holds() -> None:
    """Each sealed body is within the limit, whatever the names are made of, and none is lost."""
    sealer = FieldSealer("01HARB0R000000000000000000", random_agency_keys())
    name = '\u00e9"' * 250
    done = merged(changes(*(spent(number, name=name) for number in range(1200))))
    assert len(done.written) > 1
    assert all(len(encode(one, sealer)) <= BODY_BYTES_MAX for one in done.written)
    held = [each.source_id for one in done.written for each in one.transactions]
    assert sorted(held) == sorted(f"t{number}" for number in range(1200))
    assert [one.part for one in done.months] == list(range(len(done.written)))


def test_a_month_that_did_not_change_keeps_its_record() -> None:
    """And one whose last transaction goes has none any more."""
    january, december = DAY, DAY - timedelta(days=31)
    first = merged(changes(spent(1, january), spent(2, december)))
    kept = first.written
    ids = {one.month: one.id for one in kept}
    second = merged(changes(spent(3, january)), kept)
    assert [one.month for one in second.written] == ["2026-01"]
    assert second.replaced == (ids["2026-01"],)
    gone = merged(changes(removed=("t2",)), kept)
    assert (gone.written, gone.replaced) == ((), (ids["2025-12"],))
    same = merged(changes(spent(1, january), spent(2, december), from_start=True), kept)
    assert (same.written, same.replaced) == ((), ())


def test_months_are_listed_newest_first() -> None:
    """As pages read them."""
    days = [date(2024, 12, 1), date(2026, 1, 1), date(2025, 6, 1)]
    done = merged(changes(*(spent(number, day) for number, day in enumerate(days))))
    assert [one.month for one in done.months] == ["2026-01", "2025-06", "2024-12"]


def test_there_are_only_so_many_months(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be kept is refused as a whole."""
    monkeypatch.setattr(bank_months, "MONTHS_MAX", 2)
    days = (date(2025, month, 1) for month in (1, 2, 3))
    with pytest.raises(TooLarge):
        merged(changes(*(spent(number, day) for number, day in enumerate(days))))


def test_a_day_before_1970_is_kept_too() -> None:
    """Its id begins with the first day that ids know; nothing fails of it."""
    done = merged(changes(spent(1, date(1969, 5, 1))))
    assert done.written[0].transactions[0].posted_on == date(1969, 5, 1)
