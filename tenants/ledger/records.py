"""The rows that a ledger is made of: its head, bundles of lines, and tiles of hashes.

They lie among the agency's other rows, so every backend has them for nothing. Only the sequencer
writes them. Bundles and tiles are addressed by number, so that finding a line needs no index; tiles
are those of c2sp.org/tlog-tiles: 256 hashes of one level, each standing over a full tile below.
"""

from typing import TypeVar

import msgspec

from domain.errors import StoreUnavailable
from domain.merkle import HASH_BYTES, CompactRange, Subtree, perfect_root
from tenants.backend import BODY_BYTES_MAX, Key, Put, Row
from tenants.ledger.compression import NotPressed, plain, pressed

ROOT = "ledger"
HEAD_KIND, BUNDLE_KIND, TILE_KIND = "ledger_head", "ledger_bundle", "ledger_tile"
IMPORT_KIND = "ledger_import"
KINDS = (HEAD_KIND, BUNDLE_KIND, TILE_KIND, IMPORT_KIND)
BUNDLE_LINES = 64
TILE_LEVELS = 8
TILE_HASHES = 1 << TILE_LEVELS
HEAD_KEY = Key(ROOT, HEAD_KIND, "head")
SCHEMA = 1

_T = TypeVar("_T", bound="_Stored")


class _Stored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every body begins with."""

    schema: int = SCHEMA


class Head(_Stored, frozen=True, kw_only=True, rename="camel"):
    """Where the ledger ends.

    edge: the compact range's hashes, in hex. checkpoint: the signed note over size and root.
    pruned: the signed note over the lines that retention has removed, and their root.
    """

    size: int = 0
    edge: tuple[str, ...] = ()
    checkpoint: str = ""
    pruned: str | None = None

    def compact_range(self) -> CompactRange:
        """Return the tree so far, to be grown."""
        try:
            return CompactRange(self.size, map(bytes.fromhex, self.edge))
        except ValueError as error:
            raise damaged(HEAD_KIND) from error


class Imported(_Stored, frozen=True, kw_only=True, rename="camel"):
    """That a line of the directory was taken over, so that it never is again."""


class Bundle(_Stored, frozen=True, kw_only=True, rename="camel"):
    """Up to BUNDLE_LINES lines, each as its exact text."""

    lines: tuple[str, ...] = ()


class Tile(_Stored, frozen=True, kw_only=True, rename="camel"):
    """Up to TILE_HASHES hashes, one after the other."""

    hashes: bytes = b""

    def split(self) -> list[bytes]:
        """Return the hashes one by one."""
        starts = range(0, len(self.hashes), HASH_BYTES)
        return [self.hashes[start : start + HASH_BYTES] for start in starts]


def bundle_key(number: int) -> Key:
    """Return where the bundle of that number lies."""
    return Key(ROOT, BUNDLE_KIND, f"{number:012}")


def tile_key(level: int, number: int) -> Key:
    """Return where a tile lies; levels of tiles count from 0, each over eight levels of nodes."""
    return Key(ROOT, TILE_KIND, f"{level:02}-{number:012}")


def import_key(line_id: str) -> Key:
    """Return where it is noted that a line of the directory was taken over."""
    return Key(ROOT, IMPORT_KIND, line_id)


def tile_of(subtree: Subtree) -> tuple[Key, int, int]:
    """Return the tile that a subtree's hash comes from, and which of its hashes make it up."""
    level, height = divmod(subtree.level, TILE_LEVELS)
    number, start = divmod(subtree.number << height, TILE_HASHES)
    return tile_key(level, number), start, start + (1 << height)


def hash_in(tiles: dict[Key, list[bytes]], subtree: Subtree) -> bytes:
    """Return a subtree's hash from the tiles that were read; raises StoreUnavailable."""
    key, start, end = tile_of(subtree)
    hashes = tiles.get(key, [])[start:end]
    if len(hashes) != end - start:
        raise damaged(TILE_KIND)
    return perfect_root(hashes)


def put(key: Key, body: _Stored, held: Row | None) -> Put:
    """Return the writing of a ledger's row in place of what was read."""
    expected = 0 if held is None else held.version
    return Put(key=key, expected=expected, body=pressed(msgspec.json.encode(body)))


def read(kind: type[_T], row: Row | None) -> _T:
    """Return what a row holds; an empty one where there is none. Raises StoreUnavailable."""
    if row is None:
        return kind()
    try:
        found = msgspec.json.decode(plain(row.body, BODY_BYTES_MAX), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, NotPressed) as error:
        raise damaged(row.key.kind) from error
    if found.schema > SCHEMA:
        raise StoreUnavailable(
            "The audit ledger was written by a newer version of Almoner. Upgrade this process."
        )
    return found


def not_as_signed() -> StoreUnavailable:
    """Return the error for a ledger that must not be signed as it lies there."""
    return StoreUnavailable(
        "The audit ledger is not as it was last signed: almoner audit verify says more."
    )


def damaged(kind: str) -> StoreUnavailable:
    """Return the error for a row that is missing or cannot be read."""
    return StoreUnavailable(
        f"A row of the audit ledger ({kind}) is missing or damaged: almoner audit verify says more."
    )
