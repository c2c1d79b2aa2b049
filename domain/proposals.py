"""Proposals: what the bank and the bureau say, beside what the consumer said. Pure.

A proposal's id is a digest of all that it says and of the line it stands beside, so that what is
accepted is exactly what was shown; once anything has changed, the id names nothing any more.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from domain.applications import (
    PLAN_KINDS,
    Application,
    Debt,
    DebtKind,
    Expense,
    ExpenseCategory,
    Income,
    IncomeSource,
    Source,
)
from domain.bank_connections import BankConnection, BankTransaction
from domain.banking import LiabilityFacts, StreamFacts
from domain.credit import Tradeline
from domain.deposits import DepositedIncome, incomes_from
from domain.ids import new_child_id
from domain.money import ZERO, Frequency, total
from domain.reconciling import (
    Account,
    Conflict,
    Reconciled,
    account_of_bank,
    account_of_line,
    last4,
    reconcile,
)
from domain.spending import SpentOn, spending_from
from domain.validation import CREDITOR_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX

Lines = tuple[tuple[Income, ...], tuple[Expense, ...], tuple[Debt, ...]]
INCOME_TOLERANCE = (Decimal("25.00"), Decimal("0.05"))
EXPENSE_TOLERANCE = (Decimal("25.00"), Decimal("0.10"))
"""What a month's figures may differ by and still agree: the greater of an amount and a share."""
SEVERAL_LINES, NO_PAYMENT_KNOWN = "SEVERAL_LINES", "NO_PAYMENT_KNOWN"
_DIGEST_CHARACTERS = 32


class ProposalKind(StrEnum):
    """What a proposal is about."""

    INCOME = "INCOME"
    EXPENSE = "EXPENSE"
    DEBT = "DEBT"


class ProposalState(StrEnum):
    """How a proposal stands to what the application says.

    NEW: it says nothing of this. AGREES: the same, within a tolerance. CONFLICTS: two sources have
    different figures, and both are shown. EXCLUDED: a reported account that is not to be
    counted, and why.
    """

    NEW = "NEW"
    AGREES = "AGREES"
    CONFLICTS = "CONFLICTS"
    EXCLUDED = "EXCLUDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One line as it could be. line_id: of the application's line that it stands beside.

    application_id: whose it is. amount: net of an income, of an expense, balance of a debt.
    monthly: what that is a month; of a debt, its least payment. reasons: what it rests on, as
    codes.
    """

    id: str
    application_id: str
    kind: ProposalKind
    state: ProposalState
    source: Source
    line_id: str | None
    label: str
    income_source: IncomeSource | None = None
    expense_category: ExpenseCategory | None = None
    debt_kind: DebtKind | None = None
    account_last4: str | None = None
    amount: Decimal
    stated_amount: Decimal | None = None
    frequency: Frequency | None = None
    monthly: Decimal
    stated_monthly: Decimal | None = None
    apr: Decimal | None = None
    past_due: Decimal | None = None
    conflicts: tuple[Conflict, ...] = ()
    reasons: tuple[str, ...] = ()
    source_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of an application's bank data and credit, as far as somebody reads it.

    transactions, liabilities: each with the id of its account. lines: of the latest credit report,
    each with the kind of debt that it is.
    """

    connections: tuple[BankConnection, ...] = ()
    transactions: tuple[tuple[str, BankTransaction], ...] = ()
    streams: tuple[StreamFacts, ...] = ()
    liabilities: tuple[tuple[str, LiabilityFacts], ...] = ()
    lines: tuple[tuple[Tradeline, DebtKind], ...] = ()


def propose(application: Application, known: Known, on: date) -> list[Proposal]:
    """Return what could be taken over on that day: incomes, expenses, then debts."""
    accounts = [one for connection in known.connections for one in connection.accounts]
    depository = frozenset(one.id for one in accounts if one.type == "depository")
    spent_from = depository | {one.id for one in accounts if one.type == "credit"}
    incomes = incomes_from(known.transactions, depository, known.streams, on)
    spending = spending_from(known.transactions, spent_from, on)
    owed = dict(known.liabilities)
    of_banks = (
        account_of_bank(account, connection.institution, owed.get(account.id))
        for connection in known.connections
        for account in connection.accounts
    )
    of_bureau = (account_of_line(line, kind) for line, kind in known.lines)
    everything = [*(one for one in of_banks if one is not None), *of_bureau]
    made = [
        *_of_incomes(application, incomes),
        *_of_expenses(application, spending),
        *(_of_debt(application, one) for one in reconcile(application.debts, everything)),
    ]
    return [replace(one, id=_digest(application, one)) for one in made]


