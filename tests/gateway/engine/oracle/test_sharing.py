"""A plan is shared by all who ask for its operation: none of them sees anything of another."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from graphql import build_schema

from gateway.config import Limits
from gateway.engine.execute import Engine
from gateway.errors import DocumentRefused
from schema.build import create_schema
from schema.fetch import FETCH, Batch, Call
from tests.gateway.engine.oracle.cases import DATA_BYTES, DOCUMENT_BYTES, VARIABLES_BYTES, Seeds
from tests.gateway.engine.oracle.documents import Shapes
from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.executors import Case, Oracle, parsed, settled
from tests.gateway.engine.oracle.own_documents import OwnDocuments, OwnForms
from tests.gateway.engine.oracle.own_world import MAKERS, open_places
from tests.gateway.engine.oracle.things import Run
from tests.resolvers.world import CORE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]
DOCUMENTS = 150


def drawn_cases(shapes: Shapes, seed: int, count: int = DOCUMENTS) -> Iterator[tuple[Case, ...]]:
    """Yield the cases of so many documents."""
    draws = random.Random(seed)
    for _ in range(count):
        sizes = (DOCUMENT_BYTES, VARIABLES_BYTES, DATA_BYTES)
        yield Seeds(*(draws.randbytes(size) for size in sizes)).draw(shapes).cases


async def test_executions_side_by_side_do_not_meet(shapes: Shapes, oracle: Oracle) -> None:
    """Executions of one plan, all under way at once, answer as each does alone."""
    for cases in drawn_cases(shapes, 1):
        alone = [
            await oracle.by_plan(case, Run(fault=case.fault), case.make_root()) for case in cases
        ]
        runs = [(case, Run(fault=case.fault), case.make_root()) for case in cases * 3]
        together = await asyncio.gather(*(oracle.by_plan(*run) for run in runs))

        assert [one.data for one in together] == [one.data for one in alone] * 3


async def test_a_cancelled_execution_begins_nothing_more(shapes: Shapes, oracle: Oracle) -> None:
    """Whoever lets go of an answer is waited on by nothing, wherever the execution stood."""
    cancelled = 0
    for number, cases in enumerate(drawn_cases(shapes, 2)):
        case, run, before = cases[0], Run(), asyncio.all_tasks()
        task = asyncio.create_task(oracle.by_plan(case, run, case.make_root()))
        for _ in range(1 + number % 4):
            await asyncio.sleep(0)
        cancelled += task.cancel()
        await asyncio.wait([task])
        begun = run.calls.copy()
        await settled(before)

        if task.cancelled():
            assert run.calls == begun, case.text
    assert cancelled > DOCUMENTS / 10


GREEDY = """input In { l: [Int!] } type Query { plain(l: [Int!]! = [1], in: In = {l: [1]}): Int
  slow(l: [Int!]! = [1], in: In = {l: [1]}): Int all(l: [Int!]! = [1], in: In = {l: [1]}): Int }"""


def greedy(_source: Any, _info: Any, l: list[int], **more: Any) -> int:  # noqa: E741 -- its name
    """Put something into each list that was given, and tell how long they are."""
    within = more["in"]["l"]
    l.append(2)
    within.append(2)
    return len(l) + len(within)


async def greedy_batch(parents: Any, info: Any, **arguments: Any) -> list[int]:
    """Do so for several."""
    return [greedy(parent, info, **arguments) for parent in parents]


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        ("(l: [5], in: {l: [6]})", {}),
        ("(l: $l, in: $in)", {"l": [5], "in": {"l": [6]}}),
        ("(l: [$n], in: {l: [$n]})", {"n": 1}),
    ],
)
@pytest.mark.parametrize("way", ["plain", "slow", "all"])
async def test_what_a_resolver_does_to_its_arguments_stays_there(
    way: str, given: str, variables: dict[str, Any]
) -> None:
    """Arguments are made anew for each execution, also those that stand in the document."""
    schema = build_schema(GREEDY)
    assert schema.query_type is not None
    fields = schema.query_type.fields
    fields["plain"].resolve = greedy
    fields["slow"].extensions[FETCH] = Call(function=greedy)
    fields["all"].extensions[FETCH] = Batch(function=greedy_batch)
    names = {"l": "$l: [Int!]!", "in": "$in: In", "n": "$n: Int!"}
    head = ", ".join(names[name] for name in variables)
    operation = parsed(f"query {f'({head})' if head else ''} {{ {way}{given} }}")
    oracle = Oracle(schema)

    for _ in range(3):
        fresh = msgspec.json.decode(msgspec.json.encode(variables))
        outcome = await oracle.execution.run(operation, fresh, Run())
        assert msgspec.to_builtins(outcome.data) == {way: 4}
        assert outcome.errors == []


async def test_every_sight_of_a_document_is_answered_alike(tmp_path: Any) -> None:
    """Asked again and again by several, the engine answers what it did at first, byte by byte."""
    limits = Limits(aliases=1_000, depth=50, directives=200, tokens=20_000)
    engine, forms = Engine(create_schema(), limits), OwnForms(CORE)
    async with open_places(tmp_path) as (place, _):
        for number in range(60):
            draws = Draws(random.Random(number).randbytes(80))
            document = OwnDocuments(forms, draws, place).draw()
            seen: dict[str, set[bytes]] = {role: set() for role in MAKERS}
            for role in (*MAKERS, *MAKERS, *reversed(MAKERS)):
                operation = await engine.find(document.text, None)
                context = place.context(role)
                try:
                    result = await engine.execute(operation, document.variables, context)
                    told = msgspec.json.decode(result.body)
                    told["errors"] = sorted(map(str, told.get("errors", ())))
                    seen[role].add(msgspec.json.encode(told))
                except DocumentRefused as refused:
                    seen[role].add(str(refused.entries).encode())
            assert [len(answers) for answers in seen.values()] == [1] * len(MAKERS), document.text
    engine.close()
