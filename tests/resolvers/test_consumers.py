"""Finding consumers, changing what is known of them, and reading the whole number."""

from typing import Any

import pytest

from domain.access import Principal, Scope
from domain.actors import Group
from domain.audit import AuditOutcome
from domain.consumers import Consumer
from domain.errors import StoreUnavailable
from tests.resolvers.documents import MATCH, READ_CONSUMER, UPDATE_CONSUMER
from tests.resolvers.world import World, nodes

SSN = "query ($id: ID!, $why: String!) { consumer(id: $id) { id ssn(purpose: $why) } }"


async def _with_counselor(world: World, **known: Any) -> tuple[Consumer, Principal]:
    consumer = await world.add_consumer("owner", **known)
    counselor = world.person(Group.COUNSELORS)
    await world.assign(await world.add_application(consumer), counselor)
    return consumer, counselor


async def test_a_consumer_is_read_by_who_may(world: World) -> None:
    """The consumer, their counselor and a machine read it; for others it is not there."""
    consumer, counselor = await _with_counselor(world)
    owner = world.person(Group.CONSUMERS, subject="owner")
    for reader in (owner, counselor, world.key(Scope.CONSUMERS_READ)):
        read = (await world.ask(reader, READ_CONSUMER, {"id": consumer.id}))["consumer"]
        assert (read["email"], read["ssnLast4"]) == ("ada@mail.test", "6789")
        assert read["dateOfBirth"] == "1980-02-29"
    for other in (world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)):
        assert (await world.ask(other, READ_CONSUMER, {"id": consumer.id}))["consumer"] is None
    refused = [world.person(group) for group in (Group.ADMINS, Group.ANALYSTS, Group.OPERATORS)]
    for other in (*refused, world.key(Scope.APPLICATIONS_READ)):
        assert (await world.ask(other, READ_CONSUMER, {"id": consumer.id})).code == "FORBIDDEN"


async def test_a_grant_that_ended_closes_the_consumer_too(world: World) -> None:
    """A counselor reaches a consumer as long as a grant over one of their applications lives."""
    consumer, counselor = await _with_counselor(world)
    world.later(days=30)
    assert (await world.ask(counselor, READ_CONSUMER, {"id": consumer.id}))["consumer"] is None


@pytest.mark.parametrize(
    "match",
    [
        {"email": " ADA@mail.test"},
        {"phone": "+1 415 555 2671"},
        {"ssn": "219-45-6789"},
        {"email": "ada@mail.test", "phone": "4155552671", "ssn": "219456789"},
    ],
)
async def test_consumers_are_found_by_exact_match(world: World, match: dict[str, str]) -> None:
    """Spelling aside, what is given must match; counselors find their own, machines all."""
    consumer, counselor = await _with_counselor(world)
    twin = await world.add_consumer("twin")
    found = nodes((await world.ask(counselor, MATCH, {"match": match}))["consumers"])
    assert [one["id"] for one in found] == [consumer.id]
    found = nodes((await world.ask(world.key(), MATCH, {"match": match}))["consumers"])
    assert [one["id"] for one in found] == sorted([consumer.id, twin.id])
    stranger = world.person(Group.COUNSELORS)
    assert nodes((await world.ask(stranger, MATCH, {"match": match}))["consumers"]) == []


async def test_all_that_is_given_must_match(world: World) -> None:
    """A wrong second value finds nobody."""
    await world.add_consumer("owner")
    for match in (
        {"email": "ada@mail.test", "phone": "415-555-0000"},
        {"ssn": "219-45-6780", "email": "ada@mail.test"},
        {"ssn": "219-45-6789", "email": "ad@mail.test"},
    ):
        assert nodes((await world.ask(world.key(), MATCH, {"match": match}))["consumers"]) == []


async def test_a_match_needs_something_to_match(world: World) -> None:
    """Nothing to look for, and what cannot be a number, are faults."""
    for match, faults in (
        ({}, {"match": "REQUIRED"}),
        ({"email": None}, {"match": "REQUIRED"}),
        ({"ssn": "12"}, {"match.ssn": "INVALID"}),
    ):
        assert (await world.ask(world.key(), MATCH, {"match": match})).faults == faults
    assert (
        await world.ask(world.person(Group.CONSUMERS), MATCH, {"match": {"ssn": "219456789"}})
    ).code == "FORBIDDEN"


async def test_matches_come_in_pages(world: World) -> None:
    """Several people with one phone number are found page by page, each once."""
    people = [await world.add_consumer(f"subject-{number}") for number in range(5)]
    seen: list[str] = []
    after = None
    while True:
        variables = {"match": {"phone": "415-555-2671"}, "first": 2, "after": after}
        page = (await world.ask(world.key(), MATCH, variables))["consumers"]
        seen += [one["id"] for one in nodes(page)]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == sorted(one.id for one in people)


async def test_an_update_changes_and_clears(world: World) -> None:
    """Absent stays, null clears, and the audit line names what changed, never to what."""
    consumer, counselor = await _with_counselor(world)
    change = {
        "id": consumer.id,
        "expectedVersion": 1,
        "phone": None,
        "email": "new@mail.test",
        "name": {"given": "Ada", "family": "King", "middle": "Augusta"},
        "ssn": "219-45-6789",
    }
    updated = (await world.ask(counselor, UPDATE_CONSUMER, {"input": change}))["updateConsumer"]
    assert (updated["version"], updated["phone"], updated["email"]) == (2, None, "new@mail.test")
    assert updated["name"] == {
        "given": "Ada",
        "middle": "Augusta",
        "family": "King",
        "suffix": None,
    }
    assert updated["address"]["city"] == "Roseville"
    line, answered = sorted(await world.audit(), key=lambda line: len(line.fields))
    changed = {"Consumer.phone", "Consumer.email", "Consumer.name"}
    assert set(line.fields) == changed, "the number is what it was"
    assert (answered.action, answered.consumers) == (line.action, (consumer.id,))
    assert "new@mail.test" not in str(line) + str(await world.store.outbox.pending(10))


