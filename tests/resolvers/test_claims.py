"""Claims last thirty days, are renewed while somebody works, and end for good without an admin."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import CLAIM_DAYS, CLAIM_DAYS_MAX, AccessGrant, Principal, claim_end, claim_limit
from domain.actors import Actor, Group, PrincipalKind
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from tests.resolvers.documents import CLAIM, READ, REASSIGN, RELEASE, REVOKE, START, SUBMIT
from tests.resolvers.test_grants import granted
from tests.resolvers.world import World
from tests.tenants.record_samples import AT, a_grant

DAY = timedelta(days=1)
Way = Callable[[World, Principal, Application], Awaitable[None]]


@pytest.fixture
async def submitted(world: World) -> Application:
    """Return an application that waits in the queue."""
    return await world.add_application(
        await world.add_consumer("owner"), ApplicationStatus.SUBMITTED
    )


async def reads(world: World, who: Principal, application: Application) -> bool:
    """Say whether somebody reads the application now."""
    return (await world.ask(who, READ, {"id": application.id}))["application"] is not None


async def claim(world: World, who: Principal, application: Application) -> str | None:
    """Claim the application, and return the error's code."""
    return (await world.ask(who, CLAIM, {"id": application.id})).code


async def end_of(world: World, application: Application) -> datetime:
    """Return when the running claim ends."""
    stored = await world.store.get(Application, application.id)
    assert stored is not None
    assert stored.assignment is not None
    grant = await world.store.get(AccessGrant, stored.assignment.grant_id)
    assert grant is not None
    assert grant.expires_at == stored.assignment.expires_at, "both end together"
    return grant.expires_at


async def test_a_claim_is_renewed_by_who_works_on_it(world: World, submitted: Application) -> None:
    """Claiming one's own again gives thirty days from then, up to the 180th, and no second more."""
    start, counselor = world.now, world.person(Group.COUNSELORS)
    assert await claim(world, counselor, submitted) is None
    for day in (29, 58, 87, 116, 145):
        world.now = start + day * DAY
        assert await claim(world, counselor, submitted) is None
        assert await end_of(world, submitted) == world.now + CLAIM_DAYS * DAY
    world.now = start + 174 * DAY
    assert await claim(world, counselor, submitted) is None
    assert await end_of(world, submitted) == start + CLAIM_DAYS_MAX * DAY
    assert len(await world.store.children(AccessGrant, submitted.id)) == 1
    answer = await world.ask(counselor, CLAIM, {"id": submitted.id})
    assert answer.code == "INVALID_TRANSITION"
    assert "requestAccess" in answer.error.message
    world.now = start + CLAIM_DAYS_MAX * DAY - timedelta(seconds=1)
    assert await reads(world, counselor, submitted)
    world.later(seconds=1)
    assert not await reads(world, counselor, submitted)
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    assert await claim(world, world.person(Group.COUNSELORS), submitted) is None


async def _give_back(world: World, who: Principal, application: Application) -> None:
    await world.ask(who, RELEASE, {"id": application.id})


async def _let_lapse(world: World, who: Principal, application: Application) -> None:
    world.later(days=CLAIM_DAYS)
    assert not await reads(world, who, application)


@pytest.mark.parametrize("way", [_give_back, _let_lapse])
async def test_no_way_round_begins_the_span_anew(
    world: World, submitted: Application, way: Way
) -> None:
    """Given back or lapsed and claimed again, as often as one likes: 180 days from the first."""
    start, counselor = world.now, world.person(Group.COUNSELORS)
    while world.now < start + CLAIM_DAYS_MAX * DAY:
        assert await claim(world, counselor, submitted) is None
        assert await end_of(world, submitted) <= start + CLAIM_DAYS_MAX * DAY
        await way(world, counselor, submitted)
        world.later(days=7)
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    assert not await reads(world, counselor, submitted)


async def test_handing_over_to_and_fro_does_not_either(
    world: World, submitted: Application
) -> None:
    """Two who pass it to each other have it for 180 days from the first claim, and not longer."""
    start = world.now
    first, second = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    staff = {one.subject: (await world.add_staff(one)).id for one in (first, second)}
    assert await claim(world, first, submitted) is None
    holder, other = first, second
    while True:
        world.later(days=25)
        answer = await world.ask(holder, REASSIGN, {"id": submitted.id, "to": staff[other.subject]})
        if answer.code is not None:
            break
        holder, other = other, holder
        assert await end_of(world, submitted) <= start + CLAIM_DAYS_MAX * DAY
    assert answer.code == "NOT_FOUND", "whoever had it last has lost it"
    assert world.now == start + 200 * DAY
    for one in (first, second):
        assert await claim(world, one, submitted) == "INVALID_TRANSITION"
    await granted(world, second, submitted.id, scope="applications:write")
    assert await claim(world, second, submitted) is None
    assert await end_of(world, submitted) == world.now + CLAIM_DAYS * DAY


