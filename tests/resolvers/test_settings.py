"""Settings: dated, never changed, and bounded; what is not given stays as on its day."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import CLAIM_DAYS, Principal
from domain.actors import Group
from domain.applications import ApplicationStatus
from domain.settings import (
    DAYS_AHEAD_MAX,
    POLICIES_MAX,
    WAITING_MAX,
    AgencySettings,
    defaults,
    in_force,
)
from resolvers.settings import settings_in_force
from tests.resolvers.world import START, Answer, World

TODAY = START.date()
ALL = """id version effectiveFrom cushion standardPaymentRate hardshipPaymentRate setupFee
  monthlyFeePerCreditor monthlyFeeMax grantDays retentionYears
  creditorPolicies { creditor participation apr paymentRate paymentFloor }"""
SETTINGS = f"{{ settings {{ {ALL} upcoming {{ version effectiveFrom cushion }} }} }}"
UPDATE = f"""mutation ($input: UpdateSettingsInput!) {{
  updateSettings(input: $input) {{ {ALL} }} }}"""
POLICY = {
    "creditor": "First Bank",
    "participation": "WITH_CONCESSIONS",
    "apr": "8.00",
    "paymentRate": "2.50",
    "paymentFloor": "15.00",
}


def in_days(days: int) -> str:
    """Return the day so many days after the world's first, as clients write it."""
    return (TODAY + timedelta(days=days)).isoformat()


async def update(world: World, days: int = 0, who: Principal | None = None, **input: Any) -> Answer:
    """Make a version, in force so many days after the world's first."""
    admin = who or world.person(Group.ADMINS)
    return await world.ask(admin, UPDATE, {"input": {"effectiveFrom": in_days(days), **input}})


async def test_the_defaults_hold_until_settings_are_written(world: World) -> None:
    """Version 0 has the figures of the field's standards, and is no record."""
    shown = (await world.ask(world.person(Group.COUNSELORS), SETTINGS))["settings"]
    assert shown["version"] == 0
    assert (shown["cushion"], shown["standardPaymentRate"]) == ("125.00", "2.00")
    assert (shown["grantDays"], shown["retentionYears"]) == (30, 7)
    assert (shown["creditorPolicies"], shown["upcoming"]) == ([], [])
    context = world.context(world.person(Group.ADMINS))
    assert await settings_in_force(context, TODAY) == defaults(world.agency.retention_years)


async def test_a_version_changes_what_is_given_and_keeps_the_rest(world: World) -> None:
    """Figures left out, or null, are those of the version in force on that day."""
    first = (await update(world, cushion="80.00", creditorPolicies=[POLICY]))["updateSettings"]
    second = (await update(world, setupFee=0, cushion=None))["updateSettings"]
    assert (first["version"], second["version"]) == (1, 2)
    assert second["cushion"] == "80.00"
    assert second["setupFee"] == "0.00"
    assert second["creditorPolicies"] == [POLICY]


async def test_a_later_day_builds_upon_what_holds_then_and_changes_nothing_before(
    world: World,
) -> None:
    """What begins later is told as upcoming; each day has the settings of its own."""
    await update(world, 10, cushion="90.00")
    await update(world, 5, cushion="85.00")
    await update(world, 10, setupFee="30.00")
    await update(world, cushion="80.00")
    shown = (await world.ask(world.person(Group.ADMINS), SETTINGS))["settings"]
    assert (shown["version"], shown["cushion"], shown["setupFee"]) == (4, "80.00", "50.00")
    assert shown["upcoming"] == [
        {"version": 2, "effectiveFrom": in_days(5), "cushion": "85.00"},
        {"version": 3, "effectiveFrom": in_days(10), "cushion": "90.00"},
    ]
    context = world.context(world.person(Group.ADMINS))
    on = {days: await settings_in_force(context, TODAY + timedelta(days)) for days in (4, 5, 9, 10)}
    assert {days: str(one.cushion) for days, one in on.items()} == {
        4: "80.00",
        5: "85.00",
        9: "85.00",
        10: "90.00",
    }
    assert on[10].setup_fee == Decimal("30.00")


