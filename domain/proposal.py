"""Making a plan: who takes part on which terms, what deposit that needs, and how it runs.

Where no plan is possible, PlanNotPossible says why, with every figure that would change it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from domain.amortization import (
    amount_of,
    cents,
    level_payment,
    monthly_interest,
    rate_of,
    share_payment,
)
from domain.applications import Debt
from domain.contractual import Payoff, without_plan
from domain.creditors import creditor_key, policies_of
from domain.errors import PlanNotPossible
from domain.fees import FeeRule, FeeTerms, fee_rule
from domain.money import ZERO, total
from domain.months import add_months
from domain.payoff import PLAN_MONTHS_MAX, Account, Course, PayoffStrategy, order_of, run
from domain.plans import Fee, FeeTiming, PlanCreditor
from domain.reasons import Reason, counted, dollars
from domain.settings import AgencySettings, CreditorPolicy, Participation


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a debt is paid. apr: percent a year. payment: the least, a month."""

    debt: Debt
    participation: Participation
    apr: Decimal
    payment: Decimal

    @property
    def is_paid(self) -> bool:
        """Say whether the plan pays it."""
        return self.participation is not Participation.NOT_EXPECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a plan comes to; the fields are those of `domain.plans.Plan`."""

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
    creditors: tuple[PlanCreditor, ...]


def terms_of(
    debts: Iterable[Debt], settings: AgencySettings, *, hardship: bool
) -> tuple[Terms, ...]:
    """Return the terms of each debt. hardship: participating creditors take the hardship rate.

    A creditor's policy says how it takes part; one that has none gives no concession: it is paid
    its contractual APR, its minimum payment at least. A concession never raises an APR. Raises
    PlanNotPossible where there is nothing to pay, or an APR is not known: none is guessed.
    """
    owed = [debt for debt in debts if debt.eligible_for_plan and debt.balance > 0]
    if not owed:
        text = "There is no debt that a plan could take: nothing is owed on unsecured accounts."
        raise PlanNotPossible([Reason(code="NO_ELIGIBLE_DEBTS", text=text)])
    known = policies_of(settings)
    policies = [known.get(creditor_key(debt.creditor)) for debt in owed]
    unknown = [debt for debt, policy in zip(owed, policies, strict=True) if _lacks(debt, policy)]
    if unknown:
        raise PlanNotPossible([_apr_unknown(debt) for debt in unknown])
    found = tuple(
        _terms(debt, policy, settings, hardship=hardship)
        for debt, policy in zip(owed, policies, strict=True)
    )
    if not any(terms.is_paid for terms in found):
        text = "None of the creditors is expected to take part in a plan."
        raise PlanNotPossible([Reason(code="NO_CREDITOR_TAKES_PART", text=text)])
    return found


def propose(
    terms: Sequence[Terms],
    fees: FeeTerms,
    *,
    strategy: PayoffStrategy,
    deposit: Decimal,
    proposed_on: date,
) -> Proposal:
    """Return the plan's figures; the first payment is due a month after it is proposed.

    Raises PlanNotPossible where the deposit does not cover what creditors and the fee need. The
    set-up fee is due with the first payment, and never taken out of what creditors get.
    """
    paid = [one for one in terms if one.is_paid]
    numbers: dict[str, int] = {}
    accounts = [
        Account(
            cents(one.debt.balance),
            rate_of(one.apr),
            cents(one.payment),
            numbers.setdefault(creditor_key(one.debt.creditor), len(numbers)),
        )
        for one in paid
    ]
    rule = fee_rule(fees)
    needed = _check_deposit(accounts, rule, cents(deposit))
    if strategy is PayoffStrategy.NO_ROLLOVER:
        deposit = amount_of(needed)  # nothing is asked for that nobody would get
    course = run(accounts, order_of(accounts, strategy), cents(deposit), rule)
    if course is None:
        raise PlanNotPossible([_TOO_LONG])
    items = _itemised(fees, course, len(numbers))
    return _proposal(terms, course, items, proposed_on=proposed_on)


def _lacks(debt: Debt, policy: CreditorPolicy | None) -> bool:
    return debt.apr is None and policy is None


def _apr_unknown(debt: Debt) -> Reason:
    text = f"The APR of {debt.id} is not known. Enter it; 0 where no interest is charged."
    return Reason(code="APR_UNKNOWN", text=text)


def _terms(
    debt: Debt, policy: CreditorPolicy | None, settings: AgencySettings, *, hardship: bool
) -> Terms:
    balance = cents(debt.balance)
    if policy is None:
        apr = debt.apr or ZERO
        payment = max(cents(debt.minimum_payment), _least(balance, apr))
        return _made(debt, Participation.WITHOUT_CONCESSIONS, apr, payment)
    if policy.participation is Participation.NOT_EXPECTED:
        return _made(debt, policy.participation, debt.apr or ZERO, 0)
    rate = policy.payment_rate
    if policy.participation is Participation.WITHOUT_CONCESSIONS:
        apr = policy.apr if debt.apr is None else debt.apr
    else:
        apr = policy.apr if debt.apr is None else min(policy.apr, debt.apr)
        rate = min(rate, settings.hardship_payment_rate) if hardship else rate
    payment = max(
        share_payment(balance, cents(rate)), _least(balance, apr), cents(policy.payment_floor)
    )
    if policy.participation is Participation.WITHOUT_CONCESSIONS:
        # It has conceded nothing: to be paid less than its contract asks for is default.
        payment = max(payment, cents(debt.minimum_payment))
    return _made(debt, policy.participation, apr, payment)


def _least(balance: int, apr: Decimal) -> int:
    return level_payment(balance, rate_of(apr), PLAN_MONTHS_MAX)


def _made(debt: Debt, participation: Participation, apr: Decimal, payment: int) -> Terms:
    """Return the terms; nobody is paid, or has a deposit asked for, beyond what is owed to them.

    A floor, a minimum payment as it was entered or a whole dollar may be more than a small debt.
    """
    balance = cents(debt.balance)
    owed = balance + monthly_interest(balance, rate_of(apr))
    return Terms(
        debt=debt, participation=participation, apr=apr, payment=amount_of(min(payment, owed))
    )


def _check_deposit(accounts: Sequence[Account], rule: FeeRule, deposit: int) -> int:
    """Return the deposit that is needed at least; raises PlanNotPossible where this one is less."""
    payments = sum(account.payment for account in accounts)
    fee = rule.needed(payments, len({account.creditor for account in accounts}))
    needed = payments + fee
    if deposit >= needed:
        return needed
    reasons = [_too_small(deposit, payments, fee)]
    interest = sum(monthly_interest(account.balance, account.rate) for account in accounts)
    if deposit - fee <= interest:
        reasons.append(_growing(deposit, fee, interest))
    raise PlanNotPossible(reasons)


def _too_small(deposit: int, payments: int, fee: int) -> Reason:
    text = (
        f"A deposit of {_said(deposit)} a month is too small. The creditors need "
        f"{_said(payments)} a month to be paid off within {PLAN_MONTHS_MAX} months, and the fee is "
        f"{_said(fee)}: {_said(payments + fee)} would do."
    )
    return Reason(code="DEPOSIT_TOO_SMALL", text=text)


def _growing(deposit: int, fee: int, interest: int) -> Reason:
    text = (
        f"The debts would never shrink: the first month's interest is {_said(interest)}, and "
        f"{_said(max(deposit - fee, 0))} would be left to pay."
    )
    return Reason(code="NEGATIVE_AMORTIZATION", text=text)


_TOO_LONG = Reason(
    code="TERM_TOO_LONG",
    text=f"The debts would not be paid off within {PLAN_MONTHS_MAX} months.",
)


def _said(whole: int) -> str:
    return dollars(amount_of(whole))


def _itemised(fees: FeeTerms, course: Course, creditors: int) -> tuple[Fee, ...]:
    """Return the fees as shown before anything is signed, the waived ones too, within their caps.

    A waived one is what would have been charged beside the first month's payments.
    """
    first = course.fees[0]
    if fees.waived:
        first = fee_rule(replace(fees, waived=False)).needed(_disbursed(course), creditors)
    most = f"at most {dollars(fees.monthly_max)}"
    if fees.disbursed_share is not None:
        most += f" and {fees.disbursed_share.normalize():f}% of what is paid to creditors"
    name = (
        f"Monthly fee in the first month ({counted(creditors, 'creditor', 'creditors')}); "
        f"{dollars(fees.per_creditor)} for each creditor still to be paid, {most}"
    )
    return (
        Fee(
            name="Set-up fee, once, with the first payment",
            amount=fees.setup,
            timing=FeeTiming.SETUP,
            waived=fees.waived,
        ),
        Fee(name=name, amount=amount_of(first), timing=FeeTiming.MONTHLY, waived=fees.waived),
    )


def _proposal(
    terms: Sequence[Terms],
    course: Course,
    items: tuple[Fee, ...],
    *,
    proposed_on: date,
) -> Proposal:
    """Return the figures; what is paid a month is the first month's.

    A plan of one month may need less than was offered; in any other all of it goes out at once.
    """
    first_due_on = add_months(proposed_on, 1)
    monthly_fees = tuple(amount_of(fee) for fee in course.fees)
    setup = total(item.amount for item in items if item.timing is FeeTiming.SETUP)
    total_fees = total(monthly_fees) + (ZERO if items[0].waived else setup)
    to_creditors = amount_of(sum(map(sum, course.payments)))
    return Proposal(
        monthly_deposit=amount_of(_disbursed(course) + course.fees[0]),
        months=course.months,
        first_due_on=first_due_on,
        debt_free_on=add_months(first_due_on, course.months - 1),
        total_interest=amount_of(sum(course.interest)),
        total_fees=total_fees,
        total_paid=to_creditors + total_fees,
        without_plan=without_plan(one.debt for one in terms if one.is_paid),
        fees=items,
        monthly_fees=monthly_fees,
        creditors=tuple(_creditors(terms, course)),
    )


def _disbursed(course: Course) -> int:
    """Return what all creditors are paid in the first month."""
    return sum(payments[0] for payments in course.payments)


def _creditors(terms: Sequence[Terms], course: Course) -> Iterable[PlanCreditor]:
    paid = iter(zip(course.payments, course.interest, strict=True))
    for one in terms:
        payments, interest = next(paid) if one.is_paid else ([], 0)
        yield PlanCreditor(
            debt=one.debt,
            participation=one.participation,
            plan_apr=one.apr,
            payment=one.payment,
            months=len(payments),
            total_interest=amount_of(interest),
            payments=tuple(amount_of(payment) for payment in payments),
        )
