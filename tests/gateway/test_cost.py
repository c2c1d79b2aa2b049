"""What an operation may cost is known before it runs, whatever its shape."""

import contextlib
import time
from functools import partial

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse

from domain.errors import CostExceeded, DocumentTooComplex
from gateway.config import Limits
from gateway.engine.cost import KNOWN_MAX, Cost, CostFormula, Prices, check_ceiling, formula_of
from gateway.engine.documents import Operation
from gateway.limits import check_document
from schema.build import core_schema, create_schema
from schema.weights import CENTS
from tests.gateway.steps import steps_of
from tests.gateway.test_limits import chain


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(create_schema())


def operation(text: str) -> Operation:
    document = parse(text)
    node = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    return Operation(document, node)


def formula(schema: GraphQLSchema, text: str) -> CostFormula:
    asked = operation(text)
    return formula_of(schema, asked.document, asked.node)


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ me { subject } }", {}, 2),
        ("{ me { groups } }", {}, 2),  # a list of plain values is one value
        ("{ staff { id email } }", {}, 1 + 10 * 2),
        ("{ queue { edges { node { id } } } }", {}, 1 + 20 * (1 + 1 + 1)),
        ("{ queue(first: 3) { edges { node { id } } } }", {}, 1 + 3 * 3),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": 7}, 1 + 7 * 2),
        ("query ($n: Int = 5) { queue(first: $n) { edges { cursor } } }", {}, 1 + 5 * 2),
        ("{ applications(last: 4) { edges { node { id } } } }", {}, 1 + 4 * 3),
        ("{ applications { edges { node { debts { id } } } } }", {}, 1 + 20 * (2 + 1 + 10)),
        (
            "{ me { ...A } } fragment A on Viewer { subject ...B } fragment B on Viewer { kind }",
            {},
            3,
        ),
        ("{ node(id: 1) { id ... on Application { debts { id } } } }", {}, 1 + 1 + 1 + 10),
        ("{ __schema { types { name } } }", {}, 5000),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {}, 1 + 20 * 2),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": None}, 1 + 20 * 2),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": 7.0}, 1 + 7 * 2),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": "7"}, 1 + 20 * 2),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": -7}, 1 + 20 * 2),
        ("query ($n: Int) { queue(first: $n) { edges { cursor } } }", {"n": 0}, 1),
        (
            "query ($n: Int) { applications(first: 3, last: $n) { edges { cursor } } }",
            {"n": 9},
            1 + 9 * 2,
        ),
        (
            "query ($n: Int, $m: Int) { applications(first: $n) { edges { node { consumer "
            "{ applications(first: $m) { edges { cursor } } } } } } }",
            {"n": 5, "m": 4},
            1 + 5 * (1 + 1 + 1 + (1 + 4 * 2)),
        ),
        (
            "query ($n: Int) { a: queue(first: $n) { ...E } b: applications { ...F } } "
            "fragment E on QueueConnection { edges { cursor } } "
            "fragment F on ApplicationConnection { edges { node { consumer { ...C } } } } "
            "fragment C on Consumer { applications(first: $n) { edges { cursor } } }",
            {"n": 2},
            (1 + 2 * 2) + 1 + 20 * (1 + 1 + 1 + (1 + 2 * 2)),
        ),
        ("query A { me { kind } } query B { staff { id } }", {}, 2),
    ],
)  # fmt: skip
def test_the_cost_is_fields_times_what_pages_can_hold(
    schema: GraphQLSchema, text: str, variables: dict[str, object], cost: int
) -> None:
    """A field is 1, times the page above it; a list without pages counts as 10."""
    assert formula(schema, text).of(variables).points == cost


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("{ me { kind } }", 0),
        ("mutation { pullCreditReport(input: {}) { id } }", 200),
        ("mutation { a: pullCreditReport { id } b: pullCreditReport { id } }", 400),
        ("mutation { ...P } fragment P on Mutation { pullCreditReport(input: {}) { id } }", 200),
    ],
)
def test_what_a_vendor_bills_costs_money(schema: GraphQLSchema, text: str, cents: int) -> None:
    """Each call of a field that costs money adds its price, aliases and fragments included."""
    assert formula(schema, text).of({}).cents == cents


def test_prices_are_of_fields_that_exist(schema: GraphQLSchema) -> None:
    """No price is left behind by a field that was renamed."""
    for name in CENTS:
        type_name, _, field_name = name.partition(".")
        kind = schema.type_map[type_name]
        assert field_name in getattr(kind, "fields")  # noqa: B009 - of object types alone


def test_pages_in_pages_are_refused_before_they_run(schema: GraphQLSchema) -> None:
    """A short document that multiplies pages is beyond the limit; a whole page of 50 is not."""
    nested = """{ applications(first: 100) { edges { node { consumer {
      applications(first: 100) { edges { node { consumer {
      applications(first: 100) { edges { node { id } } } } } } } } } } } }"""
    whole = """{ applications(first: 50) { edges { cursor node { id version status state
      incomes { id source gross net frequency monthly } expenses { id category amount monthly }
      debts { id creditor kind balance apr minimumPayment pastDue } consumer { id name { family } }
      consents { id } creditReports { id } notes { id text } } } } }"""

    with pytest.raises(CostExceeded, match="20000 are allowed"):
        check_ceiling(formula(schema, nested).of({}), Limits().cost)
    check_ceiling(formula(schema, whole).of({}), Limits().cost)


