"""What every backend promises about idempotency records: once begun, never done twice."""

import asyncio
from datetime import timedelta

import pytest

from domain.errors import IdempotencyMismatch
from tenants.backend import Conflict, Replayed, StoreBackend, Unit
from tests.tenants.stores import AT, Stores, a_once, a_put

LATER = AT + timedelta(hours=25)


async def test_a_key_is_used_once(backend: StoreBackend) -> None:
    """A second unit under the key is refused and told the first one's result."""
    put, again = a_put(), a_put()
    await backend.commit(Unit(operations=(put,), begin=a_once(reference="app_1")), at=AT)
    with pytest.raises(Replayed) as replayed:
        await backend.commit(Unit(operations=(again,), begin=a_once(reference="app_2")), at=AT)
    assert replayed.value.reference == "app_1"
    assert await backend.get(again.key) is None
    assert await backend.once("k", AT) == a_once(reference="app_1")


async def test_an_open_attempt_refuses_the_next(backend: StoreBackend) -> None:
    """While an attempt's end is not known, a retry is refused without a reference."""
    await backend.commit(Unit(begin=a_once()), at=AT)
    with pytest.raises(Replayed) as replayed:
        await backend.commit(Unit(begin=a_once()), at=AT)
    assert replayed.value.reference is None


async def test_another_input_under_the_key_is_an_error(backend: StoreBackend) -> None:
    """The same key with another digest is refused, open or done, begun or finished."""
    await backend.commit(Unit(begin=a_once()), at=AT)
    for wrong in (
        Unit(begin=a_once(digest="x")),
        Unit(finish=a_once(digest="x", reference="r")),
        Unit(finish=a_once(digest="x")),
    ):
        with pytest.raises(IdempotencyMismatch):
            await backend.commit(wrong, at=AT)
    await backend.commit(Unit(finish=a_once(reference="r")), at=AT)
    with pytest.raises(IdempotencyMismatch):
        await backend.commit(Unit(begin=a_once(digest="x")), at=AT)
    assert await backend.once("k", AT) == a_once(reference="r")


async def test_an_attempt_is_completed_with_its_result(backend: StoreBackend) -> None:
    """The unit that finishes an attempt records the result beside what it writes."""
    put = a_put()
    await backend.commit(Unit(begin=a_once()), at=AT)
    await backend.commit(Unit(operations=(put,), finish=a_once(reference="r")), at=AT)
    assert await backend.get(put.key) is not None
    with pytest.raises(Replayed) as replayed:
        await backend.commit(Unit(begin=a_once()), at=AT)
    assert replayed.value.reference == "r"


async def test_an_attempt_taken_back_frees_the_key(backend: StoreBackend) -> None:
    """Finishing without a reference removes the attempt, so that the key may be used again."""
    await backend.commit(Unit(begin=a_once()), at=AT)
    await backend.commit(Unit(finish=a_once()), at=AT)
    assert await backend.once("k", AT) is None
    await backend.commit(Unit(begin=a_once(digest="other")), at=AT)


async def test_what_is_done_is_not_finished_again(backend: StoreBackend) -> None:
    """Completing or taking back what is done already is refused and changes nothing."""
    await backend.commit(Unit(begin=a_once(reference="r")), at=AT)
    for late in (a_once(reference="other"), a_once()):
        put = a_put()
        with pytest.raises(Replayed) as replayed:
            await backend.commit(Unit(operations=(put,), finish=late), at=AT)
        assert replayed.value.reference == "r"
        assert await backend.get(put.key) is None
    assert await backend.once("k", AT) == a_once(reference="r")


async def test_an_expired_record_is_replaced(backend: StoreBackend) -> None:
    """After its time a key is free for any input, whether the attempt was done or open."""
    for reference in (None, "r"):
        await backend.commit(Unit(begin=a_once(reference=reference, hours=0.5)), at=AT)
        assert await backend.once("k", LATER) is None
        await backend.commit(Unit(begin=a_once(digest="new", hours=48)), at=LATER)
        assert await backend.once("k", LATER) == a_once(digest="new", hours=48)
        await backend.commit(Unit(finish=a_once(digest="new", hours=48)), at=LATER)


async def test_however_many_expired_each_is_replaced(backend: StoreBackend) -> None:
    """Expired records are no hindrance, whether they were cleared away by then or not."""
    for number in range(40):
        await backend.commit(Unit(begin=a_once(f"k{number}", hours=1)), at=AT)
    for number in reversed(range(40)):
        await backend.commit(Unit(begin=a_once(f"k{number}", "new", hours=48)), at=LATER)
        assert await backend.once(f"k{number}", LATER) is not None


async def test_a_late_finish_is_recorded_all_the_same(backend: StoreBackend) -> None:
    """What was done under an attempt that expired meanwhile is kept: it has happened."""
    await backend.commit(Unit(begin=a_once()), at=AT)
    put = a_put()
    done = a_once(reference="r", hours=72)
    await backend.commit(Unit(operations=(put,), finish=done), at=LATER)
    assert await backend.once("k", LATER) == done
    assert await backend.get(put.key) is not None


async def test_a_refused_unit_does_not_burn_the_key(backend: StoreBackend) -> None:
    """Where the unit is refused for another reason, its attempt is neither begun nor finished."""
    refused = a_put(expected=3)
    with pytest.raises(Conflict):
        await backend.commit(Unit(operations=(refused,), begin=a_once()), at=AT)
    assert await backend.once("k", AT) is None
    await backend.commit(Unit(begin=a_once()), at=AT)
    with pytest.raises(Conflict):
        await backend.commit(Unit(operations=(refused,), finish=a_once(reference="r")), at=AT)
    assert await backend.once("k", AT) == a_once()


async def test_a_replay_is_told_before_any_conflict(backend: StoreBackend) -> None:
    """A retry of a unit that went through is answered as a replay, not as a stale change."""
    unit = Unit(operations=(a_put(),), begin=a_once(reference="r"))
    await backend.commit(unit, at=AT)
    with pytest.raises(Replayed):
        await backend.commit(unit, at=AT)


async def test_of_twins_at_once_one_begins(stores: Stores) -> None:
    """Of many units under one key at the same time, over two openings, one is written."""
    backends = [await stores.open(), await stores.open()]
    units = [Unit(operations=(a_put(),), begin=a_once(reference=str(n))) for n in range(20)]
    outcomes = await asyncio.gather(
        *(backends[n % 2].commit(unit, at=AT) for n, unit in enumerate(units)),
        return_exceptions=True,
    )
    winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(winners) == 1
    for n, (unit, outcome) in enumerate(zip(units, outcomes, strict=True)):
        written = await backends[0].get(unit.operations[0].key)
        assert (written is not None) == (n in winners)
        if n not in winners:
            assert isinstance(outcome, Replayed)
            assert outcome.reference == str(winners[0])
