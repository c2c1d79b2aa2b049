"""Patterns: what each stands for, and how a difference is told."""

import pytest

from conformance.matching import ABSENT, differences, shown


@pytest.mark.parametrize(
    ("pattern", "got"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ([{"a": 1}], [{"a": 1}, {"a": 2}]),
        ({"a": None}, {"a": None}),
        ({"a": "<absent>"}, {}),
        ({"a": "<any>"}, {"a": None}),
        ("<text>", "x"),
        ("<whole number>", 0),
        ("<object>", {}),
        ("<list>", []),
        ("<like ^Un.*d$>", "Unauthorized"),
        ("<lists X-A, x-b>", "x-b,x-c, X-a"),
    ],
)
def test_what_is_as_the_pattern_has_it_differs_nowhere(pattern: object, got: object) -> None:
    """Objects may have more, lists go on, and each word in brackets stands for its kind."""
    assert list(differences(pattern, got)) == []


@pytest.mark.parametrize(
    ("pattern", "got", "told"),
    [
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, "a.b.0: expected 1, got 2"),
        ({"a": None}, {}, "a: expected null, got nothing"),
        ({"a": None}, {"a": False}, "a: expected null, got false"),
        ({"a": 1}, {"a": True}, "a: expected 1, got true"),
        ({"a": 1}, {"a": "1"}, "a: expected 1, got 1"),
        ([1, 2], [1], "1: expected 2, got nothing"),
        ({"a": "<absent>"}, {"a": None}, "a: expected <absent>, got null"),
        ("<any>", ABSENT, "all of it: expected <any>, got nothing"),
        ("<text>", "", "all of it: expected <text>, got "),
        ("<whole number>", True, "all of it: expected <whole number>, got true"),
        ("<whole number>", 1.5, "all of it: expected <whole number>, got 1.5"),
        ("<like ^a>", None, "all of it: expected <like ^a>, got null"),
        ("<lists a, b>", "a", "all of it: expected <lists a, b>, got a"),
        ({"a": 1}, "text", "all of it: expected {'a': 1}, got text"),
        ([1], {"0": 1}, "all of it: expected [1], got {'0': 1}"),
    ],
)
def test_a_difference_is_told_with_its_place(pattern: object, got: object, told: str) -> None:
    """Each place that is not as it is to be is named, with what was expected and what came."""
    assert list(differences(pattern, got)) == [told]


def test_all_differences_are_told_at_once() -> None:
    """One difference hides no other."""
    assert len(list(differences({"a": 1, "b": [{"c": 2}]}, {"a": 2, "b": [{}]}))) == 2


def test_what_is_long_is_cut() -> None:
    """A page of HTML does not fill the table."""
    assert shown("<p>\n" * 100) == "<p> " * 14 + "<p>…"
