"""What an operation may cost is known before it runs, whatever its shape."""

import time

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, parse

from domain.errors import CostExceeded
from gateway.config import Limits
from gateway.engine.cost import check_cost, cost_of
from gateway.engine.documents import Operation
from schema.build import core_schema, create_schema


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(create_schema())


def operation(text: str) -> Operation:
    document = parse(text)
    node = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    return Operation(document, node)


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
    ],
)  # fmt: skip
def test_the_cost_is_fields_times_what_pages_can_hold(
    schema: GraphQLSchema, text: str, variables: dict[str, object], cost: int
) -> None:
    """A field is 1, times the page above it; a list without pages counts as 10."""
    assert cost_of(schema, operation(text), variables) == cost


def test_pages_in_pages_are_refused_before_they_run(schema: GraphQLSchema) -> None:
    """A short document that multiplies pages is beyond the limit; a whole page of 50 is not."""
    nested = """{ applications(first: 100) { edges { node { consumer {
      applications(first: 100) { edges { node { consumer {
      applications(first: 100) { edges { node { id } } } } } } } } } } } }"""
    whole = """{ applications(first: 50) { edges { cursor node { id version status state
      incomes { id source gross net frequency monthly } expenses { id category amount monthly }
      debts { id creditor kind balance apr minimumPayment pastDue } consumer { id name { family } }
      consents { id } creditReports { id } notes { id text } } } } }"""

    with pytest.raises(CostExceeded):
        check_cost(schema, operation(nested), {}, Limits().cost)
    assert check_cost(schema, operation(whole), {}, Limits().cost) < Limits().cost


def test_what_fragments_multiply_is_counted(schema: GraphQLSchema) -> None:
    """Pages hidden in fragments within fragments count like pages written out."""
    pages = "".join(
        f"fragment P{n} on Consumer {{ applications(first: 100) {{ edges {{ node {{ consumer "
        f"{{ ...P{n + 1} }} }} }} }} }}\n"
        for n in range(3)
    )
    text = f"{{ consumer(id: 1) {{ ...P0 }} }}\n{pages}fragment P3 on Consumer {{ id }}"

    assert cost_of(schema, operation(text), {}) > 100**3


def test_chained_fragments_are_judged_once_each(schema: GraphQLSchema) -> None:
    """A chain of 2^60 spreads is one set of fields, and is judged at once."""
    links = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }}\n" for n in range(60))
    text = f"{{ me {{ ...F0 }} }}\n{links}fragment F60 on Viewer {{ subject }}"
    asked = operation(text)

    began = time.process_time()
    cost = cost_of(schema, asked, {})

    assert cost == 2
    assert time.process_time() - began < 0.05
