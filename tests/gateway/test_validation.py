"""Judging a document that nobody has seen is bounded, and done beside the loop, not on it."""

import asyncio
import contextlib
import gc
import sys
import weakref
from collections.abc import Iterator

import pytest
from graphql import GraphQLSchema, Source
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DocumentTooComplex, GatewayError, RateLimited
from gateway.config import Limits
from gateway.engine import validation
from gateway.engine.judging import LinedSource, collected_young
from gateway.engine.validation import Checks
from gateway.errors import DocumentRefused
from schema.build import core_schema, create_schema
from tests.gateway.hostile_documents import hostile_documents
from tests.gateway.steps import counted_steps

HOSTILE = hostile_documents()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(create_schema())


@pytest.fixture
def checks(schema: GraphQLSchema) -> Iterator[Checks]:
    made = Checks(schema, Limits())
    yield made
    made.close()


def test_hostile_documents_are_within_the_limits_on_texts() -> None:
    """What follows is judged by more than its length, or it would prove nothing."""
    for text in HOSTILE.values():
        assert len(text) <= Limits().document_characters
        assert text.count("\n") <= Limits().tokens


@pytest.mark.parametrize("name", HOSTILE)
async def test_the_loop_takes_few_steps_for_a_hostile_document(checks: Checks, name: str) -> None:
    """However hard a document is to judge, the loop's own thread calls a few functions for it."""
    with counted_steps() as steps, contextlib.suppress(GatewayError, DocumentRefused):
        await checks.check(HOSTILE[name])

    assert steps.count < 300


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_takes_bounded_steps_and_few_words(checks: Checks, name: str) -> None:
    """No document within the limits takes more steps than its length allows, or a long answer."""
    messages: list[str] = []
    with counted_steps() as steps:
        try:
            checks.judge(HOSTILE[name])
        except DocumentRefused as refused:
            messages = [str(entry["message"]) for entry in refused.entries]
        except DocumentTooComplex:
            pass

    assert steps.count < 500_000
    assert len(messages) <= Limits().errors
    assert all(len(message) <= 502 for message in messages)


async def test_the_loop_turns_while_a_document_is_judged(checks: Checks) -> None:
    """Others are served meanwhile: the loop comes round many times before the verdict."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    with contextlib.suppress(DocumentRefused):
        await checks.check(HOSTILE["fields nobody knows"])
    turning.cancel()

    assert turns > 100
    assert sys.getswitchinterval() <= validation.GIVES_WAY_AFTER_SECONDS


async def test_documents_wait_their_turn_up_to_a_number(schema: GraphQLSchema) -> None:
    """One too many is told to come back, and those that wait are judged."""
    checks = Checks(schema, Limits(), waiting_max=3)

    waiting = [asyncio.create_task(checks.check(f"{{ me {{ a{n}: kind }} }}")) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited) as refused:
        await checks.check("{ me { kind } }")
    documents = await asyncio.gather(*waiting)

    assert len(documents) == 3
    assert refused.value.retry_after_seconds == 1
    assert (await checks.check("{ me { kind } }")).definitions, "there is room again"
    checks.close()


async def test_a_text_is_judged_once_for_all_who_ask_at_the_same_time(
    schema: GraphQLSchema,
) -> None:
    """A thousand clients that come with one new document take one place, and one verdict."""
    checks = Checks(schema, Limits(), waiting_max=2)
    good = [asyncio.create_task(checks.check("{ me { kind } }")) for _ in range(1_000)]
    bad = [asyncio.create_task(checks.check("{ unknown }")) for _ in range(3)]
    documents = await asyncio.gather(*good)
    errors = await asyncio.gather(*bad, return_exceptions=True)

    assert len({id(document) for document in documents}) == 1
    assert [type(error) for error in errors] == [DocumentRefused] * 3
    checks.close()


async def test_one_that_gives_up_waits_no_longer(schema: GraphQLSchema) -> None:
    """A request that has ended leaves its place to another, and takes nobody with it."""
    checks = Checks(schema, Limits(), waiting_max=2)
    slow = "{ me { " + "a: kind " * 15 + "subject " * 1_000 + "} }"

    first = asyncio.create_task(checks.check(slow))
    alone = asyncio.create_task(checks.check("{ me { subject } }"))
    await asyncio.sleep(0)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    together = [asyncio.create_task(checks.check("{ me { groups } }")) for _ in range(2)]
    await asyncio.sleep(0)
    together[0].cancel()

    assert (await together[1]).definitions
    assert alone.cancelled()
    assert together[0].cancelled()
    with pytest.raises(DocumentRefused):
        await first
    checks.close()


async def test_a_document_leaves_nothing_for_the_collector(checks: Checks) -> None:
    """Refused or forgotten, it is freed at once: a stream of them makes no collection longer."""
    texts = [f"{{ a{n}: me {{ kind }} {'me { kind } ' * 40} }}" for n in range(20)]
    texts += [f"{{ a{n}: me {{ kind }} {'me { unknown } ' * 40} }}" for n in range(20)]
    await checks.check("{ me { kind } }")
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for text in texts:
            with contextlib.suppress(DocumentRefused):
                await checks.check(text)
        after = len(gc.get_objects())
    finally:
        gc.enable()

    assert after - before < 1_000, "one such document alone is some thousands of objects"


@given(st.text(alphabet="ab\n\r{}", max_size=60), st.integers(min_value=0, max_value=60))
def test_places_are_those_of_graphql_core(text: str, position: int) -> None:
    """Line and column of every position are what graphql-core counts, whatever ends the lines."""
    assert LinedSource(text).get_location(position) == Source(text).get_location(position)


def test_lines_are_bounded(checks: Checks) -> None:
    """A document of blank lines is refused before it is parsed: each error would count them."""
    checks.judge("{ me { kind } }" + "\r\n" * Limits().tokens)
    for line_end in ("\n", "\r", "\r\n"):
        with pytest.raises(DocumentTooComplex, match="lines"):
            checks.judge("{ me { kind } }" + line_end * (Limits().tokens + 1))


def test_what_others_hold_meanwhile_does_not_stay_for_good() -> None:
    """Rings that outlive the judging of one document are collected when they are let go."""

    class Ring:
        me: "Ring"

    met, held = [], None
    for _ in range(300):
        with collected_young():
            ring = Ring()
            ring.me = ring
            met.append(weakref.ref(ring))
        held = ring  # as a request in flight does, until the next one
    assert held is not None
    # Two grow old whenever the middle generation is due, and as many are young as it takes to be.
    assert sum(one() is not None for one in met) < 150, "left to the youngest alone, all 300 stay"
