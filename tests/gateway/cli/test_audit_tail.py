"""`almoner audit tail`: what it prints at first and what it follows are one unbroken row."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.audit import tailed
from tenants.backend import Key, Row, StoreBackend
from tests.tenants.ledger.ledger_samples import a_ledger, fill
from tests.tenants.stores import sqlite_stores


class Busy:
    """A store whose ledger grows by a line whenever it has just been asked how long it is."""

    def __init__(self, backend: StoreBackend, lines: int) -> None:
        self._backend = backend
        self._lines = lines

    def __getattr__(self, name: str) -> Any:
        """Return the store's own method."""
        return getattr(self._backend, name)

    async def get(self, key: Key) -> Row | None:
        """Return a row as it was before another process added a line."""
        found = await self._backend.get(key)
        await fill(self._backend, 1, self._lines)
        self._lines += 1
        return found


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[StoreBackend]:
    """Return an open store."""
    stores = sqlite_stores(tmp_path)
    yield await stores.open()
    await stores.aclose()


@pytest.mark.parametrize("count", [2, 0])
async def test_no_line_is_missed_between_the_newest_and_those_that_come(
    backend: StoreBackend, count: int
) -> None:
    """Lines that are merged while the newest are read are the first of those that come."""
    await fill(backend, 3)
    busy: Any = Busy(backend, 3)
    found: list[int] = []

    async for line in tailed(a_ledger(busy), count, every_seconds=0):
        found.append(line.index)
        if len(found) == 6:
            break

    assert found == list(range(3 - count, 9 - count))


async def test_it_ends_after_the_newest_unless_it_follows(backend: StoreBackend) -> None:
    """Without following, as many lines are told as are asked for, the newest last."""
    await fill(backend, 5)

    found = [line.index async for line in tailed(a_ledger(backend), 2, every_seconds=None)]

    assert found == [3, 4]


async def test_more_lines_are_told_than_a_page_holds(backend: StoreBackend) -> None:
    """However many are asked for, so many are told where there are as many."""
    await fill(backend, 1500)

    found = [line.index async for line in tailed(a_ledger(backend), 1200, every_seconds=None)]

    assert found == list(range(300, 1500))
