"""One running subscription: told of its events one after the other, each as it may be read then."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog
from opentelemetry import trace

from domain.errors import (
    Forbidden,
    GatewayError,
    NotFound,
    SlowSubscriber,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
)
from domain.events import Event
from gateway.engine.documents import Operation
from gateway.engine.encoding import encode
from gateway.errors import masked, stack_of
from gateway.events.port import Cursor, Delivered, Missed, MissedCause, read_cursor
from gateway.front import new_request_id
from gateway.realtime.filters import FilterGroups
from gateway.realtime.measuring import Outcome
from gateway.realtime.wanted import Outlet, Wanted
from resolvers.audit_lines import leave_lines
from resolvers.context import RequestContext
from resolvers.subscriptions import NOTHING, Topic
from schema.rules import Rule

if TYPE_CHECKING:
    from gateway.realtime.hub import Hub

EVENT_BYTES = 1_000  # of an event that waits, about
RETRIES_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""After which an event is tried again that the store could not be read for."""

_TRACER = trace.get_tracer("almoner.realtime")
_log = structlog.get_logger("almoner")


class Offered(NamedTuple):
    """What the broker has delivered, where an event lies in which line, and when it came."""

    delivery: Delivered | Missed
    line: str
    number: int
    at: float

    @classmethod
    def now(cls, delivery: Delivered | Missed) -> "Offered":
        """Return what is delivered at this moment."""
        place = read_cursor(delivery.cursor) if isinstance(delivery, Delivered) else None
        line, (_, number) = place or ("", (0, 0))
        return cls(delivery, line, number, perf_counter())


