"""`python -m bench.protection`: what protection costs a request, and whether it holds others up.

Three parts: what cost and budget take of one request; how long the event loop stands still
while each hostile document is judged; and known operations of a gateway beside a stream of
documents that nobody has seen. `costs`, `stalls` or `stream` as an argument is one of them.
"""

import asyncio
import base64
import contextlib
import gc
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvloop
from graphql import OperationDefinitionNode, parse

from bench.machine import load_average, machine_name, memory_mb, process_tree
from bench.wire import ask_once, request_bytes
from domain.access import Principal
from domain.actors import PrincipalKind
from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.budgets.budgets import Budgets
from gateway.config import BudgetsConfig, Limits
from gateway.engine.cost import Cost, Prices
from gateway.engine.documents import Operation
from gateway.engine.validation import Checks
from gateway.errors import DocumentRefused
from schema.build import core_schema, create_schema
from tests.gateway.hostile_documents import hostile_documents
from tests.gateway.served import Served, make_home, served

ROUNDS, TIMES = 1_500, 200
STALL_ROUNDS = 3
STREAM_SECONDS = 8.0
KNOWN_RATE = 100.0
STREAMING_CONNECTIONS = 4
WORST = 8
FIELDS = 12
AGENCY = Agency(
    id="01HARB0R000000000000000000", slug="harbor", name="", states=(), store_url="", pools=()
)
KEY = Principal(
    kind=PrincipalKind.INTEGRATION,
    subject="key_01HARB0R00000000000000000",
    display_name="",
    agency_id=AGENCY.id,
    group=None,
    expires_at=datetime.now(UTC),
)
KNOWN = "{ agency { slug } }"
OPERATIONS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "no page": ("{ agency { slug name } }", {}),
    "pages in the document": ("{ applications(first: 5) { edges { node { id } } } }", {}),
    "a page size by variable": (
        "query ($n: Int) { applications(first: $n) { edges { cursor } } }",
        {"n": 5},
    ),
    "a credit pull": ("mutation { pullCreditReport(input: {}) { id } }", {}),
}


