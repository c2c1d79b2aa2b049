"""The financial analysis: what is left a month, what is owed, and what that recommends.

The rule is that of NFCC and AICCCA, Call to Action (2009); its rates and the cushion are the
agency's own, with their first days. The system proposes, and a counselor decides: a recommendation
refuses nothing, and no counseling waits for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.applications import Application, Debt, Expense, ExpenseCategory, Income
from domain.creditors import creditor_key, outside_creditors
from domain.fees import FeeTerms, monthly_fee
from domain.money import PERCENT_MAX, monthly, to_cents, total
from domain.reasons import Reason, counted, dollars, percent
from domain.settings import AgencySettings


class Recommendation(StrEnum):
    """What the figures propose."""

    SELF_MANAGE = "SELF_MANAGE"
    PLAN_STANDARD = "PLAN_STANDARD"
    PLAN_HARDSHIP = "PLAN_HARDSHIP"
    BUDGET_FOLLOW_UP = "BUDGET_FOLLOW_UP"
    BANKRUPTCY_REFERRAL = "BANKRUPTCY_REFERRAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancialAnalysis:
    """What an application's figures come to, as of one version of it. Amounts are a month's.

    monthly_expenses: living expenses, and the payments of debts that no plan takes, those of
    creditors among them that are not expected to take part. available: the income less these.
    disposable: less the cushion. for_creditors: less a plan's fee; what the rule compares.
    eligible_balance: of the debts that a plan takes. debt_to_income: percent of gross income, and
    of net where no gross is given, that all debt payments come to; None without income.
    settings_id: the agency's settings that it was computed with.
    """

    id: str
    version: int = 0
    application_id: str
    application_version: int
    settings_id: str
    at: datetime
    net_monthly_income: Decimal
    monthly_expenses: Decimal
    available: Decimal
    cushion: Decimal
    disposable: Decimal
    monthly_fee: Decimal
    for_creditors: Decimal
    contractual_minimums: Decimal
    eligible_balance: Decimal
    debt_to_income: Decimal | None
    recommendation: Recommendation
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the rule compares, a month's: see FinancialAnalysis.

    owes: something is owed to anybody. unwilling: it is owed on unsecured accounts, but only to
    creditors that are not expected to take part.
    """

    income: Decimal
    expenses: Decimal
    cushion: Decimal
    fee: Decimal
    minimums: Decimal
    balance: Decimal
    owes: bool
    unwilling: bool = False

    @property
    def available(self) -> Decimal:
        """Return what expenses leave of the income."""
        return self.income - self.expenses

    @property
    def disposable(self) -> Decimal:
        """Return what the cushion leaves of that."""
        return self.available - self.cushion

    @property
    def for_creditors(self) -> Decimal:
        """Return what the fee leaves of that."""
        return self.disposable - self.fee


def analyze(
    application: Application, settings: AgencySettings, terms: FeeTerms, *, id: str, at: datetime
) -> FinancialAnalysis:
    """Return the analysis of what the application holds now.

    terms: the fees that a plan would have. Nothing is refused: without income, debts or an APR the
    outcome is another one, and its reasons say so.
    """
    figures = figures_of(application, settings, terms)
    recommendation, reasons = recommend(figures, settings)
    ratio, why_not = debt_to_income(application.incomes, application.debts)
    return FinancialAnalysis(
        id=id,
        application_id=application.id,
        application_version=application.version,
        settings_id=settings.id,
        at=at,
        net_monthly_income=figures.income,
        monthly_expenses=figures.expenses,
        available=figures.available,
        cushion=figures.cushion,
        disposable=figures.disposable,
        monthly_fee=figures.fee,
        for_creditors=figures.for_creditors,
        contractual_minimums=figures.minimums,
        eligible_balance=figures.balance,
        debt_to_income=ratio,
        recommendation=recommendation,
        reasons=(
            *outside_plan(application, settings),
            *reasons,
            *why_not,
            *doubts(application, settings),
        ),
    )


def figures_of(application: Application, settings: AgencySettings, terms: FeeTerms) -> Figures:
    """Return the figures of the lines.

    The payment of a debt that no plan takes (a mortgage, a car, a student loan, taxes, a creditor
    that is not expected to take part) is an expense here, since it is paid beside any plan; that of
    one which a plan takes is not.
    """
    plannable = plannable_debts(application.debts, settings)
    outside = outside_debts(application.debts, settings)
    income = total(line.monthly for line in application.incomes)
    secured = (debt for debt in application.debts if not debt.eligible_for_plan)
    others = total(debt.minimum_payment for debt in (*secured, *outside))
    expenses = total(line.monthly for line in application.expenses) + others
    disposable = income - expenses - settings.cushion
    creditors = len({creditor_key(debt.creditor) for debt in plannable})
    return Figures(
        income=income,
        expenses=expenses,
        cushion=settings.cushion,
        fee=monthly_fee(terms, creditors, disposable),
        minimums=total(debt.minimum_payment for debt in plannable),
        balance=total(debt.balance for debt in plannable),
        owes=bool(application.debts),
        unwilling=bool(outside) and not plannable,
    )


