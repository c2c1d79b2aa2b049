"""How a ledger grows: lines go into the open bundle and the open tiles, and the head moves on.

Nothing here reads or writes: it takes the rows along the ledger's right edge, and returns those
that take their place.
"""

from collections.abc import Sequence
from hashlib import sha256

from domain.merkle import HASH_BYTES, LEAF_PREFIX, compact, leaf_hash, perfect_root
from tenants.backend import Key, Put
from tenants.ledger.edge import LEVELS_MAX, Edge
from tenants.ledger.records import (
    BUNDLE_KIND,
    BUNDLE_LINES,
    TILE_HASHES,
    TILE_KIND,
    TILE_LEVELS,
    Bundle,
    Head,
    Tile,
    bundle_key,
    damaged,
    not_as_signed,
    put,
    read,
    tile_key,
)


class Growth:
    """A ledger that is being added to."""

    def __init__(self, head: Head, rows: Edge) -> None:
        """Take the head and the rows of `edge_keys`.

        Raises StoreUnavailable for rows that are damaged, or not those that the head's edge stands
        over: what grows on from other lines must not be signed.
        """
        self._rows = rows
        self.tree = head.compact_range()
        self._touched: dict[Key, list[str] | list[bytes]] = {}
        self._lines = self._open_lines()
        self._tiles = [self._open_hashes(level) for level in range(LEVELS_MAX)]
        leaves = [leaf_hash(line.encode()) for line in self._lines]
        edge = [one for hashes in reversed(self._tiles) for one in compact(hashes)]
        stored = self._tiles[0][len(self._tiles[0]) - len(leaves) :]
        if edge != self.tree.hashes or leaves != stored:
            raise not_as_signed()

    def extend(self, texts: Sequence[bytes]) -> None:
        """Add lines, in their order."""
        leaves = [sha256(LEAF_PREFIX + text).digest() for text in texts]
        added = 0
        while added < len(texts):
            number, width = divmod(self.tree.size + added, BUNDLE_LINES)
            part = texts[added : added + BUNDLE_LINES - width]
            self._lines += [text.decode() for text in part]
            self._touched[bundle_key(number)] = self._lines
            if len(self._lines) == BUNDLE_LINES:
                self._lines = []
            added += len(part)
        self._extend_tiles(0, self.tree.size, leaves)
        self.tree.extend(leaves)

    def operations(self) -> list[Put]:
        """Return the writing of every row that has changed, the head apart."""
        found = []
        for key, held in self._touched.items():
            body = (
                Bundle(lines=tuple(held))  # type: ignore[arg-type]  # lines, by the key's kind
                if key.kind == BUNDLE_KIND
                else Tile(hashes=b"".join(held))  # type: ignore[arg-type]  # hashes, likewise
            )
            found.append(put(key, body, self._rows.get(key)))
        return found

    def edge(self) -> tuple[str, ...]:
        """Return the compact range's hashes as the head keeps them."""
        return tuple(one.hex() for one in self.tree.hashes)

    def _extend_tiles(self, level: int, position: int, added: Sequence[bytes]) -> None:
        """Add hashes to a level's tiles, the first at that position; full tiles go further up."""
        taken = 0
        while taken < len(added):
            number, width = divmod(position + taken, TILE_HASHES)
            part = added[taken : taken + TILE_HASHES - width]
            hashes = self._tiles[level]
            hashes += part
            self._touched[tile_key(level, number)] = hashes
            if len(hashes) == TILE_HASHES:
                self._tiles[level] = []
                self._extend_tiles(level + 1, number, (perfect_root(hashes),))
            taken += len(part)

    def _open_lines(self) -> list[str]:
        number, width = divmod(self.tree.size, BUNDLE_LINES)
        lines = list(read(Bundle, self._rows.get(bundle_key(number))).lines)
        if len(lines) != width:
            raise damaged(BUNDLE_KIND)
        return lines

    def _open_hashes(self, level: int) -> list[bytes]:
        number, width = divmod(self.tree.size >> (TILE_LEVELS * level), TILE_HASHES)
        tile = read(Tile, self._rows.get(tile_key(level, number)))
        if len(tile.hashes) != width * HASH_BYTES:
            raise damaged(TILE_KIND)
        return tile.split()
