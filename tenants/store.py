"""One agency's store, in records: what resolvers read from and commit to.

It is born with its agency and has no parameter to name another. Rows become records here, through
the codec; listings become Relay pages with cursors that only this agency's store accepts.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from domain.audit import AuditLine
from domain.clock import utc_now
from domain.errors import Duplicate, OutcomeUnknown, VersionConflict
from domain.ids import parse_global_id
from tenants.backend import (
    Check,
    Conflict,
    Delete,
    Key,
    NotUnique,
    Once,
    Put,
    Replayed,
    Reseal,
    Row,
    StoreBackend,
    Unit,
)
from tenants.change import Change
from tenants.cursors import CursorSigner
from tenants.keys.keyring import AgencyKeys, derive_key
from tenants.ledger.ledger import Ledger
from tenants.ledger.lines import LineText, in_rows, lines_in, texts_of
from tenants.ledger.reads import ReadLines
from tenants.outbox.outbox import Outbox
from tenants.paging import Listing, Page, read_all, read_page
from tenants.records.blobs import BlobBackend, Blobs
from tenants.records.codec import AuditRow, encode, encode_event
from tenants.records.excerpts import Excerpt
from tenants.records.kinds import R, Record, key_of, normalize, record_of, spec_of
from tenants.records.reader import DECODED_BODY_BYTES_MAX, Reader
from tenants.records.sealing import FieldSealer

__all__ = ["AgencyStore", "Change", "Page"]

T = TypeVar("T")
REMEMBERED_MAX = 256
_AT_ONCE = 99  # with the one that tells of more, what a store reads without a thread
_BLIND_BYTES = 16


class AgencyStore:
    """One agency's records. Any method may raise domain.errors.StoreUnavailable."""

    def __init__(
        self,
        backend: StoreBackend,
        keys: AgencyKeys,
        agency_id: str,
        clock: Callable[[], datetime] = utc_now,
        blobs: BlobBackend | None = None,
    ) -> None:
        self._backend = backend
        self._agency_id = agency_id
        self._clock = clock
        self._sealer = FieldSealer(agency_id, keys, clock)
        self._blobs = Blobs(agency_id, blobs, self._sealer)
        self._cursors = CursorSigner(derive_key(keys.index_key, "cursors"))
        self._reader = Reader(self._sealer)
        self._remembered: dict[Hashable, tuple[int, Any]] = {}
        self._ledger = Ledger(backend, keys.index_key, agency_id, clock)
        self._outbox = Outbox(backend)
        self._reads = ReadLines(self._write_lines)
        self._blind_keys = {
            name: derive_key(keys.index_key, f"blind {agency_id} {name}")
            for name in ("email", "phone", "ssn", "invitation")
        }

    @property
    def agency_id(self) -> str:
        """Return the id of the agency whose store this is."""
        return self._agency_id

    @property
    def ledger(self) -> Ledger:
        """Return the agency's audit ledger; a line is in it within a second of its commit."""
        return self._ledger

    @property
    def outbox(self) -> Outbox:
        """Return the agency's outbox; every event committed here is in it until it is relayed."""
        return self._outbox

    @property
    def blobs(self) -> Blobs:
        """Return the agency's files."""
        return self._blobs

    @property
    def sealer(self) -> FieldSealer:
        """Return what seals this agency's fields and files."""
        return self._sealer

    def use_keys(self, keys: AgencyKeys) -> None:
        """Take newer data keys; the store and index keys are the same for an agency's life."""
        self._sealer.use_keys(keys)

    def recall(
        self, record_type: type[R], global_id: str, excerpt: Excerpt[R] | None = None
    ) -> R | None:
        """Return the record where its row is at hand as it is now; None says nothing.

        excerpt: here as in all that reads records, what of them is wanted, and stands for them.
        """
        row = self.recalled((record_type, global_id))
        return None if row is None else self._reader.record(record_type, row, excerpt)

    async def get(
        self, record_type: type[R], global_id: str, excerpt: Excerpt[R] | None = None
    ) -> R | None:
        """Return the record; None where there is none, or the id is not one of such a record."""
        row = self.recalled((record_type, global_id))
        if row is None:
            key, epoch = spec_of(record_type).key(global_id), self._backend.epoch()
            row = None if key is None else await self._backend.get(key)
            self._remember((record_type, global_id), epoch, row)
        return None if row is None else self._reader.record(record_type, row, excerpt)

    async def get_many(
        self, record_type: type[R], global_ids: Sequence[str], excerpt: Excerpt[R] | None = None
    ) -> dict[str, R]:
        """Return the records there are by global id, in one round trip at most."""
        epoch, spec = self._backend.epoch(), spec_of(record_type)
        rows: dict[str, Row | None] = {}
        asked: dict[Key, str] = {}
        for global_id in global_ids:
            held = self._remembered.get((record_type, global_id))
            rows[global_id] = held[1] if held is not None and held[0] == epoch else None
            if rows[global_id] is None and (key := spec.key(global_id)) is not None:
                asked[key] = global_id
        read = await self._backend.get_many(tuple(asked)) if asked else {}
        for key, row in read.items():
            rows[asked[key]] = row
            self._remember((record_type, asked[key]), epoch, row)
        return {
            one: self._reader.record(record_type, row, excerpt) for one, row in rows.items() if row
        }

    async def find(self, record_type: type[R], unique_name: str, value: str) -> R | None:
        """Return the record that holds a unique value, or None."""
        row = await self._backend.find_unique(unique_name, value)
        return None if row is None else self._reader.record(record_type, row)

    async def children(self, record_type: type[R], root_global_id: str) -> list[R]:
        """Return all records of a class under a root, oldest first."""
        parsed = parse_global_id(root_global_id)
        if parsed is None:
            return []
        rows = await self._backend.children(parsed.root, spec_of(record_type).kind)
        return [self._reader.record(record_type, row) for row in rows]

    async def children_many(
        self,
        record_type: type[R],
        root_global_ids: Sequence[str],
        excerpt: Excerpt[R] | None = None,
    ) -> dict[str, list[R]]:
        """Return the children of many roots by the roots' global ids; every root asked is there."""
        parsed = {global_id: parse_global_id(global_id) for global_id in root_global_ids}
        roots = [one.root for one in parsed.values() if one is not None]
        found: Mapping[str, list[Row]] = {}
        if roots:
            found = await self._backend.children_many(roots, spec_of(record_type).kind)
        return {
            global_id: [
                self._reader.record(record_type, row, excerpt)
                for row in (found.get(one.root, ()) if one else ())
            ]
            for global_id, one in parsed.items()
        }

    async def query(
        self,
        record_type: type[R],
        index: str,
        part: str,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        desc: bool = False,
        lo: str | None = None,
        hi: str | None = None,
        keep: Callable[[R], bool] | None = None,
        excerpt: Excerpt[R] | None = None,
    ) -> Page[R]:
        """Return a page of an index's part: lo ≤ sort < hi, paged as Relay does it.

        Exactly one of first and last is given. `keep` drops records that a page shall not show; at
        most SCAN_ROWS_MAX rows are looked at, then the page comes short, with has_next (going
        backward: has_previous) and a cursor from where to go on.
        """
        listing = Listing(
            backend=self._backend,
            cursors=self._cursors,
            index=index,
            part=part,
            desc=desc,
            lo=lo,
            hi=hi,
        )
        return await read_page(
            listing,
            lambda row: self._reader.record(record_type, row, excerpt),
            first=first,
            after=after,
            last=last,
            before=before,
            keep=keep,
        )

    async def listed(
        self, record_type: type[R], index: str, part: str, *, lo: str | None = None
    ) -> list[R]:
        """Return all records that a part of an index lists, from `lo` on, in its order."""

        def read(after: str | None) -> Awaitable[Page[R]]:
            return self.query(record_type, index, part, first=_AT_ONCE, after=after, lo=lo)

        return await read_all(read)

    async def remembered(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` gives of the store, kept until anybody changes a record of it."""
        value: T | None = self.recalled(key)
        if value is None:
            epoch = self._backend.epoch()  # what is read may be newer, and never older
            value = await read()
            self._remember(key, epoch, value)
        return value

    def recalled(self, key: Hashable) -> Any:
        """Return what is remembered under a key where it still holds; None says nothing."""
        held = self._remembered.get(key)
        return held[1] if held is not None and held[0] == self._backend.epoch() else None

    def epoch(self) -> int | None:
        """Return a number that is another one once anybody has changed a record; None: unknown."""
        return self._backend.epoch()

    async def count(self, index: str, part: str) -> int:
        """Return how many records a part of an index lists."""
        return await self._backend.count(index, part)

    async def once(self, key: str) -> Once | None:
        """Return the idempotency record under a key that has not expired."""
        return await self._backend.once(key, self._clock())

    async def commit(self, change: Change) -> tuple[Record, ...]:
        """Write a change, all or nothing, and return what was put, with the new versions.

        Raises VersionConflict, Duplicate, IdempotencyMismatch, TooLarge; OutcomeUnknown where the
        idempotency key's attempt is still open, and tenants.backend.Replayed with the reference
        where it is done.
        """
        written = tuple(replace(record, version=record.version + 1) for record in change.put)
        operations: tuple[Put | Delete | Check, ...] = (
            *(self._put(record) for record in written),
            *(Delete(key=key_of(record), expected=record.version) for record in change.delete),
            *(Check(key=key_of(record), expected=record.version) for record in change.check),
        )
        event, audit = change.event, change.audit
        lines = (audit,) if isinstance(audit, AuditLine) else audit or ()
        unit = Unit(
            operations=operations,
            event=None if event is None else (event.id, encode_event(event)),
            audit=self._ledger.pack(texts_of(*lines)) if lines else None,
            begin=change.begin,
            finish=change.finish,
        )
        commit = self._backend.commit(unit, at=self._clock())
        try:
            await (commit if event is None else self._outbox.following(commit))
        except Conflict as conflict:
            raise VersionConflict(current_version=conflict.current or None) from conflict
        except NotUnique as taken:
            raise Duplicate from taken
        except Replayed as replayed:
            if replayed.reference is None:
                raise OutcomeUnknown from replayed
            raise
        if lines:
            self._ledger.wake()
        return written

    async def record_audit(self, *lines: AuditLine) -> None:
        """Write audit lines by themselves, durable on return: for what is read and not changed."""
        if lines:
            await self._write_lines(texts_of(*lines))

    def record_reads(self, line: AuditLine | AuditRow) -> None:
        """Take a line about what is being read; it is written within a tenth of a second.

        Raises StoreUnavailable where such lines cannot be written: the answer must not leave then.
        """
        self._reads.add(line)

    async def flush_reads(self) -> None:
        """Write the lines about reads that wait."""
        await self._reads.flush()

    async def scan(
        self, record_type: type[R], segment: int = 0, segments: int = 1
    ) -> AsyncIterator[R]:
        """Iterate over all records of a class; segments split the work without overlap."""
        async for row in self._backend.scan(spec_of(record_type).kind, segment, segments):
            yield self._reader.record(record_type, row)

    def rows(self) -> AsyncIterator[Row]:
        """Iterate over all records of all kinds as they are stored."""
        return self._backend.scan()

    async def reseal(self, rows: Sequence[Row]) -> None:
        """Write rows' records anew under the current data key, in the version that they have.

        Raises tenants.backend.Conflict where one was changed since it was read.
        """
        operations = tuple(
            Reseal(
                key=row.key,
                expected=row.version,
                body=encode(self._reader.record(record_of(row.key.kind), row), self._sealer),
            )
            for row in rows
        )
        await self._backend.commit(Unit(operations=operations), at=self._clock())

    def blind(self, field: str, value: str) -> str:
        """Return the keyed blind index of an email, phone, ssn or invitation, normalized."""
        digest = hmac.digest(
            self._blind_keys[field], normalize(field, value).encode(), hashlib.sha256
        )
        return digest[:_BLIND_BYTES].hex()

    def seal_cursor(self, listing: str, position: str) -> str:
        """Return a cursor for a position in a listing that is not one of an index."""
        return self._cursors.seal(listing, position)

    def open_cursor(self, listing: str, cursor: str, *, path: str = "after") -> str:
        """Return the position in such a cursor; raises InvalidInput at `path` for anything else."""
        return self._cursors.open(listing, cursor, path=path)

    async def audit_lines(self, after: str | None, limit: int) -> list[AuditLine]:
        """Return the audit lines that wait to be put into the ledger, oldest first.

        They are those of at most `limit` rows, strictly after the row of that id. Rows that cannot
        be read are left out: verifying the ledger names them.
        """
        return lines_in(await self._backend.audit_lines(after=after, limit=limit))

    async def scrub(self) -> bool:
        """Take what was removed out of the store's files; False where some may still be there."""
        return await self._backend.scrub()

    async def aclose(self) -> None:
        """Write the lines about reads that wait, and close; then calls raise StoreUnavailable."""
        try:
            await self._reads.aclose()
        finally:
            await self._backend.aclose()

    async def _write_lines(self, texts: Sequence[LineText]) -> None:
        """Write lines durably, in as many rows as they take."""
        for row in in_rows(texts):
            await self._backend.commit(Unit(audit=self._ledger.pack(row)), at=self._clock())
        self._ledger.wake()

    def _remember(self, key: Hashable, epoch: int | None, value: object) -> None:
        is_large = isinstance(value, Row) and len(value.body) > DECODED_BODY_BYTES_MAX
        if epoch is None or value is None or is_large:
            return
        self._remembered[key] = (epoch, value)
        if len(self._remembered) > REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]

    def _put(self, record: Record) -> Put:
        spec = spec_of(type(record))
        return Put(
            key=key_of(record),
            expected=record.version - 1,
            body=encode(record, self._sealer),
            indexes=spec.indexes(record, self.blind),
            uniques=spec.uniques(record, self.blind),
        )
