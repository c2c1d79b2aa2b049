"""The provider's state: one encrypted SQLite file, its tables, and the unit that changes them.

Several processes may have it open (`almoner token` beside `almoner dev`), and several threads of
one: a unit holds the file for itself from its first to its last statement.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlcipher3 import dbapi2 as driver

from gateway.local.identity_provider.faults import Fault
from tenants.sqlite.sqlcipher import (
    Connection,
    NewerFormat,
    open_encrypted,
    tell_brought_forward,
    translate,
)

APPLICATION_ID = int.from_bytes(b"AlIs", "big")
FORMAT = 2
POOL_SECRET_BYTES = 32

_TABLES = (
    # secret: what makes up the answers about users that there are not.
    "CREATE TABLE pool (id TEXT PRIMARY KEY, client_id TEXT NOT NULL, agency TEXT,"
    " secret BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE signing_key (pool_id TEXT NOT NULL REFERENCES pool (id), id TEXT NOT NULL,"
    " private_key BLOB NOT NULL, signs_from INTEGER NOT NULL,"
    " PRIMARY KEY (pool_id, id)) STRICT, WITHOUT ROWID",
    "CREATE TABLE user (pool_id TEXT NOT NULL REFERENCES pool (id), subject TEXT NOT NULL,"
    " email TEXT NOT NULL, email_verified INTEGER NOT NULL, attributes TEXT NOT NULL,"
    " status TEXT NOT NULL, enabled INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, signed_out_at INTEGER,"
    " salt BLOB, verifier BLOB, password_set_at INTEGER,"
    " totp_pending TEXT, totp_secret TEXT, totp_device TEXT,"
    " totp_preferred INTEGER NOT NULL DEFAULT 0, totp_step INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (pool_id, subject), UNIQUE (pool_id, email))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE membership (pool_id TEXT NOT NULL, subject TEXT NOT NULL,"
    " user_group TEXT NOT NULL, PRIMARY KEY (pool_id, subject, user_group),"
    " FOREIGN KEY (pool_id, subject) REFERENCES user (pool_id, subject)"
    " ON UPDATE CASCADE ON DELETE CASCADE) STRICT, WITHOUT ROWID",
    "CREATE TABLE sign_in (origin_jti TEXT PRIMARY KEY, pool_id TEXT NOT NULL,"
    " subject TEXT NOT NULL, client_id TEXT NOT NULL, refresh_hash BLOB NOT NULL UNIQUE,"
    " at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX sign_in_by_subject ON sign_in (pool_id, subject)",
    "CREATE TABLE challenge (id BLOB PRIMARY KEY, pool_id TEXT NOT NULL, kind TEXT NOT NULL,"
    " client_id TEXT NOT NULL, state TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0,"
    " expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE code (pool_id TEXT NOT NULL, who TEXT NOT NULL, purpose TEXT NOT NULL,"
    " digest BLOB NOT NULL, failures INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " sent INTEGER NOT NULL, sent_since INTEGER NOT NULL,"
    " PRIMARY KEY (pool_id, who, purpose)) STRICT, WITHOUT ROWID",
    "CREATE TABLE failure (pool_id TEXT NOT NULL, who TEXT NOT NULL, count INTEGER NOT NULL,"
    " last_at INTEGER NOT NULL, locked_until INTEGER NOT NULL,"
    " PRIMARY KEY (pool_id, who)) STRICT, WITHOUT ROWID",
    # What the gateway has still to be told: written with the change, removed when it knows.
    "CREATE TABLE revocation (number INTEGER PRIMARY KEY, pool_id TEXT NOT NULL,"
    " kind TEXT NOT NULL, value TEXT NOT NULL, subject TEXT NOT NULL, at INTEGER NOT NULL) STRICT",
)
_FROM_FORMAT_1 = (
    "INSERT INTO pool (id, client_id, agency, secret) SELECT id, client_id,"
    " (SELECT max(agency) FROM old_user WHERE pool_id = old_pool.id), randomblob(32) FROM old_pool",
    "INSERT INTO signing_key (pool_id, id, private_key, signs_from)"
    " SELECT id, '', private_key, 0 FROM old_pool",
    "INSERT INTO user (pool_id, subject, email, email_verified, attributes, status, enabled,"
    " created_at, updated_at) SELECT pool_id, subject, email, 1,"
    " json_object('name', display_name), 'CONFIRMED', 1, 0, 0 FROM old_user",
    "INSERT INTO membership (pool_id, subject, user_group)"
    " SELECT pool_id, subject, user_group FROM old_user",
    "DROP TABLE old_user",
    "DROP TABLE old_pool",
)


class StateFile:
    """The open file. Every method may raise domain.errors.StoreUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mine = threading.RLock()

    @classmethod
    def open(cls, path: Path, key: bytes, *, create: bool) -> Self:
        """Open the file, brought to this release's format; with `create`, a new one."""
        connection = open_encrypted(path, key, application_id=APPLICATION_ID, create=create)
        opened = cls(connection)
        try:
            with opened.unit() as inside:
                _bring_forward(inside)
        except BaseException:
            connection.close()
            raise
        return opened

    @contextmanager
    def unit(self) -> Iterator[Connection]:
        """Give the file for changes that are kept together, or not at all.

        They are kept where the block ends, and where it raises a Fault; else nothing is.
        """
        with self._mine:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except Fault:
                    self._connection.execute("COMMIT")
                    raise
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except driver.Error as error:
                raise translate(error) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give the file for reading alone."""
        with self._mine:
            try:
                yield self._connection
            except driver.Error as error:
                raise translate(error) from error

    def close(self) -> None:
        """Close the file."""
        with self._mine:
            self._connection.close()


def _bring_forward(connection: Connection) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchall()[0][0])
    if found > FORMAT:
        raise NewerFormat("The local identity provider's state", found, FORMAT)
    if found == FORMAT:
        return
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    is_old = "pool" in tables  # the first format had no number
    if is_old:
        connection.execute("ALTER TABLE pool RENAME TO old_pool")
        connection.execute("ALTER TABLE user RENAME TO old_user")
    for statement in (*_TABLES, *(_FROM_FORMAT_1 if is_old else ())):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    if is_old:
        tell_brought_forward("The local identity provider's state", 1, FORMAT)


def make_pool_secret() -> bytes:
    """Return what a new pool makes up answers with."""
    return secrets.token_bytes(POOL_SECRET_BYTES)
