"""Counts that are added up in this process, and handed on to Prometheus' counters now and then.

A counter that several processes share lies in a file, and each count in it costs microseconds: more
than some stages of a request. Here it costs a fraction of one. Who reads the counters has what is
added up handed on first (in another process: each second).
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric


class CounterTally:
    """What is to be added to a counter."""

    __slots__ = ("_counter", "count")

    def __init__(self, counter: Counter, *labels: str) -> None:
        """Take the counter, and the labels that are counted under."""
        self._counter = counter.labels(*labels) if labels else counter
        self.count = 0

    def hand_on(self) -> None:
        """Add what was counted to the counter."""
        count = self.count
        if count:
            self._counter.inc(count)
            self.count -= count


class Spending(NamedTuple):
    """Where charges are added up: those covered, those that were not; what of those that were."""

    covered: CounterTally
    short: CounterTally
    points: CounterTally
    cents: CounterTally


class HistogramTally:
    """What is to be added to a histogram."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram, *labels: str) -> None:
        """Take the histogram, and the labels that are observed under."""
        # prometheus_client takes one observation at a time; many at once go to its own buckets.
        self._histogram: Any = histogram.labels(*labels) if labels else histogram
        self._bounds: list[float] = self._histogram._upper_bounds  # noqa: SLF001
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def hand_on(self) -> None:
        """Add what was observed to the histogram."""
        if not any(self._counts):
            return
        for bucket, count in zip(self._histogram._buckets, self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        self._histogram._sum.inc(self._sum)  # noqa: SLF001
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0


class Level:
    """A number that goes up and down, told to a gauge."""

    __slots__ = ("_gauge", "now")

    def __init__(self, gauge: Gauge) -> None:
        """Take the gauge."""
        self._gauge = gauge
        self.now = 0

    def hand_on(self) -> None:
        """Tell the gauge."""
        self._gauge.set(self.now)


class Tallies:
    """All tallies of a process; a registry that holds them is never read without what they hold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register before the counters themselves, so that they are up to date when it is read."""
        self._kept: list[CounterTally | HistogramTally | Level] = []
        registry.register(self)

    def keep(self, tally: CounterTally | HistogramTally | Level) -> None:
        """Hand a tally on with the others from now on."""
        self._kept.append(tally)

    def hand_on(self) -> None:
        """Hand on all that has been added up."""
        for tally in self._kept:
            tally.hand_on()

    def describe(self) -> Iterator[Metric]:
        """Describe no metric of our own."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Hand everything on; the counters that are read next have it."""
        self.hand_on()
        return iter(())
