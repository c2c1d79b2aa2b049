"""Makes up what a bank knows of somebody who has linked it: the same token, the same world."""

# ruff: noqa: S311 - made-up figures, which must repeat
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from random import Random

from integrations.plaid.simulator.accounts import (
    Json,
    SimulatedAccount,
    card_terms,
    mortgage_terms,
    student_terms,
)
from integrations.plaid.simulator.faults import bad_field
from integrations.plaid.simulator.transactions import (
    CARD,
    HOUSEHOLD,
    SAVINGS,
    Habit,
    identifier,
    occurrences,
    spendings,
    stream,
    transaction,
)

LARGE = "user_large"
LARGE_TRANSACTIONS = 15_000
_LARGE_DAYS, _SMALL_DAYS = 730, 180
_SMALL_SPENDINGS, _SEVERAL_PAGES = 60, 1_100
OF_SEVERAL_PAGES = ("user_mutating", "user_never_settles", "user_stuck_cursor")
CUSTOM_ACCOUNTS_MAX = 10
CUSTOM_TRANSACTIONS_MAX = 250


@dataclass(slots=True, kw_only=True)
class World:
    """Accounts, all transactions so far (oldest first), and what recurs."""

    accounts: list[SimulatedAccount]
    transactions: list[Json] = field(default_factory=list)
    inflows: list[Json] = field(default_factory=list)
    outflows: list[Json] = field(default_factory=list)


def world_of(user: str, seed: str, today: date) -> World:
    """Return the world of a named user."""
    large = user == LARGE
    first = today - timedelta(days=_LARGE_DAYS if large else _SMALL_DAYS)
    chance = Random(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    accounts = _household(seed, 0)
    if user == "user_no_liabilities":
        accounts = [one for one in accounts if one.liability_kind is None]
    if large:
        accounts += _household(seed, 1)
    world = World(accounts=accounts)
    for account in accounts:
        habits = _habits(account)
        for habit in habits:
            met = list(occurrences(habit, chance, account.account_id, first, today))
            if met:
                flows = world.inflows if habit.amount < 0 else world.outflows
                flows.append(stream(habit, account.account_id, met))
                world.transactions += met
    spending = tuple(
        one.account_id for one in accounts if one.subtype in {"checking", "credit card"}
    )
    left = _SEVERAL_PAGES if user in OF_SEVERAL_PAGES else _SMALL_SPENDINGS
    if large:
        left = LARGE_TRANSACTIONS - len(world.transactions)
    world.transactions += spendings(chance, spending, first, today, left)
    world.transactions.sort(key=lambda one: (str(one["date"]), str(one["transaction_id"])))
    return world


def custom_world(config: Mapping[str, object], seed: str) -> World:
    """Return the world that user_custom's password describes, in Plaid's own words.

    Raises Refused for what is not understood.
    """
    overrides = config.get("override_accounts", [])
    if not isinstance(overrides, list) or len(overrides) > CUSTOM_ACCOUNTS_MAX:
        raise bad_field("override_accounts is a list of at most 10")
    try:
        made = [_custom(one, f"{seed}|{n}") for n, one in enumerate(overrides)]
    except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation):
        raise bad_field("override_accounts is not understood") from None
    world = World(accounts=[account for account, _ in made])
    world.transactions = [one for _, transactions in made for one in transactions]
    world.transactions.sort(key=lambda one: (str(one["date"]), str(one["transaction_id"])))
    return world