def _of_incomes(application: Application, found: Sequence[DepositedIncome]) -> Iterator[Proposal]:
    """Yield incomes, each beside the stated one of its source that is nearest and not yet taken."""
    free = list(application.incomes)
    for one in found:
        stated = min(
            (line for line in free if line.source is one.source),
            key=lambda line, one=one: abs(line.monthly - one.monthly),  # type: ignore[misc]  # bound now
            default=None,
        )
        if stated is not None:
            free.remove(stated)
        yield Proposal(
            id="",
            application_id=application.id,
            kind=ProposalKind.INCOME,
            state=_state(None if stated is None else stated.monthly, one.monthly, INCOME_TOLERANCE),
            source=Source.BANK,
            line_id=None if stated is None else stated.id,
            label=one.payer[:DESCRIPTION_CHARACTERS_MAX],
            income_source=one.source,
            amount=one.net,
            stated_amount=None if stated is None else stated.net,
            frequency=one.frequency,
            monthly=one.monthly,
            stated_monthly=None if stated is None else stated.monthly,
            reasons=(
                *(("IRREGULAR",) if one.irregular else ()),
                f"DEPOSITS {one.deposits}",
                f"LAST_ON {one.last_on.isoformat()}",
            ),
        )


def _of_expenses(application: Application, found: Sequence[SpentOn]) -> Iterator[Proposal]:
    """Yield expenses by category, beside all that is stated in it together.

    Where several lines are stated, no one of them can be replaced by the whole category.
    """
    for one in found:
        lines = [line for line in application.expenses if line.category is one.category]
        stated = total(line.monthly for line in lines) if lines else None
        several = (SEVERAL_LINES,) if len(lines) > 1 else ()
        yield Proposal(
            id="",
            application_id=application.id,
            kind=ProposalKind.EXPENSE,
            state=_state(stated, one.monthly, EXPENSE_TOLERANCE),
            source=Source.BANK,
            line_id=lines[0].id if len(lines) == 1 else None,
            label=one.category.value,
            expense_category=one.category,
            amount=one.monthly,
            stated_amount=lines[0].amount if len(lines) == 1 else stated,
            frequency=Frequency.MONTHLY,
            monthly=one.monthly,
            stated_monthly=stated,
            reasons=(
                *several,
                f"MONTHS {one.months}",
                f"PAYMENTS {one.payments}",
                *(f"UNKNOWN_CATEGORY {name}" for name in one.unknown),
            ),
        )


def _of_debt(application: Application, found: Reconciled) -> Proposal:
    first, stated = found.accounts[0], found.stated
    state = ProposalState.CONFLICTS if found.conflicts else ProposalState.AGREES
    if found.excluded is not None:
        state = ProposalState.EXCLUDED
    elif stated is None and not found.conflicts:
        state = ProposalState.NEW
    of_bureau = next((one for one in found.accounts if one.source is Source.CREDIT_REPORT), None)
    return Proposal(
        id="",
        application_id=application.id,
        kind=ProposalKind.DEBT,
        state=state,
        source=first.source,
        line_id=None if stated is None else stated.id,
        label=first.creditor[:CREDITOR_CHARACTERS_MAX],
        debt_kind=_kind_of(found.accounts),
        account_last4=next((one for one in map(_number, found.accounts) if one), None),
        amount=found.figure("balance") or ZERO,
        stated_amount=None if stated is None else stated.balance,
        monthly=found.figure("payment") or ZERO,
        stated_monthly=None if stated is None else stated.minimum_payment,
        apr=found.figure("apr"),
        past_due=found.figure("past_due"),
        conflicts=found.conflicts,
        reasons=(
            *(() if found.excluded is None else (found.excluded.value,)),
            *(f"REPORTED_BY {one.source.value}" for one in found.accounts),
            *(() if found.figure("payment") is not None else (NO_PAYMENT_KNOWN,)),
        ),
        source_key=None if of_bureau is None else of_bureau.source_key,
    )


