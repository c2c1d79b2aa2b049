"""Every backend of the store, one after the other, for the suite of promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenants.backend import StoreBackend
from tests.tenants.stores import BACKENDS, Stores


@pytest.fixture(params=list(BACKENDS))
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """One empty store, to be opened as often as wanted."""
    made = BACKENDS[request.param](tmp_path)
    yield made
    await made.aclose()


@pytest.fixture
async def backend(stores: Stores) -> StoreBackend:
    """One empty store, open."""
    return await stores.open()