def plannable_debts(debts: Iterable[Debt], settings: AgencySettings) -> tuple[Debt, ...]:
    """Return the debts that a plan would pay: their creditors accept into one, as far as is known.

    A creditor that the agency has no policy of is paid by a plan, without concessions.
    """
    outside = outside_creditors(settings)
    return tuple(one for one in eligible_debts(debts) if creditor_key(one.creditor) not in outside)


def outside_debts(debts: Iterable[Debt], settings: AgencySettings) -> tuple[Debt, ...]:
    """Return the debts of an eligible kind whose creditors are not expected to take part."""
    outside = outside_creditors(settings)
    return tuple(one for one in eligible_debts(debts) if creditor_key(one.creditor) in outside)


def eligible_debts(debts: Iterable[Debt]) -> tuple[Debt, ...]:
    """Return the debts of an eligible kind on which something is owed."""
    return tuple(debt for debt in debts if debt.eligible_for_plan and debt.balance > 0)


def recommend(
    figures: Figures, settings: AgencySettings
) -> tuple[Recommendation, tuple[Reason, ...]]:
    """Return what the figures propose, with each comparison made, in order.

    The shares of the balance are rounded to the cent before they are compared.
    """
    left = figures.for_creditors
    said = _sums(figures)
    if figures.available <= 0:
        return _nothing_left(figures, said)
    if figures.balance <= 0:
        why = _NO_CREDITOR_TAKES_PART if figures.unwilling else _NO_ELIGIBLE_DEBTS
        if left >= 0:
            return Recommendation.SELF_MANAGE, (*said, why)
        return Recommendation.BUDGET_FOLLOW_UP, (*said, why)
    minimums = f"the {dollars(figures.minimums)} of contractual minimum payments"
    if left >= figures.minimums:
        reason = Reason(code="COVERS_MINIMUMS", text=f"{dollars(left)} covers {minimums}.")
        return Recommendation.SELF_MANAGE, (*said, reason)
    short = Reason(code="BELOW_MINIMUMS", text=f"{dollars(left)} does not cover {minimums}.")
    return _by_rates(figures, settings, (*said, short, *_without_fee(figures)))


def debt_to_income(
    incomes: Iterable[Income], debts: Iterable[Debt]
) -> tuple[Decimal | None, tuple[Reason, ...]]:
    """Return all debt payments a month as percent of income, with what is to be known of it.

    Line by line the gross income, or the net one where no gross is given: a reason says of how
    many lines, since the ratio is then higher than of gross alone. None, and why, without income,
    and where it is more than a percentage can say.
    """
    lines = tuple(incomes)
    income = total(
        line.monthly if line.gross is None else monthly(line.gross, line.frequency)
        for line in lines
    )
    if income <= 0:
        text = "Without income there is no ratio of debt to income."
        return None, (Reason(code="NO_INCOME_TO_COMPARE", text=text),)
    said: tuple[Reason, ...] = ()
    if net := sum(line.gross is None for line in lines):
        text = (
            f"In the ratio of debt to income {counted(net, 'line', 'lines')} of income without a "
            f"gross amount {'stands' if net == 1 else 'stand'} with the net one."
        )
        said = (Reason(code="NET_FOR_GROSS", text=text),)
    ratio = to_cents(total(debt.minimum_payment for debt in debts) * 100 / income)
    if ratio > PERCENT_MAX:
        text = f"Debt payments are more than {percent(PERCENT_MAX)} of income."
        return None, (*said, Reason(code="RATIO_TOO_LARGE", text=text))
    return ratio, said


def outside_plan(application: Application, settings: AgencySettings) -> Iterable[Reason]:
    """Yield what is left out of a plan's figures since its creditors are not expected to join."""
    outside = outside_debts(application.debts, settings)
    if outside:
        balance = total(debt.balance for debt in outside)
        minimums = total(debt.minimum_payment for debt in outside)
        text = (
            f"{counted(len(outside), 'debt', 'debts')} of {dollars(balance)} to creditors that are "
            f"not expected to take part in a plan: the {dollars(minimums)} of minimum payments "
            "counts as an expense beside it, and the balance is not among what a plan would take."
        )
        yield Reason(code="NOT_EXPECTED_TO_TAKE_PART", text=text)


def doubts(application: Application, settings: AgencySettings) -> Iterable[Reason]:
    """Yield what a counselor should look at: what may be counted twice, or not at all.

    Nothing is taken out of the figures: only people know what a line stands for.
    """
    silent = sum(debt.minimum_payment <= 0 for debt in eligible_debts(application.debts))
    if silent:
        text = (
            f"{counted(silent, 'unsecured debt', 'unsecured debts')} without a minimum payment: "
            "what covers the minimums may not cover them. Check what their creditors ask for."
        )
        yield Reason(code="NO_MINIMUM_PAYMENT", text=text)
    saved = total(
        line.monthly for line in application.expenses if line.category is ExpenseCategory.SAVINGS
    )
    if saved > 0 and settings.cushion > 0:
        text = (
            f"Expenses hold {dollars(saved)} of savings beside the cushion of "
            f"{dollars(settings.cushion)}: check whether both are meant."
        )
        yield Reason(code="SAVINGS_BESIDE_CUSHION", text=text)
    for line in application.expenses:
        if line.monthly > 0 and any(_same_payment(line, debt) for debt in application.debts):
            text = (
                f"An expense of {dollars(line.monthly)} under {line.category.value} equals a "
                "debt's payment: check that it is not entered twice."
            )
            yield Reason(code="MAYBE_COUNTED_TWICE", text=text)


