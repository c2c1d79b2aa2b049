"""Patterns match what Python's expressions match, in time that nothing makes longer than linear."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.patterns import (
    EXPRESSION_CHARACTERS_MAX,
    PLACES_MAX,
    BadPattern,
    Pattern,
)

ATOMS = ["a", "b", "c", "1", "-", r"\d", r"\W", r"\.", ".", "[ab]", "[^a]", "[a-c1]", r"[\]\-]"]
QUANTIFIERS = ["*", "+", "?", "{2}", "{0}", "{1,3}", "{2,}"]


def expressions() -> st.SearchStrategy[str]:
    """Return expressions of all that there is."""
    return st.recursive(
        st.sampled_from(["", *ATOMS]),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
            st.tuples(inner, st.sampled_from(QUANTIFIERS)).map(lambda two: f"(?:{two[0]}){two[1]}"),
        ),
        max_leaves=6,
    )


@given(expressions(), st.lists(st.text("abc1-.]", max_size=8), max_size=8))
def test_a_pattern_matches_what_python_s_engine_matches(expression: str, texts: list[str]) -> None:
    """The whole text, by classes, groups, alternatives and repetition."""
    pattern = Pattern(expression, characters_max=20)
    for text in [*texts, ""]:
        expected = re.fullmatch(expression, text) is not None
        assert pattern.matches(text) is expected, (expression, text)


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        ("web|mobile", "web", True),
        ("web|mobile", "mobile", True),
        ("web|mobile", "webmobile", False),
        ("^web$", "web", True),
        ("^web|mobile$", "mobile", True),
        (r"web\$", "web$", True),
        (r"web\\$", "web\\", True),
        ("web", "web\n", False),
        ("web", "wéb", False),
        ("w.b", "wéb", False),
        ("w.b", "w\nb", True),
        ("[]x]+", "]x", True),
        ("[^]x]", "]", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_the_whole_text_is_meant(expression: str, text: str, *, matches: bool) -> None:
    """With anchors or without, and nothing but ASCII is matched at all."""
    assert Pattern(expression, characters_max=20).matches(text) is matches


@pytest.mark.parametrize(
    "expression",
    [
        "(?=a)",
        "(?!a)b",
        "(?P<n>a)",
        r"(a)\1",
        r"\bweb",
        r"\Aweb",
        r"\x61",
        "a**",
        "a+?",
        "a*+",
        "a{2}{2}",
        "a{3,2}",
        "a{,2}",
        "*a",
        "a|*",
        "(a",
        "a)",
        "[a",
        "a]",
        "a}",
        "[z-a]",
        "[[:alpha:]]",
        "a$b",
        "a^b",
        "a\\",
        "a\nb",
        "é",
        "(" * 21 + ")" * 21,
        "a" * (EXPRESSION_CHARACTERS_MAX + 1),
        f"a{{{PLACES_MAX + 1}}}",
        "(((((a{0,9}){0,9}){0,9}){0,9}){0,9})",
        "(((){1000}){1000}){1000}",
    ],
)
def test_what_is_not_regular_or_too_large_is_refused(expression: str) -> None:
    """Looking around, looking back, lazy and greedy wishes, and what would take too much room."""
    with pytest.raises(BadPattern):
        Pattern(expression, characters_max=20)


def test_a_text_may_have_just_so_many_characters() -> None:
    """The bound is on the text, whatever the expression would take."""
    pattern = Pattern("a*", characters_max=5)
    assert pattern.matches("a" * 5)
    assert not pattern.matches("a" * 6)


@pytest.mark.parametrize(
    "expression", ["(a|a)*b", "(a*)*b", "(a+)+b", "(a|aa)+b", "(.*)*(.*)*b", "(a?){200}a{200}b"]
)
def test_no_text_takes_more_than_a_step_a_character(expression: str) -> None:
    """Where others try ways without end, each character is one step from one set of places."""
    pattern = Pattern(expression, characters_max=2048)
    steps = 0
    honest = pattern._step

    class Counting(Pattern):
        def _step(self, state: int, character: str) -> int:
            nonlocal steps
            steps += 1
            return honest(state, character)

    counted = Counting(expression, characters_max=2048)
    assert not counted.matches("a" * 2048)
    assert steps <= 2048


def test_what_is_remembered_is_bounded() -> None:
    """Texts that clients choose do not fill the memory, and are judged as before."""
    pattern = Pattern("(a|b)*a(a|b){14}", characters_max=2048)
    for number in range(2000):
        text = f"{number * 7919 % 32768:015b}".translate({48: "a", 49: "b"})
        assert pattern.matches(text) is (text[0] == "a")
    assert len(pattern._next) <= 10_000
