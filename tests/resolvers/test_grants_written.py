"""What each step with a grant leaves behind: the grant itself, its event, and what it frees."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import (
    CLAIM_DAYS_MAX,
    REQUESTS_OPEN_MAX,
    AccessGrant,
    GrantStatus,
    Principal,
    Scope,
)
from domain.actors import Actor, Group
from domain.applications import Application
from domain.consumers import Consumer
from domain.errors import VersionConflict
from domain.events import Event
from domain.ids import ulid_time
from resolvers.grants import REVOKE_ATTEMPTS_MAX
from tests.resolvers.documents import APPROVE, CLAIM, GRANTS, NODE, REASSIGN, REQUEST, REVOKE
from tests.resolvers.test_grants import (
    HARBOR,
    application,
    approved,
    asked,
    consumer,
    granted,
    wish,
)
from tests.resolvers.world import START, World, nodes

__all__ = ["application", "consumer"]


async def stored(world: World, grant: str) -> AccessGrant:
    """Return a counselor's grant as it is kept."""
    found = await world.store.get(AccessGrant, grant)
    assert found is not None
    return found


async def claimed_by(world: World, counselor: Principal, application: Application) -> AccessGrant:
    """Have a counselor claim the application, and return the claim."""
    assert (await world.ask(counselor, CLAIM, {"id": application.id})).code is None
    held = await world.store.children(AccessGrant, application.id)
    return next(one for one in held if one.grantee == counselor.actor and one.is_live(world.now))


async def events(world: World) -> list[Event]:
    """Return what has happened to access, in its order."""
    happened = await world.store.outbox.pending(100)
    return [one for one in happened if one.name.value.startswith("Access")]


async def test_a_request_is_kept_as_it_was_made(world: World, application: Application) -> None:
    """Who, what for, when and for how long; nothing of it is anybody's approval."""
    counselor = world.person(Group.COUNSELORS)
    grant = await asked(world, counselor, application.id, scope="applications:write", minutes=45)
    assert await stored(world, grant) == AccessGrant(
        id=grant,
        version=1,
        grantee=counselor.actor,
        scope=Scope.APPLICATIONS_WRITE,
        subject=application.id,
        reason="A complaint",
        requested_at=START,
        minutes=45,
        expires_at=START + timedelta(hours=24),
    )
    assert ulid_time(grant.rpartition("_")[2]) == START
    assert grant.split("_")[:2] == ["grant", application.id.removeprefix("app_")]


async def test_an_operators_request_is_kept_in_the_directory(
    world: World, application: Application
) -> None:
    """The same, without a file that it would lie under; also where it is over one."""
    operator = world.person(Group.OPERATORS)
    for subject in (None, application.id):
        grant = await asked(world, operator, subject, minutes=60)
        kept = await world.directory.access_grant(world.agency.id, grant)
        assert kept is not None
        assert (kept.grantee, kept.subject, kept.minutes) == (operator.actor, subject, 60)
        assert (kept.requested_at, kept.expires_at) == (START, START + timedelta(hours=24))
        assert ulid_time(grant.removeprefix("grant_")) == START
        assert await world.store.get(AccessGrant, grant) is None


