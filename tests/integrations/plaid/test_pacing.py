"""Plaid's limits are kept to before it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.plaid.pacing import WINDOW_SECONDS, Allowance, Allowances, Pacing

SYNC = "/transactions/sync"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def pacing(item: int | None, client: int, clock: Clock, processes: int = 1) -> Pacing:
    table = {SYNC: Allowance(item=item, client=client)}
    return Pacing(Allowances(by_endpoint=table, processes=processes), clock)


def test_an_item_waits_for_its_own_calls_alone() -> None:
    """The call beyond the limit waits until the first leaves the minute; other items do not."""
    clock = Clock()
    paced = pacing(2, 100, clock)
    assert [paced.reserve(SYNC, "a", 60) for _ in range(2)] == [0, 0]
    clock.now += 20
    assert paced.reserve(SYNC, "a", 60) == 40
    assert paced.reserve(SYNC, "b", 60) == 0


def test_the_clients_limit_is_shared_by_all_items() -> None:
    """A limit of the client holds for items together, and is divided among processes."""
    clock = Clock()
    paced = pacing(None, 9, clock, processes=3)
    assert [paced.reserve(SYNC, name, 60) for name in "abcd"] == [0, 0, 0, 60]


def test_who_would_wait_too_long_takes_no_place() -> None:
    """A refused call costs the next one nothing."""
    clock = Clock()
    paced = pacing(1, 100, clock)
    paced.reserve(SYNC, "a", 60)
    assert [paced.reserve(SYNC, "a", 30) for _ in range(5)] == [60] * 5
    clock.now += 31
    assert paced.reserve(SYNC, "a", 30) == pytest.approx(29)


def test_an_endpoint_without_a_known_limit_never_waits() -> None:
    """What Plaid does not limit is not limited here."""
    paced = pacing(1, 1, Clock())
    assert [paced.reserve("/link/token/create", None, 0) for _ in range(5)] == [0] * 5


@given(
    item=st.integers(1, 4),
    client=st.integers(1, 6),
    calls=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=40),
)
def test_no_minute_holds_more_calls_than_it_may(
    item: int, client: int, calls: list[tuple[str, float]]
) -> None:
    """Whoever asks whenever: in no 60 seconds do more calls go out than the limits say."""
    clock = Clock()
    paced = pacing(item, client, clock)
    sent: list[tuple[float, str]] = []
    for name, passed in calls:
        clock.now += passed
        wait = paced.reserve(SYNC, name, float("inf"))
        sent.append((clock.now + wait, name))
    for at, _ in sent:
        window = [(t, n) for t, n in sent if at <= t < at + WINDOW_SECONDS - 1e-6]
        assert len(window) <= client
        assert all(sum(n == name for _, n in window) <= item for name in "abc")
