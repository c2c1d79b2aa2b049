"""The proof that a masked copy holds no original value: what is searched for, and the search.

What identifies somebody by itself (numbers, addresses, full names, what they wrote) is searched for
in every byte; names and dates by themselves are compared field by field, as they are common words.
"""

import ipaddress
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.actors import Actor
from domain.agencies import Staff
from domain.applications import Application
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditFile, CreditReport
from domain.plans import Plan
from domain.settings import AgencySettings
from tenants.backend import BODY_BYTES_MAX
from tenants.ledger.compression import NotPressed, plain
from tenants.masking.rules import DROPPED_TEXT
from tenants.records.kinds import Record, normalize, spec_of
from tenants.sqlite.sqlcipher import Connection

NEEDLE_CHARACTERS_MIN = 6
TEXT_CHARACTERS_MIN = 12
_TEXT_PIECE_CHARACTERS = 48
_TOKEN_CHARACTERS_MIN = 8
_CHUNK_BYTES = 256 * 1024
_OVERLAP_BYTES = 4 * 1024
_WINDOW = NEEDLE_CHARACTERS_MIN
_NAME_WORD = re.compile(r"[^\W\d_]{3,}")
_ALPHANUMERIC = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz")
_COMMAND_LINE = "os:"  # the copy's own audit lines say who made it


@dataclass(frozen=True, slots=True)
class Found:
    """An original value in the copy: of which field it is, and where it was found."""

    field: str
    place: str


class Needles:
    """Values to be found in bytes, whatever the capitals of a to z; all of them in one walk."""

    def __init__(self) -> None:
        self._fields: dict[bytes, str] = {}
        self._lengths: dict[bytes, set[int]] = {}

    def __len__(self) -> int:
        return len(self._fields)

    def add(self, value: str, field: str) -> None:
        """Look for a value of at least six characters, as it is and as JSON spells it."""
        for spelling in {
            value,
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
        }:
            needle = spelling.encode("utf-8", "surrogatepass").lower()
            if len(needle) >= _WINDOW and needle not in self._fields:
                self._fields[needle] = field
                self._lengths.setdefault(needle[:_WINDOW], set()).add(len(needle))

    def find(self, data: bytes) -> str | None:
        """Return the field of a value that stands in the bytes, or None."""
        data = data.lower()
        windows = {data[at : at + _WINDOW] for at in range(len(data) - _WINDOW + 1)}
        for start in windows & self._lengths.keys():
            at = data.find(start)
            while at >= 0:
                for length in self._lengths[start]:
                    needle = data[at : at + length]
                    if needle in self._fields and _stands_alone(data, at, needle):
                        return self._fields[needle]
                at = data.find(start, at + 1)
        return None

    def find_in_file(self, path: Path) -> str | None:
        """Return the field of a value that stands in a file's bytes, or None."""
        rest = b""
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                found = self.find(rest + chunk)
                if found is not None:
                    return found
                rest = chunk[-_OVERLAP_BYTES:]
        return None

    def find_in_tables(self, connection: Connection) -> Iterator[Found]:
        """Yield each table of a decrypted file that holds a value."""
        listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in listed.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  the file's own names
                data = b"\n".join(map(_shown, row))
                found = self.find(data)
                if found is not None:
                    yield Found(found, f"table {table}")
                    break


def _shown(cell: object) -> bytes:
    """Return what a cell says; rows of audit lines lie pressed."""
    if isinstance(cell, bytes):
        with suppress(NotPressed):
            return plain(cell, BODY_BYTES_MAX)
        return cell
    return str(cell).encode("utf-8", "surrogatepass")


def _stands_alone(data: bytes, at: int, needle: bytes) -> bool:
    """Say whether digits are a number by themselves, and not a piece of a hash or an id."""
    if not needle.isdigit():
        return True
    around = data[max(0, at - 1) : at] + data[at + len(needle) : at + len(needle) + 1]
    return not any(sign in _ALPHANUMERIC for sign in around)


