"""What is counted, and how the counts of several processes are added up.

Labels hold outcomes, codes, stages, vendors and agencies' slugs: never a person, a query or a key.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from tenants.ledger.sequencer import Backlog

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METRICS_FOLDER = "metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_AGENCY = "none"
BACKLOG_MEASURED_EACH_SECONDS = 5.0

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

    Looking a child up by its labels costs more than counting, so those of every request are kept.
    """

    registry: CollectorRegistry
    requests: Counter
    request_seconds: Histogram
    stage_seconds: Histogram
    in_flight: Gauge
    errors: Counter
    vendor_calls: Counter
    vendor_seconds: Histogram
    store_errors: Counter
    executions: Counter
    protection: ProtectionMetrics
    _executions: dict[str, Counter] = field(default_factory=dict, repr=False)
    _stages: dict[str, Histogram] = field(default_factory=dict, repr=False)
    _outcomes: dict[tuple[str, str], Counter] = field(default_factory=dict, repr=False)

    def stage_ended(self, stage: str, seconds: float) -> None:
        """Note that a stage of a request has ended."""
        child = self._stages.get(stage)
        if child is None:
            child = self._stages[stage] = self.stage_seconds.labels(stage)
        child.observe(seconds)

    def document_seen(self, hit: bool) -> None:
        """Note that a document was asked for: checked before, or to be checked now."""
        self.protection.documents.labels("hit" if hit else "miss").inc()

    def document_untrusted(self, result: str, agency: str) -> None:
        """Note a document that is none of its agency's trusted ones: run, or refused."""
        self.protection.untrusted.labels(result, agency).inc()

    def executed(self, means: str) -> None:
        """Note by what means an operation was executed: plan, first_sight or fallback."""
        child = self._executions.get(means)
        if child is None:
            child = self._executions[means] = self.executions.labels(means)
        child.inc()

    def request_ended(
        self, *, outcome: str, seconds: float, agency: str | None, codes: Iterable[str]
    ) -> None:
        """Note that a request has ended: how, after how long, for which agency (its slug)."""
        key = (outcome, agency or NO_AGENCY)
        child = self._outcomes.get(key)
        if child is None:
            child = self._outcomes[key] = self.requests.labels(*key)
        child.inc()
        self.request_seconds.observe(seconds)
        for code in codes:
            self.errors.labels(code).inc()
            if code == "STORE_UNAVAILABLE":
                self.store_errors.labels(agency or NO_AGENCY).inc()

    def vendor_called(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note that a vendor was called: `ok`, or the code of the error it ended with."""
        self.vendor_calls.labels(vendor, outcome).inc()
        self.vendor_seconds.labels(vendor).observe(seconds)


def new_metrics() -> Metrics:
    """Return counters at zero, in a registry of their own."""
    registry = CollectorRegistry()

    def counter(name: str, about: str, *labels: str) -> Counter:
        return Counter(f"almoner_{name}", about, labels, registry=registry)

    def histogram(name: str, about: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"almoner_{name}", about, labels, buckets=buckets, registry=registry)

    return Metrics(
        registry=registry,
        requests=counter(
            "requests",
            "GraphQL requests by outcome: ok, partial, refused, failed, left.",
            *("outcome", "agency"),
        ),
        request_seconds=histogram(
            "request_seconds", "From a request's arrival to its answer.", _REQUEST_BUCKETS
        ),
        stage_seconds=histogram(
            "stage_seconds", "Each stage of a request.", _STAGE_BUCKETS, "stage"
        ),
        in_flight=Gauge(
            "almoner_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        ),
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

    task = asyncio.create_task(measure(), name="waiting audit lines")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
