"""The seam to execution: documents are checked once, remembered within bounds, and never block."""

import asyncio
import contextlib
import dataclasses
import gc
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from graphql import OperationType

from domain.errors import DocumentTooComplex
from gateway.config import Limits
from gateway.engine.execute import Engine, Result
from gateway.errors import DocumentRefused, Refused
from resolvers.context import RequestContext, RequestMeta
from tests.gateway.small_gateway import World, small_schema
from tests.gateway.test_limits import chain


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(small_schema(World()), Limits())
    gc.freeze()  # as the gateway does: a full collection would be measured as somebody's document
    yield engine
    gc.unfreeze()
    engine.close()


def context() -> RequestContext:
    meta = RequestMeta(id="r-1", at=datetime.now(UTC))
    return cast("RequestContext", dataclasses.make_dataclass("Context", ["request"])(meta))


async def run(engine: Engine, text: str, variables: Mapping[str, object] | None = None) -> Result:
    return await engine.execute(await engine.find(text, None), variables or {}, context())


async def test_an_answer_comes_as_bytes(engine: Engine) -> None:
    """What is executed comes out as the JSON to send, with what decides about its status."""
    done = await run(engine, "query ($n: String!) { hello(name: $n) }", {"n": "☃"})
    failed = await run(engine, "{ boom }")

    assert msgspec.json.decode(done.body) == {"data": {"hello": "hello ☃"}}
    assert (done.codes, done.answered, done.failures) == ((), True, ())
    assert (failed.codes, failed.answered) == (("INTERNAL",), False)
    assert [type(error) for error in failed.failures] == [ValueError]


async def test_the_kind_is_known_before_anything_runs(engine: Engine) -> None:
    """`find` tells queries from mutations, and refuses subscriptions."""
    assert (await engine.find("{ hello }", None)).kind is OperationType.QUERY
    assert (await engine.find("mutation A { change }", "A")).kind is OperationType.MUTATION
    with pytest.raises(DocumentRefused):
        await engine.find("subscription { ticks }", None)


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("query A { hello } query B { hello }", "B", "B"),
        ("query A { hello }", None, "A"),
        ("{ hello }", None, None),
    ],
)
async def test_operations_are_found_by_name(
    engine: Engine, text: str, name: str | None, found: str | None
) -> None:
    """The one that is named is run; a single one needs no name."""
    assert (await engine.find(text, name)).name == found


@pytest.mark.parametrize(("text", "name"), [("{ hello }", "A"), ("query A { hello }", "a")])
async def test_an_unknown_operation_is_not_echoed(engine: Engine, text: str, name: str) -> None:
    """An operation that is not there is refused without repeating what was asked for."""
    with pytest.raises(Refused) as raised:
        await engine.find(text, name + "x" * 200)

    assert "xxx" not in raised.value.error.message


async def test_documents_are_remembered_within_bounds() -> None:
    """Many short documents and few long ones reach a bound; refused ones are not kept."""
    seen: list[bool] = []
    limits = Limits(cached_documents=10, cached_characters=1024)
    engine = Engine(small_schema(World()), limits, seen=seen.append)
    documents = engine._documents

    for number in range(30):
        await engine.find(f"query Q{number} {{ hello }}", None)
    assert len(documents) == 10
    await engine.find("query Q29 { hello }", None)
    await engine.find("{ hello #" + "x" * 600 + "\n}", None)
    assert len(documents) < 6
    await engine.find("{ hello #" + "x" * 2000 + "\n}", None)
    kept = len(documents)
    with pytest.raises(DocumentRefused):
        await engine.find("{ nothing }", None)
    assert len(documents) == kept
    assert seen.count(True) == 1


HOSTILE = {
    "the same object field": "{" + "node{name}" * 490 + "}",
    "the same leaf": "{" + "hello " * 1990 + "}",
    "nested repeats": "{" + "node{child{child{child{name}}}}" * 140 + "}",
    "other arguments": "{" + "".join(f'hello(name:"{i}")' for i in range(300)) + "}",
    "unknown fields": "{" + "nothing " * 1990 + "}",
    "chained fragments": chain(150),
    "chained objects": chain(11, "child{...F{n}} child{...F{n}}"),
    "spread everywhere": "{ node {"
    + "".join(f"...F{i} " for i in range(150))
    + "}}"
    + "".join(f"fragment F{i} on Node {{name}} " for i in range(150)),
    "deep lists": "{ hello(name: " + "[" * 900 + "]" * 900 + ") }",
    "deep objects": "{" + "node{" * 900 + "name" + "}" * 901,
    "a long string": '{ hello(name: "' + "\\n" * 16_000 + '") }',
    "a long comment": "{ hello #" + "x" * 32_000 + "\n}",
    "variables": "query (" + "".join(f"$v{i}: Int " for i in range(480)) + ") { hello }",
    "a big number": "{ hello(name: " + "1" * 10_000 + ") }",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_document_does_not_hold_up_the_loop(engine: Engine, text: str) -> None:
    """Whatever 2,000 tokens are made of, others' requests run while they are judged."""
    gaps: list[float] = []

    async def heartbeat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - began)

    beating = asyncio.create_task(heartbeat())
    spent = time.process_time()
    with contextlib.suppress(DocumentRefused, DocumentTooComplex):
        await engine.execute(await engine.find(text, None), {}, context())
    spent = time.process_time() - spent
    beating.cancel()

    assert spent < 0.2
    assert max(gaps, default=0) < 0.1  # 50 ms, and room for a machine that is shared


async def test_thirty_levels_of_chained_fragments_are_answered(engine: Engine) -> None:
    """2^30 spreads of one field are one field, answered in milliseconds."""
    text = chain(30)
    first = await run(engine, text)

    began = time.perf_counter()
    again = await run(engine, text)

    assert msgspec.json.decode(first.body) == {"data": {"node": {"name": "node"}}}
    assert again.body == first.body
    assert time.perf_counter() - began < 0.05


async def test_requests_do_not_see_each_other(engine: Engine) -> None:
    """Many at once over one cached document each get their own variables back."""
    text = "query ($n: String!) { hello(name: $n) }"
    results = await asyncio.gather(*(run(engine, text, {"n": str(i)}) for i in range(50)))

    answers: list[Any] = [msgspec.json.decode(result.body)["data"]["hello"] for result in results]
    assert answers == [f"hello {i}" for i in range(50)]
