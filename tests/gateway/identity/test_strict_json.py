"""JSON from outside has one meaning, and a depth that is known before anybody goes down into it."""

import json
from typing import Any

import pytest

from gateway.identity.refusals import Reason, Refusal
from gateway.identity.strict_json import DEPTH_MAX, read_object


def why_not(raw: bytes) -> Reason:
    """Return why there is no object in some bytes; there must be none."""
    with pytest.raises(Refusal) as refusal:
        read_object(raw)
    return refusal.value.reason


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """Return an object that is so many levels deep, itself counted."""
    return f'{{"a":{opening * (depth - 1)}1{closing * (depth - 1)}}}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]},
        {"a": "é \U0001f600", "b": None, "c": True, "d": -1.5e3, "e": 2**70},
    ],
)
def test_an_object_is_what_the_standard_reader_makes_of_it(value: dict[str, Any]) -> None:
    """Equal names in different objects are no repetition."""
    assert read_object(json.dumps(value).encode()) == value
    assert read_object(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"{} {}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_exactly_one_object_is_refused(raw: bytes) -> None:
    """Other values, other encodings, constants that JSON does not have, numbers without end."""
    assert why_not(raw) is Reason.MALFORMED_JSON


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":[{"c":{"a":1,"a":2}}]}']
)
def test_a_name_that_comes_twice_is_refused(text: str) -> None:
    """At every level, and however it is spelled."""
    assert why_not(text.encode()) is Reason.DUPLICATE_NAME


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_bounded_to_the_level(opening: str, closing: str) -> None:
    """As deep as allowed is read, one level more is not, by lists, objects or both."""
    step = opening.count("[") + opening.count("{")
    deepest = (DEPTH_MAX - 1) // step + 1
    assert read_object(nested(deepest, opening, closing))
    assert why_not(nested(deepest + 1, opening, closing)) is Reason.TOO_DEEP
    assert why_not(nested(5000, opening, closing)) is Reason.TOO_DEEP


def test_depth_is_not_width() -> None:
    """What is closed counts no more, and brackets in texts never count, escaped quotes or not."""
    for value in (
        {"a": [[1]] * 100},
        {"a": [{"b": [1]}] * 100},
        {"a": "[{" * 100, "b": ["]}" * 100]},
        {"a": ['"[' * 50, "\\[" * 50, '\\"{' * 50]},
        {"[" * 40: [[[1]]]},
    ):
        assert read_object(json.dumps(value).encode()) == value
    deep: Any = 1
    for _ in range(DEPTH_MAX - 2):
        deep = [deep]
    assert read_object(json.dumps({"x": "]" * 40, "a": [deep, deep]}).encode())
    assert why_not(json.dumps({"x": "]" * 40, "a": [deep, [deep]]}).encode()) is Reason.TOO_DEEP


def test_depth_is_looked_at_before_anything_else() -> None:
    """What never closes, and a text that is never ended, are refused without going down."""
    assert why_not(b"[" * 1_000_000) is Reason.TOO_DEEP
    assert why_not(b'{"a":"' + b"[" * 1000) is Reason.MALFORMED_JSON
    assert why_not(b'"' + b'\\"' * 1000 + b"[" * 1000) is Reason.MALFORMED_JSON
