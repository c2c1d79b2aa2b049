"""The budget: incomes, expenses and debts of an application, saved all or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from domain.applications import (
    LINES_PER_KIND_MAX,
    PLAN_KINDS,
    Application,
    Debt,
    Expense,
    Income,
    Source,
    compute_totals,
)
from domain.events import EventName
from domain.ids import new_child_id
from domain.money import ZERO, monthly
from domain.validation import (
    CREDITOR_CHARACTERS_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    Faults,
    clean_amount,
    clean_last4,
    clean_optional_text,
    clean_percent,
    clean_text,
)
from resolvers.applications import status_after_edit
from resolvers.context import RequestContext
from resolvers.inputs import (
    DebtInput,
    ExpenseInput,
    IncomeInput,
    Maybe,
    SaveBudgetInput,
    given,
)
from resolvers.steps import Intent, Moved, take_step


class _Line(Protocol):
    @property
    def id(self) -> str: ...


class _LineInput(Protocol):
    @property
    def id(self) -> Maybe[str]: ...


Line = TypeVar("Line", bound=_Line)
LineInput_contra = TypeVar("LineInput_contra", bound=_LineInput, contravariant=True)


class _Cleaner(Protocol[LineInput_contra, Line]):
    """Makes a line of what was typed. known: the line it replaces, where it replaces one."""

    def __call__(
        self, faults: Faults, path: str, typed: LineInput_contra, id: str, known: Line | None
    ) -> Line: ...


async def save_budget(context: RequestContext, input: SaveBudgetInput) -> Application:
    """Change the lines that are named, add those that are not, remove what shall go.

    Nothing is saved unless all of it can be; totals are computed from the lines as saved.
    """

    async def move(application: Application) -> Moved:
        status = status_after_edit(context, application)
        faults = Faults()
        saved = _saved(application, input, faults)
        faults.raise_any()
        names = tuple(
            f"Application.{kind}"
            for kind in ("incomes", "expenses", "debts")
            if getattr(saved, kind) != getattr(application, kind)
        )
        return Moved(application=replace(saved, status=status), fields=names)

    intent = Intent(
        action="saveBudget",
        event=EventName.BUDGET_SAVED,
        id=input.application_id,
        body=input,
        key=given(input.idempotency_key),
        expected_version=given(input.expected_version),
    )
    return await take_step(context, intent, move)


def with_lines(
    application: Application,
    *,
    incomes: tuple[Income, ...] | None = None,
    expenses: tuple[Expense, ...] | None = None,
    debts: tuple[Debt, ...] | None = None,
) -> Application:
    """Return the application with these lines, and totals that fit them; None leaves a kind."""
    incomes = application.incomes if incomes is None else incomes
    expenses = application.expenses if expenses is None else expenses
    debts = application.debts if debts is None else debts
    return replace(
        application,
        incomes=incomes,
        expenses=expenses,
        debts=debts,
        totals=compute_totals(incomes, expenses, debts),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What all kinds of line are saved with: whose they are, what goes, and the faults."""

    application_id: str
    removed: frozenset[str]
    faults: Faults


def _saved(application: Application, input: SaveBudgetInput, faults: Faults) -> Application:
    scope = _Scope(application.id, _removed(application, given(input.remove) or (), faults), faults)
    return with_lines(
        application,
        incomes=_merged(
            scope, "incomes", "inc", application.incomes, given(input.incomes), _clean_income
        ),
        expenses=_merged(
            scope, "expenses", "exp", application.expenses, given(input.expenses), _clean_expense
        ),
        debts=_merged(scope, "debts", "debt", application.debts, given(input.debts), clean_debt),
    )


def _removed(application: Application, remove: Sequence[str], faults: Faults) -> frozenset[str]:
    lines: tuple[Sequence[_Line], ...] = (
        application.incomes,
        application.expenses,
        application.debts,
    )
    known = {line.id for kind in lines for line in kind}
    if len(remove) > LINES_PER_KIND_MAX * len(lines):
        faults.add("input.remove", "TOO_MANY", "That is more than an application can hold.")
        return frozenset()
    for number, id_ in enumerate(remove):
        if id_ not in known:
            faults.add(f"input.remove.{number}", "UNKNOWN", _NO_SUCH_LINE)
    return frozenset(remove)


