"""Telephone intake: a counselor makes the record, and a code hands it over to its consumer."""

import asyncio
from typing import Any

import pytest

from domain.access import AccessGrant, Principal, Scope
from domain.actors import Group
from domain.audit import AuditOutcome
from domain.consumers import Consumer
from domain.errors import StoreUnavailable, VersionConflict
from domain.invitations import (
    ATTEMPTS_AN_HOUR_MAX,
    ATTEMPTS_OF_ALL_MAX,
    CODE_ALPHABET,
    CODE_CHARACTERS,
    FAILURES_MAX,
    HOURS_DEFAULT,
    MADE_A_DAY_MAX,
    Invitation,
    new_code,
    shown_code,
    typed_code,
)
from tests.resolvers.documents import ACCEPT, INVITE, READ, START
from tests.resolvers.world import Answer, World

BORN = "1980-02-29"
SAID = {
    "name": {"given": "Ada", "family": "Byron"},
    "phone": "415-555-2671",
    "dateOfBirth": BORN,
}


async def taken_on(world: World, counselor: Principal, **said: Any) -> tuple[str, str]:
    """Have a counselor start an application by telephone; return it and its consumer."""
    started = (await world.ask(counselor, START, {"input": SAID | said}))["startApplication"]
    return started["id"], started["consumer"]["id"]


async def invite(world: World, counselor: Principal, consumer: str) -> str:
    """Have a counselor give out a code."""
    made = (await world.ask(counselor, INVITE, {"id": consumer}))["createInvitation"]
    code: str = made["code"]
    return code


async def accept(world: World, who: Principal, code: str, born: str | None = BORN) -> Answer:
    """Accept an invitation."""
    return await world.ask(who, ACCEPT, {"code": code, "born": born})


async def test_a_code_hands_the_record_over(world: World) -> None:
    """From then on the consumer reads and edits what the counselor wrote for them."""
    counselor, me = world.person(Group.COUNSELORS), world.person(Group.CONSUMERS)
    application, consumer = await taken_on(world, counselor)
    assert (await world.ask(me, READ, {"id": application}))["application"] is None
    code = await invite(world, counselor, consumer)
    accepted = (await accept(world, me, code))["acceptInvitation"]
    assert accepted["id"] == consumer
    assert (await world.ask(me, READ, {"id": application}))["application"]["id"] == application
    assert (await world.ask(counselor, READ, {"id": application}))["application"] is not None
    record = await world.store.find(Consumer, "consumer_subject", me.subject)
    assert record is not None
    assert record.id == consumer


async def test_a_code_is_good_once(world: World) -> None:
    """Neither its own consumer nor anybody else binds a sign-in by it again."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    people = [world.person(Group.CONSUMERS) for _ in range(4)]
    answers = await asyncio.gather(*(accept(world, one, code) for one in people))
    assert sorted(one.code or "" for one in answers) == ["", *["NOT_FOUND"] * 3]
    assert (await accept(world, world.person(Group.CONSUMERS), code)).code == "NOT_FOUND"


async def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(world: World) -> None:
    """Unknown, used, expired, ended, or with another date of birth: nothing tells which."""
    counselor = world.person(Group.COUNSELORS)
    consumers = [(await taken_on(world, counselor))[1] for _ in range(4)]
    used, ended, expired, other = [await invite(world, counselor, one) for one in consumers]
    assert not (await accept(world, world.person(Group.CONSUMERS), used)).errors
    await invite(world, counselor, consumers[1])
    late, early = HOURS_DEFAULT, HOURS_DEFAULT - 1
    told = set()
    for code, born, hours in (
        ("22222-22222", BORN, 0),
        (used, BORN, 0),
        (ended, BORN, 0),
        (other, "1980-03-01", 0),
        (other, None, 0),
        (expired, BORN, late),
    ):
        world.later(hours=hours)
        answer = await accept(world, world.person(Group.CONSUMERS), code, born)
        told.add((answer.code, answer.error.message))
    assert len(told) == 1
    assert told.pop()[0] == "NOT_FOUND"
    assert early < late


async def test_a_code_holds_until_its_end(world: World) -> None:
    """A second before, it is accepted."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    world.later(hours=HOURS_DEFAULT, seconds=-1)
    assert not (await accept(world, world.person(Group.CONSUMERS), code)).errors


