"""Compares what came with what a fact expects: patterns of JSON, and of headers. Pure.

A pattern is JSON in which objects may have more members and lists more items than are named, and a
text in angle brackets stands for what it says: `<any>`, `<text>`, `<whole number>`, `<object>`,
`<list>`, `<absent>`, `<like EXPRESSION>`, `<lists NAME, NAME>`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

NOTHING: Final = "<absent>"
_SHOWN_MAX: Final = 60
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "whole number": int,
    "object": dict,
    "list": list,
}


class _Absent:
    """What stands where nothing came."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def differences(pattern: object, got: object, at: str = "") -> Iterator[str]:
    """Give each place where what came is not as the pattern has it, in words."""
    if is_pattern(pattern):
        if not _is(str(pattern)[1:-1], got):
            yield _said(at, pattern, got)
    elif isinstance(pattern, Mapping) and isinstance(got, Mapping):
        for name, inner in pattern.items():
            yield from differences(inner, got.get(name, ABSENT), f"{at}.{name}".lstrip("."))
    elif isinstance(pattern, list) and isinstance(got, list):
        for place, inner in enumerate(pattern):
            item = got[place] if place < len(got) else ABSENT
            yield from differences(inner, item, f"{at}.{place}".lstrip("."))
    elif isinstance(pattern, (Mapping, list)) or pattern != got or type(pattern) is not type(got):
        yield _said(at, pattern, got)


def is_pattern(text: object) -> bool:
    """Say whether a text stands for what it says in its brackets."""
    return isinstance(text, str) and text.startswith("<") and text.endswith(">")


def _is(kind: str, got: object) -> bool:
    """Say whether what came is what the words in the brackets stand for."""
    word, _, rest = kind.partition(" ")
    if f"<{kind}>" == NOTHING:
        return got is ABSENT
    if kind == "any":
        return got is not ABSENT
    if word == "like":
        return isinstance(got, str) and re.search(rest, got) is not None
    if word == "lists":
        wanted = {name.strip().lower() for name in rest.split(",")}
        listed = got.lower().split(",") if isinstance(got, str) else []
        return wanted <= {name.strip() for name in listed}
    return isinstance(got, _KINDS[kind]) and not isinstance(got, bool) and got != ""


def _said(at: str, pattern: object, got: object) -> str:
    return f"{at or 'all of it'}: expected {shown(pattern)}, got {shown(got)}"


def shown(value: object) -> str:
    """Return a value in the words of JSON, cut where it is long."""
    words = {None: "null", True: "true", False: "false"}
    given = words[value] if value is None or isinstance(value, bool) else str(value)
    text = " ".join(given.split())
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"
