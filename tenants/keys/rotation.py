"""Rotation of an agency's data key: a new one, and everything sealed anew under it.

The state of a rotation is the data itself: each sealed group and file names the key it lies under.
So sealing anew may be stopped anywhere, by anything, and simply goes on. It runs beside all other
processes: a record that somebody changed meanwhile is theirs, and is looked at once more.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from domain.audit import AuditLine
from domain.errors import InvalidTransition, StoreUnavailable
from tenants.backend import Conflict, Row
from tenants.directory.port import Directory, WrappedKey
from tenants.keys.keyring import Keyring, data_key_number, new_data_key
from tenants.records.codec import IN_THE_OPEN, sealed_under
from tenants.records.kinds import KINDS
from tenants.store import AgencyStore

RESEAL_UNIT_ROWS = 50
RESEAL_UNIT_BYTES_MAX = 2 * 1024 * 1024
PASSES_MAX = 8
RETIRED_AFTER = timedelta(hours=1)
"""How long after the newest key was made older ones may be destroyed: by then no process, with
whatever clock, seals under one, and nothing sealed under one is on its way to the disk."""

_SEALED_KINDS = frozenset(spec.kind for spec in KINDS if spec.sealed)


class Progress(Protocol):
    """Hears how far sealing anew has come."""

    def __call__(self, done: int, seen: int) -> None:
        """Note how much was sealed anew, and how much was looked at in this walk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolding:
    """What lies under a data key. key_id: IN_THE_OPEN for what was written before it was sealed.

    created_at: None for what is no key of the directory's.
    """

    key_id: str
    created_at: datetime | None
    newest: bool
    records: int
    files: int


async def start_rotation(
    directory: Directory, keyring: Keyring, agency_id: str, audit: AuditLine
) -> WrappedKey:
    """Give the agency a new data key, which seals from KEY_SETTLE_SECONDS on; return it."""
    held = await directory.wrapped_keys(agency_id)
    key = await new_data_key(keyring, agency_id, held, datetime.now(UTC))
    await directory.add_wrapped_keys(agency_id, [key], audit)
    return key


async def under_each_key(store: AgencyStore, wrapped: Sequence[WrappedKey]) -> list[KeyHolding]:
    """Return what lies under each data key, oldest key first; every key is there."""
    records: Counter[str] = Counter()
    async for row in _sealed_rows(store):
        records.update(sealed_under(row.key.kind, row.body))
    files: Counter[str] = Counter()
    for blob_id in await store.blobs.ids():
        files.update([await store.blobs.sealed_under(blob_id) or IN_THE_OPEN])
    created = {key.key_id: key.created_at for key in wrapped if key.purpose == "data"}
    newest = max(created, key=data_key_number)
    unknown = sorted((records.keys() | files.keys()) - created.keys())
    ids = [*unknown, *sorted(created, key=data_key_number)]
    return [
        KeyHolding(
            key_id=key_id,
            created_at=created.get(key_id),
            newest=key_id == newest,
            records=records[key_id],
            files=files[key_id],
        )
        for key_id in ids
    ]


async def reseal(store: AgencyStore, progress: Progress) -> int:
    """Seal everything anew that is not under the newest data key; return how much it was.

    Waits until that key has settled. Goes over the store until it finds nothing more to do.
    """
    await asyncio.sleep(store.sealer.settles_in().total_seconds())
    done = 0
    for _ in range(PASSES_MAX):
        before = done
        async for count, seen in _walk(store):
            done += count
            progress(done, seen)
        if done == before:
            return done
    return done


async def retire_keys(
    directory: Directory, store: AgencyStore, agency_id: str, audit: AuditLine
) -> list[str]:
    """Destroy the data keys under which nothing lies any more; return their ids.

    Raises InvalidTransition where something still lies under one, or the newest is too new.
    """
    uses = await under_each_key(store, await directory.wrapped_keys(agency_id))
    newest = next(use for use in uses if use.newest)
    older = [use for use in uses if not use.newest]
    if any(use.records or use.files for use in older):
        raise InvalidTransition(
            "Something still lies under an older key. Seal it anew first: key-rotation resume."
        )
    assert newest.created_at is not None, "the newest key is one of the directory's"
    if older and audit.at < newest.created_at + RETIRED_AFTER:
        raise InvalidTransition(
            "Older keys are destroyed an hour after the newest was made, when no process can seal "
            f"under one: from {newest.created_at + RETIRED_AFTER:%Y-%m-%d %H:%M} UTC."
        )
    if older:
        await directory.destroy_data_keys(agency_id, [use.key_id for use in older], audit)
    return [use.key_id for use in older]


async def _walk(store: AgencyStore) -> AsyncIterator[tuple[int, int]]:
    """Seal anew what is found stale in one walk over the store.

    Yields, as it goes, how much was sealed since it last did, and how much has been looked at.
    """
    batch: list[Row] = []
    seen = 0
    async for row in _sealed_rows(store):
        seen += 1
        if not _is_stale(store, row):
            continue
        full = sum(len(one.body) for one in batch) + len(row.body) > RESEAL_UNIT_BYTES_MAX
        if batch and (full or len(batch) == RESEAL_UNIT_ROWS):
            yield await _reseal_rows(store, batch), seen
            batch = []
        batch.append(row)
    if batch:
        yield await _reseal_rows(store, batch), seen
    for number, blob_id in enumerate(await store.blobs.ids(), seen + 1):
        if await store.blobs.reseal(blob_id):
            yield 1, number


async def _reseal_rows(store: AgencyStore, rows: Sequence[Row]) -> int:
    """Seal rows anew as one unit, without those that were changed meanwhile; return how many."""
    left = list(rows)
    while left:
        try:
            await store.reseal(left)
        except Conflict as conflict:
            left = [row for row in left if row.key != conflict.key]
        else:
            break
    return len(left)


async def _sealed_rows(store: AgencyStore) -> AsyncIterator[Row]:
    async for row in store.rows():
        if row.key.kind in _SEALED_KINDS:
            yield row


def _is_stale(store: AgencyStore, row: Row) -> bool:
    try:
        return not sealed_under(row.key.kind, row.body) <= {store.sealer.newest_key}
    except StoreUnavailable as error:
        error.add_note(f"record: {row.key.kind} {row.key.id}")
        raise