async def test_an_approval_counts_for_who_is_given_it(world: World, submitted: Application) -> None:
    """Handed over to somebody whom an admin has approved since, it stays for their own span."""
    first, second = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    staff = (await world.add_staff(second)).id
    start = world.now
    while world.now < start + 150 * DAY:
        assert await claim(world, first, submitted) is None
        world.later(days=28)
    await granted(world, second, submitted.id, scope="applications:write")
    world.later(days=1)
    answer = await world.ask(first, REASSIGN, {"id": submitted.id, "to": staff})
    assert answer.code is None
    assert await end_of(world, submitted) == world.now + CLAIM_DAYS * DAY


async def test_all_applications_of_a_consumer_count(world: World, submitted: Application) -> None:
    """A claim of another application of theirs opens the consumer no longer than the first."""
    start, counselor = world.now, world.person(Group.COUNSELORS)
    consumer = await world.store.get(Consumer, submitted.consumer_id)
    assert consumer is not None
    other = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
    assert await claim(world, counselor, submitted) is None
    world.now = start + 170 * DAY
    assert await claim(world, counselor, other) is None
    assert await end_of(world, other) == start + CLAIM_DAYS_MAX * DAY
    world.now = start + CLAIM_DAYS_MAX * DAY
    for application in (submitted, other):
        assert await claim(world, counselor, application) == "INVALID_TRANSITION"
    await granted(world, counselor, other.id, scope="applications:write")
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION", "approved was another"
    somebody = await world.add_application(await world.add_consumer(), ApplicationStatus.SUBMITTED)
    assert await claim(world, counselor, somebody) is None


@pytest.mark.parametrize("approved_before", [False, True])
async def test_what_an_admin_took_back_is_not_claimed_again(
    world: World, submitted: Application, *, approved_before: bool
) -> None:
    """No application of that consumer, by that counselor, until an admin approves it anew."""
    counselor, other = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    staff = (await world.add_staff(counselor)).id
    consumer = await world.store.get(Consumer, submitted.consumer_id)
    assert consumer is not None
    second = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
    assert await claim(world, counselor, submitted) is None
    (held,) = await world.store.children(AccessGrant, submitted.id)
    world.later(days=1)
    if approved_before:
        await granted(world, counselor, submitted.id, scope="applications:write")
        world.later(days=1)
    await world.ask(world.person(Group.ADMINS), REVOKE, {"id": held.id})
    world.later(days=1)
    for application in (submitted, second):
        assert await claim(world, counselor, application) == "INVALID_TRANSITION"
    assert await claim(world, other, submitted) is None
    answer = await world.ask(other, REASSIGN, {"id": submitted.id, "to": staff})
    assert answer.code == "INVALID_TRANSITION", "nor is it handed to them"
    await world.ask(other, RELEASE, {"id": submitted.id})
    await granted(world, counselor, submitted.id, scope="applications:write")
    assert await claim(world, counselor, submitted) is None


async def test_a_claim_that_its_counselor_ended_is_made_again(
    world: World, submitted: Application
) -> None:
    """Who takes their own grant back has given the application back, and no more."""
    counselor = world.person(Group.COUNSELORS)
    assert await claim(world, counselor, submitted) is None
    (held,) = await world.store.children(AccessGrant, submitted.id)
    assert (await world.ask(counselor, REVOKE, {"id": held.id})).code is None
    world.later(days=1)
    assert await claim(world, counselor, submitted) is None


async def test_an_admins_approval_begins_a_new_span(world: World, submitted: Application) -> None:
    """A fresh approval to work on it, and nothing less: not to read, and not taken back."""
    start, counselor = world.now, world.person(Group.COUNSELORS)
    assert await claim(world, counselor, submitted) is None
    world.now = start + CLAIM_DAYS_MAX * DAY
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    await granted(world, counselor, submitted.id)
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    await granted(world, counselor, submitted.id, scope="applications:write")
    assert await claim(world, counselor, submitted) is None
    approved = world.now
    world.later(days=29)
    assert await claim(world, counselor, submitted) is None
    world.now = approved + CLAIM_DAYS_MAX * DAY
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"


@pytest.mark.parametrize("ended", ["given back", "lapsed"])
async def test_a_claim_that_has_ended_can_still_be_barred(
    world: World, submitted: Application, ended: str
) -> None:
    """Who gives back before an admin takes it back has it no sooner than who does not."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    assert await claim(world, counselor, submitted) is None
    stored = await world.store.get(Application, submitted.id)
    assert stored is not None
    assert stored.assignment is not None
    if ended == "lapsed":
        world.later(days=CLAIM_DAYS)
    else:
        assert not (await world.ask(counselor, RELEASE, {"id": submitted.id})).errors
    world.later(minutes=1)
    for _ in range(2):
        assert not (await world.ask(admin, REVOKE, {"id": stored.assignment.grant_id})).errors
    world.later(minutes=1)
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    await granted(world, counselor, submitted.id, scope="applications:write")
    assert await claim(world, counselor, submitted) is None


async def test_barring_counts_from_when_it_is_said(world: World, submitted: Application) -> None:
    """An approval that has lapsed by then does not outlast it; one that comes after does."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    assert await claim(world, counselor, submitted) is None
    stored = await world.store.get(Application, submitted.id)
    assert stored is not None
    assert stored.assignment is not None
    assert not (await world.ask(counselor, RELEASE, {"id": submitted.id})).errors
    await granted(world, counselor, submitted.id, scope="applications:write")
    world.later(days=2)
    assert not (await world.ask(admin, REVOKE, {"id": stored.assignment.grant_id})).errors
    assert await claim(world, counselor, submitted) == "INVALID_TRANSITION"
    await granted(world, counselor, submitted.id, scope="applications:write")
    assert await claim(world, counselor, submitted) is None
    started = {"input": {"consumerId": submitted.consumer_id}}
    assert not (await world.ask(counselor, START, started)).errors


