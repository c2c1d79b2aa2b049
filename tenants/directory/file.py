"""The directory's file: its two connections, what they cache, and how they read and write.

Reads go straight to the file on the event loop: they take microseconds, a thread takes a hundred.
A write is one hop to the one writer thread and one transaction under BEGIN IMMEDIATE. What is
cached here holds until `PRAGMA data_version` says that anybody has committed anything.
"""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlcipher3 import dbapi2 as driver

from domain.errors import Duplicate, StoreUnavailable
from tenants.directory import rows
from tenants.directory.rows import OPERATORS
from tenants.sqlite.sqlcipher import is_busy, translate
from tenants.turns import Turn

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection

_T = TypeVar("_T")


class DirectoryFile:
    """An open directory file; the groups of the directory's methods are built upon it."""

    def __init__(
        self,
        path: Path,
        reading: Connection,
        writing: Connection,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the two connections: one for the event loop's thread, one for the writer thread."""
        self._path = path
        self._reading = reading
        self._writing = writing
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="directory")
        self._clock = clock
        self._closed = False
        self._ask = reading.cursor().execute
        self._version = -1
        self._turn = Turn()
        self._epochs: dict[str, int] = {}
        self._known: dict[tuple[str, ...], Any] = {}

    def epoch(self, agency_id: str | None) -> int:
        """Return the agency's epoch: one pragma a turn of the event loop, 3 µs, while it rests."""
        scope = agency_id or OPERATORS
        try:
            self._see_changes()
            value = self._epochs.get(scope)
            if value is None:
                found = self._ask(rows.EPOCH, (scope,)).fetchall()
                value = self._epochs[scope] = int(found[0][0]) if found else 0
        except driver.Error as error:
            raise translate(error) from error
        return value

    async def snapshot(self) -> bytes:
        """Return the whole directory at one moment, encrypted as it lies."""

        def copy() -> bytes:
            parent = self._path.parent
            with tempfile.TemporaryDirectory(dir=parent, prefix=".snapshot-") as directory:
                target = Path(directory) / "directory.db"
                ask(self._writing, "VACUUM INTO ?", str(target))
                return target.read_bytes()

        return await self._in_thread(copy)

    async def aclose(self) -> None:
        """Close both connections, after the writes that are under way."""
        if self._closed:
            return
        closing = asyncio.get_running_loop().run_in_executor(self._writer, self._writing.close)
        self._closed = True
        self._reading.close()
        await asyncio.shield(closing)
        self._writer.shutdown(wait=False)

    async def _recall(self, kind: type[_T], question: str, *parameters: str) -> _T | None:
        """Return the record that a question asks for, from memory while nobody has committed."""
        asked = (question, *parameters)
        try:
            self._see_changes()
            recalled: _T | None = self._known.get(asked)
            if recalled is not None:
                return recalled
        except driver.Error:
            pass  # the file is locked or worse: reading it will wait, or say so
        version = self._version
        found = await self._read(question, *parameters)
        if not found:
            return None  # not kept: anybody can make up issuers and slugs
        record = msgspec.json.decode(found[0][0], type=kind)
        if version == self._version:  # else it may be older than what is kept promises
            self._known[asked] = record
        return record

    def _see_changes(self) -> None:
        """Forget what is cached where any process has committed since it was read."""
        if not self._turn.is_over():
            return
        try:
            version = self._ask("PRAGMA data_version").fetchall()[0][0]
        except driver.Error:
            self._turn.end()
            raise
        if version != self._version:
            self._epochs.clear()
            self._known.clear()
            self._version = version

    async def _read(self, question: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            return self._ask(question, parameters).fetchall()
        except driver.Error as error:
            if not is_busy(error):
                raise translate(error) from error
        return await self._in_thread(lambda: ask(self._writing, question, *parameters))

    async def _write(self, change: Callable[[Connection], None], *, taken: str = "") -> None:
        """Make a change in one transaction; `taken` says what a uniqueness fault means."""
        try:
            await self._in_thread(lambda: transact(self._writing, change))
        except driver.IntegrityError as error:
            raise Duplicate(taken) from error

    async def _empty_log(self) -> None:
        """Take what was removed from the file out of its write-ahead log too."""
        await self._in_thread(lambda: ask(self._writing, "PRAGMA wal_checkpoint(TRUNCATE)"))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise StoreUnavailable("The directory is closed.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, work)
        except driver.IntegrityError:
            raise
        except (driver.Error, OSError) as error:
            raise translate(error) from error


def ask(connection: Connection, question: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return all rows that answer a question."""
    return connection.execute(question, parameters).fetchall()


def transact(connection: Connection, change: Callable[[Connection], None]) -> None:
    """Make a change in one transaction, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        change(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
