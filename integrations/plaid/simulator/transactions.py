"""Transactions of the simulated banks: what recurs, what is spent between, and Plaid's form."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from integrations.plaid.simulator.accounts import Json

MONTHLY = 0
_BIWEEKLY, _WEEKLY = 14, 7
_FREQUENCIES = {MONTHLY: "MONTHLY", _WEEKLY: "WEEKLY", _BIWEEKLY: "BIWEEKLY"}
_MATURE_COUNT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What somebody pays or gets again and again. every: days, or MONTHLY on `day_of_month`.

    amount: positive for money out. spread: cents that it may vary by, up and down.
    """

    name: str
    merchant: str | None
    amount: Decimal
    primary: str
    detailed: str
    every: int = MONTHLY
    day_of_month: int = 1
    spread: int = 0


def _habit(name: str, merchant: str | None, amount: str, category: str, **more: int) -> Habit:
    primary, _, detail = category.partition("/")
    return Habit(
        name=name,
        merchant=merchant,
        amount=Decimal(amount),
        primary=primary,
        detailed=f"{primary}_{detail}",
        **more,
    )


SALARY = _habit("GINGHAM MFG PAYROLL", None, "-1842.37", "INCOME/WAGES", every=_BIWEEKLY)
HOUSEHOLD = (
    SALARY,
    _habit("MISDU CHILD SUPPORT", None, "-325.00", "INCOME/OTHER_INCOME", day_of_month=5),
    _habit("MAPLE COURT APARTMENTS", None, "1150.00", "RENT_AND_UTILITIES/RENT"),
    _habit(
        "TARTAN ENERGY BILLPAY",
        "Tartan Energy",
        "128.40",
        "RENT_AND_UTILITIES/GAS_AND_ELECTRICITY",
        day_of_month=12,
        spread=3500,
    ),
    _habit(
        "CITY WATER DEPT", None, "46.10", "RENT_AND_UTILITIES/WATER", day_of_month=14, spread=900
    ),
    _habit(
        "BLUEWATER MOBILE", "Bluewater", "85.00", "RENT_AND_UTILITIES/TELEPHONE", day_of_month=18
    ),
    _habit(
        "HARBOR CABLE",
        "Harbor Cable",
        "69.99",
        "RENT_AND_UTILITIES/INTERNET_AND_CABLE",
        day_of_month=20,
    ),
    _habit(
        "CREDIT CARD PAYMENT", None, "250.00", "LOAN_PAYMENTS/CREDIT_CARD_PAYMENT", day_of_month=22
    ),
    _habit("MIDLAND AUTO LOAN", None, "289.15", "LOAN_PAYMENTS/CAR_PAYMENT", day_of_month=25),
    _habit("TRANSFER TO SAVINGS", None, "50.00", "TRANSFER_OUT/ACCOUNT_TRANSFER", day_of_month=2),
)
SAVINGS = (
    _habit(
        "TRANSFER FROM CHECKING", None, "-50.00", "TRANSFER_IN/ACCOUNT_TRANSFER", day_of_month=2
    ),
    _habit("INTEREST PAYMENT", None, "-0.42", "INCOME/INTEREST_EARNED", day_of_month=28),
)
CARD = (
    _habit(
        "CREDIT CARD PAYMENT", None, "-250.00", "LOAN_PAYMENTS/CREDIT_CARD_PAYMENT", day_of_month=22
    ),
    _habit("STREAMFLIX", "Streamflix", "15.49", "ENTERTAINMENT/TV_AND_MOVIES", day_of_month=9),
)
_SPENT = (
    ("HARVEST GROCERS #{n}", "Harvest Grocers", (1800, 14500), "FOOD_AND_DRINK/GROCERIES"),
    ("BURGER BARN {n}", "Burger Barn", (650, 3200), "FOOD_AND_DRINK/FAST_FOOD"),
    ("TRIPLE OAK FUEL {n}", "Triple Oak", (2200, 6400), "TRANSPORTATION/GAS"),
    ("ORCHARD PHARMACY", "Orchard Pharmacy", (480, 7900), "MEDICAL/PHARMACIES_AND_SUPPLEMENTS"),
    ("BELLWOOD SUPERSTORE", "Bellwood", (900, 18800), "GENERAL_MERCHANDISE/SUPERSTORES"),
)


