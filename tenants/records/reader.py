"""Records out of rows: decoded once where they may be kept, and in part where part is wanted."""

from functools import partial
from typing import Any

from domain.errors import StoreUnavailable
from tenants.backend import Key, Row
from tenants.records.codec import decode, decode_excerpt
from tenants.records.excerpts import Excerpt, class_of
from tenants.records.kinds import R, Record, spec_of
from tenants.records.sealing import Sealer

DECODED_RECORDS_MAX = 128
DECODED_BODY_BYTES_MAX = 16 * 1024


class Reader:
    """Reads the records of one store.

    Records are immutable: one that was decoded from the very same bytes is given out again. The
    kinds that tell most of somebody are never kept so (`kept_decoded`), nor are large bodies.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._kept: dict[tuple[Key, Excerpt[Any] | None], tuple[bytes, Record]] = {}

    def record(self, record_type: type[R], row: Row, excerpt: Excerpt[R] | None = None) -> R:
        """Return the record in a row, or what is wanted of it; may raise StoreUnavailable."""
        held = self._kept.get((row.key, excerpt))
        if held is not None and held[0] == row.body and class_of(held[1]) is record_type:
            return held[1]  # type: ignore[return-value]  # it is one, or stands for one
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
        if spec.kept_decoded and len(row.body) <= DECODED_BODY_BYTES_MAX:
            self._kept[row.key, excerpt] = (row.body, record)
            if len(self._kept) > DECODED_RECORDS_MAX:
                del self._kept[next(iter(self._kept))]
        return record
