"""The guard by itself: whom it opens what, by which grant, and what it notes and remembers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.access import AccessGrant, Principal, Scope
from domain.actors import Group
from domain.applications import Application, Note
from domain.consents import Consent
from domain.credit import CreditReport
from domain.ids import new_child_id, new_ulid
from resolvers.guard import Guard
from resolvers.reads import Refused
from tests.resolvers.test_guard import Things, things
from tests.resolvers.world import World

__all__ = ["things"]

MANY = 230  # more than a store tells of at once, and more than twice that


def guard_of(world: World, who: Principal) -> Guard:
    """Return the guard of a request of the principal's."""
    return world.context(who).guard


def a_grant(world: World, who: Principal, subject: str | None, **changes: Any) -> AccessGrant:
    """Return a grant over a file, approved for half an hour."""
    whole = f"grant_{new_ulid(world.now)}"
    grant = AccessGrant(
        id=new_child_id("grant", subject, world.now) if subject else whole,
        grantee=who.actor,
        scope=Scope.APPLICATIONS_READ,
        subject=subject,
        reason="A complaint",
        requested_at=world.now,
        minutes=30,
        approved_by=world.person(Group.ADMINS).actor,
        approved_at=world.now,
        expires_at=world.now + timedelta(minutes=30),
    )
    return replace(grant, **changes)


async def give(world: World, who: Principal, subject: str, **changes: Any) -> AccessGrant:
    """Write a counselor's grant."""
    written = await world.put(a_grant(world, who, subject, **changes))
    grant: AccessGrant = written[0]
    return grant


def acting(world: World, *grants: tuple[Scope, str | None]) -> Principal:
    """Return an operator with live grants of these scopes over these subjects."""
    operator = world.person(Group.OPERATORS)
    held = tuple(a_grant(world, operator, subject, scope=scope) for scope, subject in grants)
    return replace(operator, grants=held, scopes=frozenset(scope for scope, _ in grants))


def minutes(world: World, count: int) -> Any:
    """Return the moment in so many minutes, as the end of a grant."""
    return world.now + timedelta(minutes=count)


@pytest.mark.parametrize("group", [Group.ADMINS, Group.ANALYSTS])
async def test_admins_and_analysts_reach_no_record(
    world: World, things: Things, group: Group
) -> None:
    """Whatever a field's rule should ever say: the guard has nothing for them, of any kind."""
    guard = guard_of(world, world.person(group))
    application = await world.store.get(Application, things.ids["Application"])
    assert application is not None
    assert await guard.reaches(application) is False
    assert await guard.application(application.id) is None
    assert await guard.consumer(things.ids["Consumer"]) is None
    assert await guard.consumer_ids() == frozenset()
    assert await guard.child(CreditReport, things.ids["CreditReport"]) is None
    assert await guard.live_grants() == ()
    assert await guard.own_consumer() is None


async def test_a_consumer_without_a_record_reaches_nobodys(world: World, things: Things) -> None:
    """Before there is a record of theirs nothing is; afterwards exactly that one and its files."""
    stranger = guard_of(world, world.person(Group.CONSUMERS))
    assert await stranger.consumer_ids() == frozenset()
    assert await stranger.application(things.ids["Application"]) is None
    owner = guard_of(world, things.owner)
    assert await owner.consumer_ids() == frozenset({things.ids["Consumer"]})
    own = await owner.application(things.ids["Application"])
    assert own is not None
    other = await world.add_application(await world.add_consumer("other"))
    assert await owner.application(other.id) is None
    assert await owner.consumer(other.consumer_id) is None


async def test_what_is_out_of_reach_is_noted(world: World, things: Things) -> None:
    """A refused object leaves its name among the reads; what is not there leaves nothing."""
    guard = guard_of(world, world.person(Group.COUNSELORS))
    consumer, application = things.ids["Consumer"], things.ids["Application"]
    assert await guard.consumer(f"{consumer[:-1]}_") is None
    assert await guard.application(f"{application[:-1]}_") is None
    assert list(guard.reads.refused) == []
    assert await guard.consumer(consumer) is None
    assert await guard.application(application) is None
    assert list(guard.reads.refused) == [Refused(None, consumer), Refused(None, application)]
    assert guard.reads.consumer_of(application) == consumer