async def test_an_update_reports_all_faults(world: World) -> None:
    """A name is not cleared, and every other fault is told beside it."""
    consumer = await world.add_consumer("owner")
    owner = world.person(Group.CONSUMERS, subject="owner")
    change = {"id": consumer.id, "name": None, "ssn": "1", "dateOfBirth": "1800-01-01"}
    answer = await world.ask(owner, UPDATE_CONSUMER, {"input": change})
    assert answer.faults == {
        "input.name": "REQUIRED",
        "input.ssn": "INVALID",
        "input.dateOfBirth": "TOO_SMALL",
    }


async def test_an_update_is_for_those_within_reach(world: World) -> None:
    """Strangers' updates find nobody; a machine needs its own scope to write."""
    consumer = await world.add_consumer("owner")
    change = {"input": {"id": consumer.id, "email": "new@mail.test"}}
    for other in (world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)):
        assert (await world.ask(other, UPDATE_CONSUMER, change)).code == "NOT_FOUND"
    reader = world.key(Scope.CONSUMERS_READ, Scope.APPLICATIONS_WRITE)
    assert (await world.ask(reader, UPDATE_CONSUMER, change)).code == "FORBIDDEN"
    writer = world.key(Scope.CONSUMERS_WRITE)
    document = """mutation ($input: UpdateConsumerInput!) {
      updateConsumer(input: $input) { id version } }"""
    assert (await world.ask(writer, document, change))["updateConsumer"]["version"] == 2
    stale = {"input": {"id": consumer.id, "expectedVersion": 1, "email": "x@mail.test"}}
    answer = await world.ask(writer, document, stale)
    assert answer.error.details() == {"currentVersion": 2}


async def test_the_whole_number_is_audited_before_it_is_answered(world: World) -> None:
    """Every read of a Social Security number leaves a line with its purpose."""
    consumer, counselor = await _with_counselor(world)
    variables = {"id": consumer.id, "why": " Verifying identity by phone "}
    read = (await world.ask(counselor, SSN, variables))["consumer"]
    assert read["ssn"] == "219456789"
    plain, line = await world.audit()
    assert (line.action, line.subject, line.purpose, line.fields) == (
        "consumer",
        consumer.id,
        "Verifying identity by phone",
        ("Consumer.ssn",),
    )
    assert plain.fields == ("Consumer.id",)
    assert "219456789" not in str(line)


async def test_without_an_audit_line_there_is_no_number(world: World) -> None:
    """Where the line cannot be written, nothing is answered."""
    consumer, counselor = await _with_counselor(world)
    world.backend.failing = [StoreUnavailable()]
    answer = await world.ask(counselor, SSN, {"id": consumer.id, "why": "Verifying"})
    assert (answer.code, answer.data) == ("STORE_UNAVAILABLE", None)


async def test_the_whole_number_wants_a_fresh_sign_in_and_a_purpose(world: World) -> None:
    """After 15 minutes the counselor signs in again; a purpose has 3 to 200 characters."""
    consumer, counselor = await _with_counselor(world)
    world.later(minutes=15)
    assert (await world.ask(counselor, SSN, {"id": consumer.id, "why": "Verify"})).code is None
    for why, code in ((" a ", "TOO_SHORT"), ("", "REQUIRED"), ("x" * 201, "TOO_LONG")):
        answer = await world.ask(counselor, SSN, {"id": consumer.id, "why": why})
        assert answer.faults == {"purpose": code}
    world.later(seconds=1)
    answer = await world.ask(counselor, SSN, {"id": consumer.id, "why": "Verify"})
    assert answer.codes == {"consumer.ssn": "REAUTHENTICATE"}
    assert answer.error.details() == {"maxAgeSeconds": 900}


async def test_the_whole_number_is_for_counselors_alone(world: World) -> None:
    """Consumers and machines see the last four digits, whatever their scopes."""
    consumer, _ = await _with_counselor(world)
    for other in (world.person(Group.CONSUMERS, subject="owner"), world.key()):
        answer = await world.ask(other, SSN, {"id": consumer.id, "why": "Curious"})
        assert answer.codes == {"consumer.ssn": "FORBIDDEN"}
    refused = [line for line in await world.audit() if line.outcome is AuditOutcome.REFUSED]
    assert [line.fields for line in refused] == [("Consumer.ssn",)] * 2
    assert {line.consumers for line in refused} == {(consumer.id,)}


async def test_a_consumers_applications_are_those_within_reach(world: World) -> None:
    """Counselors see of a consumer's applications those they hold a grant for."""
    consumer, counselor = await _with_counselor(world)
    await world.add_application(consumer)
    document = """query ($id: ID!) { consumer(id: $id) {
      applications(first: 5) { edges { node { id consumer { id } } } } } }"""
    readers = {"owner": 2, "machine": 2, "counselor": 1}
    owner = world.person(Group.CONSUMERS, subject="owner")
    for name, reader in (("owner", owner), ("machine", world.key()), ("counselor", counselor)):
        read = (await world.ask(reader, document, {"id": consumer.id}))["consumer"]
        assert len(nodes(read["applications"])) == readers[name]
