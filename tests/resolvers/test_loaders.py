"""Reads are made together: how many there are does not depend on how much is asked for."""

import asyncio
from collections.abc import Mapping

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from domain.access import Principal
from domain.actors import Group
from domain.applications import Application, Note
from domain.consents import Consent, ConsentPurpose, consent_end
from domain.credit import CreditFile, CreditReport, FileHit, PullKind
from domain.errors import StoreUnavailable
from domain.ids import new_child_id
from resolvers.loaders import Batcher
from tests.resolvers.documents import APPLICATION, CONSUMER
from tests.resolvers.world import World, nodes

PAGE = f"""query ($first: Int) {{ applications(first: $first) {{
  edges {{ cursor node {{ {APPLICATION} consumer {{ {CONSUMER} }}
    consents {{ id purpose givenBy {{ id }} }} creditReports {{ id hit tradelines {{ creditor }} }}
    %s }} }}
  pageInfo {{ hasNextPage endCursor }} }} }}"""


async def _fifty(world: World, counselor: Principal) -> None:
    for number in range(50):
        consumer = await world.add_consumer(f"subject-{number % 25}" if number < 25 else None)
        application = await world.add_application(consumer)
        await world.assign(application, counselor)
        await world.put(*_children(world, application, counselor))


def _children(
    world: World, application: Application, counselor: Principal
) -> tuple[Note, Consent, CreditReport]:
    at = world.now
    consent = Consent(
        id=new_child_id("cons", application.id, at),
        application_id=application.id,
        purpose=ConsentPurpose.SOFT_CREDIT_PULL,
        text_version="1",
        text_sha256="0",
        given_by=counselor.actor,
        given_at=at,
        expires_at=consent_end(at),
    )
    note = Note(
        id=new_child_id("note", application.id, at),
        application_id=application.id,
        text="A",
        author=counselor.actor,
        created_at=at,
    )
    report = CreditReport(
        id=new_child_id("rep", application.id, at),
        application_id=application.id,
        bureau="TransUnion",
        kind=PullKind.SOFT,
        pulled_at=at,
        consent_id=consent.id,
        file=CreditFile(hit=FileHit.NO_HIT),
    )
    return note, consent, report


async def test_a_page_of_fifty_costs_what_a_page_of_one_does(world: World) -> None:
    """Applications with lines, consumers, consents, reports and notes: six reads, however many."""
    counselor = world.person(Group.COUNSELORS)
    await _fifty(world, counselor)
    for principal, notes, most in ((counselor, "notes { id text }", 6), (world.key(), "", 4)):
        calls = []
        for first in (1, 10, 50):
            await world.add_consumer()  # so that nothing is at hand of what was read before
            world.backend.calls.clear()
            answer = await world.ask(principal, PAGE % notes, {"first": first})
            page = answer["applications"]
            assert len(nodes(page)) == first
            assert all(node["consumer"] and node["consents"] for node in nodes(page))
            calls.append(dict(world.backend.reads))
        assert calls[0] == calls[1] == calls[2]
        assert sum(calls[0].values()) <= most, calls


async def test_reach_is_asked_for_once_in_a_request(world: World) -> None:
    """Ten applications by id are one read of grants, one of them all, one of whose they are."""
    counselor = world.person(Group.COUNSELORS)
    consumer = await world.add_consumer()
    made = [await world.add_application(consumer) for _ in range(10)]
    for application in made:
        await world.assign(application, counselor)
    fields = " ".join(
        f'a{n}: application(id: "{one.id}") {{ id consumer {{ id }} }}'
        for n, one in enumerate(made)
    )
    world.backend.calls.clear()
    answer = await world.ask(counselor, f"{{ {fields} }}")
    assert not answer.errors
    assert dict(world.backend.reads) == {"get_many": 1 + 1, "query": 1}


async def test_a_batch_gathers_one_turn_of_the_loop() -> None:
    """What is asked for in one turn is read together, once for each key, and remembered."""
    reads: list[list[str]] = []

    async def read(keys: list[str]) -> Mapping[str, str]:
        reads.append(keys)
        return {key: key.upper() for key in keys if key != "none"}

    batcher = Batcher("things", read)
    found = await asyncio.gather(*(batcher.load(key) for key in ("a", "b", "a", "none")))
    assert found == ["A", "B", "A", None]
    assert await batcher.load("b") == "B"
    assert reads == [["a", "b", "none"]]
    batcher.forget()
    assert await batcher.load("b") == "B"
    assert reads == [["a", "b", "none"], ["b"]]


