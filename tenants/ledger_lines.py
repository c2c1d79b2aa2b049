"""How audit lines wait beside the records: the exact text of each, several packed into one row.

A line's text, once written, is never written anew: the ledger hashes these very bytes. A row holds
a JSON array of lines; rows written before there were arrays hold one line alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from domain.actors import PrincipalKind
from domain.audit import AuditLine
from domain.errors import StoreUnavailable, TooLarge
from domain.ids import new_ulid
from tenants.codec import encode_audit

LINE_BYTES_MAX = 4096  # as it stands within a bundle's body, with its quotes escaped
CONSUMERS_PER_LINE_MAX = 64
LINES_PER_ROW_MAX = 64
CONSUMER_NAME = "Consumer"
_ESCAPED_WORST_CASE = 2

_decode_texts = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LineText(NamedTuple):
    """A line as it is written: its id, and the bytes that the ledger will hash."""

    id: str
    text: bytes


def texts_of(*lines: AuditLine) -> list[LineText]:
    """Return lines as they are written; raises TooLarge for one that no bundle could hold.

    A line about many consumers becomes several, each with a part of them.
    """
    return [LineText(part.id, _text(part)) for line in lines for part in _parts(line)]


def pack(texts: Iterable[LineText]) -> tuple[str, bytes]:
    """Return one row that holds these lines: its id is the first one's."""
    held = list(texts)
    return held[0].id, b"[" + b",".join(line.text for line in held) + b"]"


def unpack(body: bytes) -> list[bytes]:
    """Return the exact texts of a row's lines; raises StoreUnavailable where it is damaged."""
    if not body.startswith(b"["):
        return [body]
    try:
        return [bytes(text) for text in _decode_texts(body)]
    except msgspec.MsgspecError as error:
        raise StoreUnavailable("A stored AuditLine is damaged.") from error


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


def _text(line: AuditLine) -> bytes:
    if line.actor.kind is PrincipalKind.CONSUMER:
        # Their id says who it was; their name is a personal value, and the log holds none.
        line = replace(line, actor=replace(line.actor, display_name=CONSUMER_NAME))
    text = encode_audit(line)
    if len(text) * _ESCAPED_WORST_CASE > LINE_BYTES_MAX:
        escaped = msgspec.json.encode(text.decode())
        if len(escaped) > LINE_BYTES_MAX:
            raise TooLarge("An audit line is too long: shorten the reason or the purpose.")
    return text
