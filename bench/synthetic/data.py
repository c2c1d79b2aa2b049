"""Made-up applications, the same every time, and the queries that are asked of them.

Every server reads the applications from one JSON file that `write_applications` makes, and holds
them in memory: objects in Python, plain objects in Node.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

APPLICATIONS = 50
DEBTS, INCOMES, EXPENSES = 8, 3, 10
SCHEMA_FILE = Path(__file__).parent / "schema.graphql"

OF_APPLICATION = """id version status state householdSize hardshipReason createdAt updatedAt
    submittedAt monthlyIncome monthlyExpenses eligible
    consumer { id givenName familyName email phone dateOfBirth }"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked. leaves: how many values the answer has."""

    name: str
    text: str
    variables: dict[str, object]
    leaves: int

    @property
    def body(self) -> bytes:
        """Return the body of the request."""
        return json.dumps({"query": self.text, "variables": self.variables}).encode()


SMALL = Query(
    name="small",
    text="query Small($id: ID!) { application(id: $id) { id status } }",
    variables={"id": "app-07"},
    leaves=2,
)
MEDIUM = Query(
    name="medium",
    text=f"""query Medium($id: ID!) {{ application(id: $id) {{
    {OF_APPLICATION}
    debts {{ id creditor kind balance apr minimumPayment pastDue }}
    incomes {{ id source amount frequency verified }}
    expenses {{ id category amount frequency essential }} }} }}""",
    variables={"id": "app-07"},
    leaves=139,
)
LARGE = Query(
    name="large",
    text=f"query Large($first: Int!) {{ applications(first: $first) {{ {OF_APPLICATION} }} }}",
    variables={"first": 50},
    leaves=900,
)
QUERIES = (SMALL, MEDIUM, LARGE)


class Status(Enum):
    """Where an application stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    IN_REVIEW = "IN_REVIEW"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who applies."""

    id: str
    given_name: str
    family_name: str
    email: str
    phone: str | None
    date_of_birth: str


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed to one creditor; amounts are decimal texts."""

    id: str
    creditor: str
    kind: str
    balance: str
    apr: float | None
    minimum_payment: str
    past_due: str


@dataclass(frozen=True, slots=True)
class Income:
    """One line of income."""

    id: str
    source: str
    amount: str
    frequency: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Expense:
    """One line of expense."""

    id: str
    category: str
    amount: str
    frequency: str
    essential: bool


@dataclass(frozen=True, slots=True)
class Application:
    """An application with its lines."""

    id: str
    version: int
    status: Status
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


def write_applications(path: Path) -> None:
    """Write the applications as the JSON that every server starts from, names as in the schema."""
    path.write_text(json.dumps([_application(number) for number in range(1, APPLICATIONS + 1)]))


def read_applications(path: Path) -> list[Application]:
    """Return the applications of such a file as objects."""
    return [_application_of(given) for given in json.loads(path.read_text())]


def leaves(value: object) -> int:
    """Return how many values that are neither lists nor objects an answer has."""
    if isinstance(value, dict):
        return sum(leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(leaves(item) for item in value)
    return 1


def _application(number: int) -> dict[str, Any]:
    day = f"2026-01-{number % 28 + 1:02d}"
    return {
        "id": f"app-{number:02d}",
        "version": number % 7 + 1,
        "status": [status.value for status in Status][number % 4],
        "state": ("MI", "OH", "IN")[number % 3],
        "householdSize": number % 6 + 1,
        "hardshipReason": ("REDUCED_INCOME", "MEDICAL", "DIVORCE")[number % 3],
        "createdAt": f"{day}T12:00:00Z",
        "updatedAt": f"{day}T12:30:00Z",
        "submittedAt": None if number % 4 == 0 else f"{day}T12:15:00Z",
        "monthlyIncome": 3000.25 + number,
        "monthlyExpenses": 2000.5 + number,
        "eligible": number % 2 == 0,
        "consumer": {
            "id": f"con-{number:02d}",
            "givenName": ("Dana", "Robert", "Luz")[number % 3],
            "familyName": f"Whitfield-{number:02d}",
            "email": f"person{number:02d}@example.test",
            "phone": None if number % 5 == 0 else f"+13135550{number:03d}",
            "dateOfBirth": f"19{50 + number % 45}-03-14",
        },
        "debts": [*_debts(number)],
        "incomes": [*_incomes(number)],
        "expenses": [*_expenses(number)],
    }


def _debts(number: int) -> Iterator[dict[str, Any]]:
    for line in range(DEBTS):
        yield {
            "id": f"debt-{number:02d}-{line}",
            "creditor": ("First Harbor Bank", "Lakeside Credit", "Corner Store")[line % 3],
            "kind": ("CREDIT_CARD", "PERSONAL_LOAN", "MEDICAL")[line % 3],
            "balance": f"{1000 + 137 * line + number}.50",
            "apr": None if line % 3 == 2 else 17.99 + line,
            "minimumPayment": f"{25 + line}.00",
            "pastDue": f"{line * 10}.00",
        }


def _incomes(number: int) -> Iterator[dict[str, Any]]:
    for line in range(INCOMES):
        yield {
            "id": f"inc-{number:02d}-{line}",
            "source": ("WAGES", "PENSION", "RENTAL")[line],
            "amount": f"{900 + 100 * line + number}.00",
            "frequency": ("MONTHLY", "BIWEEKLY", "WEEKLY")[line],
            "verified": line == 0,
        }


def _expenses(number: int) -> Iterator[dict[str, Any]]:
    for line in range(EXPENSES):
        yield {
            "id": f"exp-{number:02d}-{line}",
            "category": ("HOUSING", "FOOD", "UTILITIES", "MEDICAL", "INSURANCE")[line % 5],
            "amount": f"{40 + 35 * line + number}.00",
            "frequency": "MONTHLY",
            "essential": line % 2 == 0,
        }


def _application_of(given: dict[str, Any]) -> Application:
    return Application(
        status=Status(given["status"]),
        consumer=_object_of(Consumer, given["consumer"]),
        debts=[_object_of(Debt, line) for line in given["debts"]],
        incomes=[_object_of(Income, line) for line in given["incomes"]],
        expenses=[_object_of(Expense, line) for line in given["expenses"]],
        **{
            item.name: given[_camel(item.name)]
            for item in fields(Application)
            if item.name not in ("status", "consumer", "debts", "incomes", "expenses")
        },
    )


def _object_of(kind: type[T], given: dict[str, Any]) -> T:
    return kind(**{item.name: given[_camel(item.name)] for item in fields(kind)})  # type: ignore[arg-type]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
