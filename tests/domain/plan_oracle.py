"""An oracle of analysis and plan: written from the published rules alone, in plain decimals.

It shares nothing with the domain but the records that both are given: no cents as integers, no
tables, nothing left out for speed. Amounts are dollars, rates percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from unicodedata import normalize

from domain.applications import Debt
from domain.settings import AgencySettings, CreditorPolicy

CENT = Decimal("0.01")
TERM = 60

# set-up, a month, for each creditor, percent of what creditors get: as the statutes say it.
STATE_CAPS: dict[str, tuple[str, str, str | None, str | None]] = {
    "UT": ("50", "50", "10", None),
    "RI": ("50", "50", "10", None),
    "CO": ("50", "50", "10", None),
    "VA": ("75", "60", None, "15"),
    "MS": ("75", "30", None, None),
    "MD": ("50", "40", "8", None),
}


@dataclass(slots=True)
class Line:
    """A debt in the oracle's books. rows: month, interest, payment, balance after it."""

    creditor: str
    balance: Decimal
    apr: Decimal
    asked: Decimal
    place: int
    rows: list[tuple[int, Decimal, Decimal, Decimal]] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """What the oracle says of a plan. fees: month by month."""

    lines: list[Line | None]
    fees: list[Decimal]
    setup: Decimal


def half_up(amount: Decimal) -> Decimal:
    """Return an amount to the cent."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def interest_of(balance: Decimal, apr: Decimal) -> Decimal:
    """Return a month's interest."""
    return half_up(balance * apr / 1200)


def up_to_the_dollar(amount: Decimal) -> Decimal:
    """Return whole dollars, never less than the amount."""
    return amount.quantize(Decimal(1), rounding=ROUND_CEILING)


def months_to_pay(balance: Decimal, apr: Decimal, payment: Decimal) -> int | None:
    """Return in how many months a level payment ends a debt; None for more than the term."""
    for month in range(1, TERM + 1):
        balance += interest_of(balance, apr) - payment
        if balance <= 0:
            return month
    return None


def sixty_month_payment(balance: Decimal, apr: Decimal) -> Decimal:
    """Return the annuity's payment in whole dollars, a dollar more while rounding needs it."""
    with localcontext() as exact:
        exact.prec = 80
        month = apr / 1200
        factor = sum(((1 + month) ** -number for number in range(1, TERM + 1)), Decimal(0))
        payment = up_to_the_dollar(balance / factor)
    while months_to_pay(balance, apr, payment) is None:
        payment += 1
    return payment


def same_creditor(one: str, other: str) -> bool:
    """Say whether two spellings name one creditor: their letters and digits agree."""
    bare = [
        [sign for sign in normalize("NFKC", name).casefold() if sign.isalnum()]
        for name in (one, other)
    ]
    return bare[0] == bare[1]


def line_of(
    debt: Debt, settings: AgencySettings, place: int, *, hardship: bool
) -> Line | str | None:
    """Return the debt as the plan pays it, None where it does not, or why that is not known."""
    policy: CreditorPolicy | None = next(
        (one for one in settings.creditor_policies if same_creditor(one.creditor, debt.creditor)),
        None,
    )
    if policy is None:
        if debt.apr is None:
            return "APR_UNKNOWN"
        apr = debt.apr
        asked = max(debt.minimum_payment, sixty_month_payment(debt.balance, apr))
    elif policy.participation == "NOT_EXPECTED":
        return None
    else:
        rate = policy.payment_rate
        if policy.participation == "WITH_CONCESSIONS":
            apr = policy.apr if debt.apr is None else min(debt.apr, policy.apr)
            if hardship:
                rate = min(rate, settings.hardship_payment_rate)
        else:
            apr = policy.apr if debt.apr is None else debt.apr
        asked = max(
            up_to_the_dollar(debt.balance * rate / 100),
            sixty_month_payment(debt.balance, apr),
            policy.payment_floor,
        )
        if policy.participation == "WITHOUT_CONCESSIONS":
            asked = max(asked, debt.minimum_payment)
    # Nobody is ever paid more than what is owed to them.
    asked = min(asked, debt.balance + interest_of(debt.balance, apr))
    return Line(debt.creditor, debt.balance, apr, asked, place)


def refuses(debt: Debt, settings: AgencySettings) -> bool:
    """Say whether the first policy of that creditor expects it to take no part."""
    for policy in settings.creditor_policies:
        if same_creditor(policy.creditor, debt.creditor):
            return policy.participation == "NOT_EXPECTED"
    return False


def most_fee(
    settings: AgencySettings, state: str | None, lines: Sequence[Line], *, waived: bool
) -> Decimal:
    """Return the monthly fee for these open debts, before any share of what is disbursed."""
    if waived:
        return Decimal(0)
    creditors: list[str] = []
    for line in lines:
        if not any(same_creditor(line.creditor, known) for known in creditors):
            creditors.append(line.creditor)
    each, most = settings.monthly_fee_per_creditor, settings.monthly_fee_max
    if state in STATE_CAPS:
        _, month, creditor, _ = STATE_CAPS[state]
        most = min(most, Decimal(month))
        each = each if creditor is None else min(each, Decimal(creditor))
    return min(each * len(creditors), most)


def share_cap(state: str | None, disbursed: Decimal) -> Decimal:
    """Return the most that a state lets a fee be beside what creditors get; a cap rounds down."""
    if state not in STATE_CAPS or STATE_CAPS[state][3] is None:
        return Decimal("Infinity")
    percent = Decimal(STATE_CAPS[state][3] or 0)
    return (disbursed * percent / 100).quantize(CENT, rounding=ROUND_FLOOR)