class Screen(NamedTuple):
    """A filter, and the operation that reads what it looks at."""

    groups: FilterGroups
    reading: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a subscription has been granted: to whom, which events, and what of them.

    rule: of the field. application_id: that it is narrowed to. by_grant: which a grant opens to the
    caller. only, until: its filters. granted_at: as of when.
    kept_bytes: how much of what the client gave is kept.
    """

    wanted: Wanted
    agency_id: str
    subject: str
    field_name: str
    topic: Topic
    operation: Operation
    rule: Rule
    granted_at: datetime
    kept_bytes: int
    application_id: str | None = None
    by_grant: bool = False
    only: Screen | None = None
    until: Screen | None = None

    def concerns(self, event: Event) -> bool:
        """Say whether it is to be told of an event, as far as the event itself tells."""
        narrowed = self.application_id
        return self.topic.concerns(event) and narrowed in (None, self.topic.named_by(event))


class Subscription:
    """One subscription. What it is offered waits until `begin`, then until its client reads."""

    def __init__(self, hub: "Hub", terms: Terms, outlet: Outlet) -> None:
        """Take the terms.

        ends_at: when it has to be judged anew, which is when the credential or the grant that it
        rests on ends; and soon at first, for what has ended before it was registered.
        """
        self.terms = terms
        self.ends_at = terms.granted_at
        self._hub = hub
        self._outlet = outlet
        self._waiting: deque[Offered] = deque()
        self._replay: AsyncGenerator[Offered] | None = None
        self._seen = ("", 0)
        self._begun = False
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def resume(self, replay: AsyncGenerator[Offered]) -> None:
        """Have it tell first what was missed before it was registered."""
        self._replay = replay

    def begin(self) -> None:
        """Tell from now on; the client knows by now that it is registered."""
        self._begun = True
        self._go_on()

    def offer(self, offered: Offered) -> None:
        """Take what concerns it."""
        if self._ended:  # while the same was offered to others
            return
        self._waiting.append(offered)
        connection = self._outlet.connection
        connection.waiting_bytes += EVENT_BYTES
        if connection.is_behind():
            connection.drop(SlowSubscriber())
        else:
            self._go_on()

    def stop(self) -> None:
        """End without a word: the client has left, or asked for it."""
        if self._ended:
            return
        self._ended = True
        self._outlet.connection.waiting_bytes -= EVENT_BYTES * len(self._waiting)
        self._waiting.clear()
        self._hub.forget(self)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def end(self, error: GatewayError) -> None:
        """End, and tell the client why."""
        if not self._ended:
            self.stop()
            self._hub.note_end(error)
            self._outlet.end(error)

    def _go_on(self) -> None:
        has_work = bool(self._waiting) or self._replay is not None
        if has_work and self._begun and self._task is None and not self._ended:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            if self._replay is not None:
                await self._catch_up(self._replay)
            while self._waiting and not self._ended:
                offered = self._waiting[0]  # it counts as waiting until it is told
                await self._take(offered)
                if not self._ended:
                    self._waiting.popleft()
                    self._outlet.connection.waiting_bytes -= EVENT_BYTES
                if self._waiting:
                    await asyncio.sleep(0)  # a store on this machine is read without waiting
        except Exception as error:  # noqa: BLE001 -- it would end unheard
            _log.error("internal error", raised=stack_of(error))
            self.end(masked(new_request_id()))
        finally:
            self._task = None

    async def _catch_up(self, replay: AsyncGenerator[Offered]) -> None:
        async with aclosing(replay) as missed:
            async for offered in missed:
                await self._take(offered)
                if self._ended:
                    return
                await asyncio.sleep(0)  # as below: others have their turn between two events
        self._replay = None

    async def _take(self, offered: Offered) -> None:
        """Tell of one delivery, unless it has been told in the replay."""
        delivery = offered.delivery
        if isinstance(delivery, Missed):
            await self._outlet.connection.room()
            self._tell_missed(delivery)
            return
        line, number = self._seen
        if (offered.line == line and offered.number <= number) or not self.terms.concerns(
            delivery.event
        ):
            return
        self._seen = (offered.line, offered.number)
        await self._outlet.connection.room()
        with _TRACER.start_as_current_span(
            "push", attributes={"almoner.field": self.terms.field_name}
        ):
            outcome = await self._tried(delivery)
        self._hub.metrics.events[outcome].count += 1
        if outcome is Outcome.TOLD:
            self._hub.metrics.seconds.observe(perf_counter() - offered.at)

    def _tell_missed(self, missed: Missed, cursor: Cursor | None = None) -> None:
        told = {"missed": {"cause": missed.cause.value, "count": missed.count}, "cursor": cursor}
        self._outlet.tell(encode({"data": None, "extensions": told}), cursor)
        self._hub.metrics.events[Outcome.MISSED].count += 1

    async def _tried(self, delivery: Delivered) -> Outcome:
        """Tell of an event; where the store cannot be read, again, and at last that it was not."""
        for seconds in (*RETRIES_SECONDS, None):
            try:
                return await self._told(delivery)
            except StoreUnavailable:
                if seconds is None:
                    break
                await asyncio.sleep(seconds)
            except (Unauthenticated, Forbidden, NotFound) as error:
                self.end(error)
                return Outcome.OUT_OF_REACH
        self._tell_missed(Missed(MissedCause.UNREADABLE, 1), delivery.cursor)
        return Outcome.FAILED

    async def _told(self, delivery: Delivered) -> Outcome:
        wanted, terms, hub = self.terms.wanted, self.terms, self._hub
        async with hub.admission.context(
            wanted.credential, wanted.source_ip, wanted.asked
        ) as context:
            if context.store is None or context.store.agency_id != terms.agency_id:
                raise NotFound("The credential is another agency's by now.")
            record = await terms.topic.find(context, delivery.event)
            if record is None:
                return Outcome.OUT_OF_REACH
            if record is NOTHING:
                record = None
            is_last = terms.until is not None and await self._passes(context, terms.until, record)
            if terms.only is None or await self._passes(context, terms.only, record):
                result = await hub.served.engine.execute(
                    terms.operation, wanted.asked.variables, context, record
                )
                body, failures = result.body, result.failures
            else:
                body, failures = None, ()
            await leave_lines(
                context, hub.served.engine.field_names, hub.parts.directory, changes=False
            )
        for failure in failures:
            _log.error("internal error", request_id=context.request.id, raised=stack_of(failure))
        if body is not None:
            await self._outlet.connection.room()
            self._send(body, delivery.cursor)
        if is_last:
            self._complete()
        return Outcome.FILTERED if body is None else Outcome.TOLD

    async def _passes(self, context: RequestContext, screen: Screen, record: object) -> bool:
        """Say whether the record passes a filter; what its reader may not read never does."""
        result = await self._hub.served.engine.execute(screen.reading, {}, context, record)
        found = msgspec.json.decode(result.body)["data"]
        selected = None if found is None else found[self.terms.field_name]
        if result.codes or selected is None:
            return False
        return screen.groups.matches(selected)

    def _complete(self) -> None:
        """End as the client wanted it."""
        if not self._ended:
            self.stop()
            self._outlet.complete()

    def _send(self, body: bytes, cursor: Cursor) -> None:
        payload = body[:-1] + b',"extensions":{"cursor":' + encode(cursor) + b"}}"
        most = self._hub.served.config.realtime.payload_bytes
        if len(payload) > most:
            self.end(TooLarge(f"What is selected is larger than {most} bytes: select less."))
        elif not self._ended:
            self._outlet.tell(payload, cursor)
