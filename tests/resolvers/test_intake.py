"""Starting, changing, submitting and withdrawing an application."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.access import Scope
from domain.actors import Group
from domain.applications import ApplicationStatus
from domain.consumers import Consumer
from tests.resolvers.documents import READ, START, SUBMIT, UPDATE, WITHDRAW
from tests.resolvers.world import KNOWN, World

ADA = {"given": "Ada", "family": "Byron"}
HOME = {"line1": "1 Main St", "city": "Roseville", "state": "mi", "postalCode": "48066"}


async def test_a_consumers_first_application_creates_their_record(world: World) -> None:
    """A consumer who starts for the first time gets a record of their own and a draft."""
    me = world.person(Group.CONSUMERS)
    said = {"name": ADA, "email": "ada@mail.test", "address": HOME, "ssn": "219-45-6789"}
    started = (await world.ask(me, START, {"input": {**said, "householdSize": 3}}))[
        "startApplication"
    ]
    assert (started["status"], started["version"], started["state"]) == ("DRAFT", 1, "MI")
    assert started["consumer"]["ssnLast4"] == "6789"
    record = await world.store.find(Consumer, "consumer_subject", me.subject)
    assert record is not None
    assert (record.id, record.ssn) == (started["consumer"]["id"], "219456789")


async def test_a_later_application_reuses_and_updates_the_record(world: World) -> None:
    """A second application is for the same consumer, whose record takes what is said anew."""
    me = world.person(Group.CONSUMERS)
    first = (await world.ask(me, START, {"input": {"name": ADA, "phone": "415-555-2671"}}))[
        "startApplication"
    ]
    second = (await world.ask(me, START, {"input": {"email": "new@mail.test", "phone": None}}))[
        "startApplication"
    ]
    assert second["id"] != first["id"]
    assert second["consumer"]["id"] == first["consumer"]["id"]
    assert second["consumer"]["email"] == "new@mail.test"
    assert second["consumer"]["phone"] == "415-555-2671", "a null says nothing here"


async def test_a_consumer_cannot_start_for_somebody_else(world: World) -> None:
    """Naming a consumer who is not the caller answers as if there were none."""
    other = await world.add_consumer("somebody-else")
    me = world.person(Group.CONSUMERS)
    for id_ in (other.id, "con_01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense"):
        answer = await world.ask(me, START, {"input": {"name": ADA, "consumerId": id_}})
        assert answer.code == "NOT_FOUND"


async def test_a_counselor_who_starts_one_is_assigned_to_it(world: World) -> None:
    """What a counselor wrote for a walk-in they can read, under a grant of their own."""
    counselor = world.person(Group.COUNSELORS)
    started = (await world.ask(counselor, START, {"input": {"name": ADA}}))["startApplication"]
    assert (started["status"], started["counselor"]["id"]) == ("DRAFT", counselor.subject)
    assert (await world.ask(counselor, READ, {"id": started["id"]}))["application"] is not None
    other = world.person(Group.COUNSELORS)
    assert (await world.ask(other, READ, {"id": started["id"]}))["application"] is None


async def test_starting_another_application_does_not_prolong_reach(world: World) -> None:
    """What a counselor starts for a consumer ends with the grant that let them reach the person."""
    counselor = world.person(Group.COUNSELORS)
    consumer = await world.add_consumer()
    await world.assign(await world.add_application(consumer), counselor)
    world.later(days=20)

    document = {"input": {"consumerId": consumer.id}}
    started = (await world.ask(counselor, START, document))["startApplication"]
    assert (await world.ask(counselor, READ, {"id": started["id"]}))["application"] is not None

    world.later(days=11)
    assert (await world.ask(counselor, READ, {"id": started["id"]}))["application"] is None


async def test_a_machine_names_a_consumer_or_describes_one(world: World) -> None:
    """A key starts for a consumer it names or describes; doing both at once is a fault."""
    key = world.key(Scope.APPLICATIONS_WRITE)
    consumer = await world.add_consumer()
    document = """mutation ($input: StartApplicationInput!) {
      startApplication(input: $input) { id version status } }"""
    named = await world.ask(key, document, {"input": {"consumerId": consumer.id}})
    assert named["startApplication"]["version"] == 1
    described = await world.ask(key, document, {"input": {"name": ADA}})
    assert described["startApplication"]["status"] == "DRAFT"
    both = await world.ask(key, document, {"input": {"consumerId": consumer.id, "name": ADA}})
    assert both.faults == {"input.consumerId": "INVALID"}
    unnamed = await world.ask(key, document, {"input": {"email": "a@mail.test"}})
    assert unnamed.faults == {"input.name": "REQUIRED"}
    absent = {"input": {"consumerId": "con_01ARZ3NDEKTSV4RRFFQ69G5FAV"}}
    assert (await world.ask(key, document, absent)).code == "NOT_FOUND"


async def test_all_faults_are_reported_at_once(world: World) -> None:
    """Every fault of an input comes in one answer, with its path and without the value."""
    answer = await world.ask(
        world.person(Group.CONSUMERS),
        START,
        {
            "input": {
                "name": {"given": " ", "family": "x" * 81, "middle": "a\u0007b"},
                "dateOfBirth": "2026-01-16",
                "ssn": "666-12-3456",
                "address": {"line1": "", "city": "x", "state": "XX", "postalCode": "1"},
                "householdSize": 31,
                "hardshipReason": "y" * 4001,
            }
        },
    )
    assert answer.faults == {
        "input.name.given": "REQUIRED",
        "input.name.family": "TOO_LONG",
        "input.name.middle": "INVALID",
        "input.dateOfBirth": "TOO_LARGE",
        "input.ssn": "INVALID",
        "input.address.line1": "REQUIRED",
        "input.address.state": "INVALID",
        "input.address.postalCode": "INVALID",
        "input.householdSize": "TOO_LARGE",
        "input.hardshipReason": "TOO_LONG",
    }
    assert "666" not in str(answer.error.details())
    assert not (await world.audit()), "nothing was written"


async def test_test_numbers_pass_only_where_they_are_allowed(world: World) -> None:
    """A never-issued Social Security number is accepted under development alone."""
    me = world.person(Group.CONSUMERS)
    said = {"input": {"name": ADA, "ssn": "666-48-4418"}}
    assert (await world.ask(me, START, said)).faults == {"input.ssn": "INVALID"}
    world.allow_test_ssn = True
    started = (await world.ask(me, START, said))["startApplication"]
    assert started["consumer"]["ssnLast4"] == "4418"


async def test_an_update_leaves_what_is_absent_and_clears_what_is_null(world: World) -> None:
    """Absent fields stay, null clears, and the version rises by one."""
    me = world.person(Group.CONSUMERS)
    consumer = await world.add_consumer(me.subject)
    application = await world.add_application(
        consumer, household_size=2, hardship_reason="Lost my job"
    )
    update: dict[str, Any] = {"id": application.id, "householdSize": 4}
    updated = (await world.ask(me, UPDATE, {"input": update}))["updateApplication"]
    assert (updated["householdSize"], updated["hardshipReason"]) == (4, "Lost my job")
    assert updated["version"] == application.version + 1
    update = {"id": application.id, "hardshipReason": None}
    updated = (await world.ask(me, UPDATE, {"input": update}))["updateApplication"]
    assert (updated["householdSize"], updated["hardshipReason"]) == (4, None)


async def test_a_stale_version_is_refused_with_the_current_one(world: World) -> None:
    """A caller who has not seen the last change learns which version there is now."""
    me = world.person(Group.CONSUMERS)
    application = await world.add_application(await world.add_consumer(me.subject))
    update = {"id": application.id, "expectedVersion": 7, "householdSize": 1}
    answer = await world.ask(me, UPDATE, {"input": update})
    assert answer.code == "VERSION_CONFLICT"
    assert answer.error.details() == {"currentVersion": 1}


async def test_submitting_asks_for_state_and_contact_alone(world: World) -> None:
    """Counseling waits for no complete form; what is missing is told all at once."""
    me = world.person(Group.CONSUMERS)
    consumer = await world.add_consumer(me.subject, address=None, email=None, phone=None)
    application = await world.add_application(consumer)
    answer = await world.ask(me, SUBMIT, {"id": application.id})
    assert answer.faults == {
        "application.consumer.address": "REQUIRED",
        "application.consumer.email": "REQUIRED",
    }


async def test_a_submitted_application_takes_the_state_of_the_address(world: World) -> None:
    """The state of residence is the address's at the moment of submission."""
    me = world.person(Group.CONSUMERS)
    consumer = await world.add_consumer(me.subject, email=None, ssn=None, date_of_birth=None)
    application = await world.add_application(consumer)
    submitted = (await world.ask(me, SUBMIT, {"id": application.id, "expectedVersion": 1}))[
        "submitApplication"
    ]
    assert (submitted["status"], submitted["state"], submitted["version"]) == ("SUBMITTED", "MI", 2)
    assert submitted["submittedAt"] == "2026-01-15T12:00:00.000Z"


