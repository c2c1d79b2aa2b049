"""A ledger under test: lines to put into it, and hands that tamper with its rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine
from domain.ids import new_ulid
from tenants.backend import Delete, Key, Put, Row, StoreBackend, Unit
from tenants.ledger.ledger import Ledger
from tenants.ledger.lines import in_rows, pack, texts_of
from tenants.ledger.records import (
    HEAD_KEY,
    Bundle,
    bundle_key,
    read,
    tile_key,
)
from tenants.ledger.sequencer import Sequencer
from tests.tenants.stores import AGENCY_ID, AT

INDEX_KEY = bytes(range(32))
CONSUMER = "con_01KF0RDQG00000000000000001"
ACTOR = Actor(id="sub-1", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor")


def a_line(number: int, consumers: tuple[str, ...] = ()) -> AuditLine:
    """Return the line of that number; lines are a second apart."""
    at = AT + timedelta(seconds=number)
    return AuditLine(
        id=new_ulid(at, randomness=number),
        at=at,
        actor=ACTOR,
        action="applications",
        consumers=consumers,
        fields=("Consumer.name",),
        request_id=f"req-{number}",
        source_ip="203.0.113.7",
    )


@dataclass
class Kept:
    """The part of a directory that a sequencer needs, in memory."""

    lines: list[AuditLine] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Return lines that wait."""
        await asyncio.sleep(0)
        return [line for line in self.lines if line.id not in self.merged][:limit]

    async def audit_merged(self, agency_id: str, line_ids: Sequence[str]) -> None:
        """Record that these were taken over."""
        await asyncio.sleep(0)
        self.merged += line_ids

    async def witness(self, agency_id: str, size: int, checkpoint: str) -> None:
        """Keep a checkpoint."""
        self.checkpoints.append(checkpoint)

    async def witnessed(self, agency_id: str) -> list[str]:
        """Return the checkpoints kept."""
        return self.checkpoints


def a_ledger(backend: StoreBackend, agency_id: str = AGENCY_ID, key: bytes = INDEX_KEY) -> Ledger:
    """Return the ledger in a store."""
    return Ledger(backend, key, agency_id, lambda: AT)


async def wait_in(backend: StoreBackend, lines: Sequence[AuditLine]) -> None:
    """Write lines as units do: they wait to be merged."""
    for row in in_rows(texts_of(*lines)):
        await backend.commit(Unit(audit=pack(row)), at=AT)


async def fill(backend: StoreBackend, count: int, first: int = 0) -> Ledger:
    """Return the ledger after so many lines more."""
    ledger = a_ledger(backend)
    await wait_in(backend, [a_line(first + number) for number in range(count)])
    await Sequencer(ledger, Kept(), AGENCY_ID).merge()
    return ledger


async def rewrite(backend: StoreBackend, key: Key, body: bytes | None) -> None:
    """Put other bytes into a row, or take the row away: what somebody with the file's key can."""
    row = await backend.get(key)
    held = 0 if row is None else row.version
    operation = (
        Delete(key=key, expected=held) if body is None else Put(key=key, expected=held, body=body)
    )
    await backend.commit(Unit(operations=(operation,)), at=AT)


async def texts(backend: StoreBackend, number: int) -> list[str]:
    """Return the lines of a bundle."""
    return list(read(Bundle, await backend.get(bundle_key(number))).lines)


async def set_texts(backend: StoreBackend, number: int, lines: Sequence[str]) -> None:
    """Put lines into a bundle, whatever they are."""
    await rewrite(backend, bundle_key(number), msgspec.json.encode(Bundle(lines=tuple(lines))))


async def ledger_rows(backend: StoreBackend) -> list[Row]:
    """Return every row of the ledger."""
    kinds = (HEAD_KEY.kind, bundle_key(0).kind, tile_key(0, 0).kind)
    return [row for kind in kinds async for row in backend.scan(kind)]