async def test_an_approval_says_who_gave_it_and_when(
    world: World, application: Application
) -> None:
    """The request stays what it was, and ends so many minutes after the approval."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    grant = await asked(world, counselor, application.id, minutes=45)
    world.later(hours=2)
    assert (await world.ask(admin, APPROVE, {"id": grant})).code is None
    kept = await stored(world, grant)
    assert (kept.approved_by, kept.approved_at) == (admin.actor, world.now)
    assert kept.expires_at == world.now + timedelta(minutes=45)
    assert (kept.requested_at, kept.grantee, kept.version) == (START, counselor.actor, 2)
    assert not kept.claimed


@pytest.mark.parametrize("over", ["applicationId", "consumerId"])
async def test_each_step_tells_what_has_happened(
    world: World, application: Application, consumer: Consumer, over: str
) -> None:
    """An event for each, in the unit of the change: over which file, by ids alone."""
    subject = application.id if over == "applicationId" else consumer.id
    grant = await granted(world, world.person(Group.COUNSELORS), subject)
    await world.ask(world.person(Group.ADMINS), REVOKE, {"id": grant})
    told = await events(world)
    assert [(one.name.value, one.version) for one in told] == [
        ("AccessRequested", 1),
        ("AccessApproved", 2),
        ("AccessRevoked", 3),
    ]
    for event in told:
        assert (event.subject, event.data, event.at) == (grant, {over: subject}, START)


async def test_a_grant_over_a_consumer_is_audited_as_theirs(
    world: World, consumer: Consumer
) -> None:
    """The line of each step names the consumer, whom the grant is over without an application."""
    grant = await granted(world, world.person(Group.COUNSELORS), consumer.id)
    lines = [line for line in await world.audit() if line.subject == grant]
    assert sorted(line.action for line in lines) == ["approveAccess", "requestAccess"]
    assert {line.consumers for line in lines} == {(consumer.id,)}


async def test_an_operators_grant_is_audited_as_over_whose_file_it_is(
    world: World, application: Application, consumer: Consumer
) -> None:
    """Once an admin decides, the agency's store is at hand: the line names whose file it is."""
    operator, admin = world.person(Group.OPERATORS), world.person(Group.ADMINS)
    for subject, whose in (
        (application.id, (consumer.id,)),
        (consumer.id, (consumer.id,)),
        ("app_01ARZ3NDEKTSV4RRFFQ69G5FAV", ()),
        (None, ()),
    ):
        grant = await asked(world, operator, subject)
        await approved(world, grant)
        kept = await world.directory.audit_lines(world.agency.id, None, 1000)
        lines = {one.action: one for one in kept if one.subject == grant}
        assert lines["approveAccess"].consumers == whose
        assert lines["approveAccess"].fields == ("applications:read",)
        assert (await world.ask(admin, REVOKE, {"id": grant})).code is None


@pytest.mark.parametrize("conflicts", [1, REVOKE_ATTEMPTS_MAX - 1, REVOKE_ATTEMPTS_MAX])
async def test_an_end_is_tried_a_few_times(
    world: World, application: Application, conflicts: int
) -> None:
    """What is written beside it again and again does not keep it from ending, up to a limit."""
    grant = await granted(world, world.person(Group.COUNSELORS), application.id)
    admin = world.person(Group.ADMINS)
    world.backend.failing = [VersionConflict(current_version=7) for _ in range(conflicts)]
    answer = await world.ask(admin, REVOKE, {"id": grant})
    lost = conflicts == REVOKE_ATTEMPTS_MAX
    assert answer.code == ("VERSION_CONFLICT" if lost else None)
    assert ((await stored(world, grant)).revoked_at is None) is lost


