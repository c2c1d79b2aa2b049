"""An agency's file: for whom it opens, what it says when it cannot, and that it shows nothing."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from domain.errors import StoreUnavailable
from tenants.backend import Row, Unit
from tenants.ledger.records import ROOT as LEDGER_ROOT
from tenants.sqlite.formats import APPLICATION_ID, FORMATS, bring_forward
from tenants.sqlite.sqlcipher import Connection, open_encrypted
from tenants.sqlite.store import SqliteBackend, delete_sqlite, open_sqlite
from tests.tenants.stores import AGENCY_ID, AT, FILE_KEY, a_key, a_once, a_put, write

PAGE_BYTES = 4096
OTHER_KEY = bytes(32)
SAYS_UNREADABLE = r"not the file that belongs here, is damaged, or the key is wrong|is damaged"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "stores" / "harbor.db"


@pytest.fixture
async def backend(path: Path) -> AsyncIterator[SqliteBackend]:
    opened = open_sqlite(path, FILE_KEY, AGENCY_ID, create=True)
    yield opened
    await opened.aclose()


@pytest.fixture
async def filled(path: Path, backend: SqliteBackend) -> Path:
    """Make a store of some hundred kilobytes, and close it."""
    for _ in range(5):
        await write(backend, *(a_put(body=b"x" * 3000) for _ in range(20)))
    await backend.aclose()
    return path


def raw(path: Path, key: bytes = FILE_KEY) -> Connection:
    return open_encrypted(path, key, application_id=APPLICATION_ID, create=False)


def test_a_missing_file_is_said_and_not_made(path: Path) -> None:
    """Opening without `create` where there is no file is refused, and leaves no trace."""
    with pytest.raises(StoreUnavailable, match="no data file"):
        open_sqlite(path, FILE_KEY, AGENCY_ID)
    assert not path.parent.parent.exists()


def test_a_directory_in_the_way_is_said(path: Path) -> None:
    """Something that is no file where the file should be is refused, with `create` or without."""
    path.mkdir(parents=True)
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="something else"):
            open_sqlite(path, FILE_KEY, AGENCY_ID, create=create)


def test_a_wrong_key_is_refused(filled: Path) -> None:
    """Another key does not open the file, and does not change it."""
    before = filled.read_bytes()
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="the key is wrong"):
            open_sqlite(filled, OTHER_KEY, AGENCY_ID, create=create)
    assert filled.read_bytes() == before


def test_another_agency_s_file_is_refused(filled: Path) -> None:
    """A file stamped with another agency's id is refused even under the right key."""
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="another agency"):
            open_sqlite(filled, FILE_KEY, "01SUMM1T000000000000000000", create=create)


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    """A file of Almoner's that is no store, such as the directory, is told apart."""
    connection = open_encrypted(path, FILE_KEY, application_id=7, create=True)
    connection.execute("CREATE TABLE agency (id TEXT)")
    connection.close()
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="not of the expected kind"):
            open_sqlite(path, FILE_KEY, AGENCY_ID, create=create)


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7 not a database", b"SQLite format 3\x00" + bytes(8176), bytes(8192), b"x"],
)
def test_a_foreign_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    """A file that is something else is refused with a reason and keeps every byte."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match=SAYS_UNREADABLE):
            open_sqlite(path, FILE_KEY, AGENCY_ID, create=create)
    assert path.read_bytes() == content


def test_an_empty_file_is_not_taken_for_a_store(path: Path) -> None:
    """A file cut off to nothing is refused; only `create` makes a store of it."""
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(StoreUnavailable, match="empty"):
        open_sqlite(path, FILE_KEY, AGENCY_ID)


async def opens_and_reads_all(path: Path) -> int:
    """Return how many records can be read; raises what opening or reading raises."""
    backend = open_sqlite(path, FILE_KEY, AGENCY_ID)
    try:
        return len([row async for row in backend.scan("thing")])
    finally:
        await backend.aclose()


def test_a_truncated_file_is_refused(filled: Path) -> None:
    """A file cut off anywhere is refused with a reason at opening, not read as a smaller store."""
    content = filled.read_bytes()
    for size in (100, PAGE_BYTES, PAGE_BYTES * 3 + 17, len(content) // 2, len(content) - 1):
        filled.write_bytes(content[:size])
        with pytest.raises(StoreUnavailable, match=SAYS_UNREADABLE):
            open_sqlite(filled, FILE_KEY, AGENCY_ID)


def test_a_changed_byte_is_noticed(filled: Path) -> None:
    """Every page is authenticated: a flipped bit is an error where the page is read, never data."""
    content = filled.read_bytes()
    for at in (3, PAGE_BYTES + 99, len(content) // 2, len(content) - PAGE_BYTES + 50):
        changed = bytearray(content)
        changed[at] ^= 1
        filled.write_bytes(changed)
        with pytest.raises(StoreUnavailable, match=SAYS_UNREADABLE):
            asyncio.run(opens_and_reads_all(filled))


async def test_a_newer_format_is_named(filled: Path) -> None:
    """A file that a newer version wrote is refused, and the two numbers are named."""
    connection = raw(filled)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnavailable, match=f"format 99, .* up to {len(FORMATS)}"):
        open_sqlite(filled, FILE_KEY, AGENCY_ID)


def test_an_older_format_is_brought_forward(filled: Path) -> None:
    """Opening takes every missing step, in order, and what is stored stays."""
    steps = (*FORMATS, ("CREATE TABLE more (a TEXT)", "INSERT INTO more VALUES ('x')"), ())
    connection = raw(filled)
    bring_forward(connection, AGENCY_ID, create=False, formats=steps)
    bring_forward(connection, AGENCY_ID, create=False, formats=steps)
    assert connection.execute("PRAGMA user_version").fetchall() == [(len(FORMATS) + 2,)]
    assert connection.execute("SELECT a FROM more").fetchall() == [("x",)]
    assert connection.execute("SELECT count(*) FROM entity").fetchall() == [(100,)]
    connection.close()


@pytest.mark.parametrize("number", range(1, len(FORMATS) + 1))
async def test_who_knows_of_no_epoch_moves_it_too(path: Path, number: int) -> None:
    """Releases before, and whoever has the key: the file itself tells, whatever its first format.

    What is rolled back tells nothing.
    """
    writer = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    bring_forward(writer, AGENCY_ID, create=True, formats=FORMATS[:number])
    backend = open_sqlite(path, FILE_KEY, AGENCY_ID)
    seen = [backend.epoch()]
    for statement in (
        "INSERT INTO entity (root, kind, id, version, entries, body) "
        "VALUES ('r', 'k', 'i', 1, x'5b5d', x'00')",
        "UPDATE entity SET body = x'01'",
        "INSERT OR REPLACE INTO entity (root, kind, id, version, entries, body) "
        "VALUES ('r', 'k', 'i', 2, x'5b5d', x'02')",
        "DELETE FROM entity",
    ):
        for end in ("ROLLBACK", "COMMIT"):
            writer.execute("BEGIN IMMEDIATE")
            writer.execute(statement)
            writer.execute(end)
            await asyncio.sleep(0)  # it is looked at once in a turn
            assert (backend.epoch() in seen) is (end == "ROLLBACK")
        seen.append(backend.epoch())
    assert len(set(seen)) == 5
    writer.close()
    await backend.aclose()


def test_the_triggers_know_the_ledger_s_rows() -> None:
    """What the file's triggers leave out is what the ledger writes under."""
    triggers = [line for line in FORMATS[2] if "TRIGGER" in line]
    assert len(triggers) == 3
    assert all(f"'{LEDGER_ROOT}'" in line for line in triggers)


