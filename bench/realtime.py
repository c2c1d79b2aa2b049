"""What thousands of live subscriptions cost, beside graphql-ws: `python -m bench.realtime`.

4,000 connections to one worker with a subscription each. 100 of them are to one application, which
is changed 50 times a second by real mutations over HTTP, and each of them has to be told of each
change once. A telling is timed from before the change is sent, so that all of it is in there: the
change, the commit, the outbox, the relay, the broker, the reading anew and the writing. The peer
stores nothing, authenticates nobody and tells what it was posted.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.figures import percentile, short
from bench.full_path import AMPLE
from bench.live_clients import Speech, connected
from bench.machine import (
    LOAD_CORE,
    SERVER_CORE,
    can_measure,
    cpu_seconds,
    held_to,
    machine_name,
    memory_mb,
)
from bench.open_loop import allow_descriptors
from bench.peers import Peer, PeerFailed, running
from domain.access import Scope
from tests.gateway.realtime.house import CHANGE, START, UPDATED, headers_of
from tests.gateway.served import make_home, served

SUBSCRIBERS, RATE = 100, 50
P99_MS_MAX, SOCKET_KB_MAX = 250.0, 60.0
APPSYNC, TRANSPORT, NODE = "Almoner, AppSync", "Almoner, graphql-ws", "graphql-ws on Node"
ROOM = {
    f"ALMONER_REALTIME_{name}": "1000000"
    for name in (
        "CONNECTIONS",
        "AGENCY_CONNECTIONS",
        "CALLER_CONNECTIONS",
        "AGENCY_SUBSCRIPTIONS",
        "CALLER_SUBSCRIPTIONS",
    )
}
Change = Callable[[str], Awaitable[None]]
"""Has everybody told of a text."""


@dataclass(slots=True)
class Tellings:
    """What the subscribers have been told. by_client: how often each, and of what."""

    seconds: list[float] = field(default_factory=list)
    by_client: dict[int, list[str]] = field(default_factory=dict)

    def told(self, number: int, payload: Any) -> None:
        """Note a telling; an event is known by its cursor, or else by its version."""
        record = payload["data"]["onApplicationUpdated"]
        stamp = record["hardshipReason"]
        self.seconds.append((time.perf_counter_ns() - int(stamp)) / 1e9)
        event = payload.get("extensions", {}).get("cursor") or str(record["version"])
        self.by_client.setdefault(number, []).append(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of one server."""

    name: str
    socket_kb: float
    p50_ms: float
    p99_ms: float
    cpu_percent: float
    lost: int
    doubled: int

    def row(self) -> str:
        """Return its row of the table."""
        figures = (self.socket_kb, self.p50_ms, self.p99_ms, self.cpu_percent)
        return f"| {self.name} | {' | '.join(map(short, figures))} | {self.lost} | {self.doubled} |"


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.realtime", description=__doc__)
    parser.add_argument("--connections", type=int, default=4_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    if not can_measure() or not allow_descriptors(given.connections + 500):
        print("almoner: this needs /proc, and a file for each connection", file=sys.stderr)
        return 1
    print(f"{machine_name()}; {given.connections} connections, {SUBSCRIBERS} of them told of ")
    print(f"{RATE} changes a second for {given.seconds:g} s\n")
    print("| server | KB a socket | p50 ms | p99 ms | CPU % of a core | lost | doubled |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        for name in (APPSYNC, TRANSPORT, NODE):
            try:
                measured = _node if name == NODE else _almoner
                print(measured(name, Path(made), given).row(), flush=True)
            except PeerFailed as error:
                print(f"| {name} | {error} | | | | | |")
    print(f"\nAsked for: p99 {P99_MS_MAX:g} ms, {SOCKET_KB_MAX:g} KB, none lost, none doubled.")
    return 0


def _almoner(name: str, folder: Path, given: argparse.Namespace) -> Figures:
    home = folder / name
    secret = asyncio.run(make_home(home, Scope))
    settings: dict[str, Any] = {
        "ALMONER_WORKERS": "1",
        "ALMONER_HTTP_PROTOCOL": "direct",
        **ROOM,
        **AMPLE,
    }
    with held_to(SERVER_CORE), served(home, folder / f"{name}.log", **settings) as gateway:
        (worker,) = gateway.workers()

        async def run() -> Figures:
            async with httpx.AsyncClient(headers=headers_of(secret), timeout=30) as client:

                async def ask(document: str, **variables: str) -> Any:
                    body = {"query": document, "variables": variables}
                    answer = await client.post(f"{gateway.url}/graphql", json=body)
                    return answer.json()["data"]

                watched = (await ask(START))["startApplication"]["id"]
                quiet = (await ask(START))["startApplication"]["id"]

                async def change(text: str) -> None:
                    await ask(CHANGE, id=watched, to=text)

                speech = _appsync if name == APPSYNC else _transport
                spoken = speech(secret, watched, quiet)
                return await _measure(name, gateway.port, [worker], spoken, change, given)

        with held_to(LOAD_CORE):
            try:
                return asyncio.run(run())
            except RuntimeError as error:
                raise PeerFailed(f"{error}: {gateway.log.read_text()[-800:]}") from error


def _node(name: str, folder: Path, given: argparse.Namespace) -> Figures:
    peer = Peer(name=name, program="graphql_ws.cjs")
    missing = peer.missing()
    if missing is not None:
        raise PeerFailed(missing)
    with running(peer, folder, folder / "node.log") as server:

        async def run() -> Figures:
            async with httpx.AsyncClient(timeout=30) as client:

                async def change(text: str) -> None:
                    url = f"http://127.0.0.1:{server.port}/"
                    await client.post(url, content=json.dumps({"id": "watched", "to": text}))

                spoken = _transport(None, "watched", "quiet")
                return await _measure(name, server.port, [server.pid], spoken, change, given)

        with held_to(LOAD_CORE):
            return asyncio.run(run())


def _appsync(secret: str, watched: str, quiet: str) -> Speech:
    headers = {"host": "localhost", **headers_of(secret)}

    def start(number: int) -> Mapping[str, object]:
        variables = {"id": watched if number < SUBSCRIBERS else quiet}
        data = json.dumps({"query": UPDATED, "variables": variables})
        payload = {"data": data, "extensions": {"authorization": headers}}
        return {"id": "1", "type": "start", "payload": payload}

    return Speech(
        subprotocol="graphql-ws",
        headers=headers_of(secret),
        init={"type": "connection_init"},
        start=start,
        event="data",
        marks_ready="start_ack",
    )


def _transport(secret: str | None, watched: str, quiet: str) -> Speech:
    def start(number: int) -> Mapping[str, object]:
        variables = {"id": watched if number < SUBSCRIBERS else quiet}
        return {
            "id": "1",
            "type": "subscribe",
            "payload": {"query": UPDATED, "variables": variables},
        }

    payload = {} if secret is None else headers_of(secret)
    return Speech(
        subprotocol="graphql-transport-ws",
        headers={},
        init={"type": "connection_init", "payload": payload},
        start=start,
        event="next",
    )


async def _measure(
    name: str,
    port: int,
    pids: list[int],
    speech: Speech,
    change: Change,
    given: argparse.Namespace,
) -> Figures:
    """Connect, change for a while, and return what came of it."""
    tellings = Tellings()
    for _ in range(20):  # what is made once is not a socket's
        await change(str(time.perf_counter_ns()))
    before = sum(memory_mb(pids))
    clients = await connected(port, given.connections, speech, tellings.told)
    socket_kb = (sum(memory_mb(pids)) - before) * 1024 / given.connections
    began, used = time.perf_counter(), cpu_seconds(pids)
    changes = int(RATE * given.seconds)
    running_now: list[asyncio.Task[None]] = []
    queue = asyncio.Lock()

    async def one() -> None:
        async with queue:  # one after the other: each changes what the last one left
            await change(str(time.perf_counter_ns()))

    for number in range(changes):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        running_now.append(asyncio.create_task(one()))
    await asyncio.gather(*running_now)
    elapsed, used = time.perf_counter() - began, cpu_seconds(pids) - used
    heard = -1
    while heard < len(tellings.seconds):  # until nothing more comes
        heard = len(tellings.seconds)
        await asyncio.sleep(3.0)
    if ended := [client.ended for client in clients if client.ended is not None]:
        raise PeerFailed(f"{len(ended)} connections ended: {ended[0]}")
    told = [tellings.by_client.get(number, []) for number in range(SUBSCRIBERS)]
    return Figures(
        name=name,
        socket_kb=socket_kb,
        p50_ms=percentile(tellings.seconds, 50) * 1000,
        p99_ms=percentile(tellings.seconds, 99) * 1000,
        cpu_percent=100 * used / elapsed,
        lost=sum(changes - len(set(events)) for events in told),
        doubled=sum(len(events) - len(set(events)) for events in told),
    )


if __name__ == "__main__":
    sys.exit(main())
