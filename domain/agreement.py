"""The agreement of a plan: one HTML document, the same bytes for the same plan.

It holds what the Uniform Debt-Management Services Act, section 19, asks of one: the parties, the
services, each fee, each payment with its day and the estimated last day; of each creditor what is
owed, what is conceded and what is expected to be paid; who takes no part; cancellation; whom to
turn to. It loads nothing from anywhere and runs no script, reads well aloud and on paper, and all
that people wrote is escaped.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from itertools import groupby

from domain.agreement_chart import Curves, chart, described
from domain.agreement_page import FOOT, HEAD, items, paragraph, section, table
from domain.agreement_words import (
    CANCELLATION,
    CLASSES,
    CONTRACTUAL,
    ESTIMATE,
    EXPECTED_OF_YOU,
    NO_SUCH_CREDITOR,
    SERVICES,
    SIGNING,
    VERSION,
)
from domain.contractual import balances_without_plan
from domain.money import ZERO, total
from domain.months import add_months
from domain.payoff import PayoffStrategy
from domain.plans import Agreement, Deposit, Fee, FeeTiming, Plan, PlanCreditor, deposits, schedule
from domain.reasons import counted, dollars, percent
from domain.settings import Participation
from domain.states import STATE_NAMES

_STRATEGIES = {
    PayoffStrategy.AVALANCHE: "What is left over each month goes to the debt with the highest "
    "interest rate.",
    PayoffStrategy.SNOWBALL: "What is left over each month goes to the smallest debt.",
    PayoffStrategy.NO_ROLLOVER: "Each debt gets its own payment; when one is paid off, your "
    "monthly payment becomes smaller.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who agrees: the agency with its website, if it has one, and the consumer's full name."""

    agency: str
    website: str | None
    consumer: str


def agreement_of(plan: Plan, parties: Parties) -> Agreement:
    """Return the agreement of a plan as it is proposed; its own `agreement` is not looked at."""
    html = _document(plan, parties)
    return Agreement(html=html, sha256=hashlib.sha256(html.encode()).hexdigest())


def _document(plan: Plan, parties: Parties) -> str:
    paid = deposits(plan)
    return "\n".join(
        (
            HEAD,
            "<h1>Agreement on a debt management plan</h1>",
            section("Who agrees", _parties(plan, parties)),
            section("Read this before you sign", items(plan.warnings)),
            section("What we do", items(SERVICES)),
            section("What is expected of you", items(EXPECTED_OF_YOU)),
            section("The plan in short", _summary(plan, paid)),
            section("What it costs", _fees(plan.fees)),
            section("Your creditors", "\n".join(_class(plan, one) for one in Participation)),
            section("How your debt shrinks", _chart(plan)),
            section("Your payments", _payments(plan, paid)),
            section("Your right to cancel", items(CANCELLATION)),
            section("Questions and complaints", _contact(plan, parties)),
            section("How you sign", paragraph(SIGNING)),
            FOOT,
        )
    )


def _parties(plan: Plan, parties: Parties) -> str:
    rows = [
        ("Agency", parties.agency),
        ("You", parties.consumer),
        ("Your state", plan.state or "not known"),
        ("Proposed on", _day(plan.created_at.date())),
        ("Plan", plan.id),
        ("Wording", VERSION),
    ]
    return table("The parties to this agreement", None, rows)


def _summary(plan: Plan, paid: Sequence[Deposit]) -> str:
    without = plan.without_plan
    months = "never, or not known" if without.months is None else _months(without.months)
    interest = "not known" if without.total_interest is None else dollars(without.total_interest)
    rows = [
        ("Your monthly payment", dollars(plan.monthly_deposit), "as each creditor asks"),
        ("Paid off in", _months(plan.months), months),
        ("First payment on", _day(plan.first_due_on), ""),
        ("Estimated last payment on", _day(plan.debt_free_on), ""),
        ("Owed now", dollars(_owed(plan)), dollars(_owed(plan))),
        ("Interest", dollars(plan.total_interest), interest),
        ("Our fees", dollars(plan.total_fees), dollars(ZERO)),
        ("All that you pay", dollars(plan.total_paid), _all_without(plan)),
    ]
    head = ("", "With this plan", "At the contractual terms")
    first = paid[0]
    notes = [_STRATEGIES[plan.strategy], CONTRACTUAL, ESTIMATE, *_outside(plan)]
    if first.setup_fee > 0:
        notes.append(f"The first payment is {dollars(first.total)}, the set-up fee included.")
    return "\n".join((table("The plan and the contractual terms", head, rows), items(notes)))


def _outside(plan: Plan) -> Iterable[str]:
    """Say what is not in the figures: what is owed to creditors that take no part."""
    outside = [one.debt for one in plan.creditors if not one.payments]
    if outside:
        owed = total(debt.balance for debt in outside)
        minimums = total(debt.minimum_payment for debt in outside)
        yield (
            f"Not in these figures: {dollars(owed)} that you owe to creditors that take no part. "
            f"You go on paying {dollars(minimums)} a month for it yourself."
        )


def _all_without(plan: Plan) -> str:
    interest = plan.without_plan.total_interest
    return "not known" if interest is None else dollars(_owed(plan) + interest)


