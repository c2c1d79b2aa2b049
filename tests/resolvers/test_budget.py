"""Saving incomes, expenses and debts, all or nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import Principal
from domain.actors import Group
from domain.applications import Application, Debt, DebtKind, ExpenseCategory, IncomeSource, Source
from domain.money import Frequency, monthly
from tests.resolvers.documents import READ, SAVE
from tests.resolvers.world import World

WAGES = {"source": "WAGES", "gross": "1500.00", "net": "1000.00", "frequency": "BIWEEKLY"}
RENT = {"category": "HOUSING", "amount": 900, "frequency": "MONTHLY"}
CARD = {
    "creditor": "Big Bank",
    "kind": "CREDIT_CARD",
    "accountLast4": "1234",
    "balance": "5000.00",
    "apr": "24.99",
    "minimumPayment": "125.5",
}
CAR = {"creditor": "Car Co", "kind": "AUTO", "balance": "9000", "minimumPayment": "300"}


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World) -> Application:
    """Return a draft without lines."""
    return await world.add_application(await world.add_consumer("owner"))


async def _save(world: World, who: Principal, application: Application, **lines: Any) -> Any:
    answer = await world.ask(who, SAVE, {"input": {"applicationId": application.id, **lines}})
    return answer["saveBudget"]


async def test_lines_are_added_with_their_monthly_amounts(
    world: World, me: Principal, draft: Application
) -> None:
    """What is added gets an id, its monthly amount, its source, and counts in the totals."""
    saved = await _save(world, me, draft, incomes=[WAGES], expenses=[RENT], debts=[CARD, CAR])
    assert saved["version"] == 2
    assert saved["totals"] == {
        "monthlyIncome": "2166.67",
        "monthlyExpenses": "900.00",
        "monthlyDebtPayments": "425.50",
        "unsecuredBalance": "5000.00",
    }
    (income,) = saved["incomes"]
    assert (income["monthly"], income["verifiedBy"]) == ("2166.67", "SELF_REPORTED")
    assert income["id"].startswith(draft.id.replace("app_", "inc_"))
    card, car = saved["debts"]
    assert (card["apr"], card["pastDue"], card["eligibleForPlan"]) == ("24.99", "0.00", True)
    assert (car["apr"], car["eligibleForPlan"], car["accountLast4"]) == (None, False, None)


async def test_lines_are_changed_added_and_removed_together(
    world: World, me: Principal, draft: Application
) -> None:
    """One call changes a line in its place, removes another and adds a third."""
    before = await _save(world, me, draft, incomes=[WAGES, WAGES], debts=[CARD])
    first, second = before["incomes"]
    saved = await _save(
        world,
        me,
        draft,
        incomes=[{**WAGES, "id": first["id"], "net": "2000.00"}, {**WAGES, "net": 1}],
        remove=[second["id"], before["debts"][0]["id"]],
    )
    assert [line["net"] for line in saved["incomes"]] == ["2000.00", "1.00"]
    assert saved["incomes"][0]["id"] == first["id"]
    assert saved["incomes"][1]["id"] not in {first["id"], second["id"]}
    assert saved["debts"] == []


async def test_all_faults_are_reported_and_nothing_is_saved(
    world: World, me: Principal, draft: Application
) -> None:
    """One faulty line keeps the others out too, and every fault has its path."""
    other = await world.add_application(await world.add_consumer("somebody-else"))
    elsewhere = await _save(
        world, world.person(Group.CONSUMERS, subject="somebody-else"), other, incomes=[WAGES]
    )
    mine = await _save(world, me, draft, incomes=[WAGES])
    (line,), (foreign,) = mine["incomes"], elsewhere["incomes"]
    answer = await world.ask(
        me,
        SAVE,
        {
            "input": {
                "applicationId": draft.id,
                "incomes": [
                    {**WAGES, "net": "-1.00", "gross": "100000000.00"},
                    {**WAGES, "id": foreign["id"]},
                    {**WAGES, "id": line["id"]},
                ],
                "expenses": [{**RENT, "description": "x" * 201}, {**RENT, "id": "exp_nonsense"}],
                "debts": [
                    {**CARD, "creditor": " ", "apr": "10000.00", "accountLast4": "12"},
                    {**CARD, "balance": "-0.01", "minimumPayment": "-5", "pastDue": "-5"},
                ],
                "remove": [line["id"], foreign["id"], "nonsense"],
            }
        },
    )
    assert answer.faults == {
        "input.remove.1": "UNKNOWN",
        "input.remove.2": "UNKNOWN",
        "input.incomes.0.net": "TOO_SMALL",
        "input.incomes.0.gross": "TOO_LARGE",
        "input.incomes.1.id": "UNKNOWN",
        "input.incomes.2.id": "INVALID",
        "input.expenses.0.description": "TOO_LONG",
        "input.expenses.1.id": "UNKNOWN",
        "input.debts.0.creditor": "REQUIRED",
        "input.debts.0.apr": "TOO_LARGE",
        "input.debts.0.accountLast4": "INVALID",
        "input.debts.1.balance": "TOO_SMALL",
        "input.debts.1.minimumPayment": "TOO_SMALL",
        "input.debts.1.pastDue": "TOO_SMALL",
    }
    read = (await world.ask(me, READ, {"id": draft.id}))["application"]
    assert (read["version"], read["incomes"]) == (mine["version"], mine["incomes"])


async def test_a_line_is_changed_once(world: World, me: Principal, draft: Application) -> None:
    """The same line twice in one call is a fault, since only one could count."""
    (line,) = (await _save(world, me, draft, expenses=[RENT]))["expenses"]
    change = {**RENT, "id": line["id"]}
    answer = await world.ask(
        me, SAVE, {"input": {"applicationId": draft.id, "expenses": [change, change]}}
    )
    assert answer.faults == {"input.expenses.1.id": "INVALID"}


async def test_an_application_holds_a_hundred_lines_of_a_kind(
    world: World, me: Principal, draft: Application
) -> None:
    """The hundredth line fits and the next one does not, whatever way it comes."""
    variables: dict[str, Any] = {"applicationId": draft.id, "expenses": [RENT] * 101}
    assert (await world.ask(me, SAVE, {"input": variables})).faults == {
        "input.expenses": "TOO_MANY"
    }
    saved = await _save(world, me, draft, expenses=[RENT] * 100, incomes=[WAGES] * 100)
    assert len(saved["expenses"]) == 100
    one_more: dict[str, Any] = {"applicationId": draft.id, "expenses": [RENT]}
    assert (await world.ask(me, SAVE, {"input": one_more})).faults == {"input.expenses": "TOO_MANY"}
    removals: dict[str, Any] = {"applicationId": draft.id, "remove": ["x"] * 301}
    assert (await world.ask(me, SAVE, {"input": removals})).faults == {"input.remove": "TOO_MANY"}
    exchanged = await _save(world, me, draft, expenses=[RENT], remove=[saved["expenses"][0]["id"]])
    assert len(exchanged["expenses"]) == 100


async def test_the_fullest_application_fits_its_record(
    world: World, me: Principal, draft: Application
) -> None:
    """A hundred lines of each kind with the longest texts there can be are saved."""
    longest = "𝔘" * 200
    saved = await _save(
        world,
        me,
        draft,
        incomes=[{**WAGES, "description": longest}] * 100,
        expenses=[{**RENT, "description": longest}] * 100,
        debts=[{**CARD, "creditor": "𝔘" * 120}] * 100,
    )
    assert saved["version"] == 2


async def test_figures_that_stay_keep_what_they_rest_on(
    world: World, me: Principal, draft: Application
) -> None:
    """A debt from a report stays so while its figures do, and becomes the consumer's word after."""
    debt = Debt(
        id=f"{draft.id.replace('app_', 'debt_')}_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        creditor="BIG BANK",
        kind=DebtKind.CREDIT_CARD,
        balance=Decimal("5000.00"),
        minimum_payment=Decimal("125.50"),
        source=Source.CREDIT_REPORT,
        eligible_for_plan=True,
        source_key="abc",
    )
    (written,) = await world.put(replace(draft, debts=(debt,)))
    (saved,) = (await _save(world, me, written, debts=[{**CARD, "id": debt.id}]))["debts"]
    assert (saved["creditor"], saved["source"]) == ("Big Bank", "CREDIT_REPORT")
    changed = {**CARD, "id": debt.id, "balance": "4000.00"}
    (saved,) = (await _save(world, me, written, debts=[changed]))["debts"]
    assert saved["source"] == "SELF_REPORTED"
    stored = await world.store.get(Application, draft.id)
    assert stored is not None
    assert stored.debts[0].source_key == "abc", "a later report finds it again"


