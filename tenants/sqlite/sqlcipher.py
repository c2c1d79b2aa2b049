"""Encrypted SQLite files: how one is opened, and what the driver's errors mean.

The stores, the directory and the local issuer's state all open their files here, so that the
cipher, the durability settings and the texts of errors are decided once.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2 as driver

from domain.errors import StoreUnavailable

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection, DatabaseError, IntegrityError
else:
    from sqlcipher3.dbapi2 import Connection, DatabaseError, IntegrityError

__all__ = [
    "Connection",
    "DatabaseError",
    "IntegrityError",
    "NewerFormat",
    "format_of",
    "is_busy",
    "make_private_directory",
    "open_encrypted",
    "sync_directory",
    "tell_brought_forward",
    "translate",
]

KEY_BYTES = 32
BUSY_TIMEOUT_MS = 5000
WAL_CHECKPOINT_PAGES = 1000
WAL_BYTES_KEPT = 8 * 1024 * 1024
STATEMENTS_CACHED = 128

_log = logging.getLogger("almoner.formats")
_PAGE_BYTES = 4096
_PRIMARY = 0xFF  # the low byte of a result code is its kind, the rest is detail


class NewerFormat(StoreUnavailable):
    """A later release has brought the file forward: it is sound, and that release opens it."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} has format {found}, and this release of Almoner knows up to {known}. Install "
            "the release that wrote it, or a later one."
        )


def tell_brought_forward(what: str, found: int, now: int) -> None:
    """Say that a file has a newer format from now on: there is no way back for older releases."""
    _log.warning(
        "%s was brought from format %d to %d: releases before this one refuse it now",
        what,
        found,
        now,
    )


def open_encrypted(
    path: Path,
    key: bytes,
    *,
    application_id: int,
    create: bool,
    read_only: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
) -> Connection:
    """Open an encrypted file and prove that the key fits, or raise StoreUnavailable saying why not.

    The connection is in autocommit mode: units begin and commit by statement. It may be handed from
    one thread to another, and must not be used by two at once. application_id tells kinds of
    Almoner's files apart; it is stamped on a new file and demanded of an existing one. Without
    `create` a missing file is an error, and no file is made.
    """
    if len(key) != KEY_BYTES:
        raise ValueError("a file key has 32 bytes")
    try:
        _prepare_file(path, create=create)
        connection = _connect(path, busy_timeout_ms)
        try:
            _set_up(connection, key, application_id, create=create)
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    except StoreUnavailable as error:
        error.add_note(f"file: {path}")
        raise
    except (driver.Error, OSError) as error:
        unavailable = translate(error)
        unavailable.add_note(f"file: {path}")
        raise unavailable from error
    return connection


def format_of(path: Path, key: bytes, *, application_id: int) -> int:
    """Return the number of a file's format, and leave it as it is; may raise StoreUnavailable."""
    connection = open_encrypted(
        path, key, application_id=application_id, create=False, read_only=True
    )
    try:
        return int(connection.execute("PRAGMA user_version").fetchall()[0][0])
    except driver.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def translate(error: BaseException) -> StoreUnavailable:
    """Return what a driver's or the system's error means, in words that are safe to show."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, OSError):
        return StoreUnavailable(
            f"The data file cannot be used: {error.strerror or 'system error'}."
        )
    return StoreUnavailable(_TEXTS.get(_code(error) & _PRIMARY))


def is_busy(error: BaseException) -> bool:
    """Say whether another connection held the file, so that waiting may help."""
    return _code(error) & _PRIMARY in {driver.SQLITE_BUSY, driver.SQLITE_LOCKED}


_IN_USE = "The data file is in use by another process for too long. Repeat in a moment."
_NO_SPACE = (
    "The disk is full, or cannot be read or written; nothing of the change was kept. "
    "The store works again as soon as there is space."
)
_TEXTS: dict[int, str] = {
    driver.SQLITE_BUSY: _IN_USE,
    driver.SQLITE_LOCKED: _IN_USE,
    driver.SQLITE_READONLY: "The data file cannot be written: check its owner and mode.",
    driver.SQLITE_FULL: _NO_SPACE,
    # The driver does not tell a failed write from a failed read; a quota is most likely.
    driver.SQLITE_IOERR: _NO_SPACE,
    driver.SQLITE_CORRUPT: "The data file is damaged. Restore it from a backup.",
    driver.SQLITE_CANTOPEN: "The data file cannot be opened: check its path, owner and mode.",
    driver.SQLITE_NOTADB: "The data file cannot be read: "
    "it is not the file that belongs here, is damaged, or the key is wrong.",
}


def _code(error: BaseException) -> int:
    code: Any = getattr(error, "sqlite_errorcode", None)
    return code if isinstance(code, int) else 0


def _prepare_file(path: Path, *, create: bool) -> None:
    """See to it that the file exists and that nobody but its owner can read it."""
    if not path.exists():
        if not create:
            raise StoreUnavailable("There is no data file where one should be.")
        make_private_directory(path.parent)
        # SQLite gives the -wal and -shm files the mode of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_directory(path.parent)
    elif not path.is_file():
        raise StoreUnavailable("There is something else where a data file should be.")
    found = path.stat()
    if found.st_size % _PAGE_BYTES and not _has_log(path):
        # Cut off within its last page, or foreign: SQLite would notice late, or overwrite it.
        raise StoreUnavailable(_TEXTS[driver.SQLITE_NOTADB])
    if found.st_mode & 0o077:
        path.chmod(0o600)


def _has_log(path: Path) -> bool:
    """Say whether a crash left something beside the file that it is to be completed from."""
    logs = [path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-journal")]
    return any(log.exists() and log.stat().st_size for log in logs)


def _connect(path: Path, busy_timeout_ms: int) -> Connection:
    connection: Connection = driver.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_timeout_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
    return connection


def _set_up(connection: Connection, key: bytes, application_id: int, *, create: bool) -> None:
    # A raw key: no derivation, so that opening takes a fraction of a millisecond.
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # a wrong key shows here
    _check_stamp(connection, application_id, create=create)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}").fetchall()
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}").fetchall()


def _check_stamp(connection: Connection, application_id: int, *, create: bool) -> None:
    stamp = connection.execute("PRAGMA application_id").fetchall()[0][0]
    if stamp == application_id:
        return
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()[0][0]
    if stamp != 0 or tables:
        raise StoreUnavailable("The data file is not of the expected kind.")
    if not create:
        raise StoreUnavailable("The data file is empty: it was never set up, or was cut off.")
    connection.execute(f"PRAGMA application_id = {application_id}")


def make_private_directory(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for its owner alone."""
    if directory.is_dir():
        return
    make_private_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory outlive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
