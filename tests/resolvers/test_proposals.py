"""Proposals: shown beside what the consumer said, and taken over only where they are chosen."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.access import Principal, Scope
from domain.actors import Group
from domain.applications import Application
from domain.banking import LiabilityFacts
from domain.credit import CreditFile, CreditReport, FileHit, PortfolioType, PullKind, Tradeline
from domain.ids import new_child_id
from tests.resolvers.banks import paid
from tests.resolvers.documents import ACCEPT, PROPOSALS, SAVE
from tests.resolvers.test_banking import linked, sync
from tests.resolvers.world import World

PAYDAYS = [date(2025, 8, 15) + timedelta(days=14 * number) for number in range(11)]
GROCERIES = [date(2025, month, 3) for month in (8, 9, 10, 11, 12)]
OWED = LiabilityFacts(
    account_id="card", kind="credit", apr=Decimal("22.99"), minimum_payment=Decimal("40.00")
)
LINE = Tradeline(
    creditor="First Platypus Bank",
    portfolio=PortfolioType.REVOLVING,
    account_last4="1234",
    ecoa="individual",
    balance=Decimal(1900),
    monthly_payment=Decimal(41),
    source_key="k1",
)
AUTHORIZED = replace(LINE, creditor="UNCLE'S CARD", ecoa="authorizedUser", source_key="k2")


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World, me: Principal) -> Application:
    """Return a draft with a linked and synced bank: a salary, groceries, and a card."""
    application = await world.add_application(await world.add_consumer("owner"))
    wages = {"category": "INCOME", "detail": "INCOME_WAGES", "name": "ACME PAYROLL"}
    world.banks.history = [
        *(paid(f"w{day}", day, "-1500.00", **wages) for day in PAYDAYS),
        *(paid(f"g{day}", day, "400.00", category="FOOD_AND_DRINK") for day in GROCERIES),
    ]
    world.banks.owed_now = (OWED,)
    link = await linked(world, me, application)
    await sync(world, me, link["id"])
    return application


async def read(world: World, asker: Principal, application: Application) -> list[dict[str, Any]]:
    """Return the application's proposals."""
    answer = await world.ask(asker, PROPOSALS, {"id": application.id})
    return list(answer["application"]["proposals"])


async def say(world: World, me: Principal, application: Application, **lines: Any) -> Any:
    """Save lines of the application."""
    given = {"applicationId": application.id, **lines}
    return (await world.ask(me, SAVE, {"input": given}))["saveBudget"]


def accepting(application: Application, *ids: str, **more: Any) -> dict[str, Any]:
    """Return the variables of acceptProposals."""
    return {"input": {"applicationId": application.id, "ids": [*ids], **more}}


