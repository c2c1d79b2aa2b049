"""The relay of one store: order, repetition, what is away and what is at fault."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenants.backend import Unit
from tenants.outbox.relay import (
    BATCH_MAX,
    HELD_SECONDS_MAX,
    HELD_SECONDS_MIN,
    POLL_SECONDS,
    Relay,
    SinkAway,
    in_order,
)
from tenants.store import AgencyStore
from tests.tenants.outbox.outbox_world import (
    SUBJECTS,
    Clock,
    MemorySink,
    event_of,
    happen,
    open_store,
    until,
)
from tests.tenants.record_samples import AT

A, B, C, *_ = SUBJECTS


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgencyStore]:
    """Give an empty store."""
    opened = open_store(tmp_path / "a.db")
    yield opened
    await opened.aclose()


@pytest.fixture
def sink() -> MemorySink:
    """Give a sink that takes everything."""
    return MemorySink()


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def relay(store: AgencyStore, sink: MemorySink, clock: Clock) -> Relay:
    """Give a relay that is not running."""
    return Relay(store.outbox, sink, store.agency_id, clock=clock)


async def test_what_was_committed_is_brought_in_its_order_and_removed(
    store: AgencyStore, sink: MemorySink, relay: Relay
) -> None:
    """All that waits is brought, as many batches as it takes, and then nothing waits."""
    events = [event_of(SUBJECTS[number % 3], number // 3 + 1) for number in range(2 * BATCH_MAX)]
    await happen(store, *events)

    while await relay.relay(finish=True):
        pass

    assert sink.brought == events
    assert await store.outbox.pending(9) == []


def test_a_subject_s_events_go_by_version_in_the_places_it_has() -> None:
    """A listing that is not in the order of the commits is put right within each subject."""
    one, two, three = (event_of(A, version) for version in (1, 2, 3))
    other, next_other = event_of(B, 7), event_of(B, 7)

    assert in_order([three, other, one, next_other, two]) == [one, other, two, next_other, three]


async def test_nothing_is_brought_twice_while_its_removal_waits(
    store: AgencyStore, sink: MemorySink, relay: Relay, clock: Clock
) -> None:
    """Removal waits for others to go along with; until then what was brought is not again."""
    first, second = event_of(A, 1), event_of(A, 2)
    await happen(store, first)
    await relay.relay()
    await happen(store, second)
    await relay.relay()
    assert await store.outbox.pending(9) == [first, second]
    clock.now += 1
    await relay.relay()

    assert sink.brought == [first, second]
    assert await store.outbox.pending(9) == []


async def test_a_sink_that_is_away_keeps_everything_waiting(
    store: AgencyStore, sink: MemorySink, relay: Relay
) -> None:
    """Nothing is removed that was not taken; all of it goes once the sink is back."""
    events = [event_of(A, 1), event_of(B, 1), event_of(A, 2)]
    await happen(store, *events)
    sink.away = True
    with pytest.raises(SinkAway):
        await relay.relay()
    assert await store.outbox.pending(9) == events
    assert (relay.backlog.queued, relay.backlog.set_aside) == (3, 0)
    assert relay.backlog.since == AT
    sink.away = False
    await relay.relay(finish=True)

    assert sink.brought == events
    assert relay.backlog.queued == 0


async def test_an_event_at_fault_holds_back_its_own_subject_alone(
    store: AgencyStore,
    sink: MemorySink,
    relay: Relay,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Others go on; it is told once and tried ever more rarely; what is behind it goes after it."""
    bad, behind, other = event_of(A, 1), event_of(A, 2), event_of(B, 1)
    sink.refused = {A}
    await happen(store, bad, behind, other)
    waits = []
    for _ in range(12):
        await relay.relay(finish=True)
        asked = sink.asked
        began = clock.now
        while sink.asked == asked:
            clock.now += 0.5
            await relay.relay(finish=True)
        waits.append(clock.now - began)
    assert sink.brought == [other]
    assert waits[0] == HELD_SECONDS_MIN
    assert waits == sorted(waits)
    assert waits[-1] == HELD_SECONDS_MAX
    assert (relay.backlog.queued, relay.backlog.set_aside) == (0, 2)
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert bad.id in told[0].getMessage()
    assert not {"not this one"} & set(caplog.text.splitlines())
    sink.refused = set()
    clock.now += HELD_SECONDS_MAX
    await relay.relay(finish=True)

    assert sink.brought == [other, bad, behind]
    assert relay.backlog.set_aside == 0
    assert await store.outbox.pending(9) == []


