"""How a unit becomes rows in SQLite: several units in one transaction, each all or nothing.

Units that wait at the same time share one commit, and so one flush of the disk; a savepoint around
each keeps a refused one from touching its neighbours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from domain.errors import IdempotencyMismatch
from tenants.backend import (
    Conflict,
    Delete,
    IndexEntry,
    Key,
    NotUnique,
    Once,
    Put,
    Replayed,
    Reseal,
    UniqueEntry,
    Unit,
)
from tenants.sqlite.moments import micros, moment
from tenants.sqlite.sqlcipher import Connection, DatabaseError, IntegrityError, translate

READ_ONCE = "SELECT digest, reference, expires_at FROM once WHERE key = ?"
ONCE_PURGED_PER_UNIT_MAX = 16
Entry = TypeVar("Entry", IndexEntry, UniqueEntry)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the file holds of a record before the unit: `seq` None where it does not exist."""

    seq: int | None
    version: int
    indexes: tuple[IndexEntry, ...]
    uniques: tuple[UniqueEntry, ...]


_ABSENT = _Stored(None, 0, (), ())


class _Entries(msgspec.Struct, array_like=True):
    """The index and unique entries of a record, kept in its row so that a change knows the old."""

    indexes: tuple[IndexEntry, ...] = ()
    uniques: tuple[UniqueEntry, ...] = ()


_decode_entries = msgspec.json.Decoder(_Entries).decode


def write_units(
    connection: Connection, units: Sequence[tuple[Unit, datetime]]
) -> list[Exception | None]:
    """Write units durably, and return for each what refused it, or None.

    Where the file itself fails, nothing of any unit is kept and all have that error.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_write_unit(connection, unit, at) for unit, at in units]
        connection.execute("COMMIT")
    except DatabaseError as error:
        unavailable = translate(error)
        unavailable.__cause__ = error
        roll_back(connection)
        return [unavailable] * len(units)
    except BaseException:
        roll_back(connection)
        raise
    return outcomes


def roll_back(connection: Connection) -> None:
    """End the transaction there may be; SQLite may have ended it by itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _write_unit(connection: Connection, unit: Unit, at: datetime) -> Exception | None:
    connection.execute("SAVEPOINT unit")
    try:
        _apply(connection, unit, at)
    except IntegrityError as error:
        outcome: Exception = ValueError("an event or audit line of that id was written before")
        outcome.__cause__ = error
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 -- handed to the one who asked for the unit
        outcome = error
    else:
        connection.execute("RELEASE unit")
        return None
    connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return outcome


def _apply(connection: Connection, unit: Unit, at: datetime) -> None:
    if unit.begin is not None:
        _begin_once(connection, unit.begin, at)
    if unit.finish is not None:
        _finish_once(connection, unit.finish, at)
    _write_records(connection, unit)
    if unit.event is not None:
        connection.execute("INSERT INTO outbox (id, body) VALUES (?, ?)", unit.event)
    if unit.audit is not None:
        connection.execute("INSERT INTO audit (id, body) VALUES (?, ?)", unit.audit)
    for row_id in unit.merged:
        if connection.execute("DELETE FROM audit WHERE id = ?", (row_id,)).rowcount == 0:
            raise Conflict(Key("", "audit", row_id), 0)


def _write_records(connection: Connection, unit: Unit) -> None:
    stored = _check_versions(connection, unit)
    # What goes away goes first: two records may swap a unique value within one unit.
    for operation in unit.operations:
        if isinstance(operation, Put):
            _drop_entries(connection, operation.key, stored[operation.key], operation)
        elif isinstance(operation, Delete) and stored[operation.key].seq is not None:
            _delete(connection, operation.key, stored[operation.key])
    for operation in unit.operations:
        if isinstance(operation, Put):
            _put(connection, operation, stored[operation.key])
        elif isinstance(operation, Reseal):
            connection.execute(
                "UPDATE entity SET body = ? WHERE seq = ?",
                (operation.body, stored[operation.key].seq),
            )


def _check_versions(connection: Connection, unit: Unit) -> dict[Key, _Stored]:
    """Return what the file holds of the unit's records; raises Conflict where one changed."""
    stored = {operation.key: _read(connection, operation.key) for operation in unit.operations}
    for operation in unit.operations:
        current = stored[operation.key].version
        if current != operation.expected:
            raise Conflict(operation.key, current)
    return stored


