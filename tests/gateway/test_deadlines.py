"""Work that outlives its request: deadlines, clients that leave, and what is drained at the end."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.types import Message

from gateway.deadlines import InFlight, Work, answer_within
from gateway.http import ClientLeft
from tests.gateway.small_gateway import World, client_of, small_app, small_config


async def until(condition: Callable[[], bool], seconds: float = 3) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.005)


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def disconnect() -> Message:
    return {"type": "http.disconnect"}


def ignore(_task: asyncio.Task[Any]) -> None:
    return


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


async def test_a_query_ends_with_its_client(world: World) -> None:
    """When the client goes away, its query is cancelled."""
    in_flight, work = InFlight(), Work()
    work.listening.set()

    async def query() -> None:
        await asyncio.sleep(20)

    with pytest.raises(ClientLeft):
        await answer_within(
            5, query(), work=work, receive=disconnect, in_flight=in_flight, unheard=ignore
        )
    await until(lambda: len(in_flight) == 0)


async def test_a_mutation_does_not_end_with_its_client() -> None:
    """When the client goes away, its mutation runs to its end and is waited for."""
    in_flight, work, done = InFlight(), Work(), list[str]()

    async def mutation() -> None:
        work.shielded = True
        work.listening.set()
        await asyncio.sleep(0.2)
        done.append("done")

    with pytest.raises(ClientLeft):
        await answer_within(
            5, mutation(), work=work, receive=disconnect, in_flight=in_flight, unheard=ignore
        )
    assert done == []
    assert await in_flight.drain(5) == 0
    assert done == ["done"]


async def test_nobody_listens_before_the_body_is_read() -> None:
    """While the body is being read, nothing else takes messages from the client."""
    work, taken = Work(), list[str]()

    async def receive() -> Message:
        taken.append("message")
        return await never()

    async def reading() -> str:
        await asyncio.sleep(0.15)
        return "read"

    assert (
        await answer_within(
            5, reading(), work=work, receive=receive, in_flight=InFlight(), unheard=ignore
        )
        == "read"
    )
    assert taken == []


@pytest.mark.parametrize("shielded", [False, True])
async def test_a_request_that_is_cancelled_takes_its_query_with_it(*, shielded: bool) -> None:
    """Where the server gives a request up, its query ends and its mutation goes on."""
    in_flight, work, ended = InFlight(), Work(), list[str]()
    work.shielded = shielded

    async def running() -> None:
        try:
            await asyncio.sleep(0.3)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def request() -> None:
        await answer_within(
            5, running(), work=work, receive=never, in_flight=in_flight, unheard=ignore
        )

    task = asyncio.create_task(request())
    await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await in_flight.drain(5)

    assert ended == (["done"] if shielded else ["cancelled"])


async def test_errors_that_nobody_waits_for_are_heard() -> None:
    """What a left-over task raises is passed on instead of lost."""
    heard: list[BaseException | None] = []
    in_flight, work = InFlight(), Work()
    work.shielded = True
    work.listening.set()

    async def failing() -> None:
        await asyncio.sleep(0.1)
        raise LookupError

    with pytest.raises(ClientLeft):
        await answer_within(
            5,
            failing(),
            work=work,
            receive=disconnect,
            in_flight=in_flight,
            unheard=lambda task: heard.append(task.exception()),
        )
    await in_flight.drain(5)
    await asyncio.sleep(0)

    assert [type(error) for error in heard] == [LookupError]