async def test_where_no_date_of_birth_is_known_none_is_asked_for(world: World) -> None:
    """The code alone does then; whatever is told beside it says nothing."""
    counselor = world.person(Group.COUNSELORS)
    for born in (None, "1990-01-01"):
        _, consumer = await taken_on(world, counselor, dateOfBirth=None)
        code = await invite(world, counselor, consumer)
        assert not (await accept(world, world.person(Group.CONSUMERS), code, born)).errors


async def test_attempts_of_one_person_are_few(world: World) -> None:
    """Also where all are made at once; the next hour has its own."""
    me = world.person(Group.CONSUMERS, subject="me")
    tries = [accept(world, me, shown_code(new_code())) for _ in range(ATTEMPTS_AN_HOUR_MAX + 3)]
    codes = [one.code for one in await asyncio.gather(*tries)]
    assert codes.count("NOT_FOUND") == ATTEMPTS_AN_HOUR_MAX
    assert codes.count("RATE_LIMITED") == 3
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    assert (await accept(world, me, code)).code == "RATE_LIMITED"
    world.later(hours=1, seconds=1)
    assert not (await accept(world, world.person(Group.CONSUMERS, subject="me"), code)).errors


async def test_attempts_in_one_agency_are_bounded(world: World) -> None:
    """However many people try, there are so many attempts an hour."""
    for number in range(ATTEMPTS_OF_ALL_MAX // ATTEMPTS_AN_HOUR_MAX):
        me = world.person(Group.CONSUMERS, subject=f"guesser-{number}")
        for _ in range(ATTEMPTS_AN_HOUR_MAX):
            assert (await accept(world, me, "22222-22222")).code == "NOT_FOUND"
    assert (await accept(world, world.person(Group.CONSUMERS), "22222-22222")).code == (
        "RATE_LIMITED"
    )


async def test_a_code_ends_after_a_few_wrong_dates_of_birth(world: World) -> None:
    """Whoever has the code and guesses at the date has a handful of guesses, with any sign-in."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    for day in range(1, FAILURES_MAX + 1):
        wrong = await accept(world, world.person(Group.CONSUMERS), code, f"1980-01-0{day}")
        assert wrong.code == "NOT_FOUND"
    assert (await accept(world, world.person(Group.CONSUMERS), code)).code == "NOT_FOUND"


async def test_guesses_at_once_are_no_more_than_one_by_one(world: World) -> None:
    """With as many sign-ins as one likes: each wrong date counts, and the handful is all."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    guesses = [f"1980-01-{day:02}" for day in range(1, 3 * FAILURES_MAX)]
    people = [world.person(Group.CONSUMERS, subject=f"guesser-{born}") for born in guesses]
    tries = (accept(world, me, code, born) for me, born in zip(people, guesses, strict=True))
    answers = await asyncio.gather(*tries)
    assert {one.code for one in answers} == {"NOT_FOUND"}
    (kept,) = await world.store.children(Invitation, consumer)
    assert (kept.failures, kept.is_open) == (FAILURES_MAX, False)
    assert (await accept(world, world.person(Group.CONSUMERS), code)).code == "NOT_FOUND"


async def test_a_failure_counts_though_another_was_written_meanwhile(world: World) -> None:
    """Where two wrong dates meet in the store, both are counted."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    # Places of the person, of all, and of the code; then the failure itself.
    world.backend.failing.extend([None, None, None, VersionConflict()])
    assert (await accept(world, world.person(Group.CONSUMERS), code, "1980-03-01")).code == (
        "NOT_FOUND"
    )
    (kept,) = await world.store.children(Invitation, consumer)
    assert kept.failures == 1


async def test_who_has_a_record_binds_no_second_one(world: World) -> None:
    """They are told what to do; the code holds still."""
    counselor, me = world.person(Group.COUNSELORS), world.person(Group.CONSUMERS, subject="me")
    await world.add_consumer("me")
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    assert (await accept(world, me, code)).code == "INVALID_TRANSITION"
    assert not (await accept(world, world.person(Group.CONSUMERS), code)).errors


async def test_whom_a_counselor_may_invite(world: World) -> None:
    """Consumers within reach who have no sign-in; others are refused as everywhere."""
    counselor, stranger = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    assert (await world.ask(stranger, INVITE, {"id": consumer})).code == "NOT_FOUND"
    for who in (Group.CONSUMERS, Group.ADMINS, Group.ANALYSTS):
        assert (await world.ask(world.person(who), INVITE, {"id": consumer})).code == "FORBIDDEN"
    assert (await world.ask(world.key(), INVITE, {"id": consumer})).code == "FORBIDDEN"
    code = await invite(world, counselor, consumer)
    assert not (await accept(world, world.person(Group.CONSUMERS), code)).errors
    again = await world.ask(counselor, INVITE, {"id": consumer})
    assert again.code == "INVALID_TRANSITION"


async def test_a_newer_code_ends_the_one_before(world: World) -> None:
    """One code of a consumer holds at a time, and only so many are made in a day."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    for _ in range(MADE_A_DAY_MAX):
        await invite(world, counselor, consumer)
    kept = await world.store.children(Invitation, consumer)
    assert sum(one.is_open for one in kept) == 1
    assert (await world.ask(counselor, INVITE, {"id": consumer})).code == "RATE_LIMITED"
    world.later(days=1, seconds=1)
    await invite(world, world.person(Group.COUNSELORS, subject=counselor.subject), consumer)


async def test_a_code_is_shown_once_and_kept_nowhere(world: World) -> None:
    """A retry is answered without it; in the store there is a keyed hash."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    first, again = [
        (await world.ask(counselor, INVITE, {"id": consumer}, idempotency_key="k"))[
            "createInvitation"
        ]
        for _ in range(2)
    ]
    assert (again["code"], again["expiresAt"]) == (None, first["expiresAt"])
    (kept,) = await world.store.children(Invitation, consumer)
    code = first["code"].replace("-", "")
    assert code not in repr(kept)
    assert kept.code_index == world.store.blind("invitation", code)
    for one in await world.audit():
        assert code not in repr(one)
        assert first["code"] not in repr(one)


async def test_every_step_is_told(world: World) -> None:
    """Inviting, accepting and each attempt that fails leave who, whose and how it ended."""
    counselor, me = world.person(Group.COUNSELORS), world.person(Group.CONSUMERS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    await accept(world, me, code, "1980-03-01")
    assert not (await accept(world, me, code)).errors
    names = [event.name for event in await world.store.outbox.pending(10)]
    assert names == ["ApplicationStarted", "InvitationCreated", "InvitationAccepted"]
    lines = [one for one in await world.audit() if one.action == "acceptInvitation"]
    refused = [one for one in lines if one.outcome is AuditOutcome.REFUSED]
    assert [one.consumers for one in refused] == [(consumer,)]
    assert {one.actor.id for one in lines} == {me.subject}
    made = [one for one in await world.audit() if one.action == "createInvitation"]
    assert made[0].consumers == (consumer,)


async def test_a_store_that_fails_binds_nothing(world: World) -> None:
    """Record and invitation are one unit: the code holds still."""
    counselor = world.person(Group.COUNSELORS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    world.backend.failing.extend([None, None, StoreUnavailable()])
    me = world.person(Group.CONSUMERS)
    assert (await accept(world, me, code)).code == "STORE_UNAVAILABLE"
    assert not (await accept(world, me, code)).errors


async def test_a_known_consumer_gets_another_application_by_telephone(world: World) -> None:
    """A counselor with a grant names them; who bound a sign-in sees it too."""
    counselor, me = world.person(Group.COUNSELORS), world.person(Group.CONSUMERS)
    _, consumer = await taken_on(world, counselor)
    code = await invite(world, counselor, consumer)
    assert not (await accept(world, me, code)).errors
    again = {"input": {"consumerId": consumer}}
    later = (await world.ask(counselor, START, again))["startApplication"]["id"]
    assert (await world.ask(me, READ, {"id": later}))["application"]["id"] == later
    (grant,) = await world.store.children(AccessGrant, later)
    assert (grant.grantee.id, grant.scope) == (counselor.subject, Scope.APPLICATIONS_WRITE)


@pytest.mark.parametrize("text", ["", "2222", "O0O0O-1I1I1", "2" * 11, "2" * 500, "22222_22222"])
async def test_what_cannot_be_a_code_is_a_fault(world: World, text: str) -> None:
    """It is told as one, and counts as no attempt."""
    for _ in range(ATTEMPTS_AN_HOUR_MAX + 1):
        answer = await accept(world, world.person(Group.CONSUMERS, subject="me"), text)
        assert answer.faults == {"code": "INVALID"}


def test_codes_are_read_as_they_are_said() -> None:
    """Small letters, blanks and dashes are as good; codes differ, and use all of the alphabet."""
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert set("".join(codes)) == set(CODE_ALPHABET)
    for code in codes:
        assert len(code) == CODE_CHARACTERS
        assert typed_code(shown_code(code)) == code
        assert typed_code(f" {code[:3].lower()} {code[3:]}") == code
