"""The demo's analyses and plans are what the domain makes of its figures, and stay signable."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.actors import Actor, PrincipalKind
from domain.analysis import FinancialAnalysis, analyze
from domain.applications import Application, ApplicationStatus
from domain.fees import fee_terms
from domain.plans import Acceptance, Plan, PlanStatus, accepted, schedule
from domain.settings import CreditorPolicy, Participation
from gateway.local.demo import renew_demo
from gateway.local.demo_example import demo_settings
from gateway.local.demo_plans import plan_goals
from gateway.local.demo_world import AGENCIES, SEED_DATE, DemoAgency, plan_applicants
from gateway.workspace import Workspace
from tenants.settings import numbered_next, settings_in_force
from tenants.store import AgencyStore, Change
from tests.gateway.local.demo_homes import ISSUER, NOW, agency_of, seeded

STATUS = ApplicationStatus
REACHED = {STATUS.ANALYZED, STATUS.PLAN_PROPOSED, STATUS.ENROLLED}
HARBOR = AGENCIES[0]
ACCEPTED_BY = Actor(id="sub", kind=PrincipalKind.CONSUMER, display_name="Marta Vance")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Give an opened home folder with the demo world in it."""
    async with seeded(tmp_path / "home") as workspace:
        yield workspace


def example_of(demo: DemoAgency) -> str:
    (found,) = [one.application.id for one in plan_applicants(demo) if one.role.example]
    return found


def signed(plan: Plan, at: datetime) -> Plan:
    acceptance = Acceptance(
        signature="Marta Vance",
        signed_by=ACCEPTED_BY,
        at=at,
        source_ip=None,
        agreement_sha256=plan.agreement.sha256,
    )
    return accepted(plan, acceptance)


async def plans_under(store: AgencyStore, application: str) -> list[Plan]:
    return list(await store.children(Plan, application))


async def test_each_status_has_the_records_that_lead_to_it(world: Workspace) -> None:
    """An analysis of the application's own figures; a plan from it; a signature of its very text.

    Applications in any other status have neither analysis nor plan.
    """
    for demo in AGENCIES:
        agency = await agency_of(world, demo)
        async with world.registry.lease(agency) as store:
            everything = [one async for one in store.scan(Application)]
            roots = [one.id for one in everything]
            analyses = await store.children_many(FinancialAnalysis, roots)
            plans = await store.children_many(Plan, roots)
            settings = await settings_in_force(store, agency, NOW.date())
        for application in everything:
            if application.status not in REACHED:
                assert not analyses[application.id]
                assert not plans[application.id]
                continue
            (analysis,) = analyses[application.id]
            assert analysis.settings_id == settings.id
            assert 0 < analysis.application_version < application.version
            terms = fee_terms(settings, application.state, analysis.at.date())
            anew = analyze(application, settings, terms, id=analysis.id, at=analysis.at)
            assert replace(analysis, version=0, application_version=application.version) == anew
            expected = {
                STATUS.ANALYZED: [],
                STATUS.PLAN_PROPOSED: [PlanStatus.PROPOSED],
                STATUS.ENROLLED: [PlanStatus.ACCEPTED],
            }[application.status]
            found = plans[application.id]
            assert [plan.status for plan in found] == expected
            for plan in found:
                assert_whole(plan, analysis)


def assert_whole(plan: Plan, analysis: FinancialAnalysis) -> None:
    """Hold a plan to paying off what it was proposed for, and its text to its hash."""
    assert plan.analysis_id == analysis.id
    assert plan.proposed_by.kind is PrincipalKind.COUNSELOR
    assert plan.monthly_deposit <= analysis.disposable
    last = {row.creditor: row.balance for row in schedule(plan)}
    assert set(last.values()) == {Decimal("0.00")}
    assert hashlib.sha256(plan.agreement.html.encode()).hexdigest() == plan.agreement.sha256
    if plan.acceptance is not None:
        assert plan.acceptance.agreement_sha256 == plan.agreement.sha256
        assert plan.acceptance.signature in plan.agreement.html
        assert plan.created_at < plan.acceptance.at
        assert plan.acceptance.at.date() <= plan.first_due_on