def identifying(record: Record | Staff) -> Iterator[tuple[str, str]]:
    """Yield what tells somebody apart by itself, each with the name of its field.

    Told here field by field, and not read from the table that masks: a mistake there is found here.
    """
    match record:
        case Consumer():
            yield from _of_consumer(record)
        case Staff():
            yield "Staff.email", record.email
            yield "Staff.subject", record.subject
            yield "Staff.display_name", record.display_name
        case CreditReport():
            yield from _of_file(record.file)
        case Application():
            yield "Application.consumer_id", record.consumer_id.partition("_")[2]
            for debt in record.debts:
                yield from _token("Debt.source_key", debt.source_key)
            yield from _of_texts(record)
        case Consent():
            yield from _token("Consent.ssn_index", record.ssn_index)
            yield from _of_texts(record)
        case AgencySettings():
            pass  # creditors are named in it, and nobody
        case _:
            yield from _of_texts(record) if not isinstance(record, Plan) else _of_plan(record)
    for actor in _actors_in(record):
        yield from _token("Actor.id", actor.id)
        if " " in actor.display_name:
            yield "Actor.display_name", actor.display_name


def _of_file(file: CreditFile) -> Iterator[tuple[str, str]]:
    for line in (*file.tradelines, *file.collections):
        yield from _token("Tradeline.source_key", line.source_key)
    for entry in file.public_records:
        yield from _token("PublicRecord.docket", entry.docket)


