"""Times each stage of a request, and makes spans of them where traces are exported.

Without an exporter nothing of OpenTelemetry runs but the reading of `traceparent`, so that log
lines carry the caller's trace id.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, Tracer, TracerProvider

from gateway.config import CannotStart, Config

TRACER_NAME = "almoner.gateway"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class StageClock:
    """The stages of one request with the seconds each took, in the order they ended."""

    __slots__ = ("_observe", "_tracer", "seconds", "started")

    def __init__(
        self, observe: Callable[[str, float], None] | None = None, tracer: Tracer | None = None
    ) -> None:
        """Start the clock; `observe` hears of every stage that ends."""
        self.started = perf_counter()
        self.seconds: list[tuple[str, float]] = []
        self._observe = observe
        self._tracer = tracer

    def stage(self, name: str) -> "_Stage":
        """Return a context manager that times what happens inside it under that name."""
        return _Stage(self, name, self._tracer)

    def elapsed(self) -> float:
        """Return the seconds since the request arrived."""
        return perf_counter() - self.started

    def record(self, name: str, seconds: float) -> None:
        """Note that a stage has ended."""
        self.seconds.append((name, seconds))
        if self._observe is not None:
            self._observe(name, seconds)

    def server_timing(self) -> str:
        """Return the stages as a Server-Timing header has them, in milliseconds."""
        return ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in self.seconds)


class _Stage:
    __slots__ = ("_began", "_clock", "_name", "_span", "_tracer")

    def __init__(self, clock: StageClock, name: str, tracer: Tracer | None) -> None:
        self._clock = clock
        self._name = name
        self._tracer = tracer

    def __enter__(self) -> None:
        self._began = perf_counter()
        self._span = None
        if self._tracer is not None:
            # A message may hold personal data, so exceptions are not written into spans.
            self._span = self._tracer.start_as_current_span(
                self._name, record_exception=False, set_status_on_exception=False
            )
            self._span.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        if self._span is not None:
            self._span.__exit__(kind, error, trace_back)
        self._clock.record(self._name, perf_counter() - self._began)


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the trace id of a `traceparent` header; None where it is absent or not well formed."""
    if traceparent is None:
        return None
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    return found.group(1) if found else None


@contextmanager
def request_span(tracer: Tracer | None, headers: Mapping[str, str]) -> Iterator[str | None]:
    """Wrap a request in a span that continues the caller's trace; gives the trace id, if any."""
    known = trace_id_of(headers.get("traceparent"))
    if tracer is None:
        yield known
        return
    carrier = {"traceparent": headers["traceparent"]} if known is not None else {}
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
