"""Events in a gateway: from a commit, whoever made it, to a subscriber."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from domain.agencies import Agency
from domain.events import Event
from gateway.config import load_config
from gateway.events.measuring import TracedSink
from gateway.metrics import Metrics, exposition, new_metrics
from gateway.parts import Parts, open_parts
from gateway.provisioning import add_agency
from gateway.workspace import open_workspace
from tenants.outbox.traces import TRACES_FOLDER
from tenants.registry import StoreRegistry
from tenants.store import Change
from tests.gateway.budgets.waiting import until
from tests.gateway.events.event_samples import some_event, take_events
from tests.redis_server import RedisServer
from tests.tenants.outbox.outbox_world import MemorySink

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Home:
    """A home folder with two agencies."""

    path: Path
    harbor: Agency
    lakeside: Agency

    def traces(self) -> list[str]:
        """Return the names of the files that say that events may wait."""
        return sorted(path.name for path in (self.path / TRACES_FOLDER).glob("*"))


@dataclass(frozen=True)
class Opened:
    """A gateway's parts."""

    parts: Parts
    metrics: Metrics

    @property
    def registry(self) -> StoreRegistry:
        """Return what opens stores."""
        assert isinstance(self.parts.stores, StoreRegistry)
        return self.parts.stores

    async def commit(self, agency: Agency, *events: Event) -> None:
        """Commit events as requests do."""
        async with self.parts.stores.lease(agency) as store:
            for event in events:
                await store.commit(Change(event=event))


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """Give a home folder."""
    async with open_workspace(tmp_path / "home", create=True) as workspace:
        agencies = [
            await add_agency(workspace, slug=slug, name=slug.title(), states=("MI",), reason="test")
            for slug in ("harbor", "lakeside")
        ]
    return Home(tmp_path / "home", *agencies)


@asynccontextmanager
async def gateway(home: Home, **settings: str) -> AsyncIterator[Opened]:
    environment = {"ALMONER_HOME": str(home.path), **settings}
    metrics = new_metrics()
    async with open_parts(load_config(environment, {}, command="serve"), metrics) as parts:
        yield Opened(parts, metrics)


def commit_in_a_process_that_is_killed(home: Home, slug: str) -> str:
    command = [sys.executable, "-m", "tests.gateway.events.home_programs", str(home.path), slug]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode < 0, done.stderr
    return done.stdout


async def test_what_a_request_commits_reaches_the_subscriber(home: Home) -> None:
    """From the commit to the agency's own subscriber, and the outbox is empty then."""
    async with gateway(home) as opened, opened.parts.events.listen(home.harbor) as deliveries:
        await opened.commit(home.lakeside, some_event())
        await opened.commit(home.harbor, event := some_event())

        assert await take_events(deliveries, 1) == [event]
        await until(lambda: opened.registry.relays.backlog().queued == 0)
        text = exposition(opened.metrics.registry).decode()
    assert "almoner_events_relayed_total 2.0" in text
    assert "almoner_events_relay_seconds_count 2.0" in text
    assert home.traces() == []


async def test_what_a_killed_process_had_committed_is_relayed_at_the_next_start(home: Home) -> None:
    """Its store is opened for that, and no other."""
    event_id = await asyncio.to_thread(commit_in_a_process_that_is_killed, home, "harbor")
    assert len(home.traces()) == 1
    async with gateway(home) as opened, opened.parts.events.listen(home.harbor) as deliveries:
        (event,) = await take_events(deliveries, 1)
        assert event.id == event_id
        assert list(opened.registry._open) == [home.harbor.id]
        await until(lambda: len(home.traces()) == 1)  # its own, the other is seen to
    assert home.traces() == []


async def test_what_others_leave_behind_while_a_gateway_runs_is_found(home: Home) -> None:
    """A process that is killed, and a command that ends: their events are relayed soon after."""
    async with gateway(home) as opened:
        async with opened.parts.events.listen(home.harbor) as deliveries:
            event_id = await asyncio.to_thread(commit_in_a_process_that_is_killed, home, "harbor")
            (event,) = await take_events(deliveries, 1)
            assert event.id == event_id
        async with opened.parts.events.listen(home.lakeside) as deliveries:
            async with (
                open_workspace(home.path) as command,
                command.registry.lease(home.lakeside) as store,
            ):
                await store.commit(Change(event=(event := some_event())))
            assert await take_events(deliveries, 1) == [event]


