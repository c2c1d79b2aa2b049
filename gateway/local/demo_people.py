"""Made-up people and budgets for the demo world: the same each time for the same seed.

No Social Security number here can belong to anybody: all are in the ranges that are never issued
(900-999). Telephone numbers are of the 555-01xx block, addresses of e-mail under `.test`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from domain.applications import DebtKind, ExpenseCategory, IncomeSource
from domain.consumers import Address, PersonName
from domain.money import Frequency, to_cents

_GIVEN = (
    "Alma Ben Carla Darnell Elena Frank Grace Hector Ivy Jamal Kim Luis Maria Noah Olga Pedro "
    "Rosa Sam Tina Umar Vera Walt Ximena Yusuf Zoe Amir Bianca Cody Dana Eli Faye Gus Hana Ike"
).split()
_FAMILY = (
    "Abbott Barnes Castillo Dawson Ellison Foster Greene Hughes Ingram Jacobs Keller Lopez Mercer "
    "Nash Osborne Price Quigley Ramos Sutton Torres Underwood Vargas Walsh Xiong Young Zimmer Boyd "
    "Clarke Duran Espinoza Fields Grant Hodge Iverson Jarvis Kemp Lowe Medina Norris Ortega"
).split()
_STREETS = "Maple Oak Cedar Lake Hill Park Main Pine Elm River Church Mill".split()
_PLACES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "MI": (("Roseville", "48066", "586"), ("Detroit", "48201", "313"), ("Lansing", "48912", "517")),
    "OH": (("Toledo", "43604", "419"), ("Dayton", "45402", "937"), ("Akron", "44308", "330")),
    "IN": (("Gary", "46402", "219"), ("Muncie", "47305", "765"), ("Evansville", "47708", "812")),
    "CO": (("Denver", "80203", "303"), ("Pueblo", "81003", "719"), ("Greeley", "80631", "970")),
    "UT": (("Provo", "84601", "801"), ("Ogden", "84401", "385"), ("St George", "84770", "435")),
    "AZ": (("Tucson", "85701", "520"), ("Mesa", "85201", "480"), ("Yuma", "85364", "928")),
}
_CARDS = "First Meridian Bank|Union Plains Card|Harborline Credit|Sierra One|Blue Finch Bank".split(
    "|"
)
_STORES = "Dunmore Stores|Fairway Outfitters|Hearth & Home|Northgate Tire".split("|")
_HARDSHIPS = (
    "Hours at work were cut in the autumn.",
    "Medical bills after an operation.",
    "Separated last year; now one income.",
    "Lost my job in June, found a lower-paid one since.",
    "Interest rates on my cards went up.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who never lived."""

    name: PersonName
    email: str
    phone: str
    date_of_birth: date
    address: Address
    ssn: str = field(repr=False)
    household_size: int
    hardship_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeFigures:
    """One line of income before it has an id."""

    source: IncomeSource
    description: str
    gross: Decimal
    net: Decimal
    frequency: Frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpenseFigures:
    """One line of expense before it has an id."""

    category: ExpenseCategory
    description: str
    amount: Decimal
    frequency: Frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtFigures:
    """One debt before it has an id."""

    creditor: str
    kind: DebtKind
    account_last4: str
    balance: Decimal
    apr: Decimal | None
    minimum_payment: Decimal
    past_due: Decimal


SAMPLE_PERSONA = Person(
    name=PersonName(given="Robert", middle="E", family="Uphold", suffix="SR"),
    email="robert.uphold@mail.test",
    phone="+1 586 555 0142",
    date_of_birth=date(1956, 8, 1),
    address=Address(line1="27366 Perry St", city="Roseville", state="MI", postal_code="48066"),
    ssn="666484418",
    household_size=2,
    hardship_reason="Retired; the cards grew faster than the pension.",
)
"""Whose file TransUnion's own sample response is; only the simulator knows him."""


def make_person(rng: Random, number: int, states: tuple[str, ...], family: str | None) -> Person:
    """Return a person living in one of the states; `number` keeps number and address unique."""
    given = rng.choice(_GIVEN)
    last = family or rng.choice(_FAMILY)
    state = rng.choice([state for state in states if state in _PLACES])
    city, postal_code, area_code = rng.choice(_PLACES[state])
    return Person(
        name=PersonName(given=given, family=last),
        email=f"{given}.{last}.{number}@mail.test".lower(),
        phone=f"+1 {area_code} 555 01{number % 100:02d}",
        date_of_birth=date(1955, 1, 1) + timedelta(days=rng.randrange(365 * 48)),
        address=Address(
            line1=f"{rng.randrange(1, 9999)} {rng.choice(_STREETS)} St",
            city=city,
            state=state,
            postal_code=postal_code,
        ),
        ssn=f"9{rng.randrange(100):02d}{rng.randrange(1, 100):02d}{number:04d}",
        household_size=rng.randrange(1, 7),
        hardship_reason=rng.choice(_HARDSHIPS),
    )


