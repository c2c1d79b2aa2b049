"""The store in one encrypted SQLite file per agency.

Short reads run on the event loop, where a hot row takes some microseconds and a thread would take a
hundred. Units, long reads and scans go to the store's one thread, a whole unit in one hop.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from domain.errors import StoreUnavailable
from tenants.backend import (
    Key,
    Once,
    Position,
    Row,
    Slice,
    StoredAudit,
    StoredEvent,
    Unit,
    check_unit,
    group_by_root,
)
from tenants.sqlcipher import Connection, DatabaseError, is_busy, open_encrypted, translate
from tenants.sqlite_units import read_once, roll_back, write_units

T = TypeVar("T")
APPLICATION_ID = 0x416C6D53  # "AlmS"
LOOP_ROWS_MAX = 100
UNITS_PER_FLUSH_MAX = 32
SCAN_BATCH_ROWS = 200
WRITER_CACHE_SHARE = 4  # the thread's connection has a quarter of the store's page cache

FORMATS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        # Rows of 3 KB: a table without rowid would keep them in its index pages and read slower.
        "CREATE TABLE entity (seq INTEGER PRIMARY KEY, root TEXT NOT NULL, kind TEXT NOT NULL, "
        "id TEXT NOT NULL, version INTEGER NOT NULL, entries BLOB NOT NULL, body BLOB NOT NULL) "
        "STRICT",
        "CREATE UNIQUE INDEX entity_key ON entity (root, kind, id)",
        "CREATE TABLE idx (name TEXT NOT NULL, part TEXT NOT NULL, sort TEXT NOT NULL, "
        "root TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, "
        "PRIMARY KEY (name, part, sort, root, kind, id)) STRICT, WITHOUT ROWID",
        "CREATE TABLE uniq (name TEXT NOT NULL, value TEXT NOT NULL, root TEXT NOT NULL, "
        "kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, value)) STRICT, WITHOUT ROWID",
        "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
        "body BLOB NOT NULL) STRICT",
        "CREATE TABLE once (key TEXT PRIMARY KEY, digest TEXT NOT NULL, reference TEXT, "
        "expires_at INTEGER NOT NULL) STRICT",
        "CREATE INDEX once_expiry ON once (expires_at)",
        "CREATE TABLE audit (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT",
    ),
)
"""What brings a file from format n to n + 1. Files only move forward, and no step changes."""

_GET = "SELECT root, kind, id, version, body FROM entity WHERE root = ? AND kind = ? AND id = ?"
_GET_MANY = (
    "SELECT e.root, e.kind, e.id, e.version, e.body FROM json_each(?) k CROSS JOIN entity e "
    "ON e.root = k.value ->> 0 AND e.kind = k.value ->> 1 AND e.id = k.value ->> 2"
)
_FIND_UNIQUE = (
    "SELECT e.root, e.kind, e.id, e.version, e.body FROM uniq u CROSS JOIN entity e "
    "ON e.root = u.root AND e.kind = u.kind AND e.id = u.id WHERE u.name = ? AND u.value = ?"
)
_CHILDREN = (
    "SELECT root, kind, id, version, body FROM entity WHERE root = ? AND kind = ? ORDER BY id"
)
_CHILDREN_MANY = (
    "SELECT e.root, e.kind, e.id, e.version, e.body FROM json_each(?) r CROSS JOIN entity e "
    "ON e.root = r.value AND e.kind = ?"
)
_SCAN = (
    "SELECT e.root, e.kind, e.id, e.version, e.body, e.seq FROM entity e "
    "WHERE e.seq > ? AND e.kind = ? AND e.seq % ? = ? ORDER BY e.seq LIMIT ?"
)


class _Waiting(NamedTuple):
    """A unit that waits for the thread, and where its outcome goes."""

    unit: Unit
    at: datetime
    outcome: "asyncio.Future[None]"


class SqliteBackend:
    """One agency's file: a connection for short reads, and one in a thread for all the rest."""

    def __init__(self, reader: Connection, writer: Connection) -> None:
        self._reader = reader
        self._writer = writer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._waiting: deque[_Waiting] = deque()
        self._closed = False

    async def get(self, key: Key) -> Row | None:
        """Return the row, or None."""
        return _first(await self._read(_GET, key))

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows there are, by one statement."""
        distinct = list(dict.fromkeys(keys))
        rows = await self._read(_GET_MANY, (json.dumps(distinct),), rows_max=len(distinct))
        return {row.key: row for row in map(_row, rows)}

    async def find_unique(self, name: str, value: str) -> Row | None:
        """Return the row that holds the unique value, or None."""
        return _first(await self._read(_FIND_UNIQUE, (name, value)))

    async def children(self, root: str, kind: str) -> list[Row]:
        """Return all rows of a kind under a root, oldest first."""
        return [_row(found) for found in await self._read(_CHILDREN, (root, kind))]

    async def children_many(self, roots: Sequence[str], kind: str) -> dict[str, list[Row]]:
        """Return the children of many roots, by one statement."""
        distinct = list(dict.fromkeys(roots))
        found = await self._read(
            _CHILDREN_MANY, (json.dumps(distinct), kind), rows_max=len(distinct)
        )
        return dict(group_by_root(sorted(map(_row, found), key=lambda row: row.key.id)))

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
        """Return a slice of an index, strictly after `after` in the order asked."""
        bounds: list[Any] = [index, part]
        where = "i.name = ? AND i.part = ?"
        for condition, bound in ((" AND i.sort >= ?", lo), (" AND i.sort < ?", hi)):
            if bound is not None:
                where += condition
                bounds.append(bound)
        if after is not None:
            where += f" AND (i.sort, i.root, i.kind, i.id) {'<' if desc else '>'} (?, ?, ?, ?)"
            bounds += after
        order = ", ".join(f"i.{column}{' DESC' if desc else ''}" for column in Position._fields)
        statement = (
            "SELECT e.root, e.kind, e.id, e.version, e.body, i.sort "  # noqa: S608 -- fixed words
            "FROM idx i CROSS JOIN entity e "
            "ON e.root = i.root AND e.kind = i.kind AND e.id = i.id "
            f"WHERE {where} ORDER BY {order} LIMIT ?"
        )
        found = await self._read(statement, (*bounds, limit + 1), rows_max=limit)
        rows = [_row(columns) for columns in found[:limit]]
        positions = [Position(columns[5], *columns[:3]) for columns in found[:limit]]
        return Slice(rows, positions, has_next=len(found) > limit)

    async def count(self, index: str, part: str) -> int:
        """Return how many entries a part of an index has."""
        rows = await self._read(
            "SELECT count(*) FROM idx WHERE name = ? AND part = ?", (index, part)
        )
        return int(rows[0][0])

    async def once(self, key: str, at: datetime) -> Once | None:
        """Return the idempotency record under a key that has not expired at that moment."""
        held = await self._on_loop(lambda connection: read_once(connection, key))
        return held if held is not None and held.expires_at > at else None

    async def commit(self, unit: Unit, *, at: datetime) -> None:
        """Write the unit, all or nothing, durable on return.

        Once begun it is finished even where the one who waits for it is cancelled.
        """
        check_unit(unit)
        self._check_open()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()
        outcome.add_done_callback(_retrieve)
        self._waiting.append(_Waiting(unit, at, outcome))
        self._thread.submit(self._write_waiting, loop)
        await asyncio.shield(outcome)

    async def outbox_pending(self, limit: int) -> list[StoredEvent]:
        """Return events not yet done, in the order written."""
        rows = await self._read(
            "SELECT id, body FROM outbox ORDER BY seq LIMIT ?", (limit,), rows_max=limit
        )
        return [StoredEvent(*columns) for columns in rows]

    async def outbox_done(self, ids: Sequence[str]) -> None:
        """Remove delivered events; ids that are gone are no error."""
        delivered = json.dumps(list(ids))
        await self._in_thread(
            lambda connection: connection.execute(
                "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))", (delivered,)
            ).fetchall()
        )

    async def audit_lines(self, *, after: str | None, limit: int) -> list[StoredAudit]:
        """Return audit lines by id, oldest first, strictly after `after`."""
        rows = await self._read(
            "SELECT id, body FROM audit WHERE id > ? ORDER BY id LIMIT ?",
            (after or "", limit),
            rows_max=limit,
        )
        return [StoredAudit(*columns) for columns in rows]

    async def scan(self, kind: str, segment: int = 0, segments: int = 1) -> AsyncIterator[Row]:
        """Iterate over every row of a kind, in the thread, some hundreds at a time."""
        last = 0
        while True:
            bounds = (last, kind, segments, segment, SCAN_BATCH_ROWS)
            found = await self._in_thread(_reading(_SCAN, bounds))
            for columns in found:
                yield _row(columns)
            if len(found) < SCAN_BATCH_ROWS:
                return
            last = found[-1][5]

    def set_cache_kb(self, cache_kb: int) -> None:
        """Share the page cache out anew: most of it to the reader, the rest to the thread."""
        self._check_open()
        for_writer = max(1, cache_kb // WRITER_CACHE_SHARE)
        self._reader.execute(f"PRAGMA cache_size = -{max(1, cache_kb - for_writer)}")
        self._thread.submit(self._writer.execute, f"PRAGMA cache_size = -{for_writer}")

    async def aclose(self) -> None:
        """Finish what waits, and close the file; further calls raise StoreUnavailable."""
        if self._closed:
            return
        self._closed = True
        self._reader.close()
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._thread, self._writer.close)
        closing.add_done_callback(lambda _: self._thread.shutdown(wait=False))
        await asyncio.shield(closing)

    async def _read(
        self, statement: str, bounds: Sequence[Any], *, rows_max: int = 1
    ) -> list[tuple[Any, ...]]:
        """Run a reading statement: on the loop where it is short, else in the thread."""
        read = _reading(statement, bounds)
        return await (self._on_loop if rows_max <= LOOP_ROWS_MAX else self._in_thread)(read)

    async def _on_loop(self, read: Callable[[Connection], T]) -> T:
        self._check_open()
        try:
            return read(self._reader)
        except DatabaseError as error:
            if not is_busy(error):
                raise translate(error) from error
        return await self._in_thread(read)

    async def _in_thread(self, work: Callable[[Connection], T]) -> T:
        self._check_open()
        running = asyncio.get_running_loop().run_in_executor(self._thread, work, self._writer)
        running.add_done_callback(_retrieve)
        try:
            return await asyncio.shield(running)
        except DatabaseError as error:
            raise translate(error) from error

    def _write_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: write the units that wait by now; each unit asked for this once."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < UNITS_PER_FLUSH_MAX:
            batch.append(self._waiting.popleft())
        if not batch:
            return  # an earlier call took the unit along
        try:
            outcomes = write_units(self._writer, [(one.unit, one.at) for one in batch])
        except Exception as error:  # noqa: BLE001 -- every waiting unit must hear of its end
            outcomes = [error for _ in batch]
        with suppress(RuntimeError):  # the loop ended: nobody waits any more
            loop.call_soon_threadsafe(_settle, batch, outcomes)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("The agency's store is closed. Repeat in a moment.")


def open_sqlite(path: Path, key: bytes, agency_id: str, *, create: bool = False) -> SqliteBackend:
    """Open an agency's file, or raise StoreUnavailable saying what is wrong with it.

    Without `create` a missing file is an error and is not made. With it, a file that is there
    already is opened if it is this agency's.
    """
    writer = open_encrypted(path, key, application_id=APPLICATION_ID, create=create)
    try:
        _bring_forward(writer, agency_id, create=create)
        _check_agency(writer, agency_id)
        reader = open_encrypted(
            path, key, application_id=APPLICATION_ID, create=False, read_only=True
        )
        reader.execute("PRAGMA busy_timeout = 0").fetchall()
    except DatabaseError as error:
        writer.close()
        raise translate(error) from error
    except BaseException:
        writer.close()
        raise
    return SqliteBackend(reader, writer)


def _bring_forward(connection: Connection, agency_id: str, *, create: bool) -> None:
    """Bring the file to the newest format, each step whole or not at all."""
    if _format_of(connection) == len(FORMATS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        number = _format_of(connection)
        _check_format(number, create=create)
        for statement in (line for step in FORMATS[number:] for line in step):
            connection.execute(statement)
        if number == 0:
            connection.execute("INSERT INTO meta VALUES ('agency_id', ?)", (agency_id,))
        connection.execute(f"PRAGMA user_version = {len(FORMATS)}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def _check_format(number: int, *, create: bool) -> None:
    if number > len(FORMATS):
        raise StoreUnavailable(
            f"The agency's store has format {number}, and this version of Almoner knows up to "
            f"{len(FORMATS)}. Upgrade this process."
        )
    if number == 0 and not create:
        raise StoreUnavailable("The agency's store was never set up to the end.")


def _format_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchall()[0][0])


def _check_agency(connection: Connection, agency_id: str) -> None:
    rows = connection.execute("SELECT value FROM meta WHERE name = 'agency_id'").fetchall()
    if rows != [(agency_id,)]:
        raise StoreUnavailable("The data file belongs to another agency.")


def _reading(
    statement: str, bounds: Sequence[Any]
) -> Callable[[Connection], list[tuple[Any, ...]]]:
    # All rows at once: a statement left half read would hold its snapshot, and the log would grow.
    return lambda connection: connection.execute(statement, bounds).fetchall()


def _row(columns: Sequence[Any]) -> Row:
    return Row(Key(columns[0], columns[1], columns[2]), columns[3], columns[4])


def _first(rows: list[tuple[Any, ...]]) -> Row | None:
    return _row(rows[0]) if rows else None


def _settle(batch: list[_Waiting], outcomes: list[Exception | None]) -> None:
    for one, outcome in zip(batch, outcomes, strict=True):
        if one.outcome.done():
            continue
        if outcome is None:
            one.outcome.set_result(None)
        else:
            one.outcome.set_exception(outcome)


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """Look at the outcome, so that one that nobody waits for any more is not reported as lost."""
    if not future.cancelled():
        future.exception()
