"""The relay takes events out of a store's outbox and hands them to a sink, each subject's in order.

What is handed on was committed, for the outbox is written in the same unit; it is removed only
after the sink has taken it, so that a process killed at any moment leaves it to whoever has the
store open, or opens it next. An event may so be handed on twice, by this process or another, and
whoever takes it tells by its id. An event that cannot be read, or that the sink does not take,
holds back those of its own subject alone, and is tried again ever more rarely.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.clock import utc_now
from domain.errors import GatewayError, StoreUnavailable
from domain.events import Event
from tenants.outbox.outbox import Outbox, Waiting

BATCH_MAX = 50  # twice as many rows, those not removed yet with them, are read without a thread
POLL_SECONDS = 0.5  # how soon what another process or command has committed is seen
ROUND_EACH_SECONDS = 0.005  # so that a burst of commits is read some at a time, not one by one
DONE_DELAY_SECONDS = 0.1  # so that one removal, which waits for the disk, takes many events along
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.25, 5.0  # while the sink or the store is away
HELD_SECONDS_MIN, HELD_SECONDS_MAX = 1.0, 300.0  # of a subject whose event is not taken
SET_ASIDE_MAX = 10_000  # events beyond those wait, whatever they are about
LAST_ROUNDS_MAX = 100

_log = logging.getLogger("almoner.outbox")


class SinkAway(Exception):
    """The sink cannot be reached: nothing is known of what it was handed, and all of it waits."""


class Sink(Protocol):
    """Where one agency's events go."""

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events in their order, for good on return; those it has already are no error.

        Raises SinkAway where all must wait. Whatever else it raises, an event itself is at fault.
        """
        ...


class Observer(Protocol):
    """Who counts what becomes of events."""

    def relayed(self, events: Sequence[Event], at: datetime) -> None:
        """Note that the sink has taken events, at that moment."""
        ...

    def failed(self) -> None:
        """Note that the sink was away."""
        ...


class Unobserved:
    """Counts nothing."""

    def relayed(self, events: Sequence[Event], at: datetime) -> None:
        """Note nothing."""

    def failed(self) -> None:
        """Note nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxBacklog:
    """Events that wait. set_aside: those not taken, or not to be read, and those behind them.

    since: the time of the oldest one that can be read.
    """

    queued: int = 0
    set_aside: int = 0
    since: datetime | None = None


@dataclass(slots=True)
class _Held:
    """A subject, or an unreadable event, that is left alone until then."""

    until: float
    seconds: float


