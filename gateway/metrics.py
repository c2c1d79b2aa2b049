"""What is counted, and how the counts of several processes are added up.

Labels hold outcomes, codes, stages, vendors and agencies' slugs: never a person, a query or a key.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from gateway.background import in_background
from gateway.tallies import CounterTally, HistogramTally, Level, Spending, Tallies
from tenants.ledger.sequencer import Backlog

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METRICS_FOLDER = "metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_AGENCY = "none"
BACKLOG_MEASURED_EACH_SECONDS = 5.0
HANDED_ON_EACH_SECONDS = 1.0

_STAGE_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 30)
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionMetrics:
    """Counters of what is asked for and what may be spent."""

    documents: Counter
    untrusted: Counter
    charges: Counter
    points: Counter
    cents: Counter
    fallbacks: Counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The gateway's own counters. Build with `new_metrics`.

    What every request counts is added up first (`gateway/tallies.py`). in_flight: the requests that
    are being answered.
    """

    registry: CollectorRegistry
    tallies: Tallies
    requests: Counter
    request_seconds: HistogramTally
    stage_seconds: Histogram
    in_flight: Level
    errors: Counter
    vendor_calls: Counter
    vendor_seconds: Histogram
    store_errors: Counter
    executions: Counter
    protection: ProtectionMetrics
    _stages: dict[str, HistogramTally] = field(default_factory=dict, repr=False)
    _counts: dict[tuple[Counter | str, ...], CounterTally] = field(default_factory=dict, repr=False)

    def document_seen(self, hit: bool) -> None:
        """Note that a document was asked for: checked before, or to be checked now."""
        self._count(self.protection.documents, "hit" if hit else "miss")

    def document_untrusted(self, result: str, agency: str) -> None:
        """Note a document that is none of its agency's trusted ones: run, or refused."""
        self.protection.untrusted.labels(result, agency).inc()

    def executed(self, means: str) -> None:
        """Note by what means an operation was executed: plan, first_sight or fallback."""
        self._count(self.executions, means)

    def request_ended(
        self,
        *,
        outcome: str,
        seconds: float,
        agency: str | None,
        codes: Iterable[str],
        stages: Iterable[tuple[str, float]] = (),
    ) -> None:
        """Note that a request has ended: how, after how long, for which agency (its slug).

        stages: the seconds that each of its stages took.
        """
        self._count(self.requests, outcome, agency or NO_AGENCY)
        self.request_seconds.observe(seconds)
        tallies = self._stages
        for stage, taken in stages:
            (tallies.get(stage) or self._stage(stage)).observe(taken)
        for code in codes:
            self.errors.labels(code).inc()
            if code == "STORE_UNAVAILABLE":
                self.store_errors.labels(agency or NO_AGENCY).inc()

    def spending_of(self, agency: str | None) -> Spending:
        """Return where an agency's charges are added up (its slug; None: nobody's of an agency)."""
        slug, kept = agency or NO_AGENCY, self.protection
        return Spending(
            covered=self._tally(kept.charges, "covered", slug),
            short=self._tally(kept.charges, "short", slug),
            points=self._tally(kept.points, slug),
            cents=self._tally(kept.cents, slug),
        )

    def vendor_called(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note that a vendor was called: `ok`, or the code of the error it ended with."""
        self.vendor_calls.labels(vendor, outcome).inc()
        self.vendor_seconds.labels(vendor).observe(seconds)

    def _count(self, counter: Counter, *labels: str) -> None:
        self._tally(counter, *labels).count += 1

    def _tally(self, counter: Counter, *labels: str) -> CounterTally:
        key: tuple[Counter | str, ...] = (counter, *labels)
        tally = self._counts.get(key)
        if tally is None:
            tally = self._counts[key] = CounterTally(counter, *labels)
            self.tallies.keep(tally)
        return tally

    def _stage(self, stage: str) -> HistogramTally:
        tally = self._stages[stage] = HistogramTally(self.stage_seconds, stage)
        self.tallies.keep(tally)
        return tally


def new_metrics() -> Metrics:
    """Return counters at zero, in a registry of their own."""
    registry = CollectorRegistry()
    tallies = Tallies(registry)

    def counter(name: str, about: str, *labels: str) -> Counter:
        return Counter(f"almoner_{name}", about, labels, registry=registry)

    def histogram(name: str, about: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"almoner_{name}", about, labels, buckets=buckets, registry=registry)

    request_seconds = HistogramTally(
        histogram("request_seconds", "From a request's arrival to its answer.", _REQUEST_BUCKETS)
    )
    in_flight = Level(
        Gauge(
            "almoner_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
    )
    tallies.keep(request_seconds)
    tallies.keep(in_flight)
    return Metrics(
        registry=registry,
        tallies=tallies,
        requests=counter(
            "requests",
            "GraphQL requests by outcome: ok, partial, refused, failed, left.",
            *("outcome", "agency"),
        ),
        request_seconds=request_seconds,
        stage_seconds=histogram(
            "stage_seconds", "Each stage of a request.", _STAGE_BUCKETS, "stage"
        ),
        in_flight=in_flight,
        errors=counter("errors", "Errors answered, by code.", "code"),
        vendor_calls=counter(
            "vendor_calls", "Calls to vendors: ok, or the code of the error.", "vendor", "outcome"
        ),
        vendor_seconds=histogram(
            "vendor_seconds",
            "Each call to a vendor, its repetitions included.",
            _REQUEST_BUCKETS,
            "vendor",
        ),
        store_errors=counter(
            "store_errors", "Answers that an unavailable store cost, by agency.", "agency"
        ),
        executions=counter(
            "executions", "Operations executed, by plan, first_sight or fallback.", "by"
        ),
        protection=_protection_metrics(counter),
    )


def _protection_metrics(counter: Callable[..., Counter]) -> ProtectionMetrics:
    return ProtectionMetrics(
        documents=counter(
            "documents", "Documents asked for: hit where checked before, miss else.", "result"
        ),
        untrusted=counter(
            "documents_untrusted",
            "Documents that are none of their agency's trusted ones: run or refused.",
            *("result", "agency"),
        ),
        charges=counter(
            "budget_charges",
            "Charges to budgets: covered, or short where one did not cover it.",
            *("result", "agency"),
        ),
        points=counter("budget_points", "Points charged.", "agency"),
        cents=counter(
            "budget_cents", "Cents charged, with those that are given back later.", "agency"
        ),
        fallbacks=counter(
            "budget_fallbacks", "Charges judged here alone because Redis did not answer."
        ),
    )


@asynccontextmanager
async def handing_on(metrics: Metrics) -> AsyncIterator[None]:
    """Hand on each second what is added up, for who reads the counters from another process."""

    async def hand_on() -> None:
        while True:
            await asyncio.sleep(HANDED_ON_EACH_SECONDS)
            with suppress(OSError):  # of a full disk: what is not handed on yet is, later
                metrics.tallies.hand_on()

    try:
        async with in_background(hand_on(), "counts handed on"):
            yield
    finally:
        metrics.tallies.hand_on()


@asynccontextmanager
async def measuring_backlog(
    registry: CollectorRegistry, backlog: Callable[[], Backlog]
) -> AsyncIterator[None]:
    """Keep the gauge of waiting audit lines up to date inside."""
    waiting = Gauge(
        "almoner_audit_lines_waiting",
        "Audit lines that the ledgers of this process's open stores do not take: queued, or "
        "set_aside where they cannot be read.",
        ["state"],
        registry=registry,
        multiprocess_mode="liveall",
    )

    async def measure() -> None:
        while True:
            found = backlog()
            waiting.labels("queued").set(found.queued)
            waiting.labels("set_aside").set(found.set_aside)
            await asyncio.sleep(BACKLOG_MEASURED_EACH_SECONDS)

    async with in_background(measure(), "waiting audit lines"):
        yield


def clean_folder(run_folder: Path, port: int) -> Path:
    """Return the folder that processes count in, made anew: counts begin at the start.

    Several gateways may share a home folder: each has a folder by its port.
    """
    folder = run_folder / f"{METRICS_FOLDER}-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def exposition(registry: CollectorRegistry) -> bytes:
    """Return this process's counters in Prometheus' text format."""
    return generate_latest(registry)


def exposition_of_folder(folder: Path) -> bytes:
    """Return the counters of all processes that count in `folder`, added up."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def process_ended(folder: Path, process_id: int) -> None:
    """Forget the gauges of a process that has ended; its counters stay."""
    mark_process_dead(process_id, path=str(folder))  # type: ignore[no-untyped-call]
