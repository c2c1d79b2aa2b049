"""Walking a ledger: every line between two indices, once and in order, however many pages."""

from typing import Any

import pytest

from tenants.backend import StoreBackend
from tenants.ledger.ledger import LINES_PER_PAGE_MAX
from tests.tenants.ledger.ledger_samples import fill

LINES = LINES_PER_PAGE_MAX + 200


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, range(LINES)),
        ({"after": 9, "before": LINES - 9}, range(10, LINES - 9)),
        ({"after": LINES - 3}, range(LINES - 2, LINES)),
        ({"before": LINES * 2}, range(LINES)),
        ({"after": LINES - 1}, ()),
        ({"before": 0}, ()),
    ],
)
async def test_a_walk_is_every_line_both_ways(
    backend: StoreBackend, bounds: dict[str, Any], expected: range
) -> None:
    """From the oldest and from the newest on, over the bounds of pages, no line twice."""
    ledger = await fill(backend, LINES)

    onward = [one.index async for one in ledger.walk(**bounds)]
    backward = [one.index async for one in ledger.walk(**bounds, newest_first=True)]

    assert onward == list(expected)
    assert backward == list(reversed(expected))


async def test_a_walk_meets_what_comes_meanwhile(backend: StoreBackend) -> None:
    """From the oldest on, lines that are merged on the way are walked too; backward, none is."""
    ledger = await fill(backend, 3)
    onward, backward = [], []

    async for one in ledger.walk():
        onward.append(one.index)
        if one.index == 2:
            await fill(backend, 2, first=3)
    async for one in ledger.walk(newest_first=True):
        backward.append(one.index)
        if one.index == 4:
            await fill(backend, 1, first=5)

    assert onward == [0, 1, 2, 3, 4]
    assert backward == [4, 3, 2, 1, 0]


async def test_a_walk_begins_after_what_retention_removed(backend: StoreBackend) -> None:
    """Lines that are gone are walked by nobody, from either end."""
    ledger = await fill(backend, 600)
    gone = await ledger.prune(300)
    assert gone

    assert [one.index async for one in ledger.walk()] == list(range(gone, 600))
    backward = [one.index async for one in ledger.walk(newest_first=True)]
    assert backward == list(range(599, gone - 1, -1))