def test_what_fragments_multiply_is_counted(schema: GraphQLSchema) -> None:
    """Pages hidden in fragments within fragments count like pages written out."""
    pages = "".join(
        f"fragment P{n} on Consumer {{ applications(first: 100) {{ edges {{ node {{ consumer "
        f"{{ ...P{n + 1} }} }} }} }} }}\n"
        for n in range(3)
    )
    text = f"{{ consumer(id: 1) {{ ...P0 }} }}\n{pages}fragment P3 on Consumer {{ id }}"

    assert formula(schema, text).of({}).points > 100**3


def test_what_variables_multiply_is_worked_out_in_steps_of_the_document(
    schema: GraphQLSchema,
) -> None:
    """Variable pages in fragments that are each used twice have 2^n places and n rows."""
    links = "".join(
        f"fragment F{n} on Consumer {{ applications(first: $n) {{ edges {{ node {{ consumer "
        f"{{ ...F{n + 1} }} }} }} }} "
        f"b{n}: applications(first: $n) {{ edges {{ node {{ consumer {{ ...F{n + 1} }} }} }} }}"
        " }\n"
        for n in range(40)
    )
    asked = "query ($n: Int) { consumer(id: 1) { ...F0 } }\n"
    made = formula(schema, f"{asked}{links}fragment F40 on Consumer {{ id }}")

    assert made.of({"n": 0}) == Cost(1 + 2)
    assert made.of({"n": 100}).points == 10**9, "counting stops there"
    assert steps_of(lambda: made.of({"n": 3})) < 2_000


def test_chained_fragments_are_one_set_of_fields(schema: GraphQLSchema) -> None:
    """A chain of 2^60 spreads of one fragment is the fields of that fragment."""
    links = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }}\n" for n in range(60))

    made = formula(schema, f"{{ me {{ ...F0 }} }}\n{links}fragment F60 on Viewer {{ subject }}")

    assert made.of({}) == Cost(2)


@pytest.mark.parametrize(
    "body",
    [
        "...F{n} ...F{n}",
        "a: child { ...F{n} } ...F{n}",
        "child { ...F{n} } ... on Node { child { ...F{n} } }",
        "list(first: $n) { ...F{n} } b: list(first: $n) { ...F{n} }",
    ],
)
def test_steps_grow_with_the_document(body: str) -> None:
    """Twice the fragments take twice the steps, to bound and to price, however they are chained."""
    made = build_schema(
        "type Query { node: Node } type Node { child: Node list(first: Int): [Node] name: String }"
    )
    generous = Limits(depth=75, aliases=1000)

    def judge(levels: int) -> None:
        text = chain(levels, body).replace("{ node {", "query ($n: Int) { node {", 1)
        asked = operation(text)
        with contextlib.suppress(DocumentTooComplex):
            check_document(asked.document, generous)
        formula_of(made, asked.document, asked.node).of({"n": 3})

    short, long = (steps_of(partial(judge, levels)) for levels in (30, 60))

    assert long < 2.3 * short
    assert short < 40_000


def test_chained_fragments_of_thirty_levels_are_judged_in_milliseconds(
    schema: GraphQLSchema,
) -> None:
    """2^30 fields written in 30 lines: bounds and price together in under 5 ms."""
    links = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }}\n" for n in range(30))
    asked = operation(f"{{ me {{ ...F0 }} }}\n{links}fragment F30 on Viewer {{ subject }}")

    def seconds() -> float:
        began = time.thread_time()
        check_document(asked.document, Limits())
        formula_of(schema, asked.document, asked.node).of({})
        return time.thread_time() - began

    assert min(seconds() for _ in range(5)) < 0.005


def test_prices_are_made_once(schema: GraphQLSchema) -> None:
    """The same operation is walked once, and judged every time."""
    prices = Prices(schema, Limits(cost=100))
    known = operation("query ($n: Int) { queue(first: $n) { edges { cursor } } }")
    prices.of(known, {"n": 1})

    assert steps_of(lambda: prices.of(known, {"n": 2})) < 200
    assert prices.of(known, {"n": 3}).points == 7
    with pytest.raises(CostExceeded):
        prices.of(known, {"n": 100})


def test_page_sizes_asked_for_before_are_looked_up(schema: GraphQLSchema) -> None:
    """A few sizes are remembered and no more; what is no size is worked out each time."""
    asked = "query ($n: Int, $m: Int = 7) { queue(first: $n) { edges { cursor } } "
    made = formula(schema, asked + "applications(last: $m) { edges { cursor } } }")
    first = made.of({"n": 3})
    looked_up = steps_of(lambda: made.of({"n": 3}))

    assert made.of({"n": 3, "m": 7}) == made.of({"n": 3.0}) == first
    assert made.of({"n": 3, "m": 8}) != first
    assert looked_up < steps_of(lambda: made.of({"n": 4}))
    for size in range(10 * KNOWN_MAX):
        made.of({"n": size})
        for odd in ([size], {"a": size}, f"{size}", size + 0.5, None):
            assert made.of({"n": odd}) == made.of({"n": None})
    assert len(made._known) <= KNOWN_MAX
    assert all(type(size) is int for sizes in made._known for size in sizes)
