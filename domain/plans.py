"""Plans: what was proposed to a consumer, what they signed, and the schedule that follows from it.

A plan keeps every payment of every debt. Interest, principal and balances are not kept: each
follows from the balance before it by one line of arithmetic, so that the schedule of a plan of
whatever age comes out as it was signed, and a hundred debts over sixty months fit in a body.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.actors import Actor
from domain.amortization import amount_of, cents, monthly_interest, rate_of
from domain.applications import Debt
from domain.contractual import Payoff
from domain.errors import InvalidTransition
from domain.months import add_months
from domain.payoff import PayoffStrategy
from domain.settings import Participation


class PlanStatus(StrEnum):
    """Where a plan stands; none but PROPOSED is ever changed."""

    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    SUPERSEDED = "SUPERSEDED"


class FeeTiming(StrEnum):
    """When a fee is charged: once, with the first payment, or every month."""

    SETUP = "SETUP"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fee as itemised. amount: of a monthly one the first month's. waived: it is not charged."""

    name: str
    amount: Decimal
    timing: FeeTiming
    waived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCreditor:
    """A debt under a plan, as it was when the plan was proposed.

    plan_apr: percent a year under the plan; of one that is not paid through it, the contractual
    one, or zero where it is not known. payment: the least that it gets a month. payments: month by
    month, what is left over included, until it is paid off; none where it is not paid through it.
    """

    debt: Debt
    participation: Participation
    plan_apr: Decimal
    payment: Decimal
    months: int
    total_interest: Decimal
    payments: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The whole text to sign, as HTML; sha256 is of its UTF-8 bytes, in lower-case hex."""

    html: str = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who signed, how, when, from where, and the hash of what they were shown.

    signature: the name as they typed it. consent_id: their live consent to electronic records, None
    where they gave none: a contract is not void for that alone (15 USC 7001(c)(3)).
    """

    signature: str
    signed_by: Actor
    at: datetime
    source_ip: str | None
    agreement_sha256: str
    consent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A debt management plan. Amounts are over its whole term, but for monthly_deposit.

    first_due_on: of the schedule; the others follow on the same day of each month. state: the
    consumer's, whose caps its fees are within. settings_id, analysis_id: what it was computed
    from. monthly_fees: month by month. total_paid: to creditors and in fees.
    """

    id: str
    version: int = 0
    application_id: str
    analysis_id: str
    settings_id: str
    status: PlanStatus = PlanStatus.PROPOSED
    created_at: datetime
    proposed_by: Actor
    state: str | None
    strategy: PayoffStrategy
    monthly_deposit: Decimal
    months: int
    first_due_on: date
    debt_free_on: date
    total_interest: Decimal
    total_fees: Decimal
    total_paid: Decimal
    without_plan: Payoff
    fees: tuple[Fee, ...]
    monthly_fees: tuple[Decimal, ...]
    warnings: tuple[str, ...]
    creditors: tuple[PlanCreditor, ...]
    agreement: Agreement
    acceptance: Acceptance | None = None
    decline_reason: str | None = None

    @property
    def accepted_at(self) -> datetime | None:
        """Return when it was signed."""
        return None if self.acceptance is None else self.acceptance.at


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledPayment:
    """One month's payment to one creditor. balance: what is owed after it."""

    month: int
    due_on: date
    creditor: str
    payment: Decimal
    interest: Decimal
    principal: Decimal
    balance: Decimal


def schedule(plan: Plan) -> tuple[ScheduledPayment, ...]:
    """Return the plan's payments, by month and then as its creditors are listed."""
    rows = [list(_rows(plan, creditor)) for creditor in plan.creditors]
    return tuple(row[month] for month in range(plan.months) for row in rows if month < len(row))


def _rows(plan: Plan, creditor: PlanCreditor) -> Iterator[ScheduledPayment]:
    balance, rate = cents(creditor.debt.balance), rate_of(creditor.plan_apr)
    for number, payment in enumerate(creditor.payments):
        interest = monthly_interest(balance, rate)
        principal = cents(payment) - interest
        balance -= principal
        yield ScheduledPayment(
            month=number + 1,
            due_on=add_months(plan.first_due_on, number),
            creditor=creditor.debt.creditor,
            payment=payment,
            interest=amount_of(interest),
            principal=amount_of(principal),
            balance=amount_of(balance),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """What the consumer pays in a month. setup_fee: with the first alone."""

    month: int
    due_on: date
    to_creditors: Decimal
    monthly_fee: Decimal
    setup_fee: Decimal

    @property
    def total(self) -> Decimal:
        """Return what is due."""
        return self.to_creditors + self.monthly_fee + self.setup_fee


def deposits(plan: Plan) -> tuple[Deposit, ...]:
    """Return what the consumer pays, month by month."""
    setup = setup_fee(plan.fees)
    return tuple(
        Deposit(
            month=number + 1,
            due_on=add_months(plan.first_due_on, number),
            to_creditors=_paid_in(plan, number),
            monthly_fee=fee,
            setup_fee=setup if number == 0 else amount_of(0),
        )
        for number, fee in enumerate(plan.monthly_fees)
    )


def setup_fee(fees: tuple[Fee, ...]) -> Decimal:
    """Return the set-up fee that is charged."""
    charged = (fee.amount for fee in fees if fee.timing is FeeTiming.SETUP and not fee.waived)
    return sum(charged, amount_of(0))


def _paid_in(plan: Plan, number: int) -> Decimal:
    paid = (one.payments[number] for one in plan.creditors if number < len(one.payments))
    return sum(paid, amount_of(0))


def accepted(plan: Plan, acceptance: Acceptance) -> Plan:
    """Return the plan as signed.

    Raises InvalidTransition where it is no longer open, or its first payment was due before the day
    of signing (in UTC): each day that it promises would be wrong, and a month's interest untold.
    """
    _check_open(plan)
    if acceptance.at.date() > plan.first_due_on:
        raise InvalidTransition(
            f"The first payment of this plan was due on {plan.first_due_on}: propose it anew."
        )
    return replace(plan, status=PlanStatus.ACCEPTED, acceptance=acceptance)


def declined(plan: Plan, reason: str | None) -> Plan:
    """Return the plan as declined; raises InvalidTransition where it is no longer open."""
    _check_open(plan)
    return replace(plan, status=PlanStatus.DECLINED, decline_reason=reason)


def superseded(plan: Plan) -> Plan:
    """Return the plan as replaced by a later one; raises InvalidTransition where it is not open."""
    _check_open(plan)
    return replace(plan, status=PlanStatus.SUPERSEDED)


def _check_open(plan: Plan) -> None:
    if plan.status is not PlanStatus.PROPOSED:
        raise InvalidTransition(f"A plan that is {plan.status} cannot be changed.")
