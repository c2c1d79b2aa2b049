"""An agency with a store and a directory of its own, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.resolvers.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One agency, empty."""
    async with open_world(tmp_path) as opened:
        yield opened