async def test_what_was_written_stays_as_it_was(world: World) -> None:
    """A version is read by its id, the same whatever came after it, by whom settings are shown."""
    first = (await update(world, cushion="80.00"))["updateSettings"]
    await update(world, cushion="90.00")
    ask = f"query ($id: ID!) {{ node(id: $id) {{ ... on AgencySettings {{ {ALL} }} }} }}"
    for group, seen in ((Group.COUNSELORS, first), (Group.CONSUMERS, None)):
        answer = await world.ask(world.person(group), ask, {"id": first["id"]})
        assert answer["node"] == seen


@pytest.mark.parametrize("group", [Group.CONSUMERS, Group.COUNSELORS, Group.ANALYSTS])
async def test_admins_alone_change_settings(world: World, group: Group) -> None:
    """Everybody else is refused, and nothing is written."""
    assert (await update(world, who=world.person(group), cushion="80.00")).code == "FORBIDDEN"
    assert [one async for one in world.store.scan(AgencySettings)] == []


async def test_all_faults_are_told_at_once(world: World) -> None:
    """Each figure has its bounds; a creditor stands once, whatever its capitals."""
    answer = await update(
        world,
        -1,
        cushion="5000.01",
        standardPaymentRate="0.00",
        hardshipPaymentRate="25.01",
        setupFee="-1.00",
        monthlyFeePerCreditor="500.01",
        monthlyFeeMax="500.01",
        grantDays=181,
        retentionYears=0,
        creditorPolicies=[
            POLICY,
            {**POLICY, "creditor": "FIRST bank", "apr": "100.01", "paymentRate": "100.01"},
            {**POLICY, "creditor": " ", "paymentFloor": "10000.01"},
        ],
    )
    assert answer.faults == {
        "input.effectiveFrom": "TOO_SMALL",
        "input.cushion": "TOO_LARGE",
        "input.standardPaymentRate": "TOO_SMALL",
        "input.hardshipPaymentRate": "TOO_LARGE",
        "input.setupFee": "TOO_SMALL",
        "input.monthlyFeePerCreditor": "TOO_LARGE",
        "input.monthlyFeeMax": "TOO_LARGE",
        "input.grantDays": "TOO_LARGE",
        "input.retentionYears": "TOO_SMALL",
        "input.creditorPolicies.1.creditor": "DUPLICATE",
        "input.creditorPolicies.1.apr": "TOO_LARGE",
        "input.creditorPolicies.1.paymentRate": "TOO_LARGE",
        "input.creditorPolicies.2.creditor": "REQUIRED",
        "input.creditorPolicies.2.paymentFloor": "TOO_LARGE",
    }


async def test_bounds_themselves_are_within(world: World) -> None:
    """The least and the greatest of each figure are taken, and as many policies as may be."""
    many = [{**POLICY, "creditor": f"Creditor {n}"} for n in range(POLICIES_MAX)]
    least: dict[str, Any] = {
        "cushion": 0,
        "grantDays": 1,
        "retentionYears": 1,
        "hardshipPaymentRate": "0.01",
    }
    greatest: dict[str, Any] = {"cushion": 5000, "grantDays": 180, "retentionYears": 25}
    assert (await update(world, **least))["updateSettings"]["version"] == 1
    made = await update(world, DAYS_AHEAD_MAX, **greatest, creditorPolicies=many)
    assert len(made["updateSettings"]["creditorPolicies"]) == POLICIES_MAX
    beyond = await update(world, DAYS_AHEAD_MAX + 1, creditorPolicies=[*many, POLICY])
    assert beyond.faults == {
        "input.effectiveFrom": "TOO_LARGE",
        "input.creditorPolicies": "TOO_LARGE",
    }


async def test_a_plan_in_hardship_never_asks_for_more_than_a_standard_one(world: World) -> None:
    """The two rates are compared with each other, also where one of them is not given."""
    answer = await update(world, standardPaymentRate="1.74")
    assert answer.faults == {"input.hardshipPaymentRate": "TOO_LARGE"}
    assert not (await update(world, standardPaymentRate="1.75")).errors


