"""The store in one encrypted SQLite file per agency.

Short reads run on the event loop, where a hot row takes some microseconds and a thread would take a
hundred. Units, long reads and scans go to the store's one thread, a whole unit in one hop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

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
from tenants.sqlite.formats import APPLICATION_ID, bring_forward
from tenants.sqlite.sqlcipher import (
    Connection,
    DatabaseError,
    is_busy,
    open_encrypted,
    sync_directory,
    translate,
)
from tenants.sqlite.units import READ_ONCE, once_of, write_units
from tenants.turns import Turn

T = TypeVar("T")
LOOP_ROWS_MAX = 100
UNITS_PER_FLUSH_MAX = 32
SCAN_BATCH_ROWS = 200
SCRUB_ATTEMPTS_MAX = 3  # each waits for readers as long as a unit would
SCRUB_WAIT_SECONDS = 0.2
WRITER_CACHE_SHARE = 4  # the thread's connection has a quarter of the store's page cache

_VERSION = "PRAGMA data_version"
_CHANGED = "SELECT token FROM changed"
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
    "WHERE e.seq > ?1 AND (?2 IS NULL OR e.kind = ?2) AND e.seq % ?3 = ?4 "
    "ORDER BY e.seq LIMIT ?5"
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
        self._turn = Turn()
        self._version: int | None = None
        self._token: int | None = None
        self._closed = False

    def epoch(self) -> int | None:
        """Return a number that is another one as soon as anybody has changed a record.

        The file's own triggers move it (`formats.py`), whichever process or release writes. It is
        looked at once in a turn of the event loop.
        """
        self._check_open()
        if not self._turn.is_over():
            return self._token
        try:
            # The pragma tells of any commit for less than the token costs. It comes first: a commit
            # between the two is told of again, and never missed.
            version: int = self._reader.execute(_VERSION).fetchall()[0][0]
            if version != self._version:
                self._token = self._reader.execute(_CHANGED).fetchall()[0][0]
                self._version = version
        except DatabaseError as error:
            self._turn.end()
            if is_busy(error):
                return None
            raise translate(error) from error
        return self._token

    async def get(self, key: Key) -> Row | None:
        """Return the row, or None."""
        return _first(await self._read(_GET, key))

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows there are, by one statement."""
        distinct = list(dict.fromkeys(keys))
        rows = await self._read(_GET_MANY, (_in_json(distinct),), rows_max=len(distinct))
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
        found = await self._read(_CHILDREN_MANY, (_in_json(distinct), kind), rows_max=len(distinct))
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
        count = "SELECT count(*) FROM idx WHERE name = ? AND part = ?"
        # A part may be the whole store: counting it is no work for the event loop.
        rows = await self._in_thread(
            lambda connection: connection.execute(count, (index, part)).fetchall()
        )
        return int(rows[0][0])

    async def once(self, key: str, at: datetime) -> Once | None:
        """Return the idempotency record under a key that has not expired at that moment."""
        held = once_of(key, await self._read(READ_ONCE, (key,)))
        return held if held is not None and held.expires_at > at else None

    async def commit(self, unit: Unit, *, at: datetime) -> None:
        """Write the unit, all or nothing, durable on return.

        Once begun it is finished even where the one who waits for it is cancelled.
        """
        check_unit(unit)
        self._check_open()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(unit, at, outcome))
        self._thread.submit(self._write_waiting, loop)
        await outcome

    async def outbox_pending(self, limit: int) -> list[StoredEvent]:
        """Return events not yet done, in the order written."""
        rows = await self._read(
            "SELECT id, body FROM outbox ORDER BY seq LIMIT ?", (limit,), rows_max=limit
        )
        return [StoredEvent(*columns) for columns in rows]

    async def outbox_done(self, ids: Sequence[str]) -> None:
        """Remove delivered events; ids that are gone are no error."""
        delivered = _in_json(list(ids))
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

    async def scan(
        self, kind: str | None = None, segment: int = 0, segments: int = 1
    ) -> AsyncIterator[Row]:
        """Iterate over every row of a kind, or of all, in the thread, some hundreds at a time."""
        last = 0
        while True:
            bounds = (last, kind, segments, segment, SCAN_BATCH_ROWS)
            found = await self._read(_SCAN, bounds, rows_max=SCAN_BATCH_ROWS)
            for columns in found:
                yield _row(columns)
            if len(found) < SCAN_BATCH_ROWS:
                return
            last = found[-1][5]

    async def scrub(self) -> bool:
        """Empty the write-ahead log into the file, where what is freed is overwritten.

        Returns False where another process went on reading in the log, all the while.
        """
        for number in range(SCRUB_ATTEMPTS_MAX):
            await asyncio.sleep(number * SCRUB_WAIT_SECONDS)
            found = await self._in_thread(
                lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            )
            if found[0][0] == 0:
                return True
        return False

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
        await asyncio.wait([closing])  # which, unlike awaiting it, is never cancelled with us
        try:
            closing.result()
        except DatabaseError as error:
            raise translate(error) from error

    async def _read(
        self, statement: str, bounds: Sequence[Any], *, rows_max: int = 1
    ) -> list[tuple[Any, ...]]:
        """Run a reading statement: on the loop where it is short and nobody is in the way.

        All rows are fetched at once: a statement left half read would hold its snapshot, and the
        log would grow.
        """
        self._check_open()
        if rows_max <= LOOP_ROWS_MAX:
            try:
                return self._reader.execute(statement, bounds).fetchall()
            except DatabaseError as error:
                if not is_busy(error):
                    raise translate(error) from error
        return await self._in_thread(
            lambda connection: connection.execute(statement, bounds).fetchall()
        )

    async def _in_thread(self, work: Callable[[Connection], T]) -> T:
        self._check_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, work, self._writer
            )
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
        bring_forward(writer, agency_id, create=create)
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


def delete_sqlite(path: Path) -> None:
    """Remove an agency's file with its log; one that is not there is no error."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_directory(path.parent)


def _in_json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _row(columns: Sequence[Any]) -> Row:
    return Row(Key(columns[0], columns[1], columns[2]), columns[3], columns[4])


def _first(rows: list[tuple[Any, ...]]) -> Row | None:
    return _row(rows[0]) if rows else None


def _settle(batch: list[_Waiting], outcomes: list[Exception | None]) -> None:
    for one, outcome in zip(batch, outcomes, strict=True):
        if one.outcome.done():
            continue  # whoever waited was cancelled
        if outcome is None:
            one.outcome.set_result(None)
        else:
            one.outcome.set_exception(outcome)
