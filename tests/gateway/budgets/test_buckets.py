"""One suite of promises for buckets, in a process and in Redis."""

import asyncio

from gateway.budgets.buckets import Buckets
from tests.gateway.budgets.waiting import pool


async def test_what_is_taken_is_gone(buckets: Buckets) -> None:
    """A bucket gives what it holds, says what is left, and then how long to wait."""
    one = pool(10, amount=1, seconds=10)

    assert await buckets.take([one], [4]) == ([6], ())
    assert await buckets.take([one], [6]) == ([0], ())
    left, waits = await buckets.take([one], [2])

    assert tuple(left) == (0,)
    assert tuple(waits) in {(19,), (20,)}, "two come back in twenty seconds, less what has passed"


async def test_all_is_granted_or_nothing_is_taken(buckets: Buckets) -> None:
    """What one bucket does not cover is taken from none; only that one is waited for."""
    rich, poor = pool(100), pool(10)
    await buckets.take([poor], [4])

    refused, waits = await buckets.take([rich, poor], [7, 7])
    granted = await buckets.take([rich, poor], [6, 6])

    assert tuple(refused) == (100, 6)
    assert [bool(wait) for wait in waits] == [False, True]
    assert granted == ([94, 0], ())


async def test_it_comes_back_at_its_rate_and_no_further(buckets: Buckets) -> None:
    """A thousand a second come back, up to what the bucket holds."""
    one = pool(1_000, amount=1_000, seconds=1)
    await buckets.take([one], [1_000])
    _, waits = await buckets.take([one], [500])

    await asyncio.sleep(0.6)
    left, refused = await buckets.take([one], [500])
    await asyncio.sleep(2)
    full, _ = await buckets.take([one], [0])

    assert tuple(waits) == (1,)
    assert not refused
    assert left[0] < 500
    assert tuple(full) == (1_000,)


async def test_more_than_a_bucket_holds_takes_a_full_one_and_leaves_a_debt(
    buckets: Buckets,
) -> None:
    """What costs more than the capacity is not refused for ever, and is paid off afterwards."""
    one = pool(100, amount=100, seconds=1)

    granted = await buckets.take([one], [250])
    _, waits = await buckets.take([one], [1])
    await asyncio.sleep(0.2)
    _, still = await buckets.take([one], [1])
    await asyncio.sleep(1.5)
    _, later = await buckets.take([one], [1])

    assert granted == ([0], ())
    assert tuple(waits) == (2,)
    assert still
    assert not later


async def test_what_is_given_back_is_there_again(buckets: Buckets) -> None:
    """It can be taken anew, and never fills a bucket beyond its size."""
    one, other = pool(10), pool(10)
    await buckets.take([one, other], [10, 3])

    await buckets.give_back([one], [4])
    await buckets.give_back([other], [9])

    assert await buckets.take([one, other], [4, 10]) == ([0, 0], ())


async def test_none_is_taken_twice_by_many_at_once(buckets: Buckets) -> None:
    """Of a thousand requests at the same moment just so many are granted as there is room for."""
    one, other = pool(300), pool(1_000)

    answers = await asyncio.gather(*(buckets.take([one, other], [3, 1]) for _ in range(1_000)))

    assert sum(1 for _, waits in answers if not waits) == 100
    assert await buckets.take([other], [0]) == ([900], ())


async def test_money_by_the_day_is_counted_to_the_cent(buckets: Buckets) -> None:
    """A day's budget of $500.00 is spent in 250 calls of $2.00, and the next waits for minutes."""
    one = pool(50_000, amount=50_000, seconds=86_400)

    for _ in range(250):
        _, waits = await buckets.take([one], [200])
        assert not waits
    left, waits = await buckets.take([one], [200])

    assert left[0] <= 2, "a cent comes back each 1.7 seconds"
    assert 300 < waits[0] <= 346
