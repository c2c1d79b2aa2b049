"""Reads JSON from outside so that it has one meaning: no duplicate names, no depth, no oddities."""

import json
from typing import NoReturn

from gateway.identity.refusals import Reason, Refusal

DEPTH_MAX = 16


def read_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`; raises Refusal for anything that is not exactly one.

    UTF-8 without a byte order mark only: the standard reader would guess UTF-16 and UTF-32 too.
    Duplicate names are compared after their escapes are undone, at every level.
    """
    try:
        text = raw.decode("utf-8", "strict")
        value: object = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise Refusal(Reason.TOO_DEEP) from error
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise Refusal(Reason.MALFORMED_JSON) from error
    if not isinstance(value, dict):
        raise Refusal(Reason.MALFORMED_JSON)
    _check_depth(value)
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refusal(Reason.DUPLICATE_NAME)
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise Refusal(Reason.MALFORMED_JSON)  # NaN and Infinity are not JSON


def _check_depth(value: object) -> None:
    level = [value]
    depth = 0
    while level:
        depth += 1
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(x for x in one.values() if isinstance(x, dict | list))
            elif isinstance(one, list):
                below.extend(x for x in one if isinstance(x, dict | list))
        if below and depth >= DEPTH_MAX:
            raise Refusal(Reason.TOO_DEEP)
        level = below
