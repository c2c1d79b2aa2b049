"""Records out of rows: decoded once where they may be kept, and in part where part is wanted."""

from functools import partial
from typing import Any, NamedTuple

from domain.errors import StoreUnavailable
from tenants.backend import Key, Row
from tenants.records.codec import decode, decode_excerpt
from tenants.records.excerpts import Excerpt, class_of
from tenants.records.kinds import R, Record, spec_of
from tenants.records.sealing import Sealer

DECODED_RECORDS_MAX = 128
EXCERPTS_PER_RECORD_MAX = 8
DECODED_BODY_BYTES_MAX = 16 * 1024


class Reader:
    """Reads the records of one store.

    Nobody changes a record: one that was decoded from the very same bytes is given out again, and
    so are its excerpts. When the bytes have changed, nothing of the former ones is kept. The kinds
    that tell most of somebody are never kept so (`kept_decoded`), nor are large bodies.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._kept: dict[Key, _Kept] = {}

    def record(self, record_type: type[R], row: Row, excerpt: Excerpt[R] | None = None) -> R:
        """Return the record in a row, or what is wanted of it; may raise StoreUnavailable."""
        kept = self._kept.get(row.key)
        if kept is not None and kept.body == row.body:
            held = kept.records.get(excerpt)
            if held is not None and class_of(held) is record_type:
                return held  # type: ignore[return-value]  # it is one, or stands for one
        record = self._decoded(record_type, row, excerpt)
        if spec_of(record_type).kept_decoded and len(row.body) <= DECODED_BODY_BYTES_MAX:
            self._keep(row, excerpt, record)
        return record

    def _decoded(self, record_type: type[R], row: Row, excerpt: Excerpt[R] | None) -> R:
        spec = spec_of(record_type)
        whole = partial(decode, spec.kind, row.body, self._sealer)
        record: R | None = None
        if excerpt is not None:
            record = decode_excerpt(excerpt, row.body, self._sealer, whole)
        if record is None:
            record = whole()
        if row.key.kind != spec.kind or record.id != spec.global_id(row.key):
            raise StoreUnavailable("A stored record is not where it belongs.")
        if record.version != row.version:
            raise StoreUnavailable("A stored record is not of the version that its row says.")
        return record

    def _keep(self, row: Row, excerpt: Excerpt[Any] | None, record: Record) -> None:
        kept = self._kept.get(row.key)
        if kept is None or kept.body != row.body:
            self._kept.pop(row.key, None)
            kept = self._kept[row.key] = _Kept(row.body, {})
            if len(self._kept) > DECODED_RECORDS_MAX:
                del self._kept[next(iter(self._kept))]
        if len(kept.records) >= EXCERPTS_PER_RECORD_MAX:
            del kept.records[next(iter(kept.records))]
        kept.records[excerpt] = record


class _Kept(NamedTuple):
    """What was decoded of one body: the record (None), and excerpts of it."""

    body: bytes
    records: dict[Excerpt[Any] | None, Record]
