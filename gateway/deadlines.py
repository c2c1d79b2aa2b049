"""When work ends before its answer is ready: at the deadline, or because the client left.

A query ends with its request. A mutation that has begun runs to its end whoever still listens; it
is kept track of, and awaited when the gateway stops.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import Receive

from domain.errors import DeadlineExceeded, OutcomeUnknown
from gateway.http import ClientLeft

T = TypeVar("T")

# Nearly every answer is ready before anybody looks whether the client is still there.
LISTEN_AFTER_SECONDS = 0.05
STILL_RUNNING = (
    "The deadline came before the outcome. The change may still be made: read the object again, or "
    "repeat with the same idempotency key."
)


class Work:
    """What a request is about to do, as far as it matters for ending it early.

    listening: the body has been read, so that the client can be watched. shielded: a mutation has
    begun.
    """

    __slots__ = ("listening", "shielded")

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self.shielded = False


class InFlight:
    """All tasks that work for requests; none is forgotten before it has ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Return how many tasks are running."""
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that is kept until it ends."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, seconds: float) -> int:
        """Wait for the tasks to end, and return how many had to be cancelled."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)


async def answer_within(
    seconds: float,
    coroutine: Coroutine[Any, Any, T],
    *,
    work: Work,
    receive: Receive,
    in_flight: InFlight,
    unheard: Callable[[asyncio.Task[T]], None],
) -> T:
    """Return what the coroutine returns.

    Raises DeadlineExceeded where it takes too long, OutcomeUnknown where a mutation does, and
    ClientLeft where the client goes away first. `unheard` is then called when it has ended.
    """
    ends = asyncio.get_running_loop().time() + seconds
    task = in_flight.start(coroutine)
    try:
        await asyncio.wait((task,), timeout=min(LISTEN_AFTER_SECONDS, seconds))
        if task.done():
            return task.result()
        left = await _client_left(task, ends, work, receive)
    except asyncio.CancelledError:
        _end(task, work, unheard)
        raise
    if task.done():
        return task.result()
    _end(task, work, unheard)
    if left:
        raise ClientLeft
    raise OutcomeUnknown(STILL_RUNNING) if work.shielded else DeadlineExceeded


async def _client_left(task: asyncio.Task[Any], ends: float, work: Work, receive: Receive) -> bool:
    """Wait until the task is done, the client has left or the deadline has come; say if it left."""
    watcher = asyncio.create_task(_watch(work, receive))
    try:
        remaining = max(0.0, ends - asyncio.get_running_loop().time())
        await asyncio.wait((task, watcher), timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        return watcher.done()
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await watcher


async def _watch(work: Work, receive: Receive) -> None:
    await work.listening.wait()
    while (await receive())["type"] != "http.disconnect":
        pass


def _end(task: asyncio.Task[T], work: Work, unheard: Callable[[asyncio.Task[T]], None]) -> None:
    task.add_done_callback(unheard)
    if not work.shielded:
        task.cancel()
