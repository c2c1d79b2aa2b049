"""When work ends before its answer is ready: at the deadline, or because the client left.

A query ends with its request. A mutation that has begun runs to its end whoever still listens; it
is kept track of, and awaited when the gateway stops.
"""

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Any, Generic, Protocol, TypeVar

from domain.errors import DeadlineExceeded, OutcomeUnknown
from gateway.http import ClientLeft

T = TypeVar("T")

# Nearly every answer is ready before anybody looks whether the client is still there.
LISTEN_AFTER_SECONDS = 0.05
TICK_SECONDS = 0.025
STILL_RUNNING = (
    "The deadline came before the outcome. The change may still be made: read the object again, or "
    "repeat with the same idempotency key."
)


class Supervised(Protocol[T]):
    """What an attempt is made for: what it runs, and who is told of it.

    shielded: a mutation has begun.
    """

    shielded: bool

    async def run(self) -> T:
        """Do the work."""
        ...

    async def gone(self) -> None:
        """Wait until the client has gone."""
        ...

    def settled(self, outcome: T | Exception) -> None:
        """Hear once what came of it.

        That is what the work has given or raised; or DeadlineExceeded where it took too long,
        OutcomeUnknown where a mutation did, and ClientLeft where the client went away first, or the
        process ends.
        """
        ...

    def unheard(self, outcome: T | Exception) -> None:
        """Hear what came of work after all, for which nobody waited any more."""
        ...

    def abandoned(self) -> None:
        """Hear that the request was given up before anything was settled."""
        ...


class InFlight:
    """All attempts that are being made; none is forgotten before its task has ended."""

    def __init__(self) -> None:
        self._attempts: dict[Attempt[Any], None] = {}  # the oldest first
        self._ticking = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._attempts)

    def add(self, attempt: "Attempt[Any]") -> None:
        """Keep an attempt; it is told once it takes longer than nearly all do."""
        self._attempts[attempt] = None
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def discard(self, attempt: "Attempt[Any]") -> None:
        """Forget an attempt whose task has ended."""
        self._attempts.pop(attempt, None)

    async def drain(self, seconds: float) -> int:
        """Wait for the tasks to end, and return how many had to be cancelled."""
        if not self._attempts:
            return 0
        _, late = await asyncio.wait({one.task for one in self._attempts}, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        return len(late)

    def _tick(self) -> None:
        """Tell those that take long. One timer for all costs a request less than one of its own."""
        loop = asyncio.get_running_loop()
        early = loop.time() - LISTEN_AFTER_SECONDS
        for attempt in list(takewhile(lambda one: one.began <= early, self._attempts)):
            attempt.takes_long()
        self._ticking = bool(self._attempts)
        if self._ticking:
            loop.call_later(TICK_SECONDS, self._tick)


class Attempt(Generic[T]):
    """The work on one request, in a task of its own, and what ends it early."""

    __slots__ = (
        "_for",
        "_in_flight",
        "_listener",
        "_seconds",
        "_settled",
        "_timer",
        "began",
        "task",
    )

    def __init__(
        self,
        supervised: Supervised[T],
        in_flight: InFlight,
        *,
        seconds: float,
    ) -> None:
        """Begin; it may take so many seconds."""
        loop = asyncio.get_running_loop()
        self._for = supervised
        self._in_flight = in_flight
        self._seconds = seconds
        self._settled = False
        self._listener: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.began = loop.time()
        in_flight.add(self)
        self.task = loop.create_task(self._run())

    def abandon(self) -> None:
        """Give the request up: nothing is settled any more, and a query ends."""
        if not self._settled:
            self._stop_waiting()
            self._end_task()
            self._for.abandoned()

    def takes_long(self) -> None:
        """Wait for the deadline, and meanwhile for the client to leave."""
        if self._timer is None and not self._settled:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self.began + self._seconds, self.expire)
            self._listener = loop.create_task(self._listen())

    async def _run(self) -> None:
        outcome: T | Exception
        try:
            outcome = await self._for.run()
        except asyncio.CancelledError:
            self._give_up(ClientLeft())
            raise
        except Exception as error:  # noqa: BLE001 -- whoever waits is told
            outcome = error
        finally:
            self._in_flight.discard(self)
        if self._settled:
            self._for.unheard(outcome)
        else:
            self._stop_waiting()
            self._for.settled(outcome)

    def expire(self) -> None:
        """End it as its deadline does."""
        shielded = self._for.shielded
        self._give_up(OutcomeUnknown(STILL_RUNNING) if shielded else DeadlineExceeded())

    async def _listen(self) -> None:
        await self._for.gone()
        self._listener = None
        self._give_up(ClientLeft())

    def _give_up(self, error: Exception) -> None:
        if self._settled:
            return
        self._stop_waiting()
        self._end_task()
        self._for.settled(error)

    def _stop_waiting(self) -> None:
        self._settled = True
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _end_task(self) -> None:
        if not self._for.shielded:
            # A task that has not begun yet ends without a word of its own.
            self.task.add_done_callback(lambda _: self._in_flight.discard(self))
            self.task.cancel()


async def awaited(begin: Callable[[Callable[[T], None]], Attempt[T] | None]) -> T:
    """Return what `begin` has told; where the caller is cancelled, the attempt is abandoned."""
    told: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def tell(outcome: T) -> None:
        if not told.done():  # cancelled, in the very turn in which it is told
            told.set_result(outcome)

    attempt = begin(tell)
    try:
        return await told
    except asyncio.CancelledError:
        if attempt is not None:
            attempt.abandon()
        raise