def _household(seed: str, number: int) -> list[SimulatedAccount]:
    def make(
        kind: str, subtype: str, name: str, mask: str, current: str, **more: object
    ) -> SimulatedAccount:
        return SimulatedAccount(
            account_id=identifier("account", f"{seed}|{number}|{subtype}"),
            name=f"Plaid {name}" if not number else f"Second {name}",
            official_name=f"Plaid {name} Account",
            mask=mask if not number else mask[::-1][:3] + "9",
            type=kind,
            subtype=subtype,
            current=Decimal(current),
            **more,  # type: ignore[arg-type]
        )

    return [
        make("depository", "checking", "Checking", "0000", "1110.94", available=Decimal("1010.94")),
        make("depository", "savings", "Saving", "1111", "210.00", available=Decimal("200.00")),
        make(
            "credit",
            "credit card",
            "Credit Card",
            "3333",
            "4310.22",
            available=Decimal("689.78"),
            limit=Decimal(5000),
            liability_kind="credit",
            liability=card_terms("24.99", "129.00", "4102.18"),
        ),
        make(
            "loan",
            "student",
            "Student Loan",
            "7777",
            "15262.00",
            liability_kind="student",
            liability=student_terms(),
        ),
        make(
            "loan",
            "mortgage",
            "Mortgage",
            "8888",
            "156302.06",
            liability_kind="mortgage",
            liability=mortgage_terms(),
        ),
    ]


def _habits(account: SimulatedAccount) -> Sequence[Habit]:
    by_subtype = {"checking": HOUSEHOLD, "savings": SAVINGS, "credit card": CARD}
    return by_subtype.get(account.subtype, ())


def _custom(one: Json, seed: str) -> tuple[SimulatedAccount, list[Json]]:
    meta = _object(one.get("meta"))
    identity = _object(one.get("identity"))
    names = identity.get("names", ["Alberta Bobbeth Charleson"])
    if not isinstance(names, list):
        raise TypeError
    current = Decimal(str(one.get("starting_balance", 100)))
    kind, subtype = str(one["type"]), str(one["subtype"])
    card = subtype == "credit card"
    account = SimulatedAccount(
        account_id=identifier("account", seed),
        name=str(meta.get("name", f"Plaid {subtype.title()}")),
        official_name=str(meta["official_name"]) if "official_name" in meta else None,
        mask=str(meta.get("mask", "0000")),
        type=kind,
        subtype=subtype,
        current=current,
        available=current if kind == "depository" else None,
        limit=Decimal(str(meta["limit"])) if "limit" in meta else None,
        currency=str(one.get("currency", "USD")),
        names=tuple(str(name) for name in names),
        liability_kind="credit" if card else None,
        liability=card_terms("21.99", _minimum(current), str(current)) if card else {},
    )
    listed = one.get("transactions", [])
    if not isinstance(listed, list) or len(listed) > CUSTOM_TRANSACTIONS_MAX:
        raise TypeError
    return account, [
        created(account.account_id, _object(entry), f"{seed}|{n}") for n, entry in enumerate(listed)
    ]


def created(account_id: str, entry: Json, salt: str) -> Json:
    """Return a transaction as user_custom or /sandbox/transactions/create describe one.

    Raises KeyError, TypeError and ValueError for what is not understood.
    """
    amount = Decimal(str(entry["amount"]))
    habit = Habit(
        name=str(entry["description"]),
        merchant=None,
        amount=amount,
        primary="INCOME" if amount < 0 else "GENERAL_MERCHANDISE",
        detailed=_detail(str(entry["description"]), amount),
    )
    posted = date.fromisoformat(str(entry["date_posted"]))
    transacted = date.fromisoformat(str(entry["date_transacted"]))
    made = transaction(habit, account_id, posted, salt=salt)
    return {**made, "authorized_date": transacted.isoformat()}


def _minimum(balance: Decimal) -> str:
    """Return a card's least payment: three percent of what is owed, at least 25 dollars."""
    return str(max(round(balance * 3 / 100, 2), Decimal("25.00")))


def _detail(description: str, amount: Decimal) -> str:
    """Return the detailed category: wages are known by their name, nothing else is."""
    if amount >= 0:
        return "GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE"
    return "INCOME_WAGES" if "PAYROLL" in description.upper() else "INCOME_OTHER_INCOME"


def _object(value: object) -> Json:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError
    return value