def occurrences(
    habit: Habit, chance: Random, account_id: str, first: date, last: date
) -> Iterator[Json]:
    """Yield a habit's transactions from the first day to the last."""
    day = first if habit.every else first.replace(day=min(habit.day_of_month, 28))
    while day <= last:
        if day >= first:
            vary = chance.randint(-habit.spread, habit.spread) if habit.spread else 0
            amount = habit.amount + Decimal(vary).scaleb(-2)
            yield transaction(replace(habit, amount=amount), account_id, day)
        if habit.every:
            day += timedelta(days=habit.every)
        else:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=day.day)


def spendings(
    chance: Random, account_ids: tuple[str, ...], first: date, last: date, count: int
) -> Iterator[Json]:
    """Yield purchases, spread over the days and the accounts."""
    days = (last - first).days + 1
    for number in range(count):
        name, merchant, (least, most), category = chance.choice(_SPENT)
        cents = Decimal(chance.randint(least, most)).scaleb(-2)
        habit = _habit(name.format(n=chance.randint(100, 999)), merchant, str(cents), category)
        day = first + timedelta(days=number * days // count)
        yield transaction(habit, account_ids[number % len(account_ids)], day, salt=str(number))


def transaction(habit: Habit, account_id: str, day: date, *, salt: str = "") -> Json:
    """Return one transaction in Plaid's form; the same habit and day give the same id."""
    seed = f"{account_id}|{habit.name}|{habit.amount}|{day}|{salt}"
    return {
        "transaction_id": identifier("transaction", seed),
        "account_id": account_id,
        "amount": habit.amount,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "check_number": None,
        "date": day.isoformat(),
        "datetime": None,
        "authorized_date": day.isoformat(),
        "authorized_datetime": None,
        "location": dict.fromkeys(
            ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
        ),
        "name": habit.name,
        "merchant_name": habit.merchant,
        "payment_meta": dict.fromkeys(
            (
                "reference_number",
                "ppd_id",
                "payee",
                "by_order_of",
                "payer",
                "payment_method",
                "payment_processor",
                "reason",
            )
        ),
        "payment_channel": "other",
        "pending": False,
        "pending_transaction_id": None,
        "account_owner": None,
        "transaction_code": None,
        "transaction_type": "unresolved",
        "personal_finance_category": {
            "primary": habit.primary,
            "detailed": habit.detailed,
            "confidence_level": "HIGH",
        },
        "counterparties": [],
    }


def stream(habit: Habit, account_id: str, transactions: list[Json]) -> Json:
    """Return what /transactions/recurring/get says of a habit that was met at least once."""
    amounts = [Decimal(str(one["amount"])) for one in transactions]
    average = (sum(amounts, Decimal(0)) / len(amounts)).quantize(Decimal("0.01"))
    money = {"iso_currency_code": "USD", "unofficial_currency_code": None}
    return {
        "account_id": account_id,
        "stream_id": identifier("stream", f"{account_id}|{habit.name}"),
        "category": None,
        "category_id": None,
        "description": habit.name.title(),
        "merchant_name": habit.merchant,
        "first_date": transactions[0]["date"],
        "last_date": transactions[-1]["date"],
        "predicted_next_date": None,
        "frequency": _FREQUENCIES[habit.every],
        "transaction_ids": [one["transaction_id"] for one in transactions],
        "average_amount": {"amount": average, **money},
        "last_amount": {"amount": amounts[-1], **money},
        "is_active": True,
        "status": "MATURE" if len(transactions) >= _MATURE_COUNT else "EARLY_DETECTION",
        "personal_finance_category": {
            "primary": habit.primary,
            "detailed": habit.detailed,
            "confidence_level": "HIGH",
        },
        "is_user_modified": False,
    }


def identifier(kind: str, seed: str) -> str:
    """Return an id as long as Plaid's, the same for the same seed."""
    return hashlib.sha256(f"{kind}|{seed}".encode()).hexdigest()[:37]
