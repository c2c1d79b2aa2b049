"""Analyses through the API: run, kept, read, and stale after an edit."""

from dataclasses import replace

import pytest

from domain.access import AccessGrant, Scope
from domain.actors import Group
from domain.analysis import FinancialAnalysis
from domain.applications import ApplicationStatus
from domain.consumers import Consumer
from domain.errors import VersionConflict
from resolvers.analysis import analyze_application
from tests.resolvers.documents import ANALYZE, PLANS, SAVE
from tests.resolvers.plan_world import Case, open_case
from tests.resolvers.world import World


@pytest.fixture
async def case(world: World) -> Case:
    """Return the worked example in review."""
    return await open_case(world)


async def test_the_worked_example(case: Case) -> None:
    """Its figures, its recommendation and every reason are answered, and kept."""
    found = (await case.analyze())["analyzeApplication"]
    assert found["netMonthlyIncome"] == "3450.00"
    assert found["monthlyExpenses"] == "2900.00"
    assert found["available"] == "550.00"
    assert found["cushion"] == "125.00"
    assert found["disposable"] == "425.00"
    assert found["contractualMinimums"] == "533.00"
    assert found["eligibleBalance"] == "16500.00"
    assert found["debtToIncome"] == "12.36"
    assert found["recommendation"] == "PLAN_STANDARD"
    assert [one["code"] for one in found["reasons"]] == [
        "AVAILABLE",
        "FOR_CREDITORS",
        "BELOW_MINIMUMS",
        "STANDARD_RATE_MET",
        "EXTRA_TO_PAYMENT",
    ]
    stored = await case.stored()
    assert stored.status is ApplicationStatus.ANALYZED
    assert stored.version == case.application.version + 1
    for reader in (case.counselor, case.consumer):
        read = (await case.world.ask(reader, PLANS, {"id": case.application.id}))["application"]
        assert read["analysis"] == found


async def test_one_unit_is_one_event_and_one_line(case: Case) -> None:
    """The analysis, the application, the event and the line are written together."""
    found = (await case.analyze())["analyzeApplication"]
    (event, *others) = [
        one
        for one in await case.world.store.outbox.pending(100)
        if one.name.value == "ApplicationAnalyzed"
    ]
    assert not others
    assert (event.subject, event.data) == (case.application.id, {"analysisId": found["id"]})
    lines = [one for one in await case.world.audit() if one.subject == found["id"]]
    assert [one.action for one in lines] == ["analyzeApplication"]


async def test_an_edit_makes_it_stale(case: Case) -> None:
    """After an edit the application shows none, until it is analyzed again."""
    await case.analyze()
    save = {"input": {"applicationId": case.application.id, "expenses": []}}
    assert (await case.world.ask(case.counselor, SAVE, save))["saveBudget"]["status"] == "IN_REVIEW"
    document, variables = PLANS, {"id": case.application.id}
    shown = (await case.world.ask(case.counselor, document, variables))["application"]
    assert shown["analysis"] is None
    again = (await case.analyze())["analyzeApplication"]
    shown = (await case.world.ask(case.counselor, document, variables))["application"]
    assert shown["analysis"]["id"] == again["id"]
    kept = await case.world.store.children(FinancialAnalysis, case.application.id)
    assert len(kept) == 2


async def test_a_claim_revoked_meanwhile_refuses(case: Case) -> None:
    """What the guard has let pass is refused at the commit where the claim has ended since."""
    (grant,) = await case.world.store.children(AccessGrant, case.application.id)
    context = case.world.context(case.counselor)
    await context.guard.grants()
    await case.world.put(replace(grant, revoked_at=case.world.now))
    with pytest.raises(VersionConflict):
        await analyze_application(context, case.application.id)
    assert (await case.stored()).status is ApplicationStatus.IN_REVIEW
    assert not await case.world.store.children(FinancialAnalysis, case.application.id)


async def test_an_empty_application_is_analyzed(world: World) -> None:
    """Counseling does not wait for a finished application: no line is asked for."""
    counselor = world.person(Group.COUNSELORS)
    bare = await world.add_application(await world.add_consumer(), ApplicationStatus.IN_REVIEW)
    await world.assign(bare, counselor)
    found = (await world.ask(counselor, ANALYZE, {"id": bare.id}))["analyzeApplication"]
    assert found["recommendation"] == "BUDGET_FOLLOW_UP"
    assert found["reasons"][0]["code"] == "NO_INCOME"


async def test_a_repeated_analysis_is_the_same_one(case: Case) -> None:
    """Under the same key there is one analysis, and it is answered again."""
    asked = [
        await case.world.ask(
            case.counselor, ANALYZE, {"id": case.application.id}, idempotency_key="once"
        )
        for _ in range(2)
    ]
    first, second = (one["analyzeApplication"]["id"] for one in asked)
    assert first == second
    assert len(await case.world.store.children(FinancialAnalysis, case.application.id)) == 1


async def test_who_may(case: Case) -> None:
    """Counselors by grant and keys that write plans; nobody else learns that it is there."""
    world = case.world
    others = {
        "consumer": (case.consumer, "FORBIDDEN"),
        "admin": (world.person(Group.ADMINS), "FORBIDDEN"),
        "analyst": (world.person(Group.ANALYSTS), "FORBIDDEN"),
        "reading key": (world.key(Scope.PLANS_READ), "FORBIDDEN"),
        "another counselor": (world.person(Group.COUNSELORS), "NOT_FOUND"),
    }
    for name, (who, code) in others.items():
        assert (await case.analyze(who)).code == code, name
    writer = world.key(Scope.PLANS_WRITE)
    document = "mutation ($id: ID!) { analyzeApplication(id: $id) { id } }"
    made = await world.ask(writer, document, {"id": case.application.id})
    assert made["analyzeApplication"]["id"]
    refused = await case.analyze(writer)
    assert set(refused.codes.values()) == {"FORBIDDEN"}


async def test_the_fee_is_that_of_the_state_and_the_day(world: World) -> None:
    """Who lives in Maryland now pays 32 a month for four creditors; the settings are named."""
    case = await open_case(world)
    consumer = await world.store.get(Consumer, case.application.consumer_id)
    assert consumer is not None
    assert consumer.address is not None
    await world.put(replace(consumer, address=replace(consumer.address, state="MD")))
    found = (await case.analyze())["analyzeApplication"]
    stored = await world.store.get(FinancialAnalysis, found["id"])
    assert stored is not None
    assert str(stored.monthly_fee) == "32.00"
    assert stored.settings_id.startswith("set_")
    assert stored.application_version == case.application.version


async def test_without_an_analysis_there_is_none(case: Case) -> None:
    """An application that was never analyzed shows null, and no plans."""
    shown = (await case.world.ask(case.consumer, PLANS, {"id": case.application.id}))["application"]
    assert (shown["analysis"], shown["plans"]) == (None, [])
