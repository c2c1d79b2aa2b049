"""Commits, two relays that crash at any step, and subscribers that come back, in any order."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.agencies import Agency
from domain.events import Event
from gateway.events.local import LocalBroker
from gateway.events.port import Broker, Cursor, Delivered
from gateway.events.redis_broker import open_redis_broker
from tenants.outbox.relay import Relay, Sink
from tests.gateway.events.event_samples import some_agency
from tests.redis_server import RedisServer
from tests.tenants.outbox.outbox_world import SUBJECTS, event_of, happen, open_store

ACTIONS = st.one_of(
    st.tuples(st.just("commit"), st.integers(0, 2)),
    st.tuples(st.just("list"), st.integers(0, 1)),
    st.tuples(st.just("publish"), st.integers(0, 1)),
    st.tuples(st.just("crash"), st.integers(0, 1)),
    st.tuples(st.just("publish and crash"), st.integers(0, 1)),
    st.tuples(st.just("remove"), st.integers(0, 1)),
    st.tuples(st.just("come back"), st.integers(0, 1)),
)


class Crashed(BaseException):
    """The process is no more."""


class StepSink:
    """A sink that stops before it takes anything, until it is told how to go on."""

    def __init__(self, sink: Sink, brought: list[Event]) -> None:
        self._sink = sink
        self._brought = brought
        self.reached = asyncio.Event()
        self.gate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events once told to, and crash then where told so."""
        self.reached.set()
        crash = await self.gate
        self._brought += batch
        await self._sink.accept(batch)
        if crash:
            raise Crashed


class Process:
    """A process with a relay, which is looked into between its steps."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._relay: Relay | None = None
        self._round: asyncio.Task[int] | None = None
        self._sink: StepSink | None = None

    async def list(self, *, finish: bool = False) -> None:
        """Have the relay read what waits, and come to where it hands it on."""
        if self._round is not None:
            return
        self._sink = StepSink(self._world.sink, self._world.brought)
        if self._relay is None:
            self._relay = Relay(self._world.store.outbox, self._sink, "")
        self._relay._sink = self._sink
        self._round = asyncio.create_task(self._relay.relay(finish=finish))
        reached = asyncio.create_task(self._sink.reached.wait())
        await asyncio.wait([self._round, reached], return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if self._round.done():
            await self._end()

    async def publish(self, *, crash: bool = False) -> None:
        """Have it hand on what it has read; then it may be killed before it removes anything."""
        if self._round is not None and self._sink is not None:
            self._sink.gate.set_result(crash)
            await self._end()

    async def crash(self) -> None:
        """Kill it wherever it is."""
        if self._round is not None:
            self._round.cancel()
        await self._end()
        self._relay = None

    async def remove(self) -> None:
        """Have it remove what it has handed on, and hand on what waits by now."""
        await self.publish()
        await self.list(finish=True)
        await self.publish()

    async def _end(self) -> None:
        if self._round is not None:
            (outcome,) = await asyncio.gather(self._round, return_exceptions=True)
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, Crashed | asyncio.CancelledError), outcome
                self._relay = None
        self._round = None


class Subscriber:
    """Somebody who listens, and comes back with the last cursor."""

    def __init__(self, broker: Broker, agency: Agency) -> None:
        self._broker, self._agency = broker, agency
        self._cursor = Cursor("of nothing yet: it begins with what is kept")
        self.events: list[Event] = []

    async def come(self, seconds: float) -> None:
        """Take what there is."""
        async with self._broker.listen(self._agency, after=self._cursor) as deliveries:
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        delivery = await anext(deliveries)
                except TimeoutError:
                    return
                if isinstance(delivery, Delivered):
                    self.events.append(delivery.event)
                    self._cursor = delivery.cursor
                else:
                    assert not self.events, "nothing is missed"


class World:
    """A store, a broker, two processes that relay and two subscribers."""

    def __init__(self, path: Path, broker: Broker, patience: float) -> None:
        self.store = open_store(path)
        self.broker, self.agency, self.patience = broker, some_agency(), patience
        self.sink = self.broker.sink_of(self.agency.id)
        self.brought: list[Event] = []
        self.committed: list[Event] = []
        self.processes = [Process(self), Process(self)]
        self.subscribers = [Subscriber(broker, self.agency) for _ in range(2)]

    async def commit(self, number: int) -> None:
        """Commit the next event of a subject."""
        version = 1 + sum(one.subject == SUBJECTS[number] for one in self.committed)
        event = event_of(SUBJECTS[number], version)
        await happen(self.store, event)
        self.committed.append(event)

    async def act(self, action: str, number: int) -> None:
        """Do one thing."""
        process = self.processes[number % 2]
        match action:
            case "commit":
                await self.commit(number)
            case "list":
                await process.list()
            case "publish":
                await process.publish()
            case "crash":
                await process.crash()
            case "publish and crash":
                await process.publish(crash=True)
            case "remove":
                await process.remove()
            case "come back":
                await self.subscribers[number].come(self.patience)


def by_subject(events: Sequence[Event]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(event.subject, []).append(event.version)
    return found


async def run(
    path: Path, actions: Sequence[tuple[str, int]], broker: Broker, patience: float = 0.0
) -> None:
    world = World(path, broker, patience)
    try:
        for action, number in actions:
            await world.act(action, number)
        for process in world.processes:
            await process.remove()
        await world.processes[0].remove()
        for one in world.subscribers:
            await one.come(0.01 + 10 * patience)
        assert await world.store.outbox.pending(9) == []
        committed = {event.id for event in world.committed}
        assert {event.id for event in world.brought} == committed, "neither lost nor invented"
        first = list({event.id: event for event in world.brought}.values())
        assert by_subject(first) == by_subject(world.committed), "in order of version"
        for one in world.subscribers:
            assert len(one.events) == len(committed), "exactly once"
            assert by_subject(one.events) == by_subject(world.committed)
    finally:
        await world.store.aclose()


@given(actions=st.lists(ACTIONS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_subscribers_see_every_event_of_a_subject_once_in_order(
    actions: list[tuple[str, int]],
) -> None:
    """Whatever happens in whichever order, each committed event is delivered, by version, once.

    Two relays read, hand on, are killed before, in between and after, and go on with what they read
    long ago; subscribers come and go.
    """
    with tempfile.TemporaryDirectory() as folder:

        async def case() -> None:
            await run(Path(folder) / "a.db", actions, LocalBroker())

        asyncio.run(case())


@pytest.mark.slow
def test_subscribers_of_redis_see_every_event_of_a_subject_once_in_order(
    redis: RedisServer,
) -> None:
    """The same over a real Redis: its stream has each event once, and resumes at each cursor."""

    @given(actions=st.lists(ACTIONS, max_size=25))
    @settings(max_examples=15, deadline=None)
    def campaign(actions: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:

            async def case() -> None:
                async with open_redis_broker(
                    lambda: redis.url, seconds=300, bytes_max=1_000_000
                ) as broker:
                    await run(Path(folder) / "a.db", actions, broker, patience=0.05)

            asyncio.run(case())

    campaign()
