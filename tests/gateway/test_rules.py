"""Rules that a text cannot break are left out, and nothing that is found changes by it."""

from collections.abc import Callable
from functools import partial

import pytest
from graphql import GraphQLError, GraphQLSchema, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Limits
from gateway.engine.judging import Judge, Strictness
from gateway.engine.rules import Rules
from gateway.errors import DocumentRefused
from schema.build import core_schema, create_schema
from tests.gateway.hostile_documents import hostile_documents
from tests.gateway.steps import steps_of

FAULTY = (
    "{ unknown }",
    "{ me }",
    "{ me { kind { a } } }",
    "{ me { ...A } }",
    "{ me { kind } } fragment A on Viewer { kind }",
    "{ me { ...A } } fragment A on Viewer { ...A }",
    "{ me { ...A } } fragment A on Int { kind }",
    "{ me { ... on Application { id } } }",
    "{ me { ...A } } fragment A on Viewer { kind } fragment A on Viewer { kind }",
    "query ($a: Int) { me { kind } }",
    "query ($a: Int, $a: Int) { me { kind @skip(if: $a) } }",
    "query ($a: Viewer) { me { kind } }",
    "query ($a: String) { applications(first: $a) { edges { cursor } } }",
    "{ me { ...A } } fragment A on Viewer { kind @skip(if: $a) }",
    "query ($b: Int) { me { ...A a: kind @skip(if: $b) } } fragment A on Viewer { kind }",
    "query ($b: Boolean!) { me { ...A } } fragment A on Viewer { kind @skip(if: $c) }",
    "{ me { kind @unknown } }",
    "{ me { kind @skip } }",
    "{ me { kind @skip(if: true) @skip(if: true) } }",
    "{ ... @defer { me { kind } } me @stream { kind } }",
    "mutation { ... @ defer { __typename } }",
    "subscription { a @stream(if: true) ... @defer(if: true) { b } }",
    '{ me { ... @defer(label: "a") { kind } ... @defer(label: "a") { subject } } }',
    "{ me(a: 1) { kind } }",
    "{ node { id } }",
    '{ node(id: "1", id: "2") { id } }',
    '{ applications(first: "x") { edges { cursor } } }',
    "mutation { saveBudget(input: {a: 1, a: 2}) { id } }",
    "mutation { saveBudget(input: null) { id } }",
    "{ me { a: kind a: subject } }",
    "query A { me { kind } } query A { me { kind } }",
    "{ me { kind } } query A { me { kind } }",
    "subscription { a b }",
    "type A { b: Int }",
    "input A { b: Int = 1, c: A = {b: 1, b: 2} }",
    "{ me { kind } } extend type A @b(c: 1, c: 2) { d(e: Int = {f: 1, f: 2}): Int }",
    "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    '{ __type(name: "A") { fields { type { fields { type { fields { name } } } } } } }',
)
_PIECES = tuple(
    f"{piece} "
    for piece in (
        "{ me {|kind|a: kind|subject|...A|... on Viewer { kind }|unknown|applications|__typename|"
        "@skip(if: true)|@skip(if: $a)|@no|(first: $b)|(a: 1)|__schema|} }|{|}|mutation|"
        "fragment A on Viewer { kind }|fragment B on Viewer { ...A }|query ($a: Boolean!)|"
        "query B($b: Int)"
    ).split("|")
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(create_schema())


def told(faults: list[GraphQLError]) -> list[tuple[str, object]]:
    return [(fault.message, fault.locations) for fault in faults]


def assert_same_faults(schema: GraphQLSchema, text: str, *, introspection: bool = True) -> None:
    rules = Rules(Limits().validation_steps, introspection=introspection)
    document = parse(text)
    every = validate(schema, document, rules.every)
    assert told(validate(schema, document, rules.for_text(text))) == told(every)


@pytest.mark.parametrize("text", FAULTY)
def test_no_fault_is_missed(schema: GraphQLSchema, text: str) -> None:
    """Each fault that a rule finds is found in a text that has just enough for it."""
    rules = Rules(Limits().validation_steps, introspection=False)
    assert validate(schema, parse(text), rules.every)
    assert_same_faults(schema, text)
    assert_same_faults(schema, text, introspection=False)


@pytest.mark.parametrize("name", hostile_documents())
def test_hostile_documents_have_the_same_faults(schema: GraphQLSchema, name: str) -> None:
    """What is left out finds nothing in documents that are as hard as can be."""
    text = hostile_documents()[name]
    try:
        parse(text)
    except GraphQLError:
        return
    assert_same_faults(schema, text)


@settings(max_examples=300)
@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=14))
def test_any_document_has_the_same_faults(schema: GraphQLSchema, pieces: list[str]) -> None:
    """Whatever a document is put together from, all rules find what the rules for its text find."""
    text = "".join(pieces)
    try:
        parse(text)
    except GraphQLError:
        return
    assert_same_faults(schema, text)


def test_every_rule_is_run_for_a_text_that_has_everything() -> None:
    """No rule is left out of a text with variables, directives, fragments and introspection."""
    rules = Rules(1_000, introspection=False)
    text = (
        "subscription ($a: Int = 1) { __typename ...F @skip(if: $a) } fragment F on A { b @stream }"
    )
    assert set(rules.every) < set(rules.for_text(text))
    assert len(set(rules.every)) == len(rules.every), "a fault is told once"
    assert len(rules.for_text("{ me { kind } }")) < 15


def _chain(levels: int, spreads: int = 1) -> str:
    links = "".join(
        f"fragment F{n} on Viewer {{ {f'...F{n + 1} ' * spreads}}} " for n in range(levels)
    )
    return f"{{ me {{ ...F0 }} }} {links} fragment F{levels} on Viewer {{ kind }}"


_GROWING: dict[str, Callable[[int], str]] = {
    "a chain": _chain,
    "a chain of pairs": lambda n: _chain(n, spreads=2),
    "a chain with a variable": lambda n: (
        "query ($a: Boolean!) " + _chain(n).replace("kind", "kind @skip(if: $a)")
    ),
    "fields": lambda n: f"{{ me {{ {'kind ' * 8 * n} }} }}",
    "aliases": lambda n: f"{{ {' '.join(f'a{i}: me {{ kind }}' for i in range(n))} }}",
    "operations": lambda n: " ".join(f"query Q{i} {{ me {{ kind }} }}" for i in range(2 * n)),
    "variables": lambda n: (
        f"query ({' '.join(f'$v{i}: Boolean!' for i in range(n))}) "
        f"{{ me {{ {' '.join(f'kind @skip(if: $v{i})' for i in range(n))} }} }}"
    ),
}


@pytest.mark.parametrize("name", _GROWING)
def test_twice_the_document_takes_twice_the_steps(schema: GraphQLSchema, name: str) -> None:
    """Parsing, limits and rules together grow as the document does.

    The one rule that does not is that of overlapping fields, where many fragments stand side by
    side: it is held to a number of steps, which test_validation.py counts.
    """
    limits = Limits(aliases=1000, directives=1000, tokens=4_000)
    judge = Judge(schema, Strictness(limits))

    def judged(text: str) -> None:
        try:
            judge.verdict(text)
        except DocumentRefused as refused:
            raise AssertionError(refused.entries) from refused

    counts = [steps_of(partial(judged, _GROWING[name](levels))) for levels in (35, 70, 140)]

    assert counts[1] < 2.3 * counts[0]
    assert counts[2] < 2.3 * counts[1]
