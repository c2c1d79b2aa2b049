"""Brokers of both kinds: in this process, and in a real Redis."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from gateway.events.local import LocalBroker
from gateway.events.port import Broker, BrokerObserver
from gateway.events.redis_broker import open_redis_broker
from tests.redis_server import RedisServer, running_redis

OpenBroker = Callable[..., AbstractAsyncContextManager[Broker]]


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """Give a Redis, or skip."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["local", "redis"])
def open_broker(request: pytest.FixtureRequest) -> OpenBroker:
    """Give what opens a broker of either kind, with bounds of its own."""
    if request.param == "local":

        @asynccontextmanager
        async def open_local(
            seconds: int = 300, bytes_max: int = 1_000_000, observer: BrokerObserver | None = None
        ) -> AsyncIterator[Broker]:
            yield LocalBroker(seconds=seconds, bytes_max=bytes_max, observer=observer)

        return open_local
    server: RedisServer = request.getfixturevalue("redis")

    def open_shared(
        seconds: int = 300, bytes_max: int = 1_000_000, observer: BrokerObserver | None = None
    ) -> AbstractAsyncContextManager[Broker]:
        return open_redis_broker(
            lambda: server.url, seconds=seconds, bytes_max=bytes_max, observer=observer
        )

    return open_shared


@pytest.fixture
async def broker(open_broker: OpenBroker) -> AsyncIterator[Broker]:
    """Give a broker of either kind."""
    async with open_broker() as opened:
        yield opened
