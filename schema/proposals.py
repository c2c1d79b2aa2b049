"""What the bank and the bureau propose for an application, as the API shows it."""

import strawberry

from domain.applications import DebtKind, ExpenseCategory, IncomeSource, Source
from domain.money import Frequency
from domain.proposals import ProposalKind, ProposalState
from schema.declare import field, object_type, reads
from schema.rules import BANK_READERS
from schema.scalars import Money, Percent


@object_type(rule=BANK_READERS)
class ProposalConflict:
    """Two sources that differ beyond a tolerance; field: balance, payment or apr.

    Figures are in the field's own unit: dollars, or percent a year.
    """

    field: str
    source: Source
    figure: Money
    other: Source
    other_figure: Money


@object_type(rule=BANK_READERS)
class Proposal:
    """One income, expense or debt as it could be, beside what the application says of it.

    amount is the net of an income, of an expense, the balance of a debt; monthly what that is a
    month, of a debt its least payment.
    """

    id: strawberry.ID = field(
        description="Names exactly this proposal: once a figure has changed, there is none of it."
    )
    kind: ProposalKind
    state: ProposalState
    source: Source
    line_id: strawberry.ID | None = field(
        description="The line that accepting it changes; null where it adds one."
    )
    label: str
    income_source: IncomeSource | None
    expense_category: ExpenseCategory | None
    debt_kind: DebtKind | None
    account_last4: str | None
    amount: Money
    stated_amount: Money | None
    frequency: Frequency | None
    monthly: Money
    stated_monthly: Money | None
    apr: Percent | None
    past_due: Money | None
    conflicts: list[ProposalConflict]
    reasons: list[str] = reads(
        "reasons",
        list[str],
        description="What it rests on or why it is excluded, as codes: docs/banking.md.",
    )
