"""The demo's worked example: a consumer with four debts, and what creditors concede to the demo.

Income 3,450, expenses 2,900, debts of 16,500: a deposit of 425 a month pays them off in 49 months
with 2,607.17 of interest and 1,600 of fees. docs/plans.md goes through it.
"""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from domain.applications import DebtKind, ExpenseCategory, IncomeSource
from domain.consumers import Address, PersonName
from domain.money import ZERO, Frequency
from domain.settings import (
    AgencySettings,
    CreditorPolicy,
    Participation,
    defaults,
    new_settings_id,
)
from gateway.local.demo_people import DebtFigures, ExpenseFigures, IncomeFigures, Person

EXAMPLE_PEOPLE = {
    "harbor": Person(
        name=PersonName(given="Marta", family="Vance"),
        email="marta.vance@mail.test",
        phone="+1 586 555 0177",
        date_of_birth=date(1984, 2, 29),
        address=Address(line1="118 Cedar St", city="Lansing", state="MI", postal_code="48912"),
        ssn="900555001",
        household_size=3,
        hardship_reason="Hours at work were cut in the autumn.",
    ),
    "summit": Person(
        name=PersonName(given="Joel", family="Kern"),
        email="joel.kern@mail.test",
        phone="+1 303 555 0177",
        date_of_birth=date(1979, 7, 31),
        address=Address(line1="52 Park St", city="Denver", state="CO", postal_code="80203"),
        ssn="900555002",
        household_size=2,
        hardship_reason="Separated last year; now one income.",
    ),
}
"""By the agency's slug."""

EXAMPLE_INCOMES = (
    IncomeFigures(
        source=IncomeSource.WAGES,
        description="Wage",
        gross=Decimal("4312.50"),
        net=Decimal("3450.00"),
        frequency=Frequency.MONTHLY,
    ),
)


def _expense(category: ExpenseCategory, description: str, amount: str) -> ExpenseFigures:
    return ExpenseFigures(
        category=category,
        description=description,
        amount=Decimal(amount),
        frequency=Frequency.MONTHLY,
    )


EXAMPLE_EXPENSES = (
    _expense(ExpenseCategory.HOUSING, "Rent", "1240.00"),
    _expense(ExpenseCategory.UTILITIES, "Electricity, gas and internet", "285.00"),
    _expense(ExpenseCategory.FOOD, "Groceries", "620.00"),
    _expense(ExpenseCategory.TRANSPORTATION, "Fuel and bus", "240.00"),
    _expense(ExpenseCategory.INSURANCE, "Car insurance", "145.00"),
    _expense(ExpenseCategory.CHILDCARE, "After-school care", "280.00"),
    _expense(ExpenseCategory.PERSONAL, "Clothing and care", "90.00"),
)
"""2,900 a month."""


def _debt(
    creditor: str, kind: DebtKind, last4: str, balance: str, apr: str, minimum: str
) -> DebtFigures:
    return DebtFigures(
        creditor=creditor,
        kind=kind,
        account_last4=last4,
        balance=Decimal(balance),
        apr=Decimal(apr),
        minimum_payment=Decimal(minimum),
        past_due=ZERO,
    )


EXAMPLE_DEBTS = (
    _debt("First Meridian Bank", DebtKind.CREDIT_CARD, "4471", "8450.00", "24.99", "261.00"),
    _debt("Union Plains Card", DebtKind.CREDIT_CARD, "0912", "5200.00", "29.99", "182.00"),
    _debt("Dunmore Stores", DebtKind.RETAIL_CARD, "7730", "2150.00", "22.49", "65.00"),
    _debt("Lakeshore Medical Center", DebtKind.MEDICAL, "2205", "700.00", "0.00", "25.00"),
)


def _policy(
    creditor: str,
    apr: str,
    rate: str = "2.00",
    floor: str = "0.00",
    participation: Participation = Participation.WITH_CONCESSIONS,
) -> CreditorPolicy:
    return CreditorPolicy(
        creditor=creditor,
        participation=participation,
        apr=Decimal(apr),
        payment_rate=Decimal(rate),
        payment_floor=Decimal(floor),
    )


DEMO_POLICIES = (
    _policy("First Meridian Bank", "6.00"),
    _policy("Union Plains Card", "9.90"),
    _policy("Harborline Credit", "8.00", "2.25"),
    _policy("Sierra One", "24.99", "2.50", "20.00", Participation.WITHOUT_CONCESSIONS),
    _policy("Blue Finch Bank", "0.00", "0.00", "0.00", Participation.NOT_EXPECTED),
    _policy("Dunmore Stores", "8.00"),
    _policy("Fairway Outfitters", "9.90", "2.50", "15.00"),
    _policy("Hearth & Home", "10.00", "2.50"),
    _policy("Northgate Tire", "26.99", "3.00", "25.00", Participation.WITHOUT_CONCESSIONS),
    _policy("Lakeshore Medical Center", "0.00", "2.00", "25.00"),
    # Of the files that the simulated bureau makes up:
    _policy("Bellwood Stores", "9.90"),
    _policy("Cascade Bank NA", "8.00"),
    _policy("First Lakes Bank", "7.00"),
    _policy("Northern Card Svc", "9.00"),
    _policy("Pine River Outfit", "9.90", "2.50", "15.00"),
    _policy("Prairie State CU", "6.00"),
    _policy("Union Harbor Card", "8.00"),
)
"""Made up, as all of the demo: what creditors really concede, they tell agencies in confidence."""


def demo_settings(retention_years: int, since: datetime) -> AgencySettings:
    """Return the settings of the demo's agencies: no set-up fee, as in the worked example."""
    return replace(
        defaults(retention_years),
        id=new_settings_id(since),
        number=1,
        effective_from=since.date(),
        setup_fee=ZERO,
        creditor_policies=DEMO_POLICIES,
    )