class Relay:
    """Relays one agency's events for as long as its store is open."""

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        agency_id: str,
        observer: Observer | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._agency_id = agency_id
        self._observer: Observer = observer or Unobserved()
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._relayed: dict[str, None] = {}  # by this process, and not removed yet
        self._relayed_at = 0.0
        self._held: dict[str, _Held] = {}  # by subject
        self._unreadable: set[str] = set()
        self._failure: str | None = None
        self._retry_seconds = 0.0
        self.backlog = OutboxBacklog()

    def start(self) -> None:
        """Relay from now on, beginning with what is there."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Relay what waits, unless the sink is away, and stop; the store is still open then."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        with suppress(Exception):  # it was told by the task, or waits for whoever opens the store
            for _ in range(LAST_ROUNDS_MAX):
                if not await self.relay(finish=True):
                    break

    async def relay(self, *, finish: bool = False) -> int:
        """Hand on a batch of what waits now, and return how many events it was.

        finish: remove what was handed on at once. Raises SinkAway, StoreUnavailable.
        """
        aside = self.backlog.set_aside
        limit = BATCH_MAX + min(len(self._relayed) + aside, SET_ASIDE_MAX)
        listed = await self._outbox.waiting(limit, self._relayed)
        ready = self._ready(listed)
        taken = 0
        try:
            for start in range(0, len(ready), BATCH_MAX):
                taken += await self._hand_on(ready[start : start + BATCH_MAX])
        finally:
            self._look_at(listed)
        if self._relayed and (finish or self._is_due()):
            await self._outbox.done(list(self._relayed))
            self._relayed.clear()
        return taken

    def _ready(self, listed: Sequence[Waiting]) -> list[Event]:
        """Return what may be handed on now, each subject's events by version."""
        now, blocked, found = self._clock(), set[str](), list[Event]()
        for one in listed:
            if one.event is None:
                self._cannot_read(one)
                if one.subject is not None:
                    blocked.add(one.subject)
                continue
            held = self._held.get(one.event.subject)
            if one.event.subject not in blocked and (held is None or held.until <= now):
                found.append(one.event)
        return in_order(found)

    async def _hand_on(self, events: Sequence[Event]) -> int:
        """Hand a batch on; where one of it is at fault, those of other subjects all the same."""
        try:
            await self._sink.accept(events)
        except SinkAway:
            raise
        except Exception:  # noqa: BLE001 -- which event is at fault is found out one by one
            return await self._hand_on_singly(events)
        self._taken(events)
        return len(events)

    async def _hand_on_singly(self, events: Sequence[Event]) -> int:
        count, now = 0, self._clock()
        for event in events:
            held = self._held.get(event.subject)
            if held is not None and held.until > now:
                continue
            try:
                await self._sink.accept([event])
            except SinkAway:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it was, others must not suffer
                self._hold(event, error)
            else:
                self._taken([event])
                count += 1
        return count

    def _taken(self, events: Sequence[Event]) -> None:
        if not self._relayed:
            self._relayed_at = self._clock()
        for event in events:
            self._relayed[event.id] = None
            if self._held and self._held.pop(event.subject, None) is not None:
                _log.warning("events of %s about %s go on", self._agency_id, event.subject)
        self._observer.relayed(events, utc_now())

    def _hold(self, event: Event, error: Exception) -> None:
        held = self._held.get(event.subject)
        seconds = HELD_SECONDS_MIN if held is None else min(held.seconds * 2, HELD_SECONDS_MAX)
        self._held[event.subject] = _Held(self._clock() + seconds, seconds)
        if held is None:
            _log.error(
                "event %s of %s is not taken (%s); what is about %s waits behind it",
                event.id,
                self._agency_id,
                type(error).__name__,
                event.subject,
            )

    def _cannot_read(self, one: Waiting) -> None:
        if one.id not in self._unreadable:
            self._unreadable.add(one.id)
            _log.error(
                "event %s of %s cannot be read by this release; it stays where it is",
                one.id,
                self._agency_id,
            )

    def _look_at(self, listed: Sequence[Waiting]) -> None:
        """Note what waits, of what was listed."""
        waiting = [one for one in listed if one.id not in self._relayed]
        self._unreadable &= {one.id for one in waiting if one.event is None}
        subjects = {one.subject for one in waiting}
        self._held = {one: held for one, held in self._held.items() if one in subjects}
        stuck = {one.subject for one in waiting if one.event is None} | self._held.keys()
        aside = sum(one.event is None or one.subject in stuck for one in waiting)
        self.backlog = OutboxBacklog(
            queued=len(waiting) - aside,
            set_aside=aside,
            since=min((one.event.at for one in waiting if one.event is not None), default=None),
        )

    def _is_due(self) -> bool:
        full = len(self._relayed) >= BATCH_MAX
        return full or self._clock() - self._relayed_at >= DONE_DELAY_SECONDS

    async def _run(self) -> None:
        while True:
            began = self._clock()
            try:
                again = await self.relay() >= BATCH_MAX
            except Exception as error:  # noqa: BLE001 -- nobody else would ever hear of it
                self._failed(error)
                await asyncio.sleep(self._retry_seconds)
                continue
            if self._failure is not None:
                _log.warning("events of %s are relayed again", self._agency_id)
            self._failure, self._retry_seconds = None, 0.0
            if not again:
                with suppress(TimeoutError):
                    # 3.11's wait_for can lose a cancellation
                    async with asyncio.timeout(
                        DONE_DELAY_SECONDS if self._relayed else POLL_SECONDS
                    ):
                        await self._outbox.woken()
                await asyncio.sleep(max(0.0, began + ROUND_EACH_SECONDS - self._clock()))

    def _failed(self, error: Exception) -> None:
        self._retry_seconds = min(
            max(self._retry_seconds * 2, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX
        )
        if isinstance(error, SinkAway):
            self._observer.failed()
        failure = error.message if isinstance(error, GatewayError) else str(type(error).__name__)
        if failure != self._failure:
            expected = isinstance(error, StoreUnavailable | SinkAway)
            _log.error(
                "events of %s wait: %s",
                self._agency_id,
                failure,
                exc_info=None if expected else error,
            )
        self._failure = failure


def in_order(events: Sequence[Event]) -> list[Event]:
    """Return events as they came, but each subject's by version, in the places that it has."""
    subjects: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        subjects[event.subject].append(event)
    queues = {
        subject: iter(sorted(own, key=lambda event: event.version))
        for subject, own in subjects.items()
    }
    return [next(queues[event.subject]) for event in events]