def _fees(fees: Iterable[Fee]) -> str:
    when = {FeeTiming.SETUP: "once", FeeTiming.MONTHLY: "every month"}
    rows = [
        (
            fee.name,
            when[fee.timing],
            f"{dollars(fee.amount)}, waived: you pay {dollars(ZERO)}"
            if fee.waived
            else dollars(fee.amount),
        )
        for fee in fees
    ]
    return table("Our fees", ("Fee", "When", "Amount"), rows)


def _class(plan: Plan, participation: Participation) -> str:
    heading, note = CLASSES[participation]
    creditors = [one for one in plan.creditors if one.participation is participation]
    if not creditors:
        return f"<h3>{escape(heading)}</h3>\n{paragraph(NO_SUCH_CREDITOR)}"
    if participation is Participation.NOT_EXPECTED:
        head: tuple[str, ...] = ("Creditor", "Owed now", "Interest rate", "You pay yourself")
        rows = [_unpaid_row(one) for one in creditors]
    else:
        head = (
            *("Creditor", "Owed now", "Rate now", "Rate in the plan"),
            *(
                "Monthly payment",
                "Expected payments, on the same day of each month",
                "Estimated last",
            ),
        )
        rows = [_paid_row(plan, one) for one in creditors]
    return f"<h3>{escape(heading)}</h3>\n{paragraph(note)}\n{table(heading, head, rows)}"


def _paid_row(plan: Plan, one: PlanCreditor) -> tuple[str, ...]:
    last = add_months(plan.first_due_on, one.months - 1)
    return (
        _named(one),
        dollars(one.debt.balance),
        "not known" if one.debt.apr is None else percent(one.debt.apr),
        percent(one.plan_apr),
        f"at least {dollars(one.payment)}",
        _expected(plan, one),
        _day(last),
    )


def _unpaid_row(one: PlanCreditor) -> tuple[str, ...]:
    return (
        _named(one),
        dollars(one.debt.balance),
        "not known" if one.debt.apr is None else percent(one.debt.apr),
        dollars(one.debt.minimum_payment),
    )


def _chart(plan: Plan) -> str:
    curves = Curves(
        within=_balances(plan),
        without=balances_without_plan(
            (one.debt for one in plan.creditors if one.payments), plan.months
        ),
    )
    return (
        f"<figure>\n{chart(curves)}\n<figcaption>{escape(described(curves))}</figcaption></figure>"
    )


def _payments(plan: Plan, paid: Sequence[Deposit]) -> str:
    balances = _balances(plan)
    head = ("Number", "Due on", "You pay", "To creditors", "Our fee", "Still owed after it")
    rows = [
        (
            str(one.month),
            _day(one.due_on),
            dollars(one.total),
            dollars(one.to_creditors),
            dollars(one.monthly_fee + one.setup_fee),
            dollars(balances[one.month]),
        )
        for one in paid
    ]
    return table("Each payment and its day", head, rows)


def _expected(plan: Plan, one: PlanCreditor) -> str:
    """Return a debt's expected payments with their days, those alike and in a row together.

    The Act asks for each payment and its day: `28 of $147.00 from … to …` holds both. It stands in
    the creditor's own row, as a hundred names of any length are to be in the page but once.
    """
    runs = []
    first = 0
    for payment, alike in groupby(one.payments):
        count = len(list(alike))
        begins = _day(add_months(plan.first_due_on, first))
        first += count
        if count == 1:
            runs.append(f"{dollars(payment)} on {begins}")
        else:
            ends = _day(add_months(plan.first_due_on, first - 1))
            runs.append(f"{count} of {dollars(payment)} from {begins} to {ends}")
    return "; ".join(
        (
            *runs,
            f"{counted(one.months, 'payment', 'payments')}, {dollars(total(one.payments))} in all",
        )
    )


def _balances(plan: Plan) -> list[Decimal]:
    """Return what is owed to creditors that are paid: at the beginning, and after each month."""
    owed = [_owed(plan)]
    rows = schedule(plan)
    principal = [ZERO] * (plan.months + 1)
    for row in rows:
        principal[row.month] += row.principal
    for month in range(1, plan.months + 1):
        owed.append(owed[-1] - principal[month])
    return owed


def _contact(plan: Plan, parties: Parties) -> str:
    where = f" at {parties.website}" if parties.website else ""
    return paragraph(
        f"Turn to {parties.agency}{where}. You may also turn to the attorney general or the "
        f"regulator of {STATE_NAMES.get(plan.state or '', 'your state')}."
    )


def _owed(plan: Plan) -> Decimal:
    return total(one.debt.balance for one in plan.creditors if one.payments)


def _named(one: PlanCreditor) -> str:
    last4 = one.debt.account_last4
    return one.debt.creditor if last4 is None else f"{one.debt.creditor}, account ending {last4}"


def _months(number: int) -> str:
    return counted(number, "month", "months")


_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def _day(day: date) -> str:
    """Return a day as Americans write it; strftime would ask the machine's locale."""
    return f"{_MONTH_NAMES[day.month - 1]} {day.day}, {day.year}"