async def test_a_resubmitted_application_stays_with_its_counselor(world: World) -> None:
    """What was returned and is submitted again keeps a live assignment, and drops a lapsed one."""
    me = world.person(Group.CONSUMERS)
    counselor = world.person(Group.COUNSELORS)
    consumer = await world.add_consumer(me.subject)
    kept = await world.add_application(consumer, ApplicationStatus.RETURNED)
    await world.assign(kept, counselor)
    lapsed = await world.add_application(consumer, ApplicationStatus.RETURNED)
    await world.assign(lapsed, counselor)
    submitted = (await world.ask(me, SUBMIT, {"id": kept.id}))["submitApplication"]
    assert submitted["counselor"]["id"] == counselor.subject
    world.later(days=30)
    submitted = (await world.ask(me, SUBMIT, {"id": lapsed.id}))["submitApplication"]
    assert submitted["counselor"] is None


async def test_a_withdrawal_keeps_its_reason_for_itself(world: World) -> None:
    """The reason is optional, bounded, and in no event and no audit line."""
    me = world.person(Group.CONSUMERS)
    application = await world.add_application(await world.add_consumer(me.subject))
    too_long = await world.ask(me, WITHDRAW, {"id": application.id, "reason": "z" * 501})
    assert too_long.faults == {"reason": "TOO_LONG"}
    reason = "I found help elsewhere"
    withdrawn = (await world.ask(me, WITHDRAW, {"id": application.id, "reason": reason}))[
        "withdrawApplication"
    ]
    assert withdrawn["status"] == "WITHDRAWN"
    events = await world.store.outbox.pending(10)
    assert [event.name.value for event in events] == ["ApplicationWithdrawn"]
    assert reason not in str(events) + str(await world.audit())