def _of_plan(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what tells of somebody; its agreement is made of these, and of words for everybody."""
    for creditor in plan.creditors:
        yield from _token("Debt.source_key", creditor.debt.source_key)
    if plan.acceptance is not None:
        yield from _written("Acceptance.signature", plan.acceptance.signature)
    yield from _written("Plan.decline_reason", plan.decline_reason or "")


def _of_texts(record: Record) -> Iterator[tuple[str, str]]:
    for field, value in sealed_values(record):
        if isinstance(value, str) and field not in _SHOWABLE:
            yield from _written(field, value)


def _of_consumer(consumer: Consumer) -> Iterator[tuple[str, str]]:
    yield "Consumer.id", consumer.id.partition("_")[2]
    yield "Consumer.name", consumer.name.display
    yield "Consumer.name", f"{consumer.name.given} {consumer.name.family}"
    yield from _token("Consumer.subject", consumer.subject)
    if consumer.email:
        yield "Consumer.email", consumer.email.strip()
    if consumer.phone:
        number = normalize("phone", consumer.phone)
        spellings = (consumer.phone, number, number.removeprefix("+"), number.removeprefix("+1"))
        yield from (("Consumer.phone", spelling) for spelling in spellings)
    if consumer.ssn:
        area, group, serial = consumer.ssn[:3], consumer.ssn[3:5], consumer.ssn[5:]
        for sign in ("", "-", " "):
            yield "Consumer.ssn", sign.join((area, group, serial))
    if consumer.address:
        yield "Consumer.address", consumer.address.line1


def _token(field: str, value: str | None) -> Iterator[tuple[str, str]]:
    """Yield what is too long to be there by chance."""
    if value and len(value) >= _TOKEN_CHARACTERS_MIN and not value.startswith(_COMMAND_LINE):
        yield field, value


def _written(field: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield a text in pieces, so that a part of it is found too; a machine's address whole."""
    try:
        if not ipaddress.ip_address(text).is_loopback:
            yield field, text
    except ValueError:
        for start in range(0, len(text), _TEXT_PIECE_CHARACTERS):
            piece = text[start : start + _TEXT_PIECE_CHARACTERS].strip()
            if len(piece) >= TEXT_CHARACTERS_MIN and piece != DROPPED_TEXT:
                yield field, piece


def name_words(record: Record | Staff) -> Iterator[str]:
    """Yield the words of three letters and more that are names in a record, folded."""
    texts: tuple[str | None, ...] = ()
    if isinstance(record, Consumer):
        texts = (record.name.given, record.name.middle, record.name.family)
    elif isinstance(record, Staff):
        texts = (record.display_name,)
    for text in texts:
        yield from (word.casefold() for word in _NAME_WORD.findall(text or ""))


def unhidden(original: Record, masked: Record) -> Iterator[str]:
    """Yield the sealed fields of an original that its copy shows as they were.

    A list that was left out of the copy shows nothing.
    """
    for path in _sealed_paths(original):
        left = tuple(_sealed_at(masked, path))
        pairs = zip(_sealed_at(original, path), left, strict=True) if left else ()
        for (field, before), (_, after) in pairs:
            hideable = not isinstance(before, str) or any(map(str.isalnum, before))
            if before == after and hideable and before not in (None, DROPPED_TEXT):
                yield from () if field in _SHOWABLE else (field,)


def names_shown(masked: Record, words: set[str]) -> Iterator[str]:
    """Yield the fields of names and addresses in which a word is somebody's name."""
    for field, value in sealed_values(masked):
        if field in _MADE_UP and isinstance(value, str):
            found = {word.casefold() for word in _NAME_WORD.findall(value)}
            if found & words:
                yield field


def sealed_values(record: Record) -> Iterator[tuple[str, str | date | None]]:
    """Yield the texts and dates that a kind keeps sealed, each with the name of its field.

    What is neither, or is not there, comes as None: two records of one shape yield alike.
    """
    for path in _sealed_paths(record):
        yield from _sealed_at(record, path)


def _sealed_paths(record: Record) -> Iterator[str]:
    for paths in spec_of(type(record)).sealed.values():
        yield from paths


def _sealed_at(record: Record, path: str) -> Iterator[tuple[str, str | date | None]]:
    name, _, rest = path.partition(".")
    value = getattr(record, name)
    if rest:
        for part in value:
            yield from _values_in(f"{type(part).__name__}.{rest}", getattr(part, rest))
    else:
        yield from _values_in(f"{type(record).__name__}.{name}", value)


def _values_in(field: str, value: Any) -> Iterator[tuple[str, str | date | None]]:
    if is_dataclass(value):
        for part in fields(value):
            yield from _values_in(f"{type(value).__name__}.{part.name}", getattr(value, part.name))
    elif isinstance(value, tuple):
        for part in value:  # amounts are neither, and a copy may have fewer of them
            yield from () if isinstance(part, Decimal) else _values_in(field, part)
    else:
        yield field, value if type(value) is str or isinstance(value, date) else None


def _actors_in(record: Any) -> Iterator[Actor]:
    if isinstance(record, Actor):
        yield record
    elif is_dataclass(record):
        for field in fields(record):
            yield from _actors_in(getattr(record, field.name))


_SHOWABLE = frozenset(
    {
        "Address.state",
        "BankAccount.type",
        "BankAccount.subtype",
        "BankAccount.currency",
        "Tradeline.creditor",
        "Tradeline.original_creditor",
        "Tradeline.account_type",
        "Tradeline.ecoa",
        "Tradeline.rating",
        "Tradeline.payment_pattern",
        "Tradeline.remarks",
        "Tradeline.industry_code",
        "CreditScore.model",
        "ScoreFactor.code",
        "CreditInquiry.subscriber",
        "PublicRecord.kind",
        "CreditFile.alerts",
        "Debt.creditor",
        "Reason.code",
        "CreditorPolicy.creditor",
        "CreditorPolicy.participation",
    }
)
"""What is sealed with a group and tells nobody apart."""

_MADE_UP = frozenset(
    {
        *("PersonName.given", "PersonName.middle", "PersonName.family"),
        *("Address.line1", "Address.line2", "Address.city"),
        "Actor.display_name",
    }
)
