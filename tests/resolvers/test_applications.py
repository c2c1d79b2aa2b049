"""Finding and listing applications."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import Principal, Scope
from domain.actors import Group
from domain.applications import ApplicationStatus
from tests.resolvers.documents import LIST, READ
from tests.resolvers.world import World, nodes

COUNTS = "{ applicationCounts { status count } }"
SLOW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


async def test_each_reads_what_is_within_reach(world: World) -> None:
    """Owner, counselor with a grant and machine read an application; to others it is not there."""
    application = await world.add_application(await world.add_consumer("owner"))
    counselor = world.person(Group.COUNSELORS)
    await world.assign(application, counselor)
    for reader in (world.person(Group.CONSUMERS, subject="owner"), counselor, world.key()):
        read = (await world.ask(reader, READ, {"id": application.id}))["application"]
        assert read["id"] == application.id
    for other in (world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)):
        assert (await world.ask(other, READ, {"id": application.id}))["application"] is None
    for group in (Group.ADMINS, Group.ANALYSTS, Group.OPERATORS):
        answer = await world.ask(world.person(group), READ, {"id": application.id})
        assert answer.code == "FORBIDDEN"
    assert (
        await world.ask(world.key(Scope.CREDIT_READ), READ, {"id": application.id})
    ).code == "FORBIDDEN"


async def _three_listings(
    world: World, statuses: list[ApplicationStatus]
) -> tuple[list[tuple[Principal, dict[str, Any]]], list[dict[str, str]]]:
    """Write applications that an owner, a counselor and a machine list alike, and return both."""
    owner, counselor = world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)
    consumer = await world.add_consumer(owner.subject)
    expected: list[dict[str, str]] = []
    for status in statuses:
        world.later(seconds=1)
        application = await world.add_application(consumer, status)
        await world.assign(application, counselor)
        expected.insert(0, {"id": application.id, "status": status.value})
    ways = [(owner, {}), (counselor, {}), (world.key(), {"consumerId": consumer.id})]
    return ways, expected


@SLOW
@given(
    statuses=st.lists(st.sampled_from(ApplicationStatus), max_size=9),
    size=st.integers(1, 4),
    kept=st.none() | st.lists(st.sampled_from(ApplicationStatus), max_size=3),
)
async def test_all_pages_together_are_the_whole_list_both_ways(
    world: World,
    statuses: list[ApplicationStatus],
    size: int,
    kept: list[ApplicationStatus] | None,
) -> None:
    """Forward and backward, filtered or not, each kind of reader sees all once, newest first."""
    ways, expected = await _three_listings(world, statuses)
    wanted = [one for one in expected if kept is None or one["status"] in kept]
    for principal, base in ways:
        where = dict(base) if kept is None else {**base, "statuses": [one.value for one in kept]}
        assert await _walk(world, principal, size, where, forward=True) == wanted
        assert await _walk(world, principal, size, where, forward=False) == wanted


async def _walk(
    world: World, principal: Principal, size: int, where: dict[str, Any], *, forward: bool
) -> list[Any]:
    seen: list[Any] = []
    place: str | None = None
    while True:
        window = {"first": size, "after": place} if forward else {"last": size, "before": place}
        page = (await world.ask(principal, LIST, {**window, "filter": where}))["applications"]
        info = page["pageInfo"]
        seen = seen + nodes(page) if forward else [*nodes(page), *seen]
        place = info["endCursor" if forward else "startCursor"]
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return seen
        assert place is not None


async def test_a_machine_lists_the_whole_agency(world: World) -> None:
    """Without a filter a key lists all, by one status the same as by several."""
    key = world.key(Scope.APPLICATIONS_READ)
    for number, status in enumerate(ApplicationStatus):
        world.later(seconds=1)
        await world.add_application(await world.add_consumer(f"subject-{number}"), status)
    listed = nodes((await world.ask(key, LIST))["applications"])
    assert [one["status"] for one in listed] == [status.value for status in ApplicationStatus][::-1]
    for statuses in (["DRAFT"], ["DRAFT", "CLOSED"]):
        where = {"filter": {"statuses": statuses}}
        found = nodes((await world.ask(key, LIST, where))["applications"])
        assert sorted(one["status"] for one in found) == sorted(statuses)
    none = {"filter": {"consumerId": "con_01ARZ3NDEKTSV4RRFFQ69G5FAV", "statuses": ["DRAFT"]}}
    assert nodes((await world.ask(key, LIST, none))["applications"]) == []
    assert (
        nodes((await world.ask(key, LIST, {"filter": {"consumerId": "x"}}))["applications"]) == []
    )


async def test_days_of_submission_are_included_at_both_ends(world: World) -> None:
    """A filter by day of submission includes its first and its last day, and no drafts."""
    owner = world.person(Group.CONSUMERS, subject="owner")
    consumer = await world.add_consumer("owner")
    await world.add_application(consumer)
    for _ in range(4):
        await world.add_application(consumer, ApplicationStatus.SUBMITTED)
        world.later(days=1)
    where = {"submittedFrom": "2026-01-16", "submittedTo": "2026-01-17"}
    found = nodes((await world.ask(owner, LIST, {"filter": where}))["applications"])
    assert len(found) == 2


@pytest.mark.parametrize(
    ("variables", "faults"),
    [
        ({"first": 101}, {"first": "TOO_LARGE"}),
        ({"last": 101}, {"last": "TOO_LARGE"}),
        ({"first": -1}, {"first": "TOO_SMALL"}),
        ({"last": -2}, {"last": "TOO_SMALL"}),
        ({"first": 1, "last": 1}, {"last": "INVALID"}),
        ({"first": 200, "last": -1}, {"first": "TOO_LARGE", "last": "INVALID"}),
        ({"first": 1, "before": "x"}, {"before": "INVALID"}),
        ({"last": 1, "after": "x"}, {"after": "INVALID"}),
        ({"after": "nonsense"}, {"after": "INVALID"}),
        ({"before": "nonsense"}, {"before": "INVALID"}),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(
    world: World, variables: dict[str, Any], faults: dict[str, str]
) -> None:
    """Sizes beyond the bounds, both directions at once and made-up cursors are faults."""
    consumer = await world.add_consumer("owner")
    counselor = world.person(Group.COUNSELORS)
    await world.assign(await world.add_application(consumer), counselor)
    for principal in (world.person(Group.CONSUMERS, subject="owner"), counselor, world.key()):
        assert (await world.ask(principal, LIST, variables)).faults == faults


async def test_twenty_are_listed_where_no_number_is_given(world: World) -> None:
    """Without first or last a page has 20 items, from whichever end is asked for."""
    consumer = await world.add_consumer("owner")
    owner = world.person(Group.CONSUMERS, subject="owner")
    for _ in range(21):
        world.later(seconds=1)
        await world.add_application(consumer)
    page = (await world.ask(owner, LIST))["applications"]
    assert (len(nodes(page)), page["pageInfo"]["hasNextPage"]) == (20, True)
    after = {"after": page["edges"][18]["cursor"]}
    assert len(nodes((await world.ask(owner, LIST, after))["applications"])) == 2
    before = {"before": page["edges"][3]["cursor"]}
    assert len(nodes((await world.ask(owner, LIST, before))["applications"])) == 3
    assert nodes((await world.ask(owner, LIST, {"first": 0}))["applications"]) == []


async def test_a_consumer_without_a_record_has_no_applications(world: World) -> None:
    """Before the first application the list is empty, not an error."""
    answer = await world.ask(world.person(Group.CONSUMERS), LIST)
    assert nodes(answer["applications"]) == []


async def test_counts_are_for_those_who_see_figures(world: World) -> None:
    """Every status is counted, for counselors, admins, analysts and keys with the scope."""
    consumer = await world.add_consumer("owner")
    for status in (ApplicationStatus.DRAFT, ApplicationStatus.DRAFT, ApplicationStatus.CLOSED):
        await world.add_application(consumer, status)
    readers = [world.person(group) for group in (Group.COUNSELORS, Group.ADMINS, Group.ANALYSTS)]
    for reader in (*readers, world.key(Scope.APPLICATIONS_READ)):
        counts = {
            row["status"]: row["count"]
            for row in (await world.ask(reader, COUNTS))["applicationCounts"]
        }
        assert list(counts) == [status.value for status in ApplicationStatus]
        assert {status: n for status, n in counts.items() if n} == {"DRAFT": 2, "CLOSED": 1}
    for other in (world.person(Group.CONSUMERS), world.key(Scope.CONSUMERS_READ)):
        assert (await world.ask(other, COUNTS)).code == "FORBIDDEN"