MONEY = st.decimals(min_value=0, max_value=Decimal("99999999.99"), places=2)
INCOMES = st.lists(
    st.tuples(MONEY, st.sampled_from(Frequency), st.sampled_from(IncomeSource)), max_size=5
)
EXPENSES = st.lists(
    st.tuples(MONEY, st.sampled_from(Frequency), st.sampled_from(ExpenseCategory)), max_size=5
)
DEBTS = st.lists(st.tuples(MONEY, MONEY, st.sampled_from(DebtKind)), max_size=5)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(incomes=INCOMES, expenses=EXPENSES, debts=DEBTS, gone=st.sets(st.integers(0, 14)))
async def test_totals_are_always_the_sum_of_the_lines(
    world: World,
    incomes: list[Any],
    expenses: list[Any],
    debts: list[Any],
    gone: set[int],
) -> None:
    """Whatever is added and removed, the totals are those of the lines that are there."""
    me = world.person(Group.CONSUMERS)
    application = await world.add_application(await world.add_consumer(me.subject))
    saved = await _save(
        world,
        me,
        application,
        incomes=[
            {"net": str(net), "frequency": frequency.value, "source": source.value}
            for net, frequency, source in incomes
        ],
        expenses=[
            {"amount": str(amount), "frequency": frequency.value, "category": category.value}
            for amount, frequency, category in expenses
        ],
        debts=[
            {"creditor": "X", "balance": str(balance), "minimumPayment": str(least), "kind": kind}
            for balance, least, kind in ((b, m, k.value) for b, m, k in debts)
        ],
    )
    lines = [*saved["incomes"], *saved["expenses"], *saved["debts"]]
    remove = [line["id"] for number, line in enumerate(lines) if number in gone]
    saved = await _save(world, me, application, remove=remove)
    left = [line for line in lines if line["id"] not in remove]
    assert [*saved["incomes"], *saved["expenses"], *saved["debts"]] == left
    assert saved["totals"] == {
        "monthlyIncome": _sum(saved["incomes"], "net"),
        "monthlyExpenses": _sum(saved["expenses"], "amount"),
        "monthlyDebtPayments": _plain_sum(saved["debts"], "minimumPayment"),
        "unsecuredBalance": _plain_sum(
            [debt for debt in saved["debts"] if debt["eligibleForPlan"]], "balance"
        ),
    }


def _sum(lines: list[dict[str, str]], name: str) -> str:
    amounts = (monthly(Decimal(line[name]), Frequency(line["frequency"])) for line in lines)
    return f"{sum(amounts, Decimal('0.00')):.2f}"


def _plain_sum(lines: list[dict[str, str]], name: str) -> str:
    return f"{sum((Decimal(line[name]) for line in lines), Decimal('0.00')):.2f}"