def of_kind(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the only proposal of a kind."""
    (one,) = (each for each in found if each["kind"] == kind)
    return one


async def with_report(world: World, application: Application, *lines: Tradeline) -> None:
    """Keep a credit report of these accounts."""
    await world.put(
        CreditReport(
            id=new_child_id("rep", application.id, world.now),
            application_id=application.id,
            bureau="TransUnion",
            kind=PullKind.SOFT,
            pulled_at=world.now,
            consent_id=new_child_id("cons", application.id, world.now),
            file=CreditFile(hit=FileHit.HIT, tradelines=lines),
        )
    )


async def test_what_the_bank_shows_is_proposed_and_nothing_is_written(
    world: World, me: Principal, draft: Application
) -> None:
    """Income with its rhythm, expenses by category, the card's debt; the version stays."""
    found = await read(world, me, draft)
    assert {one["state"] for one in found} == {"NEW"}
    income, expense, debt = (of_kind(found, kind) for kind in ("INCOME", "EXPENSE", "DEBT"))
    assert (income["incomeSource"], income["amount"], income["frequency"]) == (
        "WAGES",
        "1500.00",
        "BIWEEKLY",
    )
    assert income["monthly"] == "3250.00"
    assert (expense["expenseCategory"], expense["amount"]) == ("FOOD", "400.00")
    assert (debt["amount"], debt["monthly"], debt["apr"]) == ("1545.00", "40.00", "22.99")
    after = await world.store.get(Application, draft.id)
    assert after is not None
    assert (after.version, after.incomes) == (draft.version, ())


async def test_what_was_said_is_shown_beside_and_kept_until_it_is_accepted(
    world: World, me: Principal, draft: Application
) -> None:
    """Agreeing and conflicting lines; accepting one leaves the others as they are."""
    saved = await say(
        world,
        me,
        draft,
        incomes=[{"source": "WAGES", "net": "1500", "frequency": "BIWEEKLY"}],
        expenses=[{"category": "FOOD", "amount": "250", "frequency": "MONTHLY"}],
        debts=[
            {
                "creditor": "First Platypus Bank",
                "kind": "CREDIT_CARD",
                "balance": "1000",
                "minimumPayment": "40",
            }
        ],
    )
    found = await read(world, me, draft)
    income, expense, debt = (of_kind(found, kind) for kind in ("INCOME", "EXPENSE", "DEBT"))
    assert (income["state"], income["lineId"]) == ("AGREES", saved["incomes"][0]["id"])
    assert (expense["state"], expense["statedAmount"]) == ("CONFLICTS", "250.00")
    assert (debt["state"], debt["lineId"]) == ("CONFLICTS", saved["debts"][0]["id"])
    (conflict,) = debt["conflicts"]
    assert (conflict["field"], conflict["figure"], conflict["otherFigure"]) == (
        "balance",
        "1000.00",
        "1545.00",
    )
    answer = await world.ask(me, ACCEPT, accepting(draft, expense["id"]))
    accepted = answer["acceptProposals"]
    (line,) = accepted["expenses"]
    assert (line["id"], line["amount"], line["verifiedBy"]) == (
        saved["expenses"][0]["id"],
        "400.00",
        "BANK",
    )
    assert accepted["incomes"] == saved["incomes"]
    assert accepted["debts"] == saved["debts"]


async def test_what_is_accepted_becomes_lines_that_rest_on_the_bank(
    world: World, me: Principal, draft: Application
) -> None:
    """All three kinds at once, with totals; afterwards they agree."""
    ids = [one["id"] for one in await read(world, me, draft)]
    accepted = (await world.ask(me, ACCEPT, accepting(draft, *ids)))["acceptProposals"]
    (income,), (expense,), (debt,) = (accepted[name] for name in ("incomes", "expenses", "debts"))
    assert (income["verifiedBy"], expense["verifiedBy"], debt["source"]) == ("BANK",) * 3
    assert debt["eligibleForPlan"]
    assert accepted["totals"]["monthlyIncome"] == "3250.00"
    assert {one["state"] for one in await read(world, me, draft)} == {"AGREES"}


async def test_only_what_was_shown_can_be_accepted(
    world: World, me: Principal, draft: Application
) -> None:
    """Once a figure has changed, the id names nothing; each fault is told, nothing is written."""
    found = await read(world, me, draft)
    income = of_kind(found, "INCOME")
    await say(
        world, me, draft, incomes=[{"source": "WAGES", "net": "900", "frequency": "BIWEEKLY"}]
    )
    refused = await world.ask(me, ACCEPT, accepting(draft, income["id"], "prop_0"))
    assert refused.faults == {"input.ids.0": "UNKNOWN", "input.ids.1": "UNKNOWN"}
    assert (await world.ask(me, ACCEPT, accepting(draft))).faults == {"input.ids": "REQUIRED"}
    expense = of_kind(found, "EXPENSE")["id"]
    twice = await world.ask(me, ACCEPT, accepting(draft, expense, expense))
    assert twice.faults == {"input.ids.1": "INVALID"}
    stale = await world.ask(me, ACCEPT, accepting(draft, expense, expectedVersion=1))
    assert stale.code == "VERSION_CONFLICT"


async def test_a_retry_is_answered_and_not_repeated(
    world: World, me: Principal, draft: Application
) -> None:
    """The same key adds the lines once, though their proposals have changed by it."""
    ids = [one["id"] for one in await read(world, me, draft)]
    asked = accepting(draft, *ids, idempotencyKey="once")
    first = (await world.ask(me, ACCEPT, asked))["acceptProposals"]
    assert (await world.ask(me, ACCEPT, asked))["acceptProposals"] == first


async def test_bureau_and_bank_are_one_debt_and_show_where_they_differ(
    world: World, me: Principal, draft: Application
) -> None:
    """The latest report counts; what is not to be counted says why and cannot be accepted."""
    await with_report(world, draft, LINE, AUTHORIZED)
    found = [one for one in await read(world, me, draft) if one["kind"] == "DEBT"]
    card, uncle = found
    assert (card["state"], card["source"], card["amount"]) == ("CONFLICTS", "BANK", "1545.00")
    assert card["reasons"] == ["REPORTED_BY BANK", "REPORTED_BY CREDIT_REPORT"]
    assert [one["otherFigure"] for one in card["conflicts"]] == ["1900.00"]
    assert (uncle["state"], uncle["reasons"][0]) == ("EXCLUDED", "AUTHORIZED_USER")
    refused = await world.ask(me, ACCEPT, accepting(draft, uncle["id"]))
    assert refused.faults == {"input.ids.0": "INVALID"}


async def test_each_key_sees_what_its_scopes_are_about(world: World, draft: Application) -> None:
    """Without credit:read nothing of a report is proposed; without banking:read nothing at all."""
    await with_report(world, draft, replace(LINE, creditor="ANOTHER BANK"))
    application, banking = Scope.APPLICATIONS_READ, Scope.BANKING_READ
    labels = {
        scopes: {one["label"] for one in await read(world, world.key(*scopes), draft)}
        for scopes in ((application, banking), (application, banking, Scope.CREDIT_READ))
    }
    without, with_credit = labels.values()
    assert with_credit - without == {"ANOTHER BANK"}
    refused = await world.ask(world.key(application), PROPOSALS, {"id": draft.id})
    assert refused.code == "FORBIDDEN"
    writer = world.key(Scope.APPLICATIONS_WRITE)
    assert (await world.ask(writer, ACCEPT, accepting(draft, "prop_0"))).code == "NOT_FOUND"


async def test_several_lines_of_a_category_are_not_replaced_by_one(
    world: World, me: Principal, draft: Application
) -> None:
    """Their sum is compared; which of them to change only the consumer knows."""
    food = [
        {"category": "FOOD", "amount": "100", "frequency": "MONTHLY"},
        {"category": "FOOD", "amount": "120", "frequency": "MONTHLY"},
    ]
    await say(world, me, draft, expenses=food)
    expense = of_kind(await read(world, me, draft), "EXPENSE")
    assert (expense["state"], expense["statedMonthly"]) == ("CONFLICTS", "220.00")
    refused = await world.ask(me, ACCEPT, accepting(draft, expense["id"]))
    assert refused.faults == {"input.ids.0": "INVALID"}