async def test_a_gateway_of_one_agency_opens_no_other_s_store(home: Home) -> None:
    """It leaves what others left behind to those who serve them."""
    for slug in ("lakeside", "harbor"):
        await asyncio.to_thread(commit_in_a_process_that_is_killed, home, slug)
    async with (
        gateway(home, ALMONER_AGENCY="harbor") as opened,
        opened.parts.events.listen(home.harbor) as deliveries,
    ):
        await take_events(deliveries, 1)
        await asyncio.sleep(0.7)
        assert list(opened.registry._open) == [home.harbor.id]
    assert [name.partition(".")[0] for name in home.traces()] == [home.lakeside.id]


async def test_a_store_that_does_not_open_keeps_no_other_waiting(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, its trace stays, and the others are relayed."""
    for slug in ("lakeside", "harbor"):
        await asyncio.to_thread(commit_in_a_process_that_is_killed, home, slug)
    file = home.path / "stores" / f"{home.harbor.id}.db"
    file.rename(file.with_suffix(".away"))
    async with gateway(home) as opened:
        async with opened.parts.events.listen(home.lakeside) as deliveries:
            await take_events(deliveries, 1)
        await until(lambda: home.harbor.id in caplog.text)
        await until(lambda: len(home.traces()) == 2)  # harbor's, and lakeside's own
    assert [name.partition(".")[0] for name in home.traces()] == [home.harbor.id]


async def test_shutting_down_relays_what_waits(home: Home, redis: RedisServer) -> None:
    """What is committed at the last moment is with the broker before the gateway has ended."""
    url = {"ALMONER_EVENTS_REDIS_URL": redis.url}
    async with (
        gateway(home, **url) as watching,
        watching.parts.events.listen(home.harbor) as deliveries,
    ):
        watching.registry.relays._sink_of = None  # it relays nothing itself
        async with gateway(home, **url) as opened:
            await opened.commit(home.harbor, event := some_event())
        assert await take_events(deliveries, 1) == [event]
        async with open_workspace(home.path) as command:
            store = await command.registry.open(home.harbor)
            assert await store.outbox.pending(9) == []


async def test_what_redis_does_not_take_waits_for_the_next_start(
    home: Home, redis: RedisServer
) -> None:
    """A gateway that ends while Redis is away leaves events, and the trace that tells of them."""
    nowhere = {"ALMONER_EVENTS_REDIS_URL": "redis://127.0.0.1:1/0"}
    async with gateway(home, **nowhere) as opened:
        await opened.commit(home.harbor, event := some_event())
        await until(lambda: opened.registry.relays.backlog().queued == 1)
        await until(lambda: b"broker_failures_total 0" not in exposition(opened.metrics.registry))
        await asyncio.sleep(1.1)
        text = exposition(opened.metrics.registry).decode()
    assert 'almoner_events_waiting{state="queued"} 1.0' in text
    lag = next(line for line in text.splitlines() if line.startswith("almoner_events_lag_seconds"))
    assert float(lag.split()[1]) > 0
    assert len(home.traces()) == 1
    async with (
        gateway(home, ALMONER_EVENTS_REDIS_URL=redis.url) as opened,
        opened.parts.events.listen(home.harbor) as deliveries,
    ):
        assert await take_events(deliveries, 1) == [event]


async def test_each_event_has_a_span() -> None:
    """It says which event, and whether it was taken; nothing of what it is about."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = MemorySink()
    traced = TracedSink(sink, provider.get_tracer("test"))
    one, other = some_event(), some_event()
    await traced.accept([one])
    sink.refused = {other.subject}
    with pytest.raises(ValueError, match="not this one"):
        await traced.accept([other])

    taken, refused = exporter.get_finished_spans()
    assert taken.attributes == {"event.id": one.id, "event.name": one.name.value}
    assert (taken.status.is_ok, refused.status.is_ok) == (True, False)
    assert not refused.events
