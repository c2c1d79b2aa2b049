"""Reads single values: zero-padded amounts and counts, dates, flags, texts.

An element that is absent or empty is None. One that holds what its kind does not allow makes the
whole answer unreadable: a wrong figure in a credit report is worse than none.
"""

import re
from datetime import date
from decimal import Decimal

from domain.money import CENT
from integrations.transunion.wire.elements import Element, Unreadable

TEXT_CHARS_MAX = 200

_AMOUNT = re.compile(r"[+-]?[0-9]{1,12}")
_COUNT = re.compile(r"[0-9]{1,6}")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2}|T.*)?")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def amount(element: Element, *path: str) -> Decimal | None:
    """Return whole dollars as a Decimal of two places (`000016015` is 16015.00)."""
    text = element.text(*path)
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text):
        raise _unreadable(element, path, "an amount")
    return Decimal(text).quantize(CENT)


def count(element: Element, *path: str) -> int | None:
    """Return a whole number."""
    text = element.text(*path)
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        raise _unreadable(element, path, "a count")
    return int(text)


def day(element: Element, *path: str) -> date | None:
    """Return a date; of a time stamp or a date with a zone its date as it stands."""
    text = element.text(*path)
    if text is None:
        return None
    match = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(match.group(1)) if match else _refuse(element, path)
    except ValueError:
        return _refuse(element, path)


def flag(element: Element, *path: str) -> bool:
    """Return a flag; False where there is none."""
    text = element.text(*path)
    if text is None:
        return False
    if text.lower() not in _FLAGS:
        raise _unreadable(element, path, "a flag")
    return _FLAGS[text.lower()]


def words(element: Element, *path: str) -> str | None:
    """Return a text, cut to what a record keeps."""
    text = element.text(*path)
    return text[:TEXT_CHARS_MAX] if text is not None else None


def _refuse(element: Element, path: tuple[str, ...]) -> date:
    raise _unreadable(element, path, "a date")


def _unreadable(element: Element, path: tuple[str, ...], kind: str) -> Unreadable:
    return Unreadable(f"{'/'.join((element.name, *path))} is not {kind}")
