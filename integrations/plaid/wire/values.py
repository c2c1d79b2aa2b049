"""The values within Plaid's answers: types, limits, and what is said of one that is wrong.

What is said names the place and the fault, never the value: it goes into errors and logs.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw

from domain.money import AMOUNT_MAX, PERCENT_MAX, to_cents

ACCOUNTS_MAX = 500
TRANSACTIONS_PAGE_MAX = 500
STREAMS_MAX = 5_000
OWNERS_MAX = 50
EARLIEST = date(1970, 1, 1)
_READABLE_MAX = AMOUNT_MAX * 10
LATEST_PLANNED = date(2150, 1, 1)

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Token = Annotated[str, Meta(min_length=1, max_length=300)]
Name = Annotated[str, Meta(max_length=1_000)]
Word = Annotated[str, Meta(max_length=100)]
Code = Annotated[str, Meta(min_length=1, max_length=80, pattern="^[A-Z0-9_]+$")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Cursor = Annotated[str, Meta(max_length=1_024)]
ABSENT = Raw(b"null")

# As JSON has numbers (RFC 8259, section 6), with as many digits as money and percents ever need.
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_PERCENT_PLACES = Decimal("0.0001")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_T = TypeVar("_T")


class Unusable(Exception):
    """An answer that cannot be used; the text says where and why, without any value of it."""


def decode(body: bytes, kind: type[_T]) -> _T:
    """Return an answer as `kind`.

    Raises Unusable for JSON of another shape, and msgspec.DecodeError for what is no JSON at all.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Unusable(str(error)) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(type(error).__name__) from None


def amount(
    raw: Raw, where: str, *, least: Decimal = -AMOUNT_MAX, most: Decimal = AMOUNT_MAX
) -> Decimal | None:
    """Return an amount in cents, None for null; some banks tell fractions of a cent."""
    number = _number(raw, where)
    if number is None:
        return None
    # Before it is rounded too: what is far too large has no cents that could be rounded.
    _within(number, where, -_READABLE_MAX, _READABLE_MAX)
    return _within(to_cents(number), where, least, most)


def amount_there(raw: Raw, where: str) -> Decimal:
    """Return an amount that must be there."""
    found = amount(raw, where)
    if found is None:
        raise Unusable(f"{where} is missing")
    return found


def percent(raw: Raw, where: str) -> Decimal | None:
    """Return a percentage with at most four places, None for null."""
    number = _number(raw, where)
    if number is None:
        return None
    _within(number, where, Decimal(0), PERCENT_MAX)
    rounded = number.quantize(_PERCENT_PLACES, rounding=ROUND_HALF_UP)
    return number if number == rounded else rounded


def day(value: date, where: str, *, latest: date) -> date:
    """Return a day that can be one: not before 1970, not after `latest`."""
    if value < EARLIEST:
        raise Unusable(f"{where} is before {EARLIEST.year}")
    if value > latest:
        raise Unusable(f"{where} lies too far in the future")
    return value


def moment(value: datetime | None, where: str) -> datetime | None:
    """Return a moment with its zone, None for null."""
    if value is not None and value.tzinfo is None:
        raise Unusable(f"{where} has no time zone")
    return value


def line(text: str | None) -> str | None:
    """Return a text on one line; None for none, or an empty one. Control characters are spaces."""
    return _CONTROL.sub(" ", text).strip() or None if text else None


def once_each(ids: Iterable[str], what: str) -> None:
    """Raise Unusable where an id is there twice."""
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise Unusable(f"{what} is there twice under one id")
        seen.add(one)


def at_most(count: int, most: int, what: str) -> None:
    """Raise Unusable where there are more than are ever read."""
    if count > most:
        raise Unusable(f"there are more than {most} {what}")


def _number(raw: Raw, where: str) -> Decimal | None:
    text = bytes(raw)
    if text == b"null":
        return None
    if not _NUMBER.fullmatch(text):
        raise Unusable(f"{where} is not a number that can be an amount or a percentage")
    return Decimal(text.decode("ascii"))


def _within(number: Decimal, where: str, least: Decimal, most: Decimal) -> Decimal:
    if not least <= number <= most:
        raise Unusable(f"{where} is beyond what is accepted")
    return number