async def test_an_event_that_cannot_be_read_stays_and_others_go(
    store: AgencyStore, sink: MemorySink, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a newer release or damaged, it holds back what is about the same, if that can be read."""
    newer = b'{"id":"n","name":"WrittenByALaterRelease","subject":"%s","version":1}' % A.encode()
    for row in (("n", newer), ("d", b"\xff{damaged")):
        await store._backend.commit(Unit(event=row), at=AT)
    behind, other = event_of(A, 2), event_of(B, 1)
    await happen(store, behind, other)
    for _ in range(3):
        await relay.relay(finish=True)

    assert sink.brought == [other]
    assert (relay.backlog.queued, relay.backlog.set_aside) == (0, 3)
    assert caplog.text.count("cannot be read") == 2


async def test_many_events_at_fault_do_not_keep_others_from_being_seen(
    store: AgencyStore, sink: MemorySink, relay: Relay
) -> None:
    """However many stand at the head of the outbox, those behind them get their turn."""
    sink.refused = {A}
    bad = [event_of(A, number) for number in range(1, 2 * BATCH_MAX + 50)]
    await happen(store, *bad, good := event_of(B, 1))
    for _ in range(5):
        await relay.relay(finish=True)

    assert sink.brought == [good]


async def test_a_commit_wakes_the_relay_at_once(store: AgencyStore, sink: MemorySink) -> None:
    """What this process commits is brought long before anybody looks for it."""
    relay = Relay(store.outbox, sink, store.agency_id)
    relay.start()
    await asyncio.sleep(0.05)
    loop, slowest = asyncio.get_running_loop(), 0.0
    for version in range(1, 6):
        await happen(store, event_of(A, version))
        began = loop.time()
        await until(lambda: len(sink.brought) == version)  # noqa: B023 -- awaited here
        slowest = max(slowest, loop.time() - began)
    await relay.aclose()

    assert slowest < POLL_SECONDS / 2
    assert await store.outbox.pending(9) == []


async def test_what_another_process_commits_is_found_within_a_second(
    tmp_path: Path, store: AgencyStore, sink: MemorySink
) -> None:
    """Nobody wakes the relay for it."""
    relay, other = (
        Relay(store.outbox, sink, store.agency_id),
        open_store(tmp_path / "a.db", create=False),
    )
    relay.start()
    await asyncio.sleep(0.05)
    await happen(other, event_of(A, 1))
    async with asyncio.timeout(1):
        await until(lambda: bool(sink.brought))
    await relay.aclose()
    await other.aclose()


async def test_a_running_relay_goes_on_after_its_sink_was_away(
    store: AgencyStore, sink: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once that events wait, and once that they go again."""
    relay = Relay(store.outbox, sink, store.agency_id)
    sink.away = True
    relay.start()
    await happen(store, event_of(A, 1), event_of(A, 2))
    await until(lambda: sink.asked >= 3)
    sink.away = False
    await until(lambda: len(sink.brought) == 2)
    await until(lambda: "again" in caplog.text)
    await relay.aclose()

    assert len(caplog.records) == 2


async def test_closing_brings_what_waits_and_does_not_wait_for_a_sink_that_is_away(
    store: AgencyStore, sink: MemorySink
) -> None:
    """The last round takes all that the sink takes; else it stays in the store."""
    await happen(store, first := event_of(A, 1))
    relay = Relay(store.outbox, sink, store.agency_id)
    await relay.aclose()
    assert sink.brought == [first]
    assert await store.outbox.pending(9) == []
    sink.away = True
    await happen(store, second := event_of(A, 2))
    await Relay(store.outbox, sink, store.agency_id).aclose()
    assert await store.outbox.pending(9) == [second]
