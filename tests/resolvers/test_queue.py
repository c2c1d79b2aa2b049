"""The queue: its order, its pages, and what it does not tell."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import AccessGrant
from domain.actors import Group
from domain.applications import IN_COUNSELING, Application, ApplicationStatus
from domain.ids import new_ulid
from resolvers.assignments import new_assignment
from tests.resolvers.documents import NODE, QUEUE
from tests.resolvers.world import Answer, World, nodes


async def test_the_queue_is_oldest_first_and_skips_what_is_worked_on(world: World) -> None:
    """Unassigned and lapsed applications wait by when they were submitted, no others."""
    counselor = world.person(Group.COUNSELORS)
    consumer = await world.add_consumer()
    expected = []
    for status in ApplicationStatus:
        world.later(minutes=1)
        application = await world.add_application(consumer, status)
        if status in IN_COUNSELING:
            expected.append(application.id)
    world.later(minutes=1)
    claimed = await world.add_application(consumer, ApplicationStatus.IN_REVIEW)
    await world.assign(claimed, world.person(Group.COUNSELORS))
    assert [item["applicationId"] for item in await _all(world, counselor)] == expected
    world.later(days=30)
    expected.append(claimed.id)
    assert [item["applicationId"] for item in await _all(world, counselor)] == expected


async def test_the_queue_has_no_personal_data(world: World) -> None:
    """An item tells when, where, household and balance; the application behind it is closed."""
    counselor = world.person(Group.COUNSELORS)
    application = await world.add_application(
        await world.add_consumer(),
        ApplicationStatus.SUBMITTED,
        household_size=3,
        hardship_reason="Illness",
    )
    (item,) = await _all(world, counselor)
    assert item == {
        "id": application.id.replace("app_", "queue_"),
        "applicationId": application.id,
        "submittedAt": "2026-01-15T12:00:00.000Z",
        "state": "MI",
        "householdSize": 3,
        "unsecuredBalance": "0.00",
    }
    assert (await world.ask(counselor, NODE, {"id": item["id"]}))["node"] == {
        "__typename": "QueueItem",
        "id": item["id"],
    }
    assert (await world.ask(counselor, NODE, {"id": application.id}))["node"] is None
    await world.assign(application, counselor)
    assert (await world.ask(counselor, NODE, {"id": item["id"]}))["node"] is None


async def test_only_counselors_see_the_queue(world: World) -> None:
    """Consumers, admins, analysts, operators and machines are refused."""
    others = [world.person(group) for group in Group if group is not Group.COUNSELORS]
    for principal in (*others, world.key()):
        answer = await world.ask(principal, QUEUE)
        assert answer.code == "FORBIDDEN"


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    minutes=st.lists(st.integers(0, 3), min_size=0, max_size=12),
    lapsed=st.sets(st.integers(0, 11)),
    size=st.integers(1, 5),
)
async def test_all_pages_together_are_the_whole_queue(
    world: World, minutes: list[int], lapsed: set[int], size: int
) -> None:
    """Walking the pages shows everybody once and in order, those submitted together included."""
    counselor = world.person(Group.COUNSELORS)
    await _empty(world)
    consumer = await world.add_consumer()
    for number, waited in enumerate(minutes):
        world.later(minutes=waited)
        application = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
        if number in lapsed:
            await world.assign(application, world.person(Group.COUNSELORS))
    world.later(days=30)
    whole = await _all(world, counselor)
    assert len(whole) == len(minutes)
    assert whole == sorted(whole, key=lambda item: (item["submittedAt"], item["id"]))
    assert await _all(world, counselor, size) == whole


async def test_a_queue_page_is_bounded(world: World) -> None:
    """More than 100 items at once, fewer than none, and a made-up cursor are faults."""
    counselor = world.person(Group.COUNSELORS)
    for variables, faults in (
        ({"first": 101}, {"first": "TOO_LARGE"}),
        ({"first": -1}, {"first": "TOO_SMALL"}),
        ({"after": "abc"}, {"after": "INVALID"}),
    ):
        assert (await world.ask(counselor, QUEUE, variables)).faults == faults
    assert nodes((await world.ask(counselor, QUEUE, {"first": 0}))["queue"]) == []
    assert nodes((await world.ask(counselor, QUEUE, {"first": None}))["queue"]) == []


async def test_more_than_one_read_of_claims_is_seen_whole(world: World) -> None:
    """A counselor's many grants all count, and so do many claims that lapsed at once."""
    counselor = world.person(Group.COUNSELORS)
    context = world.context(counselor)
    consumer = await world.add_consumer()
    ids = [f"app_{new_ulid(world.now)}" for _ in range(501)]
    for start in range(0, len(ids), 50):
        records: list[Application | AccessGrant] = []
        for id_ in ids[start : start + 50]:
            assignment, grant = new_assignment(context, id_, reason="Claimed")
            application = Application(
                id=id_,
                consumer_id=consumer.id,
                status=ApplicationStatus.IN_REVIEW,
                created_at=world.now,
                updated_at=world.now,
                submitted_at=world.now,
                assignment=assignment,
            )
            records += [application, grant]
        await world.put(*records)
    assert set(await world.context(counselor).guard.grants()) == set(ids)
    assert await _all(world, counselor) == []
    world.later(days=30)
    assert await world.context(counselor).guard.grants() == {}
    assert [item["applicationId"] for item in await _all(world, counselor)] == sorted(ids)


async def _all(world: World, counselor: Any, size: int = 100) -> list[Any]:
    seen: list[Any] = []
    after: str | None = None
    while True:
        answer: Answer = await world.ask(counselor, QUEUE, {"first": size, "after": after})
        page = answer["queue"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += nodes(page)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return seen


async def _empty(world: World) -> None:
    found = [one async for one in world.store.scan(Application)]
    for application in found:
        if application.status is not ApplicationStatus.CLOSED:
            await world.put(replace(application, status=ApplicationStatus.CLOSED))