async def test_the_version_expected_is_the_one_that_the_change_builds_upon(world: World) -> None:
    """Another one on that day is told; nothing is written then."""
    await update(world, 3, cushion="80.00")
    conflict = await update(world, 3, expectedVersion=0, setupFee="1.00")
    assert (conflict.code, conflict.error.details()["currentVersion"]) == ("VERSION_CONFLICT", 1)
    assert not (await update(world, expectedVersion=0, setupFee="1.00")).errors
    assert not (await update(world, 3, expectedVersion=1, setupFee="1.00")).errors


async def test_of_two_admins_at_once_none_is_lost_unnoticed(world: World) -> None:
    """Each change is made, or its admin is told to look again."""
    answers = await asyncio.gather(*(update(world, cushion=f"{n}.00") for n in range(80, 84)))
    made = [one for one in answers if not one.errors]
    assert made
    assert {one.code for one in answers if one.errors} <= {"VERSION_CONFLICT"}
    kept = [one.number async for one in world.store.scan(AgencySettings)]
    assert sorted(kept) == list(range(1, len(made) + 1))


async def test_repeating_a_change_makes_no_second_version(world: World) -> None:
    """The same idempotency key answers the version of the first time."""
    admin = world.person(Group.ADMINS)
    variables = {"input": {"effectiveFrom": in_days(0), "cushion": "80.00"}}
    first, again = [
        (await world.ask(admin, UPDATE, variables, idempotency_key="k"))["updateSettings"]
        for _ in range(2)
    ]
    assert first == again
    assert len([one async for one in world.store.scan(AgencySettings)]) == 1


async def test_a_change_leaves_an_event_and_a_line(world: World) -> None:
    """Both name the version; the line says which figures were given, and none of them."""
    await update(world, cushion="81.23", creditorPolicies=[POLICY])
    (event,) = await world.store.outbox.pending(10)
    (version,) = [one async for one in world.store.scan(AgencySettings)]
    assert (event.name, event.subject, event.data) == ("SettingsUpdated", version.id, {})
    (line,) = [one for one in await world.audit() if one.action == "updateSettings"]
    assert (line.subject, line.consumers) == (version.id, ())
    assert line.fields == ("AgencySettings.cushion", "AgencySettings.creditorPolicies")
    assert "81.23" not in repr(line)


async def test_only_so_many_versions_wait(world: World) -> None:
    """Where too many have been made ahead, another one ahead is refused; today can be set still."""
    for number in range(WAITING_MAX):
        assert not (await update(world, 1 + number % 3, cushion=f"{number}.00")).errors
    assert (await update(world, 1, cushion="1.00")).code == "TOO_LARGE"
    assert not (await update(world, cushion="1.00")).errors


async def test_a_claim_lasts_as_long_as_the_settings_of_its_day_say(world: World) -> None:
    """Claims made before keep their end; a renewal takes the days of its own day."""
    consumer = await world.add_consumer()
    counselor = world.person(Group.COUNSELORS)
    claim = "mutation ($id: ID!) { claimApplication(id: $id) { id } }"
    ends = "{ me { grants { subject expiresAt } } }"
    applications = [
        await world.add_application(consumer, ApplicationStatus.SUBMITTED) for _ in range(2)
    ]
    for application, days in zip(applications, (CLAIM_DAYS, 7), strict=True):
        assert not (await world.ask(counselor, claim, {"id": application.id})).errors
        grants = (await world.ask(counselor, ends))["me"]["grants"]
        found = {one["subject"]: one["expiresAt"][:10] for one in grants}
        assert found[application.id] == in_days(days)
        assert found[applications[0].id] == in_days(CLAIM_DAYS)
        await update(world, grantDays=7)


days = st.integers(0, 6).map(lambda number: date(2026, 1, 1) + timedelta(number))


@given(begins=st.lists(days, max_size=8), on=days)
def test_in_force_is_the_latest_begun_and_of_a_day_the_last_made(
    begins: list[date], on: date
) -> None:
    """The rule by itself: no version that has not begun, and none that another one replaced."""
    made = [
        AgencySettings(id=f"set_{number}", number=number, effective_from=day)
        for number, day in enumerate(begins, start=1)
    ]
    found = in_force(made, on)
    begun = [one for one in made if one.effective_from <= on]
    if found is None:
        assert begun == []
        return
    assert found in begun
    assert all(
        (one.effective_from, one.number) <= (found.effective_from, found.number) for one in begun
    )
