"""The store port: what every backend does, in rows. One suite of promises runs against all of them.

A backend is opened for one agency and has no parameter to name another. It knows keys, versions,
index entries and bytes; which record they hold is the codec's business. Limits are those of the
strictest backend everywhere, and are refused by the code in this file.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.errors import TooLarge

UNIT_ITEMS_MAX = 100
UNIT_BYTES_MAX = 4 * 1024 * 1024
BODY_BYTES_MAX = 350 * 1024
INDEX_ENTRIES_PER_RECORD_MAX = 5
PAGE_ROWS_MAX = 1000


class Key(NamedTuple):
    """Where a record lives: under a root, of a kind, with its own id (equal to root for roots)."""

    root: str
    kind: str
    id: str


class Position(NamedTuple):
    """A place in an index listing; ordered as the listing is."""

    sort: str
    root: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Row:
    """A stored record. version: 1 when created, one more with every change."""

    key: Key
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of an index: listings are of one `part`, ordered by `sort` (ASCII)."""

    name: str
    part: str
    sort: str


@dataclass(frozen=True, slots=True)
class UniqueEntry:
    """A value that one record alone may hold; personal data comes in as a blind index only."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write a record whose version now is `expected` (0: it does not exist); it becomes + 1."""

    key: Key
    expected: int
    body: bytes
    indexes: tuple[IndexEntry, ...] = ()
    uniques: tuple[UniqueEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a record whose version now is `expected`, with its index and unique entries."""

    key: Key
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Demand that a record's version is `expected` (0: that it does not exist)."""

    key: Key
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reseal:
    """Write other bytes of the very same record: its version, now `expected`, stays as it is.

    Index and unique entries are left alone, for the record says what it said before.
    """

    key: Key
    expected: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """An idempotency record: what was begun or done under a caller's key.

    key: hash of principal, field and the caller's key. digest: hash of the input.
    reference: global id of the result; None records an attempt whose end is not known yet.
    """

    key: str
    digest: str
    reference: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one commit writes, all or nothing.

    event, audit: (id, bytes). begin: an idempotency record to insert; an unexpired one under the
    same key refuses the unit. finish: completes the attempt that an earlier unit began (same key
    and digest); with `reference` None it removes the attempt, so that the key may be used again.
    merged: ids of waiting audit rows whose lines this unit puts into the ledger; they must be there
    (else Conflict), and go.
    """

    operations: tuple[Put | Delete | Check | Reseal, ...] = ()
    event: tuple[str, bytes] | None = None
    audit: tuple[str, bytes] | None = None
    merged: tuple[str, ...] = ()
    begin: Once | None = None
    finish: Once | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a listing: rows with their positions, in the order asked for."""

    rows: list[Row] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    has_next: bool = False


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event that waits in the outbox."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredAudit:
    """An audit line as written."""

    id: str
    body: bytes


class Conflict(Exception):
    """A record's version was not the expected one; `current` is what it is (0: gone)."""

    def __init__(self, key: Key, current: int) -> None:
        super().__init__(f"{key.kind} has version {current}")
        self.key = key
        self.current = current


class NotUnique(Exception):
    """A unique value is held by another record."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is taken")
        self.name = name


class Replayed(Exception):
    """The idempotency key is done: `reference` is the result; None: the attempt is still open."""

    def __init__(self, reference: str | None) -> None:
        super().__init__("replayed")
        self.reference = reference


class StoreBackend(Protocol):
    """One agency's rows. All methods may raise domain.errors.StoreUnavailable."""

    def epoch(self) -> int | None:
        """Return a number that is another one as soon as anybody has changed a record.

        What is committed of audit lines, events and the ledger's own rows does not count. A number
        never comes back. None where it cannot be told at once.
        """
        ...

    async def get(self, key: Key) -> Row | None:
        """Return the row, or None."""
        ...

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows there are, in one round trip."""
        ...

    async def find_unique(self, name: str, value: str) -> Row | None:
        """Return the row that holds the unique value, or None."""
        ...

    async def children(self, root: str, kind: str) -> list[Row]:
        """Return all rows of a kind under a root, oldest first (by id)."""
        ...

    async def children_many(self, roots: Sequence[str], kind: str) -> dict[str, list[Row]]:
        """Return the children of many roots in one round trip; roots without any are left out."""
        ...

    async def query(
        self,
        index: str,
        part: str,
        *,
        lo: str | None = None,
        hi: str | None = None,
        desc: bool = False,
        after: Position | None = None,
        limit: int,
    ) -> Slice:
        """Return a slice of an index: lo ≤ sort < hi, strictly after `after` in the order asked."""
        ...

    async def count(self, index: str, part: str) -> int:
        """Return how many entries a part of an index has."""
        ...

    async def once(self, key: str, at: datetime) -> Once | None:
        """Return the idempotency record under a key that has not expired at that moment."""
        ...

    async def commit(self, unit: Unit, *, at: datetime) -> None:
        """Write the unit, all or nothing, durable on return.

        Raises Conflict, NotUnique, Replayed, and domain.errors.IdempotencyMismatch, TooLarge,
        StoreUnavailable; whatever it raises, nothing of the unit was kept.
        """
        ...

    async def outbox_pending(self, limit: int) -> list[StoredEvent]:
        """Return events not yet done, oldest first; a listing, never "after the last one seen"."""
        ...

    async def outbox_done(self, ids: Sequence[str]) -> None:
        """Remove delivered events; ids that are gone are no error."""
        ...

    async def audit_lines(self, *, after: str | None, limit: int) -> list[StoredAudit]:
        """Return audit lines by id, oldest first, strictly after `after`."""
        ...

    def scan(
        self, kind: str | None = None, segment: int = 0, segments: int = 1
    ) -> AsyncIterator[Row]:
        """Iterate over every row of a kind, None: of all; segments split it without overlap."""
        ...

    async def scrub(self) -> bool:
        """Take what was removed out of all that the backend keeps: files, logs, free space.

        Returns False where others were in the way, so that some of it may still be there.
        """
        ...

    async def aclose(self) -> None:
        """Close files and connections; further calls raise StoreUnavailable."""
        ...


def check_unit(unit: Unit) -> None:
    """Raise TooLarge for a unit beyond the limits, ValueError for one that makes no sense."""
    operations = unit.operations
    uniques = sum(len(operation.uniques) for operation in operations if isinstance(operation, Put))
    beside = (unit.event, unit.audit, unit.begin, unit.finish)
    items = len(operations) + len(unit.merged) + uniques
    if items + sum(item is not None for item in beside) > UNIT_ITEMS_MAX:
        raise TooLarge(f"One change may touch at most {UNIT_ITEMS_MAX} records.")
    keys = [operation.key for operation in operations]
    if len(set(keys)) != len(keys):
        raise ValueError("a unit touches each record at most once")
    sizes = [len(written.body) for written in operations if isinstance(written, Put | Reseal)]
    sizes += [len(line[1]) for line in (unit.event, unit.audit) if line is not None]
    if any(size > BODY_BYTES_MAX for size in sizes):
        raise TooLarge(f"One record may hold at most {BODY_BYTES_MAX // 1024} KB.")
    if sum(sizes) > UNIT_BYTES_MAX:
        raise TooLarge(f"One change may hold at most {UNIT_BYTES_MAX // 1024 // 1024} MB.")
    for operation in operations:
        if isinstance(operation, Put):
            _check_put(operation)
        elif isinstance(operation, Reseal) and operation.expected == 0:
            raise ValueError("only a record that exists can be sealed anew")


def _check_put(put: Put) -> None:
    if len(put.indexes) > INDEX_ENTRIES_PER_RECORD_MAX:
        raise ValueError("a record has at most five index entries")
    for entry in put.indexes:
        if not entry.sort.isascii():
            raise ValueError("sort keys are ASCII, so that every backend orders them alike")
    held = [(entry.name, entry.value) for entry in put.uniques]
    if len(set(held)) != len(held):
        raise ValueError("a record holds a unique value once")


def group_by_root(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return rows by their root, in the order given."""
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.key.root, []).append(row)
    return grouped