async def test_every_unit_tells_who_did_what_without_values(world: World) -> None:
    """A unit's audit line names doer, field, subject and changed fields; its event ids alone."""
    me = world.person(Group.CONSUMERS)
    said = {"name": ADA, "ssn": "219-45-6789", "email": KNOWN["email"]}
    started = (await world.ask(me, START, {"input": said}))["startApplication"]
    line, answered = sorted(await world.audit(), key=lambda line: len(line.fields))
    actor = replace(me.actor, display_name="Consumer")
    assert (line.action, line.subject, line.actor) == ("startApplication", started["id"], actor)
    assert set(line.fields) == {"Consumer.name", "Consumer.ssn", "Consumer.email"}
    assert {line.consumers, answered.consumers} == {(started["consumer"]["id"],)}
    assert (line.request_id, line.source_ip) == ("request-1", "203.0.113.7")
    (event,) = await world.store.outbox.pending(10)
    assert (event.name.value, event.subject, event.version) == (
        "ApplicationStarted",
        started["id"],
        1,
    )
    assert event.data == {"consumerId": started["consumer"]["id"]}
    for secret in ("219456789", "219-45-6789", KNOWN["email"], "Byron"):
        assert secret not in str(line) + str(answered) + str(event)


MUTATIONS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "updateApplication": (UPDATE, lambda id_: {"input": {"id": id_, "householdSize": 1}}),
    "submitApplication": (SUBMIT, lambda id_: {"id": id_}),
    "withdrawApplication": (WITHDRAW, lambda id_: {"id": id_}),
}


@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_mutation_names_nothing_that_is_not_there(world: World, name: str) -> None:
    """Foreign, absent and malformed ids are answered alike, to the letter."""
    foreign = await world.add_application(await world.add_consumer("somebody-else"))
    document, variables = MUTATIONS[name]
    answers = [
        await world.ask(world.person(Group.CONSUMERS), document, variables(id_))
        for id_ in (foreign.id, "app_01ARZ3NDEKTSV4RRFFQ69G5FAV", "app_", "", foreign.id.lower())
    ]
    assert {answer.code for answer in answers} == {"NOT_FOUND"}
    assert len({answer.error.message for answer in answers}) == 1