def _same_payment(line: Expense, debt: Debt) -> bool:
    return line.monthly == debt.minimum_payment


def _share(balance: Decimal, rate: Decimal) -> Decimal:
    return to_cents(balance * rate / 100)


def _sums(figures: Figures) -> tuple[Reason, ...]:
    available = Reason(
        code="AVAILABLE",
        text=f"Net income of {dollars(figures.income)} less expenses of "
        f"{dollars(figures.expenses)} leaves {dollars(figures.available)} a month.",
    )
    for_creditors = Reason(
        code="FOR_CREDITORS",
        text=f"Less a cushion of {dollars(figures.cushion)} and a plan's fee of "
        f"{dollars(figures.fee)}, that is {dollars(figures.for_creditors)} for creditors.",
    )
    if figures.income > 0:
        return (available, for_creditors)
    return (Reason(code="NO_INCOME", text="There is no income."), available, for_creditors)


def _nothing_left(
    figures: Figures, said: tuple[Reason, ...]
) -> tuple[Recommendation, tuple[Reason, ...]]:
    if not figures.owes:
        reason = Reason(
            code="NO_DEBTS",
            text="Expenses leave nothing of the income, and no debts are entered: go through the "
            "budget.",
        )
        return Recommendation.BUDGET_FOLLOW_UP, (*said, reason)
    reason = Reason(
        code="NOTHING_AVAILABLE",
        text="Expenses leave nothing of the income. Discuss income, expenses, legal aid and "
        "bankruptcy; whether bankruptcy is right is for an attorney to say.",
    )
    return Recommendation.BANKRUPTCY_REFERRAL, (*said, reason)


def _by_rates(
    figures: Figures, settings: AgencySettings, said: tuple[Reason, ...]
) -> tuple[Recommendation, tuple[Reason, ...]]:
    """Return what is proposed to somebody who cannot keep up the minimum payments."""
    left = figures.for_creditors
    standard = _share(figures.balance, settings.standard_payment_rate)
    if left >= standard:
        met = _compared("STANDARD_RATE_MET", figures, settings.standard_payment_rate, met=True)
        extra = Reason(
            code="EXTRA_TO_PAYMENT",
            text=f"The {dollars(left - standard)} above that goes into the payment.",
        )
        return Recommendation.PLAN_STANDARD, (*said, met, extra)
    below = _compared("BELOW_STANDARD_RATE", figures, settings.standard_payment_rate, met=False)
    if left >= _share(figures.balance, settings.hardship_payment_rate):
        met = _compared("HARDSHIP_RATE_MET", figures, settings.hardship_payment_rate, met=True)
        return Recommendation.PLAN_HARDSHIP, (*said, below, met)
    short = _compared("BELOW_HARDSHIP_RATE", figures, settings.hardship_payment_rate, met=False)
    waived = _with_fee_waived(figures, settings)
    return Recommendation.BUDGET_FOLLOW_UP, (*said, below, short, *waived)


def _without_fee(figures: Figures) -> tuple[Reason, ...]:
    """Say where a plan's own fee is all that keeps the minimums from being covered."""
    if figures.disposable < figures.minimums:
        return ()
    text = (
        f"Without a plan's fee, {dollars(figures.disposable)} would cover the minimum payments: "
        "consider managing without a plan."
    )
    return (Reason(code="COVERED_WITHOUT_FEE", text=text),)


def _with_fee_waived(figures: Figures, settings: AgencySettings) -> tuple[Reason, ...]:
    """Say where a fee that a hardship plan would not charge is all that rules one out."""
    threshold = _share(figures.balance, settings.hardship_payment_rate)
    if figures.disposable < threshold:
        return ()
    text = (
        f"With the plan's fee waived, {dollars(figures.disposable)} would meet the "
        f"{dollars(threshold)} of a hardship plan: consider one."
    )
    return (Reason(code="HARDSHIP_RATE_MET_WITHOUT_FEE", text=text),)


def _compared(code: str, figures: Figures, rate: Decimal, *, met: bool) -> Reason:
    threshold = _share(figures.balance, rate)
    relation = "is at least" if met else "is less than"
    text = (
        f"{dollars(figures.for_creditors)} {relation} {percent(rate)} of the "
        f"{dollars(figures.balance)} that a plan would take, which is {dollars(threshold)}."
    )
    return Reason(code=code, text=text)


_NO_ELIGIBLE_DEBTS = Reason(
    code="NO_ELIGIBLE_DEBTS",
    text="There is no debt that a plan could take: nothing is owed on unsecured accounts.",
)
_NO_CREDITOR_TAKES_PART = Reason(
    code="NO_CREDITOR_TAKES_PART",
    text="None of the creditors of unsecured accounts is expected to take part in a plan.",
)
