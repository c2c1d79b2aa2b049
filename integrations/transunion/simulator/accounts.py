"""Makes single accounts of every portfolio, consistent in themselves.

Loans stand where their schedule puts them; what is past due is the payments missed; patterns,
ratings and counters tell the same story. The furnishers do not exist.
"""

# ruff: noqa: PLR2004 - shares and spans of made-up accounts
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from integrations.transunion.simulator.history import (
    RATINGS,
    History,
    charge_off,
    months_before,
    months_between,
    pay,
)
from integrations.transunion.simulator.records import Furnisher, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a person handles credit. Shares from 0 to 1."""

    used: tuple[float, float]
    late: float
    late_now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanKind:
    """What loans of a kind look like."""

    furnishers: tuple[tuple[str, str], ...]
    portfolio: str
    kind: str
    amounts: tuple[int, int]
    terms: tuple[int, ...]
    rates: tuple[float, float]


CARDS = (
    ("FIRST LAKES BANK", "B"),
    ("UNION HARBOR CARD", "B"),
    ("CASCADE BANK NA", "B"),
    ("PRAIRIE STATE CU", "Q"),
    ("NORTHERN CARD SVC", "N"),
)
STORES = (("BELLWOOD STORES", "D"), ("HEARTH & HOME/CBK", "H"), ("PINE RIVER OUTFIT", "C"))
LINES = (("FIRST LAKES BANK", "B"), ("TWIN COUNTY CU", "Q"))
CHARGES = (("MERIDIAN CHARGE", "N"), ("BLUEWATER MOBILE", "U"), ("LAKELAND POWER", "U"))
AUTO = LoanKind(
    furnishers=(("MIDLAND AUTO FIN", "F"), ("PRAIRIE STATE CU", "Q"), ("GREAT PLAINS MTR", "A")),
    portfolio="installment",
    kind="AU",
    amounts=(9_000, 42_000),
    terms=(48, 60, 72),
    rates=(0.04, 0.17),
)
STUDENT = LoanKind(
    furnishers=(("FED EDU SERVICING", "V"), ("CAMPUS LOAN SVC", "E")),
    portfolio="installment",
    kind="ST",
    amounts=(5_000, 60_000),
    terms=(120, 180, 240),
    rates=(0.035, 0.07),
)
PERSONAL = LoanKind(
    furnishers=(("HARVEST LENDING", "F"), ("KEYSTONE PERSONAL", "F")),
    portfolio="installment",
    kind="US",
    amounts=(2_000, 20_000),
    terms=(24, 36, 60),
    rates=(0.09, 0.29),
)
MORTGAGE = LoanKind(
    furnishers=(("HOMESTEAD MORTGAGE", "F"), ("CASCADE BANK NA", "B")),
    portfolio="mortgage",
    kind="CV",
    amounts=(90_000, 380_000),
    terms=(180, 360),
    rates=(0.03, 0.072),
)


def furnisher(chance: Random, choices: tuple[tuple[str, str], ...]) -> Furnisher:
    """Return one of the furnishers, with a member code that is always theirs."""
    name, industry = chance.choice(choices)
    code = f"{sum(map(ord, name)) * 7919 % 10_000_000:07d}"
    return Furnisher(name=name, industry=industry, member_code=f"0{code}")


def card(
    chance: Random, habits: Habits, as_of: date, *, months: int, store: bool, relation: str
) -> Trade:
    """Return an open card, used as the habits say; one that is not used was paid out."""
    limit = chance.choice((300, 500, 800, 1200) if store else (1500, 3000, 5000, 8500, 15000))
    balance = round(limit * chance.uniform(*habits.used))
    effective = as_of - timedelta(days=chance.randint(3, 30))
    opened = months_before(effective, months)
    idle = chance.random() < 0.15
    history = _pay(chance, habits, months, idle=idle)
    balance = 0 if idle else max(balance, 40)
    payment = None if idle else min(balance, max(25, round(balance * 0.03)))
    last_paid = months_before(effective, 4 if idle else history.missed)
    return Trade(
        furnisher=furnisher(chance, STORES if store else CARDS),
        portfolio="revolving",
        kind="CH" if store else "CC",
        number=f"{chance.randrange(10**11, 10**12)}",
        relation=relation,
        opened=opened,
        effective=effective,
        paid_out=last_paid if idle else None,
        balance=balance,
        high_credit=max(balance, round(limit * chance.uniform(0.3, 1.0))),
        limit=limit,
        rating=RATINGS[history.current],
        term=None if idle else "MIN",
        payment=payment,
        past_due=min((payment or 0) * history.missed, balance),
        pattern=history.pattern,
        pattern_from=months_before(effective, 1),
        last_paid=max(last_paid, opened),
    )


def loan(
    chance: Random, habits: Habits, as_of: date, *, kind: LoanKind, months: int, relation: str
) -> Trade:
    """Return an open loan, with the balance that its schedule leaves and what was missed."""
    term = chance.choice([term for term in kind.terms if term > months] or [max(kind.terms)])
    months = min(months, term - 1)
    principal = chance.randrange(kind.amounts[0], kind.amounts[1], 250)
    rate = chance.uniform(*kind.rates) / 12
    payment = round(principal * rate / (1 - (1 + rate) ** -term))
    effective = as_of - timedelta(days=chance.randint(3, 30))
    opened = months_before(effective, months)
    history = _pay(chance, habits, months, idle=False)
    grown = (1 + rate) ** max(months - history.missed, 0)
    scheduled = round(principal * grown - payment * (grown - 1) / rate)
    balance = min(max(scheduled, payment), principal)
    return Trade(
        furnisher=furnisher(chance, kind.furnishers),
        portfolio=kind.portfolio,
        kind=kind.kind,
        number=f"{chance.randrange(10**9, 10**10)}",
        relation=relation,
        opened=opened,
        effective=effective,
        balance=balance,
        high_credit=principal,
        rating=RATINGS[history.current],
        term=f"{term:03d}",
        payment=payment,
        past_due=min(payment * history.missed, balance),
        pattern=history.pattern,
        pattern_from=months_before(effective, 1),
        last_paid=max(months_before(effective, history.missed), opened),
    )


def line_of_credit(chance: Random, habits: Habits, as_of: date, *, months: int) -> Trade:
    """Return a line of credit: a limit like a card's, interest alone as its payment."""
    limit = chance.randrange(5_000, 40_000, 500)
    balance = round(limit * chance.uniform(*habits.used))
    effective = as_of - timedelta(days=chance.randint(3, 30))
    history = _pay(chance, habits, months, idle=False)
    payment = max(25, round(balance * 0.007))
    return Trade(
        furnisher=furnisher(chance, LINES),
        portfolio="lineOfCredit",
        kind="LC",
        number=f"{chance.randrange(10**7, 10**8)}",
        relation="individual",
        opened=months_before(effective, months),
        effective=effective,
        balance=balance,
        high_credit=max(balance, limit // 2),
        limit=limit,
        rating=RATINGS[history.current],
        term="MIN",
        payment=payment if balance else None,
        past_due=min(payment * history.missed, balance),
        pattern=history.pattern,
        pattern_from=months_before(effective, 1),
        last_paid=months_before(effective, min(history.missed, months)),
    )


def open_charge(chance: Random, as_of: date, *, months: int) -> Trade:
    """Return an account that is to be paid in full each month."""
    balance = chance.randint(35, 900)
    effective = as_of - timedelta(days=chance.randint(3, 30))
    history = pay(chance, months, late_share=0.01, late_now=False)
    return Trade(
        furnisher=furnisher(chance, CHARGES),
        portfolio="open",
        kind="OC",
        number=f"{chance.randrange(10**8, 10**9)}",
        relation="individual",
        opened=months_before(effective, months),
        effective=effective,
        balance=balance,
        high_credit=balance * 2,
        rating=RATINGS[history.current],
        term="001",
        payment=balance,
        pattern=history.pattern,
        pattern_from=months_before(effective, 1),
        last_paid=effective,
    )


def closed_account(chance: Random, as_of: date, *, months: int) -> Trade:
    """Return an account closed in good order: a card by one of its sides, or a loan paid off."""
    closed = months_before(as_of, chance.randint(4, max(5, months // 2)))
    opened = months_before(as_of, months)
    is_card = chance.random() < 0.5
    history = pay(chance, months_between(opened, closed), late_share=0.01, late_now=False)
    amount = chance.randrange(500, 15_000, 100)
    kind = chance.choice((AUTO, STUDENT, PERSONAL))
    return Trade(
        furnisher=furnisher(chance, CARDS if is_card else kind.furnishers),
        portfolio="revolving" if is_card else kind.portfolio,
        kind="CC" if is_card else kind.kind,
        number=f"{chance.randrange(10**10, 10**11)}",
        relation="individual",
        opened=opened,
        effective=closed,
        closed=closed,
        paid_out=closed,
        balance=0,
        high_credit=amount,
        limit=amount if is_card else None,
        rating="01",
        remark=chance.choice(("CBC", "CBG")) if is_card else "CLO",
        term=None if is_card else f"{chance.choice(kind.terms):03d}",
        pattern=history.pattern,
        pattern_from=months_before(closed, 1),
        last_paid=closed,
    )


def charged_off(chance: Random, as_of: date, *, back: int) -> Trade:
    """Return an account that the creditor gave up, the whole balance past due."""
    ago = chance.randint(2, min(20, max(back - 9, 2)))
    closed = months_before(as_of, ago)
    opened = months_before(closed, chance.randint(8, max(back - ago, 8)))
    history = charge_off(chance, months_between(opened, closed))
    balance = chance.randrange(400, 9_000)
    return Trade(
        furnisher=furnisher(chance, CARDS),
        portfolio="revolving",
        kind="CC",
        number=f"{chance.randrange(10**11, 10**12)}",
        relation="individual",
        opened=opened,
        effective=closed,
        closed=closed,
        balance=balance,
        high_credit=balance,
        limit=max(balance, 500),
        rating="09",
        remark="PRL",
        past_due=balance,
        pattern=history.pattern,
        pattern_from=months_before(closed, 1),
        last_paid=months_before(closed, min(6, months_between(opened, closed))),
    )


def _pay(chance: Random, habits: Habits, months: int, *, idle: bool) -> History:
    late_now = not idle and chance.random() < habits.late_now
    return pay(chance, months, late_share=habits.late, late_now=late_now)