async def test_what_is_handed_out_is_noted(world: World, things: Things) -> None:
    """A consumer or an application within reach is among the reads, before any field of it."""
    guard = guard_of(world, things.counselor)
    assert guard.reads.is_empty
    assert await guard.consumer(things.ids["Consumer"]) is not None
    assert await guard.application(things.ids["Application"]) is not None
    assert list(guard.reads.refused) == []
    told = list(guard.reads.alike(0).values())
    assert guard.reads.consumer_of(things.ids["Application"]) == things.ids["Consumer"]
    assert told == [[things.ids["Consumer"]]]


async def test_all_of_many_grants_open_what_they_are_over(world: World) -> None:
    """However many files a counselor holds, each is within reach, and nobody else's is."""
    counselor, other = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    consumer = await world.add_consumer("owner")
    template = await world.add_application(consumer)
    ids = [f"app_{new_ulid(world.now)}" for _ in range(MANY)]
    for start in range(0, MANY, 45):
        some = ids[start : start + 45]
        files = (replace(template, id=id_, version=0) for id_ in some)
        await world.put(*files, *(a_grant(world, counselor, id_) for id_ in some))
    await give(world, other, template.id)
    guard = guard_of(world, counselor)
    assert await guard.application_ids() == frozenset(ids)
    assert len(await guard.live_grants()) == MANY
    assert set(await guard.grants()) == set(ids)
    assert await guard_of(world, other).application_ids() == frozenset({template.id})


async def test_a_grant_over_a_consumer_opens_however_many_applications(world: World) -> None:
    """All applications of the consumer that it is over, those of no other."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    template = await world.add_application(consumer)
    await world.add_application(await world.add_consumer("other"))
    copies = [replace(template, id=f"app_{new_ulid(world.now)}", version=0) for _ in range(MANY)]
    for start in range(0, MANY, 90):
        await world.put(*copies[start : start + 90])
    await give(world, counselor, consumer.id)
    expected = frozenset((template.id, *(one.id for one in copies)))
    assert await guard_of(world, counselor).application_ids() == expected


async def test_only_who_acts_under_grants_is_bounded_by_applications(
    world: World, things: Things
) -> None:
    """None for consumers and machines, whom others bound, and for a grant over the agency."""
    for unbounded in (things.owner, world.key(), world.person(Group.ADMINS)):
        assert await guard_of(world, unbounded).application_ids() is None
    agency = acting(world, (Scope.APPLICATIONS_READ, None), (Scope.CONSUMERS_READ, None))
    assert await guard_of(world, agency).application_ids() is None
    assert await guard_of(world, agency).consumer_ids() is None
    one = acting(world, (Scope.APPLICATIONS_READ, things.ids["Application"]))
    assert await guard_of(world, one).application_ids() == frozenset({things.ids["Application"]})
    assert await guard_of(world, world.person(Group.COUNSELORS)).application_ids() == frozenset()


@pytest.mark.parametrize("longer", ["application", "consumer"])
async def test_the_longest_of_several_grants_counts(world: World, longer: str) -> None:
    """Of grants over an application and over its consumer, and of several over one thing."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    application = await world.add_application(consumer)
    ends = {"application": 40, "consumer": 40} | {longer: 50}
    held = {}
    for count in (10, 50, 20):
        for name, subject in (("application", application.id), ("consumer", consumer.id)):
            end = minutes(world, min(count, ends[name]))
            held[name, count] = await give(world, counselor, subject, expires_at=end)
    guard = guard_of(world, counselor)
    assert {one.id for one in await guard.live_grants()} == {one.id for one in held.values()}
    grants = await guard.grants()
    assert {subject: grant.id for subject, grant in grants.items()} == {
        application.id: held["application", 50].id,
        consumer.id: held["consumer", 50].id,
    }
    expected = held[longer, 50].id
    over = await guard.grant_over(application, Scope.APPLICATIONS_READ)
    over_consumer = await guard.grant_over_consumer(consumer, Scope.APPLICATIONS_READ)
    assert over is not None
    assert over_consumer is not None
    assert (over.id, over_consumer.id) == (expected, expected)