async def test_what_ended_is_not_ended_again(world: World, application: Application) -> None:
    """Neither a lapsed request nor a grant whose minutes are over: nothing is written, nor told."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    lapsed = await asked(world, counselor, application.id)
    over = await granted(world, counselor, application.id)
    world.later(hours=24)
    before = len(await events(world))
    for grant in (lapsed, over):
        answer = (await world.ask(admin, REVOKE, {"id": grant}))["revokeAccess"]
        assert answer["status"] == "EXPIRED"
        assert (await stored(world, grant)).revoked_at is None
    assert len(await events(world)) == before


async def test_only_an_admins_end_bars_a_claim(world: World, application: Application) -> None:
    """Who revokes their own claim gives it back, with what is left of its span."""
    for revoker, limit in (("self", START + timedelta(days=CLAIM_DAYS_MAX)), ("admin", START)):
        counselor = world.person(Group.COUNSELORS)
        claim = await claimed_by(world, counselor, application)
        who = counselor if revoker == "self" else world.person(Group.ADMINS)
        assert (await world.ask(who, REVOKE, {"id": claim.id})).code is None
        ended = await stored(world, claim.id)
        assert (ended.revoked_at, ended.renewable_until) == (START, limit)


async def test_ending_a_grant_frees_only_what_is_worked_on_under_it(
    world: World, application: Application
) -> None:
    """A claim's end puts its application back; one that was handed on since, or none, changes it.

    Nor does the end of an approval beside the claim.
    """
    holder, helper = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    admin = world.person(Group.ADMINS)

    async def works_on_it() -> Actor | None:
        now = await world.store.get(Application, application.id)
        assert now is not None
        return None if now.assignment is None else now.assignment.counselor

    first = await claimed_by(world, holder, application)
    beside = await granted(world, helper, application.id, scope="applications:write")
    own = await granted(world, holder, application.id, scope="applications:write")
    for grant in (beside, own):
        await world.ask(admin, REVOKE, {"id": grant})
        assert await works_on_it() == holder.actor
    world.later(minutes=1)
    await world.ask(admin, REVOKE, {"id": first.id})
    assert await works_on_it() is None
    freed = await world.store.get(Application, application.id)
    assert freed is not None
    assert freed.updated_at == world.now
    given_back = await claimed_by(world, world.person(Group.COUNSELORS), application)
    await world.put(replace(freed, version=freed.version + 1))
    assert (await world.ask(admin, REVOKE, {"id": given_back.id})).code is None
    again = await claimed_by(world, helper, application)
    staff = await world.add_staff(world.person(Group.COUNSELORS, subject="third"))
    handed = {"id": application.id, "to": staff.id}
    assert (await world.ask(helper, REASSIGN, handed)).code is None
    assert (await world.ask(admin, REVOKE, {"id": again.id})).code is None
    now_with = await works_on_it()
    assert now_with is not None
    assert now_with.id == "third"


async def test_what_is_refused_says_what_to_do(world: World, application: Application) -> None:
    """Every message names the way on, for counselors and operators alike."""
    counselor, operator = world.person(Group.COUNSELORS), world.person(Group.OPERATORS)
    admin = world.person(Group.ADMINS)

    async def told(who: Principal, variables: dict[str, object]) -> dict[str, str]:
        hint = HARBOR if who is operator else None
        details = (await world.ask(who, REQUEST, variables, hint=hint)).error.details()
        fields = details["fields"]
        assert isinstance(fields, list)
        return {one["path"]: one["message"] for one in fields}

    assert await told(counselor, wish(None, "x")) == {
        "input.scope": "Ask for one of these scopes: applications:read, applications:write.",
        "input.subject": "Name the application or consumer to work on.",
    }
    assert await told(counselor, wish("note_x")) == {
        "input.subject": "Name an application or a consumer by its id."
    }
    assert await told(operator, wish(application.id, "agency:read")) == {
        "input.subject": "This scope is about the whole agency: leave the subject out."
    }
    grant = await granted(world, counselor, application.id)
    answer = await world.ask(admin, APPROVE, {"id": grant})
    assert answer.error.message == "Access that is LIVE is not approved. Request it anew."
    request = await asked(world, counselor, application.id)
    oneself = world.person(Group.ADMINS, subject=counselor.subject)
    answer = await world.ask(oneself, APPROVE, {"id": request})
    assert answer.error.message == "Nobody approves their own access. Ask another admin."
    for _ in range(18):
        await asked(world, counselor, application.id)
    answer = await world.ask(counselor, REQUEST, wish(application.id))
    assert answer.error.message == "At most 20 grants and requests are open at a time."


async def test_claims_do_not_count_as_requests(world: World, application: Application) -> None:
    """Whoever works on many applications may ask for access all the same."""
    counselor = world.person(Group.COUNSELORS)
    await claimed_by(world, counselor, application)
    for _ in range(20):
        await asked(world, counselor, application.id)
    assert (await world.ask(counselor, REQUEST, wish(application.id))).code == "TOO_LARGE"
    stranger = world.person(Group.COUNSELORS)
    assert (await world.ask(stranger, REQUEST, wish(application.id))).code is None


async def test_counselors_see_no_operators_grants(world: World, application: Application) -> None:
    """Not in the list and not by id, whoever they are named after; operators see their own."""
    first, second = world.person(Group.OPERATORS), world.person(Group.OPERATORS)
    grants = [await granted(world, who, None, scope="agency:read") for who in (first, second)]
    namesake = world.person(Group.COUNSELORS, subject=first.subject)
    assert nodes((await world.ask(namesake, GRANTS))["accessGrants"]) == []
    listed = nodes((await world.ask(first, GRANTS, hint=HARBOR))["accessGrants"])
    assert [one["id"] for one in listed] == grants[:1]
    assert (await world.ask(first, NODE, {"id": grants[1]}, hint=HARBOR))["node"] is None


async def test_one_request_too_many_leaves_nothing(world: World, application: Application) -> None:
    """It is refused before it is written: no grant, no event, no line of its own."""
    counselor = world.person(Group.COUNSELORS)
    for _ in range(REQUESTS_OPEN_MAX):
        await asked(world, counselor, application.id)
    told = len(await events(world))
    assert (await world.ask(counselor, REQUEST, wish(application.id))).code == "TOO_LARGE"
    assert len(await events(world)) == told
    assert len(await world.store.children(AccessGrant, application.id)) == REQUESTS_OPEN_MAX


async def test_what_has_lapsed_counts_no_more(world: World, application: Application) -> None:
    """After a day whoever had as many requests open as may be asks anew, for a minute even."""
    counselor = world.person(Group.COUNSELORS)
    for _ in range(REQUESTS_OPEN_MAX):
        await asked(world, counselor, application.id)
    world.later(hours=24, seconds=-1)
    assert (await world.ask(counselor, REQUEST, wish(application.id))).code == "TOO_LARGE"
    world.later(seconds=2)
    grant = await granted(world, counselor, application.id, minutes=1)
    assert (await stored(world, grant)).expires_at == world.now + timedelta(minutes=1)


async def test_of_two_at_once_with_room_for_one_none_is_too_many(
    world: World, application: Application
) -> None:
    """Whoever is told that it is too many has nothing open, and what was written is ended."""
    counselor = world.person(Group.COUNSELORS)
    for _ in range(REQUESTS_OPEN_MAX - 1):
        last = await asked(world, counselor, application.id)
    answers = await asyncio.gather(
        *(
            world.ask(counselor, REQUEST, wish(application.id), idempotency_key=key)
            for key in ("one", "two")
        )
    )
    codes = [answer.code for answer in answers]
    assert set(codes) <= {None, "TOO_LARGE"}
    held = await world.store.children(AccessGrant, application.id)
    waiting = [one for one in held if one.status_at(world.now) is GrantStatus.REQUESTED]
    assert len(waiting) == REQUESTS_OPEN_MAX - 1 + codes.count(None)
    assert (await world.ask(counselor, REVOKE, {"id": last})).code is None
    ended = [
        one for one in await world.store.children(AccessGrant, application.id) if one.revoked_at
    ]
    assert len(ended) == 1 + len(held) - len(waiting)


async def test_one_key_serves_each_step_once(world: World, application: Application) -> None:
    """A key is of one person and one step: the same one approves, revokes, and asks anew."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    answer = await world.ask(counselor, REQUEST, wish(application.id), idempotency_key="k")
    grant = answer["requestAccess"]["id"]
    for document, status in ((APPROVE, "LIVE"), (REVOKE, "REVOKED")):
        answer = await world.ask(admin, document, {"id": grant}, idempotency_key="k")
        assert answer.data is not None
        assert next(iter(answer.data.values()))["status"] == status
    other = world.person(Group.COUNSELORS)
    answer = await world.ask(other, REQUEST, wish(application.id), idempotency_key="k")
    second = answer["requestAccess"]["id"]
    assert second != grant
    for document in (APPROVE, REVOKE):
        answer = await world.ask(admin, document, {"id": second}, idempotency_key="k")
        assert answer.code == "IDEMPOTENCY_MISMATCH", "the key was for another grant"
    assert (await stored(world, second)).status_at(world.now) is GrantStatus.REQUESTED
