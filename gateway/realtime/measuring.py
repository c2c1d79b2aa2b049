"""What is counted of subscriptions."""

from collections.abc import Mapping
from enum import StrEnum

from prometheus_client import Counter, Gauge, Histogram

from gateway.metrics import Metrics
from gateway.tallies import CounterTally, HistogramTally, Level

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Wire(StrEnum):
    """In which protocol a client speaks."""

    APPSYNC = "appsync"
    TRANSPORT_WS = "graphql-transport-ws"
    SSE = "sse"


class Outcome(StrEnum):
    """What came of one event for one subscriber."""

    TOLD = "told"
    FILTERED = "filtered"
    OUT_OF_REACH = "out_of_reach"
    FAILED = "failed"
    MISSED = "missed"


class RealtimeMetrics:
    """Counts connections, subscriptions, and what they are told."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        connections = Gauge(
            "almoner_realtime_connections",
            "Open connections of subscribers, by protocol.",
            ["wire"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        subscriptions = Gauge(
            "almoner_realtime_subscriptions",
            "Running subscriptions.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        told = Counter(
            "almoner_realtime_events",
            "Events by what came of them, for each subscriber that they concern.",
            ["outcome"],
            registry=registry,
        )
        self._ended = Counter(
            "almoner_realtime_ended",
            "Subscriptions that the gateway has refused or ended, by the code of the error.",
            ["code"],
            registry=registry,
        )
        seconds = Histogram(
            "almoner_realtime_seconds",
            "From an event's delivery by the broker until it is written to a subscriber.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.connections: Mapping[Wire, Level] = {
            wire: Level(connections.labels(wire.value)) for wire in Wire
        }
        self.subscriptions = Level(subscriptions)
        self.events: Mapping[Outcome, CounterTally] = {
            outcome: CounterTally(told, outcome.value) for outcome in Outcome
        }
        self.seconds = HistogramTally(seconds)
        for level in (*self.connections.values(), self.subscriptions):
            metrics.tallies.keep(level)
        for count in self.events.values():
            metrics.tallies.keep(count)
        metrics.tallies.keep(self.seconds)

    def ended(self, code: str) -> None:
        """Note that a subscription was refused or ended by an error."""
        self._ended.labels(code).inc()