async def test_the_worked_example_waits_for_its_consumer(world: Workspace) -> None:
    """49 months, 2,607.17 of interest and 1,600 of fees, at 425 a month; it can be signed today."""
    for demo in AGENCIES:
        async with world.registry.lease(await agency_of(world, demo)) as store:
            (plan,) = await plans_under(store, example_of(demo))
        assert (plan.months, plan.monthly_deposit) == (49, Decimal("425.00"))
        assert (plan.total_interest, plan.total_fees) == (Decimal("2607.17"), Decimal("1600.00"))
        assert signed(plan, NOW).status is PlanStatus.ACCEPTED


@pytest.mark.parametrize("demo", AGENCIES, ids=lambda demo: demo.slug)
def test_goals_are_shared_between_the_counselors(demo: DemoAgency) -> None:
    """Both have as many of each, beside the example, and what has a part already keeps it."""
    applicants = plan_applicants(demo)
    settings = demo_settings(7, SEED_DATE)
    goals = plan_goals(applicants, settings)

    assert goals == plan_goals(reversed(applicants), settings)
    roles = {one.application.id: one.role for one in applicants}
    example = example_of(demo)
    assert goals[example] is STATUS.PLAN_PROPOSED
    counted = Counter((roles[one].counselor, goal) for one, goal in goals.items() if one != example)
    assert counted == {
        (counselor, goal): number
        for counselor in ("counselor", "counselor2")
        for goal, number in (
            (STATUS.PLAN_PROPOSED, 2),
            (STATUS.ENROLLED, 2),
            (STATUS.ANALYZED, 3),
        )
    }
    others = [roles[one] for one in goals if one != example]
    assert not any(role.owner or role.family or role.persona for role in others)
    assert {role.status for role in others} == {STATUS.IN_REVIEW}


async def test_a_waiting_plan_can_be_signed_at_any_later_start(world: Workspace) -> None:
    """Long after, another on the same terms waits, the first is superseded; signed ones stay."""
    later = NOW + timedelta(days=400)
    agency = await agency_of(world, HARBOR)
    example = example_of(HARBOR)
    async with world.registry.lease(agency) as store:
        before = [one async for one in store.scan(Plan)]

    await renew_demo(world, issuer_url=ISSUER, at=later)
    await renew_demo(world, issuer_url=ISSUER, at=later + timedelta(days=10))  # in good time

    async with world.registry.lease(agency) as store:
        old, new = await plans_under(store, example)
        application = await store.get(Application, example)
        after = Counter([one.status async for one in store.scan(Plan)])
    assert (old.status, new.status) == (PlanStatus.SUPERSEDED, PlanStatus.PROPOSED)
    assert (old.agreement, old.first_due_on) == next(
        (plan.agreement, plan.first_due_on) for plan in before if plan.id == old.id
    )
    assert (new.months, new.total_interest) == (old.months, old.total_interest)
    assert signed(new, later + timedelta(days=10)).status is PlanStatus.ACCEPTED
    assert application is not None
    assert application.status is STATUS.PLAN_PROPOSED
    assert after == {PlanStatus.ACCEPTED: 4, PlanStatus.PROPOSED: 5, PlanStatus.SUPERSEDED: 5}


async def test_what_was_decided_or_is_not_possible_any_more_stays(world: Workspace) -> None:
    """What was signed is not proposed anew, and settings that rule plans out stop no start."""
    later = NOW + timedelta(days=400)
    agency = await agency_of(world, HARBOR)
    example = example_of(HARBOR)
    async with world.registry.lease(agency) as store:
        (plan,) = await plans_under(store, example)
        application = await store.get(Application, example)
        assert application is not None
        enrolled = replace(application, status=STATUS.ENROLLED)
        await store.commit(Change(put=(signed(plan, NOW), enrolled)))
        settings = await settings_in_force(store, agency, NOW.date())
        policies = tuple(map(_not_expected, settings.creditor_policies))
        version = await numbered_next(store, replace(settings, creditor_policies=policies), NOW)
        await store.commit(Change(put=(version,)))
        before = {one.id: one.status async for one in store.scan(Plan)}

    await renew_demo(world, issuer_url=ISSUER, at=later)

    async with world.registry.lease(agency) as store:
        after = {one.id: one.status async for one in store.scan(Plan)}
    assert after == before


def _not_expected(policy: CreditorPolicy) -> CreditorPolicy:
    return replace(policy, participation=Participation.NOT_EXPECTED)
