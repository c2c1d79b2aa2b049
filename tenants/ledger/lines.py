"""How audit lines wait beside the records: the exact text of each, several packed into one row.

A line's text, once written, is never written anew: the ledger hashes these very bytes. A row holds
a JSON array of lines, pressed; rows written before there were arrays hold one line alone.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from domain.audit import AuditLine
from domain.errors import StoreUnavailable, TooLarge
from domain.ids import new_ulid
from tenants.backend import BODY_BYTES_MAX, StoreBackend, StoredAudit
from tenants.ledger.compression import NotPressed, plain, pressed
from tenants.records.codec import AuditRow, check_audit, decode_audit, encode_audit

LINE_BYTES_MAX = 4096  # as it stands within a bundle's body, with its quotes escaped
CONSUMERS_PER_LINE_MAX = 32  # beside the most names of fields, and the longest purpose
LINES_PER_ROW_MAX = 64
ROWS_PER_READ = 40
OWN_ROWS_MAX = 64
_ESCAPED_WORST_CASE = 2
_ID_SHOWN_CHARACTERS = 40

_decode_texts = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LineText(NamedTuple):
    """A line as it is written: its id, and the bytes that the ledger will hash."""

    id: str
    text: bytes


class WaitingRow(NamedTuple):
    """A row that waits to be merged: its lines' exact texts, or what is wrong with it."""

    id: str
    texts: tuple[bytes, ...]
    fault: str | None = None


def text_of(row: AuditRow) -> LineText:
    """Return a row as it is written; raises TooLarge for one that no bundle could hold."""
    row_id = row.id = row.id or new_ulid(row.at)
    return LineText(row_id, _text(row))


def texts_of(*lines: AuditLine) -> list[LineText]:
    """Return lines as they are written; raises TooLarge for one that no bundle could hold.

    A line about many consumers becomes several, each with a part of them.
    """
    return [LineText(part.id, _text(part)) for line in lines for part in _parts(line)]


def pack(texts: Iterable[LineText]) -> tuple[str, bytes]:
    """Return one row that holds these lines: its id is the first one's."""
    held = list(texts)
    return held[0].id, pressed(b"[" + b",".join(line.text for line in held) + b"]")


class OwnRows:
    """Rows that this process has packed of late, by their exact bytes: it need not unpack those."""

    def __init__(self) -> None:
        self._texts: dict[bytes, tuple[bytes, ...]] = {}

    def pack(self, texts: Iterable[LineText]) -> tuple[str, bytes]:
        """Return one row that holds these lines, as `pack` does."""
        held = list(texts)
        row_id, body = pack(held)
        self._texts[body] = tuple([line.text for line in held])
        if len(self._texts) > OWN_ROWS_MAX:
            del self._texts[next(iter(self._texts))]
        return row_id, body

    def readable(self, row: StoredAudit) -> WaitingRow:
        """Return a row's lines, as `readable` does; a row that is asked for again is unpacked."""
        texts = self._texts.pop(row.body, None)
        return readable(row) if texts is None else WaitingRow(row.id, texts)


async def waiting_rows(
    backend: StoreBackend, own: OwnRows | None = None
) -> AsyncGenerator[WaitingRow, None]:
    """Yield every row that waits to be merged, oldest first."""
    read = readable if own is None else own.readable
    after: str | None = None
    while True:
        rows = await backend.audit_lines(after=after, limit=ROWS_PER_READ)
        for row in rows:
            yield read(row)
        if len(rows) < ROWS_PER_READ:
            return
        after = rows[-1].id


def readable(row: StoredAudit) -> WaitingRow:
    """Return a row's lines, or what is wrong with it."""
    try:
        return WaitingRow(row.id, tuple(unpack(row)))
    except StoreUnavailable as error:
        return WaitingRow(row.id, (), error.message)


def lines_in(rows: Iterable[StoredAudit]) -> list[AuditLine]:
    """Return the lines of rows, those left out that cannot be read."""
    return [decode_audit(text) for row in map(readable, rows) for text in row.texts]


def unpack(row: StoredAudit) -> list[bytes]:
    """Return the exact texts of a row's lines.

    Raises StoreUnavailable, naming the row, for anything that the ledger could not take, or that
    nobody could read in it.
    """
    if len(row.body) > BODY_BYTES_MAX:
        raise _unreadable(row, "it is larger than any row that is written")
    try:
        body = plain(row.body, BODY_BYTES_MAX)
        is_array = body.startswith(b"[")
        texts = [bytes(text) for text in _decode_texts(body)] if is_array else [body]
        faults = (_fault_of(text) for text in texts)
        fault = next((one for one in faults if one), None) if texts else "it holds no line"
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unreadable(row, "it is no list of audit lines") from error
    except NotPressed as error:
        raise _unreadable(row, str(error)) from error
    if fault is not None:
        raise _unreadable(row, fault)
    return texts


def _fault_of(text: bytes) -> str | None:
    """Return why a text is no line of a ledger; None where it is one."""
    try:
        text.decode()
        check_audit(text)
    except (UnicodeDecodeError, StoreUnavailable, RecursionError):
        return "one of its lines is no audit line"
    return "one of its lines is too long" if _is_too_long(text) else None


def _unreadable(row: StoredAudit, why: str) -> StoreUnavailable:
    shown = ascii(row.id[:_ID_SHOWN_CHARACTERS])
    return StoreUnavailable(f"The waiting audit row {shown} cannot be read: {why}.")


def in_rows(texts: Sequence[LineText]) -> list[Sequence[LineText]]:
    """Return lines in parts that a row takes."""
    starts = range(0, len(texts), LINES_PER_ROW_MAX)
    return [texts[start : start + LINES_PER_ROW_MAX] for start in starts]


def _parts(line: AuditLine) -> list[AuditLine]:
    if len(line.consumers) <= CONSUMERS_PER_LINE_MAX:
        return [line]
    starts = range(0, len(line.consumers), CONSUMERS_PER_LINE_MAX)
    return [
        replace(
            line,
            id=new_ulid(line.at) if start else line.id,
            consumers=line.consumers[start : start + CONSUMERS_PER_LINE_MAX],
        )
        for start in starts
    ]


def _text(line: AuditLine | AuditRow) -> bytes:
    text = encode_audit(line)
    if _is_too_long(text):
        raise TooLarge("An audit line is too long: shorten the reason or the purpose.")
    return text


def _is_too_long(text: bytes) -> bool:
    """Say whether no bundle could hold a line; escaping it is dear, and few lines are that long."""
    if len(text) * _ESCAPED_WORST_CASE <= LINE_BYTES_MAX:
        return False
    return len(msgspec.json.encode(text.decode())) > LINE_BYTES_MAX
