"""The synthetic schema as Strawberry declares it: output types over plain objects, two root fields.

The resolvers are the same functions for whoever executes the schema.
"""

from collections.abc import Mapping
from typing import cast

import strawberry

from bench.synthetic.data import Application as ApplicationRecord
from bench.synthetic.data import Status

ApplicationStatus = strawberry.enum(Status, name="ApplicationStatus")


@strawberry.type
class Consumer:
    """Who applies."""

    id: strawberry.ID
    given_name: str
    family_name: str
    email: str
    phone: str | None
    date_of_birth: str


@strawberry.type
class Debt:
    """What is owed to one creditor."""

    id: strawberry.ID
    creditor: str
    kind: str
    balance: str
    apr: float | None
    minimum_payment: str
    past_due: str


@strawberry.type
class Income:
    """One line of income."""

    id: strawberry.ID
    source: str
    amount: str
    frequency: str
    verified: bool


@strawberry.type
class Expense:
    """One line of expense."""

    id: strawberry.ID
    category: str
    amount: str
    frequency: str
    essential: bool


@strawberry.type
class Application:
    """An application with its lines."""

    id: strawberry.ID
    version: int
    status: ApplicationStatus  # type: ignore[valid-type] # Strawberry's own, made from the enum
    state: str
    household_size: int
    hardship_reason: str
    created_at: str
    updated_at: str
    submitted_at: str | None
    monthly_income: float
    monthly_expenses: float
    eligible: bool
    consumer: Consumer
    debts: list[Debt]
    incomes: list[Income]
    expenses: list[Expense]


def query_type(applications: list[ApplicationRecord]) -> type:
    """Return the root type over these applications."""
    by_id: Mapping[str, ApplicationRecord] = {item.id: item for item in applications}

    def one(id: strawberry.ID) -> Application | None:
        return cast("Application | None", by_id.get(id))

    def first_of_all(first: int) -> list[Application]:
        return cast("list[Application]", applications[:first])

    @strawberry.type(name="Query")
    class Query:
        application: Application | None = strawberry.field(resolver=one)
        applications: list[Application] = strawberry.field(resolver=first_of_all)

    return Query
