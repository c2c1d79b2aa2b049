"""Work that outlives its request: deadlines, clients that leave, and what is drained at the end."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
from starlette.types import Message

from gateway.deadlines import Attempt, InFlight, awaited
from gateway.http import AsgiRequest, ClientLeft
from tests.gateway.small_gateway import World, client_of, small_app, small_config


async def until(condition: Callable[[], bool], seconds: float = 3) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.005)


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return


@dataclass
class Tried:
    """A request whose attempt may take 5 s; what came of it is told, or heard later."""

    work: Callable[[], Awaitable[Any]]
    leaves: Callable[[], Awaitable[None]] = at_once
    shielded: bool = False
    in_flight: InFlight = field(default_factory=InFlight)
    heard: list[Any] = field(default_factory=list)
    tell: Callable[[Any], None] = print

    async def run(self) -> Any:
        """Do the work."""
        return await self.work()

    async def gone(self) -> None:
        """Wait until the client has gone."""
        await self.leaves()

    def settled(self, outcome: Any) -> None:
        """Tell what came of it."""
        self.tell(outcome)

    def unheard(self, outcome: Any) -> None:
        """Hear it later."""
        self.heard.append(outcome)

    def abandoned(self) -> None:
        """Hear that it was given up."""
        self.heard.append("abandoned")

    async def outcome(self) -> Any:
        """Return what an attempt settles."""

        def begin(tell: Callable[[Any], None]) -> Attempt[Any]:
            self.tell = tell
            return Attempt(self, self.in_flight, seconds=5)

        return await awaited(begin)


def code_of(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    code: str = error["errorInfo"]["code"]
    return code


async def test_a_query_ends_at_the_deadline(world: World) -> None:
    """A query that takes too long is cancelled and answered DEADLINE_EXCEEDED."""
    async with client_of(small_app(world, small_config(limits__deadline_seconds=1))) as client:
        began = time.monotonic()
        response = await client.post("/graphql", json={"query": "{ wait }"})

    assert (response.status_code, code_of(response)) == (200, "DEADLINE_EXCEEDED")
    assert response.json()["errors"][0]["errorType"] == "ExecutionTimeout"
    assert time.monotonic() - began > 0.9
    assert (world.cancelled, world.done) == (["query"], [])


async def test_a_mutation_outlives_the_deadline(world: World) -> None:
    """At the deadline the client learns that the outcome is unknown; the change is made."""
    async with client_of(small_app(world, small_config(limits__deadline_seconds=1))) as client:
        response = await client.post("/graphql", json={"query": "mutation { change(seconds: 20) }"})
        assert (response.status_code, code_of(response)) == (200, "OUTCOME_UNKNOWN")
        assert world.done == []
        assert world.leased == 1
        world.release.set()
        await until(lambda: world.done == ["mutation"])

    assert (world.cancelled, world.leased) == ([], 0)


async def test_shutdown_waits_for_mutations(world: World) -> None:
    """A change that is still being made when the application stops is made to its end."""
    async with client_of(small_app(world, small_config(limits__deadline_seconds=1))) as client:
        await client.post("/graphql", json={"query": "mutation { change(seconds: 1.5) }"})
        assert world.done == []

    assert (world.done, world.cancelled) == (["mutation"], [])


async def test_shutdown_does_not_wait_for_ever(world: World) -> None:
    """After the drain's time is over, what still runs is cancelled."""
    config = small_config(limits__deadline_seconds=1, drain_seconds=0)
    async with client_of(small_app(world, config)) as client:
        await client.post("/graphql", json={"query": "mutation { change(seconds: 20) }"})

    assert (world.done, world.cancelled) == ([], ["mutation"])