async def test_what_is_at_hand_is_answered_at_once() -> None:
    """Nothing is read or scheduled for it; what is not at hand is read as ever."""
    reads: list[list[str]] = []

    async def read(keys: list[str]) -> Mapping[str, str]:
        reads.append(keys)
        return dict.fromkeys(keys, "read")

    at_hand = {"a": "at hand"}
    batcher = Batcher("things", read, recall=at_hand.get)
    assert batcher.load("a").done()
    assert await asyncio.gather(*map(batcher.load, ("a", "b", "c"))) == ["at hand", "read", "read"]
    assert reads == [["b", "c"]]
    at_hand["a"] = "changed"
    assert await batcher.load("a") == "at hand", "one view for the request"
    batcher.forget()
    assert await batcher.load("a") == "changed"


async def test_forgetting_answers_what_is_under_way() -> None:
    """A read that was asked for before everything is forgotten still comes to its end."""

    async def read(keys: list[str]) -> Mapping[str, int]:
        await asyncio.sleep(0)
        return dict.fromkeys(keys, 1)

    batcher = Batcher("things", read)
    asked = batcher.load("a")
    batcher.forget()
    assert await asked == 1
    started = batcher.load("b")
    await asyncio.sleep(0)
    batcher.forget()
    assert await started == 1


async def test_a_failed_read_is_everybodys_and_is_tried_again() -> None:
    """Each who asked gets the error; after it is forgotten, the next one asks anew."""
    failures = [ValueError("lost")]

    async def read(keys: list[str]) -> Mapping[str, int]:
        if failures:
            raise failures.pop()
        return dict.fromkeys(keys, 1)

    batcher = Batcher("things", read)
    results = await asyncio.gather(batcher.load("a"), batcher.load("b"), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    batcher.forget()
    assert await batcher.load("a") == 1


async def test_one_requests_reads_are_not_anothers(world: World) -> None:
    """Two principals at once, each through a context of their own, see each their own."""
    consumer = await world.add_consumer("owner")
    application = await world.add_application(consumer)
    owner, other = (
        world.person(Group.CONSUMERS, subject="owner"),
        world.person(Group.CONSUMERS, subject="other"),
    )
    document = "query ($id: ID!) { application(id: $id) { id } }"
    answers = await asyncio.gather(
        *(world.ask(who, document, {"id": application.id}) for who in (owner, other) * 10)
    )
    seen = [answer["application"] is not None for answer in answers]
    assert seen == [True, False] * 10


@pytest.mark.parametrize("count", [1, 40])
async def test_finding_consumers_costs_the_same_for_many_grants(world: World, count: int) -> None:
    """A counselor's search reads grants, their applications and the match: three calls."""
    counselor = world.person(Group.COUNSELORS)
    for number in range(count):
        consumer = await world.add_consumer(f"subject-{number}")
        await world.assign(await world.add_application(consumer), counselor)
    world.backend.calls.clear()
    document = """{ consumers(match: {email: "ada@mail.test"}, first: 50) {
      edges { node { id name { family } } } } }"""
    answer = await world.ask(counselor, document)
    assert len(nodes(answer["consumers"])) == count
    assert sum(world.backend.reads.values()) == 3


async def test_a_batch_is_one_span() -> None:
    """However many keys are asked for at once, the trace has one span that says how many."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def read(keys: list[str]) -> Mapping[str, str]:
        return {key: key for key in keys}

    batcher = Batcher("things", read, tracer=provider.get_tracer("test"))
    await asyncio.gather(*(batcher.load(str(number)) for number in range(5)))

    (span,) = exporter.get_finished_spans()
    assert span.name == "load things"
    assert dict(span.attributes or {}) == {"almoner.keys": 5}


async def test_what_cannot_be_read_is_told_to_each_who_asks() -> None:
    """What fails at hand fails for whoever asks again, and nobody waits for an answer."""

    async def read(_keys: list[str]) -> Mapping[str, int]:
        raise AssertionError("it is at hand")

    def damaged(_key: str) -> int:
        raise StoreUnavailable

    batcher = Batcher("numbers", read, recall=damaged)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(batcher.load("a"), 1)
