"""Reads JSON from outside so that it has one meaning: no duplicate names, no depth, no oddities."""

import json
import re
from typing import NoReturn

from gateway.identity.refusals import Reason, Refusal

DEPTH_MAX = 16

# A string, closed or not, or a bracket outside of strings; every alternative moves on, so that
# the time is linear in the text whatever stands in it.
_PIECE = re.compile(r'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


def read_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`; raises Refusal for anything that is not exactly one.

    UTF-8 without a byte order mark only: the standard reader would guess UTF-16 and UTF-32 too.
    Duplicate names are compared after their escapes are undone, at every level.
    """
    try:
        text = raw.decode("utf-8", "strict")
        _check_depth(text)
        value: object = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise Refusal(Reason.MALFORMED_JSON) from error
    if not isinstance(value, dict):
        raise Refusal(Reason.MALFORMED_JSON)
    return value


def _check_depth(text: str) -> None:
    """Raise Refusal for nesting beyond DEPTH_MAX, before the reader goes down into it."""
    if text.count("{") + text.count("[") <= DEPTH_MAX:
        return
    depth = 0
    for piece in _PIECE.finditer(text):
        sign = piece.group()
        if sign in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise Refusal(Reason.TOO_DEEP)
        elif sign in "]}":
            depth -= 1


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refusal(Reason.DUPLICATE_NAME)
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise Refusal(Reason.MALFORMED_JSON)  # NaN and Infinity are not JSON
