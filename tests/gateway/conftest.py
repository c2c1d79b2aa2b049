"""The small gateway and a client to it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.gateway.small_gateway import World, client_of, small_app


@pytest.fixture
async def world() -> World:
    """Give what the resolvers of the small schema leave behind."""
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the small gateway, signed in as a counselor of harbor."""
    async with client_of(small_app(world)) as given:
        yield given