async def test_who_is_barred_starts_no_other_application(
    world: World, submitted: Application
) -> None:
    """Another claim of the same consumer's does not open a way round what an admin took back."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    consumer = await world.store.get(Consumer, submitted.consumer_id)
    assert consumer is not None
    other = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
    for one in (submitted, other):
        assert await claim(world, counselor, one) is None
    stored = await world.store.get(Application, submitted.id)
    assert stored is not None
    assert stored.assignment is not None
    world.later(minutes=1)
    assert not (await world.ask(admin, REVOKE, {"id": stored.assignment.grant_id})).errors
    answer = await world.ask(counselor, START, {"input": {"consumerId": consumer.id}})
    assert answer.code == "INVALID_TRANSITION"


async def test_an_application_that_somebody_else_works_on_stays_theirs(
    world: World, submitted: Application
) -> None:
    """Approved to work on it too, one does not become its counselor by claiming it."""
    holder, helper = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    assert await claim(world, holder, submitted) is None
    await granted(world, helper, submitted.id, scope="applications:write")
    assert await claim(world, helper, submitted) == "INVALID_TRANSITION"
    read = (await world.ask(helper, READ, {"id": submitted.id}))["application"]
    assert read["counselor"]["id"] == holder.subject


async def test_starting_another_application_prolongs_nothing(
    world: World, submitted: Application
) -> None:
    """What a counselor starts for a consumer whom they reach ends, and is renewed, as that reach.

    An hour's approval does not become half a year by starting an application under it.
    """
    counselor = world.person(Group.COUNSELORS)
    grant = await granted(world, counselor, submitted.consumer_id, scope="applications:write")
    known = {"consumerId": submitted.consumer_id, "householdSize": 2}
    started = (await world.ask(counselor, START, {"input": known}))["startApplication"]
    await world.ask(counselor, SUBMIT, {"id": started["id"]})
    application = await world.store.get(Application, started["id"])
    assert application is not None
    held = await world.store.get(AccessGrant, grant)
    assert held is not None
    assert await end_of(world, application) == held.expires_at
    assert await claim(world, counselor, application) == "INVALID_TRANSITION"
    world.now = held.expires_at
    assert not await reads(world, counselor, application)
    assert await claim(world, counselor, application) == "INVALID_TRANSITION"


ADMIN = Actor(id="sub-2", kind=PrincipalKind.ADMIN, display_name="Ada Admin")


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from(["claim", "renew", "release", "approve"])),
        max_size=30,
    )
)
def test_no_course_of_claims_outlasts_the_span(steps: list[tuple[int, str]]) -> None:
    """Whatever is claimed, renewed, given back and approved, in any order and at any time.

    No claim ends later than 180 days after the first claim since the last approval, which is the
    approval itself for a claim that was running then.
    """
    now, begins = AT, None
    grants: list[AccessGrant] = []
    for number, (days, step) in enumerate(steps):
        now += timedelta(days=days)
        running = next((one for one in grants if one.claimed and one.is_live(now)), None)
        if step == "approve":
            approval = a_grant(
                renewable_until=None,
                approved_by=ADMIN,
                approved_at=now,
                expires_at=now + timedelta(hours=1),
                revoked_at=None,
            )
            grants.append(approval)
            begins = now if running is not None else None
            continue
        if step == "release" and running is not None:
            grants[grants.index(running)] = replace(running, revoked_at=now)
        limit = claim_limit(grants, now)
        if step == "renew" and running is not None and running.expires_at < limit:
            end = claim_end(now, limit)
            renewed = replace(
                running, expires_at=max(end, running.expires_at), renewable_until=limit
            )
            grants[grants.index(running)] = renewed
        if step == "claim" and running is None and now < limit:
            begins = begins or now
            claimed = a_grant(
                id=f"{a_grant().id[:-2]}{number:02}",
                requested_at=now,
                expires_at=claim_end(now, limit),
                renewable_until=limit,
                revoked_at=None,
            )
            grants.append(claimed)
        for one in grants:
            if one.claimed and one.is_live(now):
                assert begins is not None
                assert one.expires_at <= begins + CLAIM_DAYS_MAX * DAY