def _read(connection: Connection, key: Key) -> _Stored:
    rows = connection.execute(
        "SELECT seq, version, entries FROM entity WHERE root = ? AND kind = ? AND id = ?", key
    ).fetchall()
    if not rows:
        return _ABSENT
    seq, version, entries = rows[0]
    held = _decode_entries(entries)
    return _Stored(seq, version, held.indexes, held.uniques)


def _put(connection: Connection, put: Put, stored: _Stored) -> None:
    entries = msgspec.json.encode(_Entries(put.indexes, put.uniques))
    version = put.expected + 1
    if stored.seq is None:
        connection.execute(
            "INSERT INTO entity (root, kind, id, version, entries, body) VALUES (?, ?, ?, ?, ?, ?)",
            (*put.key, version, entries, put.body),
        )
    else:
        connection.execute(
            "UPDATE entity SET version = ?, entries = ?, body = ? WHERE seq = ?",
            (version, entries, put.body, stored.seq),
        )
    for unique in _without(put.uniques, stored.uniques):
        written = connection.execute(
            "INSERT INTO uniq (name, value, root, kind, id) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name, value) DO NOTHING",
            (unique.name, unique.value, *put.key),
        )
        if written.rowcount == 0:
            raise NotUnique(unique.name)
    for index in _without(put.indexes, stored.indexes):
        connection.execute(
            "INSERT INTO idx (name, part, sort, root, kind, id) VALUES (?, ?, ?, ?, ?, ?)",
            (index.name, index.part, index.sort, *put.key),
        )


def _drop_entries(connection: Connection, key: Key, stored: _Stored, put: Put | None) -> None:
    """Remove the entries that the record has in the file and not in what is put."""
    for unique in _without(stored.uniques, put.uniques if put else ()):
        connection.execute(
            "DELETE FROM uniq WHERE name = ? AND value = ?", (unique.name, unique.value)
        )
    for index in _without(stored.indexes, put.indexes if put else ()):
        connection.execute(
            "DELETE FROM idx WHERE name = ? AND part = ? AND sort = ? "
            "AND root = ? AND kind = ? AND id = ?",
            (index.name, index.part, index.sort, *key),
        )


def _delete(connection: Connection, key: Key, stored: _Stored) -> None:
    _drop_entries(connection, key, stored, None)
    connection.execute("DELETE FROM entity WHERE seq = ?", (stored.seq,))


def _without(entries: Iterable[Entry], others: Iterable[Entry]) -> list[Entry]:
    gone = set(others)
    return [entry for entry in dict.fromkeys(entries) if entry not in gone]


def once_of(key: str, rows: Sequence[tuple[Any, ...]]) -> Once | None:
    """Return the idempotency record that READ_ONCE found under a key, expired or not."""
    if not rows:
        return None
    digest, reference, expires_at = rows[0]
    return Once(key=key, digest=digest, reference=reference, expires_at=moment(expires_at))


def _held_once(connection: Connection, key: str) -> Once | None:
    return once_of(key, connection.execute(READ_ONCE, (key,)).fetchall())


def _begin_once(connection: Connection, begin: Once, at: datetime) -> None:
    now = micros(at)
    connection.execute(
        "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires_at <= ? LIMIT ?)",
        (now, ONCE_PURGED_PER_UNIT_MAX),
    )
    held = _held_once(connection, begin.key)
    if held is not None and held.expires_at > at:
        if held.digest != begin.digest:
            raise IdempotencyMismatch
        raise Replayed(held.reference)
    _write_once(connection, begin)


def _finish_once(connection: Connection, finish: Once, at: datetime) -> None:
    """Complete an attempt, or take it back; one that expired meanwhile is completed all the same.

    What was done under the attempt has happened, and a record of it must not be lost.
    """
    held = _held_once(connection, finish.key)
    if held is not None and held.expires_at > at:
        if held.digest != finish.digest:
            raise IdempotencyMismatch
        if held.reference is not None:
            raise Replayed(held.reference)
    if finish.reference is None:
        connection.execute("DELETE FROM once WHERE key = ?", (finish.key,))
    else:
        _write_once(connection, finish)


def _write_once(connection: Connection, once: Once) -> None:
    connection.execute(
        "INSERT INTO once (key, digest, reference, expires_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, "
        "reference = excluded.reference, expires_at = excluded.expires_at",
        (once.key, once.digest, once.reference, micros(once.expires_at)),
    )
