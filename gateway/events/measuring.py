"""What is counted and traced of events on their way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from domain.clock import utc_now
from domain.events import Event
from gateway.background import in_background
from gateway.events.port import MissedCause
from tenants.outbox.relay import OutboxBacklog, Sink

MEASURED_EACH_SECONDS = 1.0
_DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300)
_TRACER = trace.get_tracer("almoner.events")


class EventMetrics:
    """Counts what relays and broker report."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._relayed = Counter(
            "almoner_events_relayed", "Events that the broker has taken.", registry=registry
        )
        self._seconds = Histogram(
            "almoner_events_relay_seconds",
            "From the request that an event came of until the broker had it.",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "almoner_events_broker_failures",
            "Attempts to reach the broker that failed.",
            registry=registry,
        )
        self._missed = Counter(
            "almoner_events_missed",
            "Times that a subscriber was told of events that it was not delivered.",
            ["cause"],
            registry=registry,
        )
        self._waiting = Gauge(
            "almoner_events_waiting",
            "Events in the outboxes of this process's open stores: queued, or set_aside where one "
            "is not taken, with those about the same subject.",
            ["state"],
            registry=registry,
            multiprocess_mode="liveall",
        )
        self._lag = Gauge(
            "almoner_events_lag_seconds",
            "Age of the oldest event in these outboxes.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def relayed(self, events: Sequence[Event], at: datetime) -> None:
        """Note that the broker has taken events, at that moment."""
        self._relayed.inc(len(events))
        for event in events:
            self._seconds.observe(max(0.0, (at - event.at).total_seconds()))

    def failed(self) -> None:
        """Note that a relay did not reach the broker."""
        self._failures.inc()

    def broker_failed(self) -> None:
        """Note that the broker was not reached for reading."""
        self._failures.inc()

    def missed(self, cause: MissedCause) -> None:
        """Note that a subscriber is told that it has missed something."""
        self._missed.labels(cause.value).inc()

    def waiting(self, backlog: OutboxBacklog) -> None:
        """Show what waits."""
        self._waiting.labels("queued").set(backlog.queued)
        self._waiting.labels("set_aside").set(backlog.set_aside)
        since = backlog.since
        self._lag.set(0.0 if since is None else max(0.0, (utc_now() - since).total_seconds()))


@asynccontextmanager
async def measuring_waiting(
    metrics: EventMetrics, backlog: Callable[[], OutboxBacklog]
) -> AsyncIterator[None]:
    """Keep the gauges of waiting events up to date inside."""

    async def measure() -> None:
        while True:
            metrics.waiting(backlog())
            await asyncio.sleep(MEASURED_EACH_SECONDS)

    async with in_background(measure(), "waiting events"):
        yield


class TracedSink:
    """A sink with a span for each event that it is handed; none where nothing is traced."""

    def __init__(self, sink: Sink, tracer: Tracer = _TRACER) -> None:
        self._sink = sink
        self._tracer = tracer

    async def accept(self, batch: Sequence[Event]) -> None:
        """Hand events on."""
        spans = [
            self._tracer.start_span(
                "outbox event",
                kind=SpanKind.PRODUCER,
                attributes={"event.id": event.id, "event.name": event.name.value},
            )
            for event in batch
        ]
        try:
            await self._sink.accept(batch)
        except BaseException as error:
            for span in spans:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            for span in spans:
                span.end()
