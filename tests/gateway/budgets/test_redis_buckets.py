"""A fleet spends one budget, and where Redis is away each process spends its part of it."""

import asyncio
import subprocess
import sys
import time

import pytest

from gateway.budgets import redis_buckets
from gateway.budgets.buckets import LocalBuckets
from gateway.budgets.redis_buckets import PREFIX, RedisBuckets, open_redis_buckets
from gateway.settings import CannotStart
from tests.gateway.budgets.waiting import pool, until
from tests.redis_server import RedisServer, running_redis

SPENDER = """
import asyncio, sys
from gateway.budgets.buckets import LocalBuckets, Pool, Rate
from gateway.budgets.redis_buckets import open_redis_buckets

async def main():
    one = Pool(sys.argv[2], Rate(1000, 1, 100_000))
    own = LocalBuckets()
    async with open_redis_buckets(lambda: sys.argv[1], own, deadline_ms=10_000) as buckets:
        while not buckets.answers:
            await asyncio.sleep(0.01)
        answers = await asyncio.gather(*(buckets.take([one], [1]) for _ in range(600)))
        print(sum(1 for _, waits in answers if not waits))

asyncio.run(main())
"""


def test_processes_spend_one_budget_together(redis: RedisServer) -> None:
    """Three processes that ask for 600 each at the same time are granted 1,000, not one more."""
    name = pool(1).name
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, redis.url, name], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    granted = [int(spender.communicate(timeout=60)[0].splitlines()[-1]) for spender in spenders]

    assert sum(granted) == 1_000
    assert min(granted) >= 0


async def test_without_redis_each_process_spends_its_part() -> None:
    """While it is away a process of two grants half, at once, and each such charge is counted."""
    fallbacks = 0

    def count() -> None:
        nonlocal fallbacks
        fallbacks += 1

    with running_redis() as server:
        async with open_redis_buckets(
            lambda: server.url, LocalBuckets(share=2), deadline_ms=50, fell_back=count
        ) as buckets:
            await until(lambda: buckets.answers)
            one = pool(100)
            assert await buckets.take([one], [10]) == ([90], ())
            server.stop()
            await buckets.take([pool(1)], [1])
            await until(lambda: not buckets.answers)

            began = time.monotonic()
            local = await buckets.take([one], [50])
            refused = await buckets.take([one], [1])
            seconds = time.monotonic() - began
            server.start()
            await until(lambda: buckets.answers)
            again = await buckets.take([one], [10])

    assert local == ([0], ())
    assert refused[1]
    assert seconds < 0.05
    assert fallbacks == 3
    assert again == ([90], ()), "a Redis that lost everything begins with full buckets"


async def test_a_redis_that_hangs_costs_a_request_its_deadline_alone() -> None:
    """One that answers nothing is waited for once, then no more; thawed, it is used again."""
    with running_redis() as server:
        async with open_redis_buckets(
            lambda: server.url, LocalBuckets(), deadline_ms=20
        ) as buckets:
            await until(lambda: buckets.answers)
            one = pool(100)
            server.freeze()
            began = time.monotonic()
            answers = await asyncio.gather(*(buckets.take([one], [1]) for _ in range(50)))
            seconds = time.monotonic() - began
            await until(lambda: not buckets.answers)
            at_once = time.monotonic()
            await buckets.take([one], [1])
            at_once = time.monotonic() - at_once
            server.thaw()
            await until(lambda: buckets.answers)

    assert all(not waits for _, waits in answers)
    assert seconds < redis_buckets.AWAY_AFTER_SECONDS
    assert at_once < 0.01


async def test_a_loop_that_is_late_takes_redis_for_alive(shared: RedisBuckets) -> None:
    """An answer that came while the loop was busy is read, however long ago its deadline was."""
    one = pool(100)
    shared._deadline_seconds, shared._grace_seconds = 0.02, 5.0
    asking = asyncio.create_task(shared.take([one], [1]))
    await asyncio.sleep(0.01)
    time.sleep(0.1)  # noqa: ASYNC251 - the loop is held on purpose

    assert await asking == ([99], ())
    assert await shared.take([one], [0]) == ([99], ())


async def test_a_full_bucket_takes_no_room(shared: RedisBuckets, redis: RedisServer) -> None:
    """What is full again is not kept: a key of Redis ends when its bucket would be full."""
    one = pool(10, amount=10, seconds=1)
    await shared.take([one], [10])
    left = await shared._client.pttl(PREFIX + one.name)
    await shared.give_back([one], [10])

    assert 1_000 < left <= 2_000
    assert await shared._client.exists(PREFIX + one.name) == 0


async def test_the_newest_address_is_connected_to(redis: RedisServer) -> None:
    """A password that was wrong and is put right is taken without a restart."""
    given = [redis.url.replace(":of-a-test@", ":wrong@"), redis.url]
    async with open_redis_buckets(lambda: given[0], LocalBuckets(), deadline_ms=100) as buckets:
        await asyncio.sleep(0.1)
        assert not buckets.answers
        given.pop(0)
        await until(lambda: buckets.answers)


@pytest.mark.parametrize(
    "url", ["http://:secret@host", "redis://:secret@redis.example:6379/0", "secret"]
)
async def test_an_address_that_will_not_do_keeps_the_gateway_from_starting(url: str) -> None:
    """None at all, or in plain beyond this machine: told by its setting, without the password."""
    with pytest.raises(CannotStart, match="ALMONER_BUDGETS_REDIS_URL") as refused:
        async with open_redis_buckets(lambda: url, LocalBuckets(), deadline_ms=10):
            pass

    assert "secret" not in refused.value.message
