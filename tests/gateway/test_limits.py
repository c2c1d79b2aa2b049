"""Limits on documents and JSON, in time linear in their size."""

import time

import pytest
from graphql import get_introspection_query, parse

from domain.errors import DocumentTooComplex
from gateway.config import Limits
from gateway.limits import check_document, check_text, count_tokens, json_depth_exceeds

LIMITS = Limits()


def nested(depth: int) -> str:
    return "{" + "child{" * (depth - 1) + "name" + "}" * depth


def chain(levels: int, body: str = "...F{n} ...F{n}", last: str = "name") -> str:
    fragments = [
        f"fragment F{i} on Node {{ {body.replace('{n}', str(i + 1))} }}" for i in range(levels)
    ]
    return "{ node { ...F0 } }" + "".join(fragments) + f"fragment F{levels} on Node {{ {last} }}"


def refusal(document: str) -> str | None:
    try:
        check_document(parse(document), LIMITS)
    except DocumentTooComplex as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (nested(12), None),
        (nested(13), "13 fields deep"),
        ("{ ...A } fragment A on Query { a { ...B } } fragment B on Node " + nested(11), None),
        ("{ ...A } fragment A on Query { a { ...B } } fragment B on Node " + nested(12), "13"),
        ("{ ... on Query { ... { " + nested(12)[1:-1] + "} } }", None),
        ("{ " + " ".join(f"a{i}: name" for i in range(15)) + " }", None),
        ("{ " + " ".join(f"a{i}: name" for i in range(16)) + " }", "15 aliases"),
        ("{ " + " ".join(f"t{i}: __typename" for i in range(40)) + " }", None),
        ("{ ...A ...A ...A } fragment A on Query { a: x b: x c: x d: x e: x }", None),
        ("{ ...A ...A ...A ...A } fragment A on Query { a: x b: x c: x d: x e: x }", "15 aliases"),
        ("{ name " + "@skip(if: false) " * 50 + "}", None),
        ("query @a { name " + "@skip(if: false) " * 50 + "}", "50 directives"),
        ("query ($v: Int " + "@a " * 51 + ") { name }", "50 directives"),
        ("{ ...A } fragment A on Query " + "@a " * 51 + "{ name }", "50 directives"),
        ("{ ..." + " @a" * 51 + " { name } }", "50 directives"),
        ("{ a } query B " + nested(13), "13 fields deep"),
        ("mutation " + nested(13), "13 fields deep"),
    ],
)
def test_depth_aliases_and_directives_are_bounded(document: str, word: str | None) -> None:
    """At the limit a document passes, one more is refused; fragments count at each use."""
    found = refusal(document)

    assert (found is None) if word is None else (found is not None and word in found)


def test_introspection_is_exempt_from_depth() -> None:
    """The query that code generators send passes, and hides nothing nested beside it."""
    assert refusal(get_introspection_query()) is None
    assert refusal("{ __schema " + nested(30) + "}") is None
    hidden = "{ __schema { ...A } node { ...A } } fragment A on Node " + nested(12)
    assert "13 fields deep" in str(refusal(hidden))


@pytest.mark.parametrize("levels", [30, 180])
def test_chained_fragments_cost_no_more_than_their_bytes(levels: int) -> None:
    """2^n fields written in n lines are judged in milliseconds."""
    spreads, aliases = parse(chain(levels)), parse(chain(levels, "a: child{...F{n}} ...F{n}"))

    def seconds() -> float:
        began = time.thread_time()
        check_document(spreads, LIMITS)
        with pytest.raises(DocumentTooComplex):
            check_document(aliases, LIMITS)
        return time.thread_time() - began

    assert min(seconds() for _ in range(5)) < 0.005 * levels / 30


@pytest.mark.parametrize(
    "document",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { a: x ...A }",
        "{ ...A } fragment A on Query { ...B ...C } fragment B on Query { ...C ...A } "
        "fragment C on Query { ...A ...B }",
        "{ ...Nowhere }",
    ],
)
def test_cycles_of_fragments_end(document: str) -> None:
    """A fragment that spreads itself, or one that is not there, is left to validation."""
    assert refusal(document) is None


def test_a_long_document_is_refused_before_it_is_parsed() -> None:
    """Length and tokens are judged on the text, in milliseconds whatever it holds."""
    check_text("{ a }" + " " * (LIMITS.document_characters - 5), LIMITS)
    check_text("{" + "a " * 1998 + "}", LIMITS)
    hostile = ['"' * 32_768, '"""' + '\\"""' * 8000, "#\n" * 16_000, "{" * 32_768, '"\\' * 16_000]

    began = time.perf_counter()
    for text in ["{" + "a " * 1999 + "}", "x" * (LIMITS.document_characters + 1), hostile[3]]:
        with pytest.raises(DocumentTooComplex):
            check_text(text, LIMITS)
    for text in hostile:
        count_tokens(text, LIMITS.tokens)

    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("{ a }", 3),
        ('query Q($a: [Int!]! = 1.5e-3) { a(b: "x \\" y", c: """ "" \\""" """) ...F }', 27),
        ("{ a # a comment { b }\n b }", 5),
        ("", 0),
        (", ,\n\t", 0),
    ],
)
def test_tokens_are_counted_as_the_grammar_has_them(text: str, tokens: int) -> None:
    """Strings, numbers and spreads are one token each; commas and blanks are none."""
    assert count_tokens(text, 1000) == tokens


def test_the_depth_of_json_is_bounded() -> None:
    """64 levels pass, 65 do not; a wide document is judged as fast as a deep one."""
    deep: object = 1
    for _ in range(64):
        deep = [deep]

    assert not json_depth_exceeds(deep, 64)
    assert json_depth_exceeds([deep], 64)
    assert not json_depth_exceeds({"a": [1, {"b": "[[[["}]}, 3)
    assert not json_depth_exceeds(5, 1)