async def test_a_consumer_is_reached_by_a_grant_over_their_own_applications(world: World) -> None:
    """By the longest over any of them; never by one over somebody else's, however long."""
    counselor = world.person(Group.COUNSELORS)
    consumer, other = await world.add_consumer("owner"), await world.add_consumer("other")
    first, second = [await world.add_application(consumer) for _ in range(2)]
    foreign = await world.add_application(other)
    guard = guard_of(world, counselor)
    assert await guard.grant_over_consumer(consumer, Scope.CONSUMERS_READ) is None
    await give(world, counselor, first.id)
    longest = await give(world, counselor, second.id, expires_at=minutes(world, 31))
    apart = await give(world, counselor, foreign.id, expires_at=minutes(world, 60))
    guard.forget()
    for whose, grant in ((consumer, longest), (other, apart)):
        found = await guard.grant_over_consumer(whose, Scope.CONSUMERS_READ)
        assert found is not None
        assert found.id == grant.id
    assert await guard.grant_over_consumer(consumer, Scope.CONSUMERS_WRITE) is None


async def test_a_grant_to_read_opens_nothing_to_write(world: World) -> None:
    """Each scope is asked for by itself: what one question opened, another does not find open."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    read, written = [await world.add_application(consumer) for _ in range(2)]
    await give(world, counselor, read.id)
    await give(world, counselor, written.id, scope=Scope.APPLICATIONS_WRITE)
    guard = guard_of(world, counselor)
    for scope, both in (
        (Scope.APPLICATIONS_READ, True),
        (Scope.CREDIT_READ, True),
        (Scope.APPLICATIONS_WRITE, False),
        (Scope.CREDIT_PULL, False),
    ):
        assert await guard.reaches(read, scope) is both
        assert await guard.reaches(written, scope) is True


async def test_an_operator_is_opened_what_each_scope_is_about(world: World, things: Things) -> None:
    """One grant opens one scope over one thing; reports by that for credit, notes by none."""
    application, report = things.ids["Application"], things.ids["CreditReport"]
    reader = guard_of(world, acting(world, (Scope.APPLICATIONS_READ, application)))
    assert await reader.application(application) is not None
    assert await reader.application(application, Scope.CREDIT_READ) is None
    assert await reader.child(CreditReport, report) is None
    assert await reader.child(Note, things.ids["Note"]) is None
    assert await reader.consumer_ids() == frozenset()
    credit = guard_of(world, acting(world, (Scope.CREDIT_READ, application)))
    assert await credit.child(CreditReport, report) is not None
    assert await credit.application(application) is None
    consumers = guard_of(world, acting(world, (Scope.CONSUMERS_READ, application)))
    assert await consumers.consumer_ids() == frozenset({things.ids["Consumer"]})
    consent = things.ids["Consent"]
    assert await reader.child(Consent, consent) is not None
    assert await credit.child(Consent, consent) is None
    whole = guard_of(world, acting(world, (Scope.CREDIT_READ, None)))
    assert await whole.child(CreditReport, report) is not None


async def test_what_an_operator_carries_is_judged_by_its_end(world: World, things: Things) -> None:
    """A grant that ended since it was read for the request opens nothing."""
    operator = acting(world, (Scope.APPLICATIONS_READ, things.ids["Application"]))
    world.later(minutes=29, seconds=59)
    assert await guard_of(world, operator).live_grants() == operator.grants
    world.later(seconds=1)
    late = guard_of(world, operator)
    assert await late.live_grants() == ()
    assert await late.application(things.ids["Application"]) is None


async def test_notes_are_for_counselors_within_reach(world: World, things: Things) -> None:
    """Not for the consumer whom they are about, nor for machines, nor for other counselors."""
    note = things.ids["Note"]
    assert await guard_of(world, things.counselor).child(Note, note) is not None
    for other in (things.owner, world.key(), world.person(Group.COUNSELORS)):
        assert await guard_of(world, other).child(Note, note) is None
    for wrong in ("", "note", f"note_{new_ulid()}_{new_ulid()}"):
        assert await guard_of(world, things.counselor).child(Note, wrong) is None


async def test_a_request_reads_who_it_is_for_once(world: World, things: Things) -> None:
    """Own record and grants are kept for the request, found or not, until a unit is committed."""
    for who in (things.owner, things.counselor, world.person(Group.CONSUMERS)):
        guard = guard_of(world, who)
        first = (await guard.own_consumer(), await guard.live_grants())
        world.backend.calls.clear()
        assert (await guard.own_consumer(), await guard.live_grants()) == first
        assert not world.backend.reads
        opened = await guard.grants()
        assert await guard.grants() is opened
        guard.forget()
        assert await guard.grants() is not opened
        guard.forget()
        world.backend.calls.clear()
        assert (await guard.own_consumer(), await guard.live_grants()) == first
        assert world.backend.calls  # at the least, whether anything has been committed


async def test_what_is_committed_counts_within_the_same_request(world: World) -> None:
    """A consumer's new record and a counselor's new grant are seen after `forget`."""
    newcomer, counselor = world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)
    owner, holder = guard_of(world, newcomer), guard_of(world, counselor)
    assert await owner.own_consumer() is None
    assert await holder.grants() == {}
    consumer = await world.add_consumer(newcomer.subject)
    grant = await give(world, counselor, consumer.id)
    for guard in (owner, holder):
        guard.forget()
    own = await owner.own_consumer()
    assert own is not None
    assert own.id == consumer.id
    assert await owner.consumer_ids() == frozenset({consumer.id})
    assert list(await holder.grants()) == [grant.subject]


async def test_without_a_store_there_is_nothing(world: World) -> None:
    """An operator without an agency reaches nothing, and nothing breaks."""
    guard = guard_of(world, world.person(Group.OPERATORS))
    assert await guard.live_grants() == ()
    assert await guard.own_consumer() is None
    assert await guard.child(CreditReport, f"rep_{new_ulid()}_{new_ulid()}") is None
    assert await guard.consumer(f"con_{new_ulid()}") is None
    assert await guard.consumer_ids() == frozenset()


async def test_each_kind_is_reached_in_its_own_way_alone(world: World, things: Things) -> None:
    """A grant that names a consumer's or an admin's subject opens them nothing.

    Nor is a consumer's record anybody else's own, whatever their subject.
    """
    for group in (Group.COUNSELORS, Group.ADMINS, Group.ANALYSTS, Group.OPERATORS):
        assert await guard_of(world, world.person(group, subject="owner")).own_consumer() is None
    for group in (Group.CONSUMERS, Group.ADMINS, Group.ANALYSTS):
        who = world.person(group)
        await give(world, who, things.ids["Application"])
        guard = guard_of(world, who)
        assert await guard.live_grants() == ()
        assert await guard.application(things.ids["Application"]) is None


async def test_what_is_remembered_opens_no_more_than_what_holds(world: World) -> None:
    """From one request to the next grants end to the second, and new and revoked ones are seen."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    first, second = [await world.add_application(consumer) for _ in range(2)]
    grant = await give(world, counselor, first.id)

    async def reached() -> list[bool]:
        guard = guard_of(world, counselor)
        return [await guard.reaches(one) for one in (first, second)]

    assert await reached() == [True, False]
    world.backend.calls.clear()
    assert await reached() == [True, False]
    world.now += timedelta(minutes=5, seconds=7, microseconds=9)
    assert await reached() == [True, False]
    assert not world.backend.reads, "nothing has changed"
    world.now -= timedelta(minutes=5, seconds=7, microseconds=9)
    other = await give(world, counselor, second.id, expires_at=minutes(world, 90))
    assert await reached() == [True, True]
    world.later(minutes=29, seconds=59)
    assert await reached() == [True, True]
    world.later(seconds=1)
    assert await reached() == [False, True]
    assert (await guard_of(world, counselor).live_grants())[0].id == other.id
    await world.put(replace(other, revoked_at=world.now))
    assert await reached() == [False, False]
    await world.put(replace(grant, expires_at=minutes(world, 60)))
    assert await reached() == [True, False]
    world.backend.calls.clear()
    world.later(minutes=59, seconds=59)
    assert await reached() == [True, False]
    assert world.backend.reads, "what ended in an earlier hour is let go"
    world.later(seconds=1)
    assert await reached() == [False, False]
    somebody = guard_of(world, world.person(Group.COUNSELORS))
    assert await somebody.live_grants() == ()


@pytest.mark.parametrize("span", [timedelta(minutes=1), timedelta(seconds=1)])
async def test_a_grant_that_ends_at_once_opens_until_then(world: World, span: timedelta) -> None:
    """Just after the hour as at any time."""
    assert world.now.minute == world.now.second == 0
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    application = await world.add_application(consumer)
    moment = timedelta(milliseconds=1)
    await give(world, counselor, application.id, expires_at=world.now + span - moment)
    assert await guard_of(world, counselor).reaches(application)
    world.now += span - moment
    assert not await guard_of(world, counselor).reaches(application)
