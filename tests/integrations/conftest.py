"""What the tests of the adapters share: time that passes by being slept, spans that are kept."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from integrations.upstream import Timing


class StillTime:
    """A clock that moves only when somebody sleeps, or a test says so; jitter is at its most."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def timing(self) -> Timing:
        """Return this time as a line takes it."""
        return Timing(clock=lambda: self.now, sleep=self.sleep, uniform=lambda _least, most: most)


class KeptSpans:
    """A tracer whose finished spans can be looked at."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = self._provider.get_tracer("test")

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        """Return the spans that have ended, oldest first."""
        return self._exporter.get_finished_spans()

    def close(self) -> None:
        """Let go of them."""
        self._provider.shutdown()


@pytest.fixture
def time() -> StillTime:
    return StillTime()


@pytest.fixture
def spans() -> Iterator[KeptSpans]:
    kept = KeptSpans()
    yield kept
    kept.close()
