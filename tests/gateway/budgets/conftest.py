"""Buckets of both kinds: in this process, and in a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.budgets.buckets import Buckets, LocalBuckets
from gateway.budgets.redis_buckets import RedisBuckets, open_redis_buckets
from tests.gateway.budgets.waiting import until
from tests.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """Give a Redis, or skip."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def shared(redis: RedisServer) -> AsyncIterator[RedisBuckets]:
    """Give buckets in that Redis, connected."""
    async with open_redis_buckets(
        lambda: redis.url, LocalBuckets(share=2), deadline_ms=10_000
    ) as buckets:
        await until(lambda: buckets.answers)
        yield buckets


@pytest.fixture(params=["local", "redis"])
async def buckets(request: pytest.FixtureRequest) -> AsyncIterator[Buckets]:
    """Give buckets of either kind."""
    if request.param == "local":
        yield LocalBuckets()
        return
    server: RedisServer = request.getfixturevalue("redis")
    async with open_redis_buckets(lambda: server.url, LocalBuckets(), deadline_ms=10_000) as made:
        await until(lambda: made.answers)
        yield made
