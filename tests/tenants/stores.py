"""Backends under test, and rows to put into them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.ids import new_ulid
from tenants.backend import (
    Check,
    Delete,
    IndexEntry,
    Key,
    Once,
    Position,
    Put,
    Reseal,
    StoreBackend,
    UniqueEntry,
    Unit,
)
from tenants.sqlite.store import open_sqlite

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
AGENCY_ID = "01HARB0R000000000000000000"
FILE_KEY = bytes(range(32))


@dataclass
class Stores:
    """Opens one store of one backend as often as asked, as several processes would."""

    opener: Callable[[], Awaitable[StoreBackend]]
    opened: list[StoreBackend] = field(default_factory=list)

    async def open(self) -> StoreBackend:
        """Open the store once more."""
        backend = await self.opener()
        self.opened.append(backend)
        return backend

    async def aclose(self) -> None:
        """Close all that was opened."""
        for backend in self.opened:
            await backend.aclose()


def sqlite_stores(directory: Path) -> Stores:
    """Return stores of the SQLite backend, in one file."""

    async def open_one() -> StoreBackend:
        return open_sqlite(directory / "stores" / "a.db", FILE_KEY, AGENCY_ID, create=True)

    return Stores(open_one)


BACKENDS: dict[str, Callable[[Path], Stores]] = {"sqlite": sqlite_stores}


def a_key(kind: str = "thing", root: str | None = None) -> Key:
    """Return the key of a record that does not exist yet."""
    own = new_ulid()
    return Key(own if root is None else root, kind, own)


def a_put(
    key: Key | None = None,
    expected: int = 0,
    body: bytes = b"{}",
    *,
    indexes: Iterable[tuple[str, str, str]] = (),
    uniques: Iterable[tuple[str, str]] = (),
) -> Put:
    """Return the writing of a record."""
    return Put(
        key=key or a_key(),
        expected=expected,
        body=body,
        indexes=tuple(IndexEntry(*entry) for entry in indexes),
        uniques=tuple(UniqueEntry(*entry) for entry in uniques),
    )


def a_once(
    key: str = "k", digest: str = "d", reference: str | None = None, *, hours: float = 24
) -> Once:
    """Return an idempotency record that expires so many hours after AT."""
    return Once(key=key, digest=digest, reference=reference, expires_at=AT + timedelta(hours=hours))


async def write(
    backend: StoreBackend, *operations: Put | Delete | Check | Reseal, at: datetime = AT
) -> None:
    """Commit a unit of records alone."""
    await backend.commit(Unit(operations=operations), at=at)


async def fill_index(
    backend: StoreBackend, sorts: Iterable[str], *, part: str = "p"
) -> list[Position]:
    """Write a record for each sort key into the index `i`; return their places in order."""
    puts = [a_put(indexes=[("i", part, sort)]) for sort in sorts]
    for start in range(0, len(puts), 50):
        await write(backend, *puts[start : start + 50])
    return sorted(Position(put.indexes[0].sort, *put.key) for put in puts)


async def walk(
    backend: StoreBackend, limit: int, *, desc: bool = False, part: str = "p"
) -> list[Position]:
    """Return the whole index `i`, read in pages."""
    seen: list[Position] = []
    after: Position | None = None
    while True:
        page = await backend.query("i", part, desc=desc, after=after, limit=limit)
        assert [(place.root, place.kind, place.id) for place in page.positions] == [
            row.key for row in page.rows
        ]
        seen += page.positions
        if not page.has_next:
            return seen
        after = page.positions[-1]
