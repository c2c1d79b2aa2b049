"""A store in a few dictionaries: what every backend must agree with, whatever it is asked."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.errors import IdempotencyMismatch
from tenants.backend import (
    Conflict,
    Delete,
    IndexEntry,
    Key,
    NotUnique,
    Once,
    Position,
    Put,
    Replayed,
    Reseal,
    Row,
    UniqueEntry,
    Unit,
)


@dataclass
class Held:
    """A record of the model."""

    row: Row
    indexes: tuple[IndexEntry, ...] = ()
    uniques: tuple[UniqueEntry, ...] = ()


@dataclass
class Model:
    """One agency's store, unencrypted, in memory and in the simplest way there is."""

    records: dict[Key, Held] = field(default_factory=dict)
    attempts: dict[str, Once] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    lines: set[str] = field(default_factory=set)

    def version(self, key: Key) -> int:
        """Return the record's version, 0 where there is none."""
        return self.records[key].row.version if key in self.records else 0

    def commit(self, unit: Unit, at: datetime) -> Exception | None:
        """Write the unit, or return what refuses it and change nothing."""
        attempts = dict(self.attempts)
        refusal = _begin(attempts, unit.begin, at) or _finish(attempts, unit.finish, at)
        if refusal is not None:
            return refusal
        for operation in unit.operations:
            if self.version(operation.key) != operation.expected:
                return Conflict(operation.key, self.version(operation.key))
        puts = [operation for operation in unit.operations if isinstance(operation, Put)]
        leaving = {op.key for op in unit.operations if isinstance(op, Put | Delete)}
        records = {key: held for key, held in self.records.items() if key not in leaving}
        taken = {unique for held in records.values() for unique in held.uniques}
        for put in puts:
            for unique in put.uniques:
                if unique in taken:
                    return NotUnique(unique.name)
                taken.add(unique)
            row = Row(put.key, put.expected + 1, put.body)
            records[put.key] = Held(row, put.indexes, put.uniques)
        for operation in unit.operations:
            if isinstance(operation, Reseal):
                held = records[operation.key]
                row = replace(held.row, body=operation.body)
                records[operation.key] = replace(held, row=row)
        self.records, self.attempts = records, attempts
        self.events += [unit.event[0]] if unit.event else []
        self.lines |= {unit.audit[0]} if unit.audit else set()
        return None

    def listing(self, index: str, part: str) -> list[tuple[Position, Row]]:
        """Return a part of an index in order."""
        return sorted(
            (
                (Position(entry.sort, *key), held.row)
                for key, held in self.records.items()
                for entry in held.indexes
                if (entry.name, entry.part) == (index, part)
            ),
            key=lambda line: line[0],
        )

    def once(self, key: str, at: datetime) -> Once | None:
        """Return the unexpired idempotency record under the key."""
        held = self.attempts.get(key)
        return held if held is not None and held.expires_at > at else None


def _begin(attempts: dict[str, Once], begin: Once | None, at: datetime) -> Exception | None:
    if begin is None:
        return None
    held = attempts.get(begin.key)
    if held is not None and held.expires_at > at:
        same = held.digest == begin.digest
        return Replayed(held.reference) if same else IdempotencyMismatch()
    attempts[begin.key] = begin
    return None


def _finish(attempts: dict[str, Once], finish: Once | None, at: datetime) -> Exception | None:
    if finish is None:
        return None
    held = attempts.get(finish.key)
    if held is not None and held.expires_at > at:
        if held.digest != finish.digest:
            return IdempotencyMismatch()
        if held.reference is not None:
            return Replayed(held.reference)
    if finish.reference is None:
        attempts.pop(finish.key, None)
    else:
        attempts[finish.key] = finish
    return None