def main() -> int:
    """Print the tables."""
    parts = sys.argv[1:] or ["costs", "stalls", "stream"]
    print(f"almoner: {machine_name()}, load {load_average():.1f}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if "costs" in parts:
            runner.run(_costs())
        if "stalls" in parts:
            runner.run(_stalls())
    if "stream" in parts:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            key = asyncio.run(make_home(home))
            with served(home, Path(folder) / "log") as running:
                _stream(running, key)
    return 0


async def _costs() -> None:
    prices = Prices(core_schema(create_schema()), Limits())
    plenty = 1_000_000_000  # what is not covered would be another figure
    config = BudgetsConfig(
        agency_points=plenty, key_points=plenty, agency_cents=plenty, key_cents=plenty
    )
    budgets = Budgets(config)
    empty = await _best(_nothing)
    print(f"\n{'cost and budget of one request':32}{'cost µs':>9}{'budget µs':>11}{'both µs':>9}")
    for name, (text, variables) in OPERATIONS.items():
        document = parse(text)
        node = document.definitions[0]
        assert isinstance(node, OperationDefinitionNode)
        operation = Operation(document, node)
        priced = await _best(partial(_price, prices, operation, variables)) - empty
        cost = prices.of(operation, variables)
        charged = await _best(partial(_charge, budgets, cost)) - empty
        print(f"{name:32}{priced:9.2f}{charged:11.2f}{priced + charged:9.2f}")


async def _nothing() -> None:
    pass


async def _price(prices: Prices, operation: Operation, variables: Mapping[str, object]) -> None:
    prices.of(operation, variables)


async def _charge(budgets: Budgets, cost: Cost) -> None:
    await budgets.charge(AGENCY, KEY, cost)


async def _best(work: Callable[[], Awaitable[None]]) -> float:
    """Return the microseconds that one call takes, in the best of many short rounds.

    Short ones, so that some of them fall between what else the machine does.
    """
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(TIMES):
            await work()
        best = min(best, time.perf_counter() - began)
    return best / TIMES * 1_000_000


async def _stalls() -> None:
    """Say how long the loop stands still at the longest while a document is judged beside it."""
    core = core_schema(create_schema())
    checks = Checks(core, Limits())
    gc.collect()
    gc.freeze()  # as the gateway does after its start
    found: list[tuple[float, float, str]] = []
    for name, text in hostile_documents().items():
        stalls, takes = [], []
        for _ in range(STALL_ROUNDS):
            stalled, taken = await _stall(checks, text)
            stalls.append(stalled)
            takes.append(taken)
        found.append((min(stalls), min(takes), name))
    quiet = min([await _quiet() for _ in range(STALL_ROUNDS)])
    checks.close()
    gc.unfreeze()
    print(f"\n{'document (the worst of them)':44}{'loop held ms':>13}{'verdict ms':>12}")
    for stalled, taken, name in sorted(found, reverse=True)[:WORST]:
        print(f"{name:44}{stalled:13.1f}{taken:12.1f}")
    print(f"{'nothing to judge':44}{quiet:13.1f}")


async def _stall(checks: Checks, text: str) -> tuple[float, float]:
    began = time.perf_counter()
    judging = asyncio.create_task(checks.check(text))
    stalled = await _longest_turn(judging.done)
    taken = time.perf_counter() - began
    with contextlib.suppress(GatewayError, DocumentRefused):
        await judging
    return stalled, taken * 1000


async def _quiet() -> float:
    ends = time.perf_counter() + 0.1
    return await _longest_turn(lambda: time.perf_counter() > ends)


async def _longest_turn(done: Callable[[], bool]) -> float:
    """Return the milliseconds of the loop's longest turn until it is done.

    In processor time of this process: what else runs on the machine holds no loop of a server.
    """
    longest, before = 0.0, time.process_time()
    while not done():
        await asyncio.sleep(0)
        now = time.process_time()
        longest, before = max(longest, now - before), now
    return longest * 1000


def _stream(running: Served, key: str) -> None:
    """Say how long known operations take, alone and beside documents that nobody has seen."""
    _flow(running, key, 1.0)
    alone = _flow(running, key, STREAM_SECONDS)
    before = _memory(running)
    numbers, over = itertools.count(), threading.Event()
    streams = [
        threading.Thread(target=_distinct, args=(running, key, numbers, over))
        for _ in range(STREAMING_CONNECTIONS)
    ]
    for stream in streams:
        stream.start()
    beside = _flow(running, key, STREAM_SECONDS)
    over.set()
    for stream in streams:
        stream.join()
    print(f"\n{f'known operations, {KNOWN_RATE:.0f} a second':44}{'p50 ms':>10}{'p99 ms':>10}")
    for name, flow in (("alone", alone), ("beside a stream of new documents", beside)):
        print(f"{name:44}{flow['p50_ms']:10.2f}{flow['p99_ms']:10.2f}   {flow['failed']} failed")
    print(f"{next(numbers) // FIELDS} new documents beside them; ", end="")
    print(f"memory of the worker {before:.0f} MB before, {_memory(running):.0f} MB after")


def _flow(running: Served, key: str, seconds: float) -> Mapping[str, float]:
    """Return what the open-loop load says of known operations."""
    request = _request(running, key, KNOWN)
    job = {
        "port": running.port,
        "request": base64.b64encode(request).decode(),
        "pids": running.workers(),
        "connections": 32,
        "rate": KNOWN_RATE,
        "warm_up_seconds": 0.5,
        "seconds": seconds,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.open_loop"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    flow: Mapping[str, float] = json.loads(done.stdout)
    return flow


def _distinct(
    running: Served, key: str, numbers: "itertools.count[int]", over: threading.Event
) -> None:
    while not over.is_set():
        fields = (f"a{next(numbers)}: me {{ subject kind displayName }}" for _ in range(FIELDS))
        ask_once(running.port, _request(running, key, f"{{ {' '.join(fields)} }}"))


def _request(running: Served, key: str, document: str) -> bytes:
    body = json.dumps({"query": document}).encode()
    return request_bytes(running.port, "/graphql", {"x-api-key": key}, body)


def _memory(running: Served) -> float:
    return max(memory_mb(process_tree(running.process.pid)))


if __name__ == "__main__":
    sys.exit(main())