def _merged(
    scope: _Scope,
    name: str,
    prefix: str,
    lines: tuple[Line, ...],
    typed: Sequence[LineInput_contra] | None,
    clean: _Cleaner[LineInput_contra, Line],
) -> tuple[Line, ...]:
    """Return the lines of one kind as saved: changed in place, then the new ones behind them."""
    known = {line.id: line for line in lines}
    kept = {line.id: line for line in lines if line.id not in scope.removed}
    if typed is not None and len(typed) > LINES_PER_KIND_MAX:
        scope.faults.add(f"input.{name}", "TOO_MANY", _TOO_MANY)
        return lines
    seen: set[str] = set()
    for number, one in enumerate(typed or ()):
        path = f"input.{name}.{number}"
        id_ = given(one.id)
        if id_ is not None:
            _check_id(scope, f"{path}.id", id_, known, seen)
            seen.add(id_)
        line_id = id_ or new_child_id(prefix, scope.application_id)
        kept[line_id] = clean(scope.faults, path, one, line_id, known.get(line_id))
    if len(kept) > LINES_PER_KIND_MAX:
        scope.faults.add(f"input.{name}", "TOO_MANY", _TOO_MANY)
    return tuple(kept.values())


def _check_id(
    scope: _Scope, path: str, id: str, known: Mapping[str, object], seen: set[str]
) -> None:
    if id not in known:
        scope.faults.add(path, "UNKNOWN", _NO_SUCH_LINE)
    elif id in scope.removed:
        scope.faults.add(path, "INVALID", "This line is to be removed as well. Do one of the two.")
    elif id in seen:
        scope.faults.add(path, "INVALID", "This line is changed twice. Give each line once.")


def _clean_income(
    faults: Faults, path: str, typed: IncomeInput, id: str, known: Income | None
) -> Income:
    gross = given(typed.gross)
    net = clean_amount(faults, f"{path}.net", typed.net)
    line = Income(
        id=id,
        source=typed.source,
        description=_clean_description(faults, path, typed.description),
        gross=None if gross is None else clean_amount(faults, f"{path}.gross", gross),
        net=net,
        frequency=typed.frequency,
        monthly=monthly(net, typed.frequency),
    )
    unchanged = known is not None and (known.net, known.gross, known.frequency) == (
        line.net,
        line.gross,
        line.frequency,
    )
    return replace(line, verified_by=known.verified_by) if known and unchanged else line


def _clean_expense(
    faults: Faults, path: str, typed: ExpenseInput, id: str, known: Expense | None
) -> Expense:
    amount = clean_amount(faults, f"{path}.amount", typed.amount)
    line = Expense(
        id=id,
        category=typed.category,
        description=_clean_description(faults, path, typed.description),
        amount=amount,
        frequency=typed.frequency,
        monthly=monthly(amount, typed.frequency),
    )
    unchanged = known is not None and (known.amount, known.frequency) == (amount, line.frequency)
    return replace(line, verified_by=known.verified_by) if known and unchanged else line


def clean_debt(faults: Faults, path: str, typed: DebtInput, id: str, known: Debt | None) -> Debt:
    """Return the debt as typed; figures that stay as they were keep what they rest on."""
    apr, past_due, last4 = given(typed.apr), given(typed.past_due), given(typed.account_last4)
    balance = clean_amount(faults, f"{path}.balance", typed.balance)
    minimum = clean_amount(faults, f"{path}.minimumPayment", typed.minimum_payment)
    unchanged = known is not None and (known.balance, known.minimum_payment) == (balance, minimum)
    return Debt(
        id=id,
        creditor=clean_text(
            faults, f"{path}.creditor", typed.creditor, characters_max=CREDITOR_CHARACTERS_MAX
        ),
        kind=typed.kind,
        account_last4=None if last4 is None else clean_last4(faults, f"{path}.accountLast4", last4),
        balance=balance,
        apr=None if apr is None else clean_percent(faults, f"{path}.apr", apr),
        minimum_payment=minimum,
        past_due=ZERO if past_due is None else clean_amount(faults, f"{path}.pastDue", past_due),
        source=known.source if known and unchanged else Source.SELF_REPORTED,
        eligible_for_plan=typed.kind in PLAN_KINDS,
        source_key=None if known is None else known.source_key,
    )


def _clean_description(faults: Faults, path: str, description: Maybe[str]) -> str | None:
    return clean_optional_text(
        faults,
        f"{path}.description",
        given(description),
        characters_max=DESCRIPTION_CHARACTERS_MAX,
    )


_NO_SUCH_LINE = "This application has no such line."
_TOO_MANY = f"An application holds at most {LINES_PER_KIND_MAX} lines of a kind."
