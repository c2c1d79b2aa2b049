"""Stages are timed and traced; nothing personal goes into a span."""

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.config import CannotStart
from gateway.telemetry import StageClock, start_tracing, stop_tracing, trace_id_of
from tests.gateway.small_gateway import SECRET_VALUE, World, client_of, small_app, small_config

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
STAGES = [
    "limits", "identity", "agency", "store", "context", "document", "budget", "execute", "audit",
    "response",
]  # fmt: skip


async def spans_of(world: World, query: str, headers: dict[str, str]) -> list[ReadableSpan]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with client_of(small_app(world, tracer_provider=provider)) as client:
        await client.post("/graphql", json={"query": query}, headers=headers)
    provider.shutdown()
    return list(exporter.get_finished_spans())


async def test_each_stage_is_a_span_of_the_callers_trace(world: World) -> None:
    """A request continues the trace it comes with, with one span per stage under its own."""
    spans = await spans_of(world, "{ hello }", {"traceparent": TRACEPARENT})

    assert [span.name for span in spans] == [*STAGES, "graphql"]
    root = spans[-1]
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == "b7ad6b7169203331"
    for span in spans:
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE
    assert root.attributes is not None
    assert root.attributes["almoner.outcome"] == "ok"
    assert root.attributes["http.response.status_code"] == 200


async def test_spans_hold_no_personal_data(world: World) -> None:
    """Neither documents, nor variables, nor messages of errors are written into spans."""
    query = f'{{ boom hello(name: "{SECRET_VALUE}") }}'
    spans = await spans_of(world, query, {"traceparent": "garbage", "tracestate": SECRET_VALUE})

    assert len(spans) == 11
    assert not [span for span in spans if "48-4418" in span.to_json()]


async def test_a_stage_that_fails_is_a_span_too(world: World) -> None:
    """The spans of a refused request end with the stage that refused it."""
    spans = await spans_of(world, "{ no }", {"traceparent": TRACEPARENT})

    assert [span.name for span in spans] == [*STAGES[:6], "graphql"]
    assert all(span.end_time is not None for span in spans)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (TRACEPARENT, TRACE),
        (None, None),
        ("", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (TRACEPARENT.upper(), None),
        (TRACEPARENT + "-more", None),
    ],
)
def test_only_a_well_formed_traceparent_counts(header: str | None, found: str | None) -> None:
    """What is not a trace id never reaches a log line."""
    assert trace_id_of(header) == found


def test_a_stage_ends_with_the_next_one_or_with_the_clock() -> None:
    """The clock records each stage once under its name."""
    clock = StageClock()

    clock.begin("one")
    clock.begin("two")
    clock.stop()
    clock.stop()

    assert [name for name, _ in clock.seconds] == ["one", "two"]
    assert all(seconds >= 0 for _, seconds in clock.seconds)
    assert clock.server_timing().startswith("one;dur=0.")


def test_traces_are_made_only_where_an_exporter_is_configured() -> None:
    """Without an address nothing is set up; with one and no exporter the remedy is named."""
    assert start_tracing(small_config()) is None
    stop_tracing(None)

    with pytest.raises(CannotStart, match=r"almoner\[otel\]"):
        start_tracing(small_config(otlp_endpoint="http://127.0.0.1:4318/v1/traces"))


async def test_without_a_tracer_the_log_line_has_the_callers_trace(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line about a refused request carries the trace id it came with."""
    await client.post("/graphql", json={"query": "{ no }"}, headers={"traceparent": TRACEPARENT})

    assert TRACE in capsys.readouterr().out
