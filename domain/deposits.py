"""Income from deposits: who pays, how often by the days on which it came, and how much.

Pure. Amounts of transactions are positive for money out, so deposits are the negative ones. What
lands in a depository account and is the vendor's category INCOME is income; transfers between the
consumer's own accounts, refunds of purchases, loans paid out and tax refunds are not.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median

from domain.applications import IncomeSource
from domain.bank_connections import BankTransaction
from domain.banking import StreamFacts, StreamFrequency
from domain.money import ZERO, Frequency, monthly, to_cents, total

OWN_TRANSFER_DAYS = 3
RECENT_DAYS = 400
AVERAGED_MAX = 6
IRREGULAR_DAYS = 90
_IRREGULAR_MONTHS = 3
_DEPOSITS_MIN = 2

# Plaid's personal finance categories, detailed: v1 names, and those of v2 that a public copy of the
# taxonomy has beside them. Whatever else begins with INCOME_ is OTHER.
_SOURCES: dict[str, IncomeSource | None] = {
    "INCOME_WAGES": IncomeSource.WAGES,
    "INCOME_SALARY": IncomeSource.WAGES,
    "INCOME_MILITARY": IncomeSource.WAGES,
    "INCOME_GIG_ECONOMY": IncomeSource.SELF_EMPLOYMENT,
    "INCOME_UNEMPLOYMENT": IncomeSource.UNEMPLOYMENT,
    "INCOME_RETIREMENT_PENSION": IncomeSource.PENSION,
    "INCOME_LONG_TERM_DISABILITY": IncomeSource.DISABILITY,
    "INCOME_CHILD_SUPPORT": IncomeSource.CHILD_SUPPORT,
    "INCOME_RENTAL": IncomeSource.RENTAL,
    "INCOME_TAX_REFUND": None,  # comes once
}
_SOCIAL_SECURITY = ("SSA TREAS", "SOC SEC", "SOCIAL SECURITY")
_DISABILITY = ("SSI TREAS", "SSDI")

_OF_STREAM = {
    StreamFrequency.WEEKLY: Frequency.WEEKLY,
    StreamFrequency.BIWEEKLY: Frequency.BIWEEKLY,
    StreamFrequency.SEMI_MONTHLY: Frequency.SEMIMONTHLY,
    StreamFrequency.MONTHLY: Frequency.MONTHLY,
    StreamFrequency.ANNUALLY: Frequency.ANNUALLY,
}
# By the median of the days between deposits: the greatest number of days, and what that is.
_BY_GAP: tuple[tuple[range, Frequency | None], ...] = (
    (range(5, 10), Frequency.WEEKLY),
    (range(12, 19), None),  # every two weeks, or twice a month: the days themselves tell
    (range(26, 36), Frequency.MONTHLY),
    (range(84, 100), Frequency.QUARTERLY),
    (range(350, 381), Frequency.ANNUALLY),
)
_DAYS_OF = {
    Frequency.WEEKLY: 7,
    Frequency.BIWEEKLY: 14,
    Frequency.SEMIMONTHLY: 16,
    Frequency.MONTHLY: 31,
    Frequency.QUARTERLY: 92,
    Frequency.ANNUALLY: 366,
}
_GRACE_DAYS = 7
_BIWEEKLY_DAYS = 14
_EARLY_DAYS_MAX = 3  # paid before a weekend and a holiday
_HOLIDAY_DAYS = 2  # a Friday's pay comes on a Wednesday where Thursday is a holiday too
_HALF_MONTH_DAYS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositedIncome:
    """One income as the deposits show it. payer: as the bank spells it.

    irregular: no rhythm was found; net is then what a month brought on average.
    """

    payer: str
    source: IncomeSource
    net: Decimal
    frequency: Frequency
    monthly: Decimal
    deposits: int
    last_on: date
    irregular: bool


def incomes_from(
    transactions: Sequence[tuple[str, BankTransaction]],
    depository: frozenset[str],
    streams: Iterable[StreamFacts],
    on: date,
) -> tuple[DepositedIncome, ...]:
    """Return the incomes that still come, the largest first.

    transactions: each with the id of its account. depository: ids of the accounts that money is
    paid into. streams: what the vendor makes of them, asked where two deposits are all there is.
    """
    own = own_transfers(transactions)
    groups: dict[tuple[IncomeSource, str], list[BankTransaction]] = defaultdict(list)
    for account, one in transactions:
        if account not in depository or one.pending or one.amount >= 0 or one.id in own:
            continue
        source = _source_of(one)
        if source is not None and one.posted_on > on - timedelta(days=RECENT_DAYS):
            groups[source, payer_of(one)].append(one)
    rhythm = {
        source_id: _OF_STREAM[stream.frequency]
        for stream in streams
        if stream.inflow and stream.frequency in _OF_STREAM
        for source_id in stream.transaction_ids
    }
    found = (_income(key[0], some, rhythm, on) for key, some in groups.items())
    return tuple(sorted((one for one in found if one), key=lambda one: (-one.monthly, one.payer)))


def own_transfers(transactions: Iterable[tuple[str, BankTransaction]]) -> frozenset[str]:
    """Return the ids of what moved between the consumer's own accounts.

    Out of one and into another, the same amount within three days; each is paired once. Only what
    the vendor calls a transfer, or does not name, is looked at: two like purchases are no transfer.
    """
    outs: dict[Decimal, list[tuple[str, BankTransaction]]] = defaultdict(list)
    ins: list[tuple[str, BankTransaction]] = []
    for account, one in transactions:
        if one.pending or not _may_be_transfer(one):
            continue
        if one.amount > 0:
            outs[one.amount].append((account, one))
        elif one.amount < 0:
            ins.append((account, one))
    paired: set[str] = set()
    for account, one in sorted(ins, key=lambda pair: pair[1].posted_on):
        candidates = [
            other
            for whose, other in outs.get(-one.amount, ())
            if whose != account
            and other.id not in paired
            and abs((other.posted_on - one.posted_on).days) <= OWN_TRANSFER_DAYS
        ]
        if candidates:
            nearest = min(candidates, key=lambda other: abs(other.posted_on - one.posted_on))
            paired |= {one.id, nearest.id}
    return frozenset(paired)


def payer_of(one: BankTransaction) -> str:
    """Return who is behind a transaction, without the numbers that differ each time."""
    text = (one.merchant or one.name).casefold()
    words = "".join(sign if sign.isalpha() else " " for sign in text).split()
    return " ".join(words)


def frequency_of(days: Sequence[date]) -> Frequency | None:
    """Return how often something comes by the days on which it came; None where no rhythm shows.

    The 31st is the last day of a shorter month, 29 February among them; a payday that falls on a
    weekend or holiday comes up to three days early.
    """
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    if not gaps:
        return None
    middle = round(median(gaps))
    found = next((named for span, named in _BY_GAP if middle in span), None)
    if found is not None:
        near = _DAYS_OF[found] // 4 + _EARLY_DAYS_MAX
        regular = sum(abs(gap - middle) <= near for gap in gaps)
        return found if 3 * regular >= 2 * len(gaps) else None
    if any(middle in span for span, _ in _BY_GAP):
        return _two_weeks_or_half_a_month(days)
    return None


def _two_weeks_or_half_a_month(days: Sequence[date]) -> Frequency | None:
    every_two_weeks = max(_on_two_weeks(days, anchor) for anchor in days)
    half_months = max(_on_half_months(days, first) for first in range(1, _HALF_MONTH_DAYS + 1))
    best = max(every_two_weeks, half_months)
    if 3 * best < 2 * len(days):
        return None
    if every_two_weeks == half_months:
        weekdays = {day.weekday() for day in days}
        return Frequency.BIWEEKLY if len(weekdays) == 1 else Frequency.SEMIMONTHLY
    return Frequency.BIWEEKLY if every_two_weeks > half_months else Frequency.SEMIMONTHLY


def _on_two_weeks(days: Sequence[date], anchor: date) -> int:
    """Count the days that lie a number of fortnights from the anchor, or a little before."""
    early = ((anchor - day).days % _BIWEEKLY_DAYS for day in days)
    return sum(days_early <= _HOLIDAY_DAYS for days_early in early)


def _on_half_months(days: Sequence[date], first: int) -> int:
    """Count the days that are paydays of a month: the first and fifteen days later, or early."""
    return sum(
        any(0 <= (payday - day).days <= _EARLY_DAYS_MAX for payday in _paydays(day, first))
        for day in days
    )


def _paydays(near: date, first: int) -> tuple[date, ...]:
    """Return the two paydays of the month that a day is in, and the first of the next month."""
    start = near.replace(day=1)
    following = (start + timedelta(days=32)).replace(day=1)
    last = following - timedelta(days=1)
    second = min(first + _HALF_MONTH_DAYS, last.day)
    if first == _HALF_MONTH_DAYS:
        second = last.day
    return start.replace(day=first), start.replace(day=second), following.replace(day=first)


def _income(
    source: IncomeSource,
    deposits: Sequence[BankTransaction],
    rhythm: dict[str, Frequency],
    on: date,
) -> DepositedIncome | None:
    """Return the income of one payer; None for one deposit alone, and for what has ended."""
    by_day: dict[date, Decimal] = defaultdict(lambda: ZERO)
    for one in deposits:
        by_day[one.posted_on] -= one.amount
    days = sorted(by_day)
    if len(days) < _DEPOSITS_MIN:
        return None
    frequency = frequency_of(days)
    if len(days) == _DEPOSITS_MIN:
        told = (rhythm[one.source_id] for one in deposits if one.source_id in rhythm)
        frequency = next(told, frequency)
    payer = max(deposits, key=lambda one: one.posted_on)
    named = payer.merchant or payer.name
    if frequency is None:
        recent = [by_day[day] for day in days if day > on - timedelta(days=IRREGULAR_DAYS)]
        if not recent:
            return None
        net = to_cents(total(recent) / _IRREGULAR_MONTHS)
        return DepositedIncome(
            payer=named,
            source=source,
            net=net,
            frequency=Frequency.MONTHLY,
            monthly=net,
            deposits=len(days),
            last_on=days[-1],
            irregular=True,
        )
    if on - days[-1] > timedelta(days=_DAYS_OF[frequency] * 3 // 2 + _GRACE_DAYS):
        return None
    averaged = [by_day[day] for day in days[-AVERAGED_MAX:]]
    net = to_cents(total(averaged) / len(averaged))
    return DepositedIncome(
        payer=named,
        source=source,
        net=net,
        frequency=frequency,
        monthly=monthly(net, frequency),
        deposits=len(days),
        last_on=days[-1],
        irregular=False,
    )


def _source_of(one: BankTransaction) -> IncomeSource | None:
    """Return what kind of income a deposit is; None for what is none."""
    if one.category != "INCOME":
        return None
    name = one.name.upper()
    if any(word in name for word in _SOCIAL_SECURITY):
        return IncomeSource.SOCIAL_SECURITY
    if any(word in name for word in _DISABILITY):
        return IncomeSource.DISABILITY
    return _SOURCES.get(one.detail or "", IncomeSource.OTHER)


def _may_be_transfer(one: BankTransaction) -> bool:
    return one.category in (None, "TRANSFER_IN", "TRANSFER_OUT")