def _kind_of(accounts: Sequence[Account]) -> DebtKind:
    """Return the kind: the bureau tells a store's card from a bank's, the bank does not."""
    of_bureau = next((one for one in accounts if one.source is Source.CREDIT_REPORT), None)
    return (of_bureau or accounts[0]).kind


def _number(account: Account) -> str | None:
    return last4(account.last4)


def _state(
    stated: Decimal | None, proposed: Decimal, tolerance: tuple[Decimal, Decimal]
) -> ProposalState:
    if stated is None:
        return ProposalState.NEW
    least, share = tolerance
    agrees = abs(stated - proposed) <= max(least, share * max(stated, proposed))
    return ProposalState.AGREES if agrees else ProposalState.CONFLICTS


def _digest(application: Application, proposal: Proposal) -> str:
    """Return the id of a proposal: the same as long as all that it says is."""
    text = f"{application.id} {proposal!r}"
    return f"prop_{hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]}"


def take_over(application: Application, chosen: Iterable[Proposal]) -> Lines:
    """Return the application's lines with the proposals among them."""
    incomes = {line.id: line for line in application.incomes}
    expenses = {line.id: line for line in application.expenses}
    debts = {line.id: line for line in application.debts}
    for one in chosen:
        match one.kind:
            case ProposalKind.INCOME:
                income = _income(one, incomes.get(one.line_id or ""))
                incomes[income.id] = income
            case ProposalKind.EXPENSE:
                expense = _expense(one, expenses.get(one.line_id or ""))
                expenses[expense.id] = expense
            case ProposalKind.DEBT:
                debt = _debt(one, debts.get(one.line_id or ""))
                debts[debt.id] = debt
    return tuple(incomes.values()), tuple(expenses.values()), tuple(debts.values())


def _income(proposal: Proposal, stated: Income | None) -> Income:
    assert proposal.income_source is not None
    assert proposal.frequency is not None
    before = stated or Income(
        id=new_child_id("inc", proposal.application_id),
        source=proposal.income_source,
        description=proposal.label,
        net=ZERO,
        frequency=proposal.frequency,
        monthly=ZERO,
    )
    return replace(
        before,
        net=proposal.amount,
        gross=before.gross if before.frequency is proposal.frequency else None,
        frequency=proposal.frequency,
        monthly=proposal.monthly,
        verified_by=Source.BANK,
    )


def _expense(proposal: Proposal, stated: Expense | None) -> Expense:
    assert proposal.expense_category is not None
    before = stated or Expense(
        id=new_child_id("exp", proposal.application_id),
        category=proposal.expense_category,
        amount=ZERO,
        frequency=Frequency.MONTHLY,
        monthly=ZERO,
    )
    return replace(
        before,
        amount=proposal.amount,
        frequency=Frequency.MONTHLY,
        monthly=proposal.monthly,
        verified_by=Source.BANK,
    )


def _debt(proposal: Proposal, stated: Debt | None) -> Debt:
    """Return the debt; creditor and kind stay as they were typed, and so does what nobody told."""
    assert proposal.debt_kind is not None
    before = stated or Debt(
        id=new_child_id("debt", proposal.application_id),
        creditor=proposal.label,
        kind=proposal.debt_kind,
        balance=ZERO,
        minimum_payment=ZERO,
        eligible_for_plan=proposal.debt_kind in PLAN_KINDS,
    )
    told = NO_PAYMENT_KNOWN not in proposal.reasons
    return replace(
        before,
        account_last4=before.account_last4 or proposal.account_last4,
        balance=proposal.amount,
        minimum_payment=proposal.monthly if told else before.minimum_payment,
        apr=before.apr if proposal.apr is None else proposal.apr,
        past_due=before.past_due if proposal.past_due is None else proposal.past_due,
        source=proposal.source,
        source_key=proposal.source_key or before.source_key,
    )
