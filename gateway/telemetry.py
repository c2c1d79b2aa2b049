"""Times each stage of a request, and makes spans of them where traces are exported.

Without an exporter nothing of OpenTelemetry runs but the reading of `traceparent`, so that log
lines carry the caller's trace id.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider

from gateway.config import CannotStart, Config

TRACER_NAME = "almoner.gateway"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class StageClock:
    """The stages of one request with the seconds each took, in the order they ended."""

    __slots__ = ("_began", "_name", "seconds", "started")

    def __init__(self) -> None:
        """Start the clock."""
        self.started = perf_counter()
        self.seconds: list[tuple[str, float]] = []
        self._name: str | None = None
        self._began = 0.0

    def begin(self, stage: str) -> None:
        """Begin a stage; with it the one before has ended."""
        now = perf_counter()
        if self._name is not None:
            self.seconds.append((self._name, now - self._began))
        self._name, self._began = stage, now

    def stop(self) -> None:
        """End the last stage that was begun; whoever began it says so."""
        self.stop_timing()

    def stop_timing(self) -> None:
        """Note that the last stage that was begun has ended."""
        if self._name is not None:
            self.seconds.append((self._name, perf_counter() - self._began))
            self._name = None

    def elapsed(self) -> float:
        """Return the seconds since the request arrived."""
        return perf_counter() - self.started

    def server_timing(self) -> str:
        """Return the stages as a Server-Timing header has them, in milliseconds."""
        return ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in self.seconds)


class TracedClock(StageClock):
    """A clock whose stages are spans too."""

    __slots__ = ("_span", "_tracer")

    def __init__(self, tracer: Tracer) -> None:
        """Start the clock; each stage becomes a span of the tracer's."""
        super().__init__()
        self._tracer = tracer
        self._span: AbstractContextManager[Span] | None = None

    def begin(self, stage: str) -> None:
        """Begin a stage, and its span."""
        self._end_span()
        super().begin(stage)
        # A message may hold personal data, so exceptions are not written into spans.
        self._span = self._tracer.start_as_current_span(
            stage, record_exception=False, set_status_on_exception=False
        )
        self._span.__enter__()

    def stop(self) -> None:
        """End the last stage, and its span."""
        self._end_span()
        super().stop()

    def _end_span(self) -> None:
        if self._span is not None:
            self._span.__exit__(None, None, None)
            self._span = None


def stage_clock(tracer: Tracer | None) -> StageClock:
    """Return the clock of one request."""
    return StageClock() if tracer is None else TracedClock(tracer)


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the trace id of a `traceparent` header; None where it is absent or not well formed."""
    if traceparent is None:
        return None
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    return found.group(1) if found else None


@contextmanager
def request_span(tracer: Tracer, traceparent: str | None) -> Iterator[str]:
    """Wrap a request in a span that continues the caller's trace; gives the trace id."""
    carrier = {} if trace_id_of(traceparent) is None else {"traceparent": traceparent}
    parent = extract(carrier)
    token = otel_context.attach(parent)
    try:
        with tracer.start_as_current_span(
            "graphql",
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield f"{span.get_span_context().trace_id:032x}"
    finally:
        otel_context.detach(token)


def describe_span(attributes: Mapping[str, str | int]) -> None:
    """Write what is known of the request onto its span, where there is one."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(dict(attributes))


def start_tracing(config: Config) -> TracerProvider | None:
    """Return a provider that exports to the configured address; None where none is configured.

    It becomes the process's own, so that vendor calls and resolvers make their spans with it.
    Raises CannotStart where the exporter is not installed.
    """
    if config.otlp_endpoint is None:
        return None
    try:
        exporting = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
    except ImportError:
        raise CannotStart(
            "ALMONER_OTLP_ENDPOINT is set and the exporter is not installed: "
            'python -m pip install "almoner[otel]".'
        ) from None
    resource = resources.Resource.create({"service.name": "almoner"})
    provider = sdk.TracerProvider(resource=resource)
    exporter = exporting.OTLPSpanExporter(endpoint=config.otlp_endpoint)
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    found: TracerProvider = provider
    return found


def stop_tracing(provider: TracerProvider | None) -> None:
    """Send what has not been sent yet, and stop."""
    shutdown = getattr(provider, "shutdown", None)
    if shutdown is not None:
        shutdown()
