"""A ledger's right edge: the rows that change as it grows, all of them as they are at one moment.

Full bundles and tiles stay as they are. The open ones move on with the head, and another process
may move them at any time: read one after the other they would seem to be tampered with.
"""

from collections.abc import Mapping, Sequence

from tenants.backend import Key, Row, StoreBackend
from tenants.ledger.records import (
    BUNDLE_LINES,
    HEAD_KEY,
    TILE_HASHES,
    TILE_LEVELS,
    Head,
    bundle_key,
    read,
    tile_key,
)

LEVELS_MAX = 6  # of tiles: 2^48 lines

Edge = Mapping[Key, Row | None]


def edge_keys(head: Head) -> list[Key]:
    """Return the rows that are not full yet, and the bundle that begins beyond the last line."""
    keys = {bundle_key(head.size // BUNDLE_LINES), bundle_key(-(-head.size // BUNDLE_LINES))}
    for level in range(LEVELS_MAX):
        number, width = divmod(head.size >> (TILE_LEVELS * level), TILE_HASHES)
        if width:
            keys.add(tile_key(level, number))
    return sorted(keys)


async def read_edge(backend: StoreBackend) -> tuple[Row | None, Edge]:
    """Return the head's row and the rows of `edge_keys`, None for those that do not exist."""
    held = await backend.get(HEAD_KEY)
    while True:
        keys = edge_keys(read(Head, held))
        rows = await backend.get_many([HEAD_KEY, *keys])
        if rows.get(HEAD_KEY) == held:
            return held, {key: rows.get(key) for key in keys}
        held = rows.get(HEAD_KEY)


class AtOneMoment:
    """A ledger's rows, with those along the edge as they were when that was read."""

    def __init__(self, backend: StoreBackend, edge: Edge) -> None:
        self._backend = backend
        self._edge = edge

    async def get(self, key: Key) -> Row | None:
        """Return the row, or None."""
        return self._edge[key] if key in self._edge else await self._backend.get(key)

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows there are, in one round trip."""
        rows = await self._backend.get_many([key for key in keys if key not in self._edge])
        edge = {key: self._edge.get(key) for key in keys}
        return rows | {key: row for key, row in edge.items() if row is not None}