def make_incomes(rng: Random) -> list[IncomeFigures]:
    """Return one to three lines of income; the first is the wage."""
    net = _amount(rng, 900, 2400)
    lines = [
        IncomeFigures(
            source=IncomeSource.WAGES,
            description="Wage",
            gross=to_cents(net * Decimal("1.27")),
            net=net,
            frequency=rng.choice([Frequency.BIWEEKLY, Frequency.SEMIMONTHLY]),
        )
    ]
    others = (
        (IncomeSource.CHILD_SUPPORT, "Child support", 200, 650, Frequency.MONTHLY),
        (IncomeSource.SELF_EMPLOYMENT, "Weekend work", 40, 180, Frequency.WEEKLY),
        (IncomeSource.BENEFITS, "Food assistance", 90, 380, Frequency.MONTHLY),
    )
    for source, description, low, high, frequency in rng.sample(others, rng.randrange(3)):
        amount = _amount(rng, low, high)
        lines.append(
            IncomeFigures(
                source=source,
                description=description,
                gross=amount,
                net=amount,
                frequency=frequency,
            )
        )
    return lines


_EXPENSES = (
    (ExpenseCategory.HOUSING, "Rent", 700, 1500, Frequency.MONTHLY),
    (ExpenseCategory.UTILITIES, "Electricity and gas", 110, 290, Frequency.MONTHLY),
    (ExpenseCategory.UTILITIES, "Telephone and internet", 80, 190, Frequency.MONTHLY),
    (ExpenseCategory.FOOD, "Groceries", 90, 240, Frequency.WEEKLY),
    (ExpenseCategory.TRANSPORTATION, "Fuel", 35, 90, Frequency.WEEKLY),
    (ExpenseCategory.INSURANCE, "Car insurance", 380, 900, Frequency.QUARTERLY),
    (ExpenseCategory.MEDICAL, "Prescriptions", 20, 140, Frequency.MONTHLY),
    (ExpenseCategory.CHILDCARE, "After-school care", 120, 420, Frequency.MONTHLY),
    (ExpenseCategory.EDUCATION, "School fees", 150, 900, Frequency.ANNUALLY),
    (ExpenseCategory.PERSONAL, "Clothing and care", 40, 150, Frequency.MONTHLY),
    (ExpenseCategory.HOUSEHOLD, "Household supplies", 30, 110, Frequency.MONTHLY),
)


def make_expenses(rng: Random) -> list[ExpenseFigures]:
    """Return six to eleven lines of expense."""
    chosen = sorted(rng.sample(range(len(_EXPENSES)), rng.randrange(6, len(_EXPENSES) + 1)))
    return [
        ExpenseFigures(
            category=category,
            description=description,
            amount=_amount(rng, low, high),
            frequency=frequency,
        )
        for category, description, low, high, frequency in (_EXPENSES[i] for i in chosen)
    ]


def make_debts(rng: Random) -> list[DebtFigures]:
    """Return three to nine debts, most of them cards."""
    debts = [
        _card(rng, rng.choice(_CARDS), DebtKind.CREDIT_CARD) for _ in range(rng.randrange(2, 6))
    ]
    if rng.random() < 0.6:
        debts.append(_card(rng, rng.choice(_STORES), DebtKind.RETAIL_CARD))
    if rng.random() < 0.4:
        debts.append(_loan(rng, "Lakeshore Medical Center", DebtKind.MEDICAL, (180, 4200), None))
    if rng.random() < 0.4:
        apr = Decimal("6.90")
        debts.append(_loan(rng, "Meridian Auto Finance", DebtKind.AUTO, (4000, 19000), apr))
    if rng.random() < 0.3:
        apr = Decimal("5.50")
        debts.append(_loan(rng, "Federal Student Aid", DebtKind.STUDENT_LOAN, (3000, 24000), apr))
    return debts


def _card(rng: Random, creditor: str, kind: DebtKind) -> DebtFigures:
    balance = _amount(rng, 400, 9800)
    behind = rng.random() < 0.25
    minimum = max(to_cents(balance * Decimal("0.03")), Decimal("25.00"))
    return DebtFigures(
        creditor=creditor,
        kind=kind,
        account_last4=f"{rng.randrange(10_000):04d}",
        balance=balance,
        apr=to_cents(Decimal(rng.randrange(1799, 2999)) / 100),
        minimum_payment=minimum,
        past_due=minimum if behind else Decimal("0.00"),
    )


def _loan(
    rng: Random, creditor: str, kind: DebtKind, span: tuple[int, int], apr: Decimal | None
) -> DebtFigures:
    balance = _amount(rng, *span)
    return DebtFigures(
        creditor=creditor,
        kind=kind,
        account_last4=f"{rng.randrange(10_000):04d}",
        balance=balance,
        apr=apr,
        minimum_payment=to_cents(balance / 48),
        past_due=Decimal("0.00"),
    )


def _amount(rng: Random, low: int, high: int) -> Decimal:
    return to_cents(Decimal(rng.randrange(low * 100, high * 100)) / 100)
