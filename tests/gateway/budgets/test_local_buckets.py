"""The buckets of one process: exact to the unit, and no more of them than are in use."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.budgets.buckets import LocalBuckets, Pool, Rate

SECOND = 1_000_000_000


class Clock:
    """A clock that a test sets."""

    now = 0

    def __call__(self) -> int:
        """Return the moment."""
        return self.now


@given(
    st.integers(min_value=1, max_value=1_000),
    st.integers(min_value=1, max_value=1_000),
    st.integers(min_value=1, max_value=90_000),
    st.integers(min_value=1, max_value=5),
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=200), st.integers(min_value=0, max_value=10**11)
        ),
        max_size=40,
    ),
)
async def test_never_more_is_granted_than_there_was_and_came_back(
    capacity: int, amount: int, seconds: int, share: int, asked: list[tuple[int, int]]
) -> None:
    """Over any span, what is granted within the capacity is at most what it held and its rate."""
    clock = Clock()
    buckets = LocalBuckets(share=share, clock=clock)
    one = Pool("one", Rate(capacity, amount, seconds))
    granted = 0
    for cost, passed in asked:
        clock.now += passed
        left, waits = await buckets.take([one], [cost])
        granted += 0 if waits else cost
        held = capacity * seconds * SECOND + clock.now * amount
        debt = max((cost for cost, _ in asked), default=0) * seconds * SECOND * share
        assert granted * seconds * SECOND * share <= held + debt
        assert left[0] >= 0
        if waits:
            clock.now += waits[0] * SECOND
            _, waits = await buckets.take([one], [cost])
            assert not waits, "after the wait that was named it is granted"
            granted += cost


async def test_full_buckets_are_forgotten() -> None:
    """After a minute those that are full again take no memory any more."""
    clock = Clock()
    buckets = LocalBuckets(clock=clock)
    for n in range(1_000):
        await buckets.take([Pool(f"quick {n}", Rate(10, 1, 1))], [1])
    await buckets.take([Pool("slow", Rate(10, 1, 100))], [5])
    assert len(buckets) == 1_001

    clock.now += 61 * SECOND
    left, _ = await buckets.take([Pool("slow", Rate(10, 1, 100))], [1])

    assert len(buckets) == 1
    assert left == [4]


async def test_there_are_never_more_buckets_than_are_kept() -> None:
    """A stream of callers who each spend something is bounded; who comes again keeps the place."""
    clock = Clock()
    buckets = LocalBuckets(clock=clock, kept_max=100)

    for n in range(10_000):
        await buckets.take([Pool(f"caller {n}", Rate(10, 1, 86_400))], [1])
        assert len(buckets) <= 101

    left, _ = await buckets.take([Pool("caller 9999", Rate(10, 1, 86_400))], [1])
    assert left == [8]


async def test_processes_without_a_redis_have_a_part_each() -> None:
    """One of four grants a quarter, and a quarter comes back to it."""
    clock = Clock()
    buckets = LocalBuckets(share=4, clock=clock)
    one = Pool("one", Rate(100, 100, 1))

    assert await buckets.take([one], [25]) == ([0], ())
    _, waits = await buckets.take([one], [1])
    clock.now += SECOND
    assert waits == [1]
    assert await buckets.take([one], [25]) == ([0], ())


def test_a_rate_of_some_percent_is_in_least_numbers() -> None:
    """A hundred percent is the rate itself; 250 is two and a half times as much."""
    rate = Rate(600, 10, 1)

    assert rate.part(100) == rate
    assert rate.part(250) == Rate(1500, 25, 1)
    assert rate.part(1) == Rate(6, 1, 10)
    assert Rate(1, 1, 1).part(1).capacity == 1
    assert rate.fills_in_seconds == 60
