"""Execution alone, without HTTP: graphql-core's `execute` beside Almoner's engine, in one process.

Both are given a parsed, validated document and its variables. graphql-core returns objects, the
engine the bytes of the answer, with the operation's cost judged on the way. Run as a program it
prints its figures as JSON: CPU microseconds of each, round by round.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, execute, parse

from bench.machine import SERVER_CORE, held_to
from bench.synthetic.data import QUERIES, Query, read_applications
from bench.synthetic.engine import Anybody, create_engine, create_schema
from gateway.config import Limits
from gateway.engine.execute import Engine
from schema.build import core_schema

ROUNDS = 5
ROUND_SECONDS = 0.2
ONCE = 10


async def compare(data: Path) -> dict[str, dict[str, list[float]]]:
    """Return by query the CPU microseconds of `core` and `engine`, one figure a round."""
    applications = read_applications(data)
    core = core_schema(create_schema(applications))
    engine = create_engine(applications, Limits())
    found = {}
    for query in QUERIES:
        by_core = _core(core, query)
        by_engine = await _engine(engine, query)
        expected = (await by_core()).data
        answered = json.loads((await by_engine()).body)["data"]
        assert answered == expected, f"{query.name} is answered differently"
        rounds = [(await _time(by_core), await _time(by_engine)) for _ in range(ROUNDS)]
        found[query.name] = {
            "core": [one for one, _ in rounds],
            "engine": [one for _, one in rounds],
        }
    engine.close()
    return found


def _core(schema: GraphQLSchema, query: Query) -> Callable[[], Awaitable[Any]]:
    document = parse(query.text)

    async def run() -> ExecutionResult:
        result = execute(schema, document, variable_values=query.variables)
        assert isinstance(result, ExecutionResult)
        return result

    return run


async def _engine(engine: Engine, query: Query) -> Callable[[], Awaitable[Any]]:
    context = Anybody.now()
    for _ in range(3):  # seen often enough to be compiled
        operation = await engine.find(query.text, None)
        await engine.execute(operation, query.variables, context)

    async def run() -> Any:
        return await engine.execute(operation, query.variables, context)

    return run


async def _time(run: Callable[[], Awaitable[Any]]) -> float:
    """Return the CPU microseconds of one run, of as many as fit into a round."""
    times = 0
    began = now = process_time()
    while now - began < ROUND_SECONDS:
        for _ in range(ONCE):
            await run()
        times += ONCE
        now = process_time()
    return (now - began) / times * 1_000_000


async def repeat(data: Path, name: str, seconds: float) -> None:
    """Have the engine answer one query for so long, to be watched; say `ready` before."""
    engine = create_engine(read_applications(data), Limits())
    run = await _engine(engine, next(query for query in QUERIES if query.name == name))
    print("ready", flush=True)
    began = process_time()
    while process_time() - began < seconds:
        for _ in range(ONCE):
            await run()
    engine.close()


def main() -> None:
    """Print the figures; arguments: the file of the data, or that, a query and some seconds."""
    data = Path(sys.argv[1])
    with held_to(SERVER_CORE):
        if sys.argv[2:]:
            asyncio.run(repeat(data, sys.argv[2], float(sys.argv[3])))
        else:
            print(json.dumps(asyncio.run(compare(data))))


if __name__ == "__main__":
    main()
