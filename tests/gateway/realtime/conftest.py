"""The gateway that live clients speak to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.realtime.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Give a running gateway with two agencies."""
    async with open_house(tmp_path) as opened:
        yield opened