async def test_a_late_failure_of_a_mutation_is_logged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that comes after its request was answered is logged, without its message."""
    async with client_of(small_app(world, small_config(limits__deadline_seconds=1))) as client:
        query = "mutation { failLate(seconds: 20) }"
        assert code_of(await client.post("/graphql", json={"query": query})) == "OUTCOME_UNKNOWN"
        world.release.set()
        await until(lambda: world.done == ["late failure"])
        await asyncio.sleep(0.05)

    printed = capsys.readouterr().out
    assert "ended after its answer" in printed
    assert "small_gateway.py" in printed
    assert "48-4418" not in printed


async def test_a_query_ends_with_its_client() -> None:
    """When the client goes away, its query is cancelled."""

    async def query() -> None:
        await asyncio.sleep(20)

    tried = Tried(query)

    assert isinstance(await tried.outcome(), ClientLeft)
    await until(lambda: len(tried.in_flight) == 0)
    assert tried.heard == []


async def test_a_mutation_does_not_end_with_its_client() -> None:
    """When the client goes away, its mutation runs to its end, is waited for, and is heard of."""

    async def mutation() -> str:
        tried.shielded = True
        await asyncio.sleep(0.2)
        return "done"

    tried = Tried(mutation)

    assert isinstance(await tried.outcome(), ClientLeft)
    assert tried.heard == []
    assert await tried.in_flight.drain(5) == 0
    assert tried.heard == ["done"]


async def test_nobody_listens_before_the_body_is_read() -> None:
    """While the body is being read, nothing else takes messages from the client."""
    taken: list[str] = []

    async def receive() -> Message:
        taken.append("message")
        return {"type": "http.disconnect"}

    request = AsgiRequest({"method": "POST", "headers": []}, receive)

    async def reading() -> str:
        await asyncio.sleep(0.15)
        return "read"

    assert await Tried(reading, request.gone).outcome() == "read"
    assert taken == []


async def test_who_leaves_is_noticed_once_the_body_is_read() -> None:
    """After the body, the next message that says so ends the wait."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"{}", "more_body": False},
        {"type": "http.request"},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    request = AsgiRequest({"method": "POST", "headers": []}, receive)

    async def reading() -> None:
        await asyncio.sleep(0.1)
        assert await request.body(10) == b"{}"
        await asyncio.sleep(20)

    assert isinstance(await Tried(reading, request.gone).outcome(), ClientLeft)
    assert messages == []


@pytest.mark.parametrize("shielded", [False, True])
async def test_a_request_that_is_cancelled_takes_its_query_with_it(*, shielded: bool) -> None:
    """Where the server gives a request up, its query ends and its mutation goes on."""
    ended: list[str] = []

    async def running() -> str:
        try:
            await asyncio.sleep(0.3)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "done"

    tried = Tried(running, never, shielded=shielded)
    task = asyncio.create_task(tried.outcome())
    await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await tried.in_flight.drain(5)

    assert ended == (["done"] if shielded else ["cancelled"])
    assert tried.heard == (["abandoned", "done"] if shielded else ["abandoned"])


async def test_many_attempts_are_watched_and_none_is_forgotten() -> None:
    """Of a hundred attempts of all lengths each settles once, by itself or by its client."""

    async def work(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    async def leave() -> None:
        await asyncio.sleep(0.1)

    in_flight = InFlight()
    lengths = [number * 0.003 for number in range(100)]
    tried = [Tried(partial(work, one), leave, in_flight=in_flight) for one in lengths]
    outcomes = await asyncio.gather(*(one.outcome() for one in tried))

    assert outcomes[:45] == lengths[:45]
    assert all(isinstance(one, ClientLeft) for one in outcomes[-20:])
    assert await in_flight.drain(1) == 0
    assert len(in_flight) == 0


async def test_a_request_that_is_cancelled_at_once_is_forgotten() -> None:
    """An attempt that is given up before its task has begun is not in flight for ever."""

    async def work() -> None:
        raise AssertionError

    tried = Tried(work, never)
    Attempt(tried, tried.in_flight, seconds=5).abandon()
    await asyncio.sleep(0.01)

    assert len(tried.in_flight) == 0
    assert tried.heard == ["abandoned"]


async def test_an_answer_to_who_has_just_been_cancelled_is_dropped() -> None:
    """What is told in the very turn of a cancellation disturbs nobody."""
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, facts: unhandled.append(facts))

    async def work() -> str:
        return "done"

    tried = Tried(work, never)
    task = asyncio.create_task(tried.outcome())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.01)
    gc.collect()

    assert (len(tried.in_flight), unhandled) == (0, [])


async def test_whatever_work_raises_is_told() -> None:
    """An error that nobody foresaw ends the wait; nobody hangs until the deadline."""

    async def work() -> None:
        raise LookupError

    tried = Tried(work, never)

    assert isinstance(await tried.outcome(), LookupError)
    assert len(tried.in_flight) == 0