def test_a_step_that_fails_leaves_the_older_format(filled: Path) -> None:
    """A step is taken whole or not at all."""
    steps = (*FORMATS, ("CREATE TABLE more (a TEXT)", "INSERT INTO nowhere VALUES (1)"))
    connection = raw(filled)
    with pytest.raises(Exception, match="no such table: nowhere"):
        bring_forward(connection, AGENCY_ID, create=False, formats=steps)
    assert connection.execute("PRAGMA user_version").fetchall() == [(len(FORMATS),)]
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchall()
    connection.close()


def test_another_agency_s_file_is_not_brought_forward(filled: Path) -> None:
    """Whose file it is, is asked before anything in it changes."""
    connection = raw(filled)
    with pytest.raises(StoreUnavailable, match="another agency"):
        bring_forward(connection, "other", create=False, formats=(*FORMATS, ("DROP TABLE idx",)))
    assert connection.execute("PRAGMA user_version").fetchall() == [(len(FORMATS),)]
    connection.close()


async def test_files_are_the_owner_s_alone(path: Path, backend: SqliteBackend) -> None:
    """Every file has mode 0600 and every directory made has 0700, while open too."""
    await write(backend, a_put())
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {"harbor.db", "harbor.db-wal", "harbor.db-shm"}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for directory in (path.parent, path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_an_open_mode_is_closed(filled: Path) -> None:
    """A file that others could read is made private when it is opened."""
    filled.chmod(0o644)
    assert asyncio.run(opens_and_reads_all(filled)) == 100
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600


async def test_files_show_nothing_of_what_they_hold(path: Path, backend: SqliteBackend) -> None:
    """No planted text is found in any file of the store, open or closed, log included."""
    planted = b"Canary-%s"
    for number in range(30):
        text = (planted % b"%d" % number).decode()
        put = a_put(
            body=text.encode() * 300,
            indexes=[("Canary-index", text, text)],
            uniques=[("Canary-unique", text)],
        )
        unit = Unit(
            operations=(put,),
            event=(text, text.encode()),
            audit=(text, text.encode()),
            begin=a_once(text, text, text),
        )
        await backend.commit(unit, at=AT)
    found = await backend.find_unique("Canary-unique", "Canary-7")
    assert found is not None

    def shown() -> list[str]:
        names = (b"Canary", b"SQLite format 3", b"CREATE TABLE", AGENCY_ID.encode())
        return [
            f"{file.name}: {name!r}"
            for file in path.parent.iterdir()
            for name in names
            if name in file.read_bytes()
        ]

    assert (path.parent / "harbor.db-wal").stat().st_size > 30 * PAGE_BYTES
    assert shown() == []
    await backend.aclose()
    assert shown() == []


async def test_a_removed_store_is_gone(filled: Path) -> None:
    """Removing takes the log along; removing what is not there is no error."""
    filled.with_name("harbor.db-wal").touch()
    delete_sqlite(filled)
    delete_sqlite(filled)
    delete_sqlite(filled.parent / "nowhere" / "a.db")
    assert list(filled.parent.iterdir()) == []


class AlwaysBusy:
    """A connection whose file another process holds."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def execute(self, *_: object) -> None:
        """Refuse, as the driver does."""
        raise self.error

    def close(self) -> None:
        """Have nothing to close."""


def busy_error(path: Path) -> Exception:
    """Return what the driver raises where the file is held by another connection."""
    holder, other = raw(path), raw(path)
    other.execute("PRAGMA busy_timeout = 0").fetchall()
    holder.execute("BEGIN IMMEDIATE")
    try:
        other.execute("BEGIN IMMEDIATE")
    except Exception as error:  # noqa: BLE001 -- it is what is wanted
        return error
    finally:
        holder.close()
        other.close()
    raise AssertionError("nothing was busy")


async def test_a_busy_read_goes_to_the_thread(path: Path, backend: SqliteBackend) -> None:
    """Where the event loop would have to wait for the file, the thread does."""
    put = a_put()
    await write(backend, put)
    reader = cast("Connection", AlwaysBusy(busy_error(path)))
    other = SqliteBackend(reader, raw(path))
    assert await other.get(put.key) == Row(put.key, 1, b"{}")
    assert await other.once("k", AT) is None
    await other.aclose()


async def test_a_writer_in_the_way_is_said(path: Path, backend: SqliteBackend) -> None:
    """A unit that waits too long for another process is refused and can be repeated."""
    await backend._in_thread(
        lambda connection: connection.execute("PRAGMA busy_timeout = 20").fetchall()
    )
    holder = raw(path)
    holder.execute("BEGIN IMMEDIATE")
    put = a_put()
    with pytest.raises(StoreUnavailable, match="another process"):
        await write(backend, put)
    assert await backend.get(put.key) is None  # and reading goes on
    holder.execute("ROLLBACK")
    holder.close()
    await write(backend, put)


async def test_the_log_does_not_grow_for_ever(path: Path, backend: SqliteBackend) -> None:
    """Reads leave no snapshot behind, so that the log is emptied into the file as it grows."""
    key = a_key()
    for version in range(100):
        await write(backend, a_put(key, version, b"x" * 160_000))
        await backend.get(key)
        await backend.find_unique("u", "v")
        await backend.once("k", AT)
    log = path.with_name("harbor.db-wal")
    assert log.stat().st_size < 12 * 1024 * 1024


async def test_the_page_cache_can_be_resized(backend: SqliteBackend) -> None:
    """The reader has most of the cache it is given, and the thread's connection the rest."""
    backend.set_cache_kb(4000)
    rest: list[Any] = await backend._in_thread(
        lambda connection: connection.execute("PRAGMA cache_size").fetchall()
    )
    assert backend._reader.execute("PRAGMA cache_size").fetchall() == [(-3000,)]
    assert rest == [(-1000,)]
    await backend.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        backend.set_cache_kb(1)


async def test_every_connection_is_durable_and_logs_ahead(backend: SqliteBackend) -> None:
    """Each commit is flushed to the disk; the log is written ahead; keys are not derived slowly."""
    settings = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
    for name, value in settings.items():
        found = await backend._in_thread(
            lambda connection, name=name: connection.execute(f"PRAGMA {name}").fetchall()  # type: ignore[misc]  # the default binds the loop's value
        )
        assert found == [(value,)], name


async def test_errors_do_not_name_the_machine_s_paths(path: Path) -> None:
    """What is shown to a caller holds no path; the note for the log does."""
    with pytest.raises(StoreUnavailable) as refused:
        await asyncio.to_thread(open_sqlite, path, FILE_KEY, AGENCY_ID)
    assert str(path.parent) not in refused.value.message
    assert refused.value.__notes__ == [f"file: {path}"]