def largest_fee(fee: Decimal, state: str | None, deposit: Decimal) -> Decimal:
    """Return the largest fee out of a deposit of which all the rest goes to creditors."""
    if state not in STATE_CAPS or STATE_CAPS[state][3] is None:
        return fee
    low, high = 0, int(min(fee, deposit) * 100)
    while low < high:
        middle = (low + high + 1) // 2
        tried = Decimal(middle) / 100
        if tried <= share_cap(state, deposit - tried):
            low = middle
        else:
            high = middle - 1
    return Decimal(low) / 100


def needed(
    settings: AgencySettings, state: str | None, lines: Sequence[Line], *, waived: bool
) -> tuple[Decimal, Decimal]:
    """Return what the creditors need in the first month, and the fee beside it."""
    payments = sum((line.asked for line in lines), Decimal(0))
    fee = min(most_fee(settings, state, lines, waived=waived), share_cap(state, payments))
    return payments, fee


def told(
    debts: Sequence[Debt],
    settings: AgencySettings,
    *,
    state: str | None,
    strategy: str,
    waived: bool,
) -> tuple[list[Line | None], Decimal] | str:
    """Return each debt as the plan pays it and the least deposit, or why there is no plan."""
    found = [
        line_of(debt, settings, place, hardship=waived)
        for place, debt in enumerate(debts)
        if debt.eligible_for_plan and debt.balance > 0
    ]
    if not found:
        return "NO_ELIGIBLE_DEBTS"
    lines: list[Line | None] = []
    for one in found:
        if isinstance(one, str):
            return one
        lines.append(one)
    paid = [line for line in lines if line is not None]
    if not paid:
        return "NO_CREDITOR_TAKES_PART"
    return lines, sum(needed(settings, state, paid, waived=waived), Decimal(0))


def plan(
    lines: list[Line | None],
    least: Decimal,
    settings: AgencySettings,
    *,
    state: str | None,
    strategy: str,
    waived: bool,
    deposit: Decimal,
) -> Told | str:
    """Return how the plan runs month by month, or why there is none."""
    if deposit < least:
        return "DEPOSIT_TOO_SMALL"
    paid = [line for line in lines if line is not None]
    if strategy == "AVALANCHE":
        ranked = sorted(paid, key=lambda line: (-line.apr, line.balance, line.place))
    else:
        ranked = sorted(paid, key=lambda line: (line.balance, -line.apr, line.place))
    if strategy == "NO_ROLLOVER":
        ranked = []
    fees: list[Decimal] = []
    while still := [line for line in paid if line.balance > 0]:
        if len(fees) == TERM:
            return "TERM_TOO_LONG"
        fee = most_fee(settings, state, still, waived=waived)
        if ranked:
            fee = largest_fee(fee, state, deposit)
        disbursed = pay(still, ranked, deposit - fee, len(fees) + 1)
        fees.append(min(fee, share_cap(state, disbursed)))
    setup = settings.setup_fee
    if state in STATE_CAPS:
        setup = min(setup, Decimal(STATE_CAPS[state][0]))
    return Told(lines, fees, Decimal(0) if waived else setup)


def pay(still: Sequence[Line], ranked: Sequence[Line], left: Decimal, month: int) -> Decimal:
    """Pay the open debts for a month, what is left by rank; return what was paid."""
    interest = {line.place: interest_of(line.balance, line.apr) for line in still}
    owed = {line.place: line.balance + interest[line.place] for line in still}
    given = {line.place: min(line.asked, owed[line.place]) for line in still}
    left -= sum(given.values())
    for line in ranked:
        if line.place in given:
            more = min(left, owed[line.place] - given[line.place])
            given[line.place] += more
            left -= more
    for line in still:
        line.balance = owed[line.place] - given[line.place]
        line.rows.append((month, interest[line.place], given[line.place], line.balance))
    return sum(given.values(), Decimal(0))


def recommended(
    income: Decimal,
    expenses: Decimal,
    debts: Sequence[Debt],
    settings: AgencySettings,
    *,
    state: str | None,
    waived: bool,
) -> tuple[str, Decimal]:
    """Return what the Call to Action of 2009 proposes, and what there is for creditors."""
    lines, others = [], []
    for place, debt in enumerate(debts):
        if not debt.eligible_for_plan or (debt.balance > 0 and refuses(debt, settings)):
            others.append(debt)
        elif debt.balance > 0:
            lines.append(Line(debt.creditor, debt.balance, Decimal(0), Decimal(0), place))
    owed = sum((line.balance for line in lines), Decimal(0))
    available = income - expenses - sum(debt.minimum_payment for debt in others)
    left = available - settings.cushion
    if left >= 0:
        left -= largest_fee(most_fee(settings, state, lines, waived=waived), state, left)
    minimums = sum(debts[line.place].minimum_payment for line in lines)
    if available <= 0:
        return ("BANKRUPTCY_REFERRAL" if debts else "BUDGET_FOLLOW_UP"), left
    steps = (
        (minimums, "SELF_MANAGE"),
        (half_up(owed * settings.standard_payment_rate / 100), "PLAN_STANDARD"),
        (half_up(owed * settings.hardship_payment_rate / 100), "PLAN_HARDSHIP"),
    )
    found = (name for bound, name in steps if left >= bound)
    return next(found, "BUDGET_FOLLOW_UP"), left
