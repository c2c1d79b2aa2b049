"""What is made of an unknown schema: documents that are valid, and that run nothing."""

import pytest
from graphql import build_schema, graphql_sync, parse, validate

from conformance.schemas import INTROSPECTION, literal, read_schema

SDL = """
scalar AWSDate
scalar AWSPhone
scalar AWSURL
scalar AWSEmail
enum Kind { ONE TWO }
input Inner { kind: Kind! phone: AWSPhone note: String! = "none" deeper: [Inner!] }
input Outer { inner: [Inner!]! count: Int! email: AWSEmail! }
type Thing { id: ID! }
type Query { plain: Int dated(kind: Kind!, on: [AWSDate!]!): [Thing!]! }
type Mutation { change(input: Outer!, really: Boolean!): Int! }
type Subscription { needy(id: ID!): Thing changed(id: ID = "1"): Thing }
"""
REAL = build_schema(SDL)
FOUND = read_schema(graphql_sync(REAL, INTROSPECTION).data)


@pytest.mark.parametrize(
    ("scalar", "value", "document"),
    [
        (
            "AWSDate",
            "2026-01-15",
            'query { dated(on: "2026-01-15", kind: ONE) @skip(if: true) { __typename } }',
        ),
        (
            "AWSPhone",
            "1",
            'mutation { change(input: {inner: {phone: "1", kind: ONE}, count: 1, '
            'email: "name@example.com"}, really: true) @skip(if: true) }',
        ),
        (
            "AWSEmail",
            "a@b.c",
            'mutation { change(input: {email: "a@b.c", inner: {kind: ONE}, count: 1}, '
            "really: true) @skip(if: true) }",
        ),
    ],
)
def test_a_scalar_is_put_where_the_schema_takes_it(scalar: str, value: str, document: str) -> None:
    """Arguments and input objects that are needed beside it are there; the field is skipped."""
    put = FOUND.taking(scalar)
    assert put is not None
    assert put(literal(value)) == document
    assert validate(REAL, parse(document)) == []


def test_a_scalar_that_nothing_takes_cannot_be_asked_for() -> None:
    """A scalar that is only in the schema, or not even there, has no document."""
    assert FOUND.taking("AWSURL") is None
    assert FOUND.taking("AWSTime") is None


def test_a_subscription_that_needs_nothing_is_found() -> None:
    """The first field without an argument that has to be given; none in another schema."""
    assert FOUND.subscription() == "subscription { changed { __typename } }"
    without = build_schema("type Query { a: Int }")
    assert read_schema(graphql_sync(without, INTROSPECTION).data).subscription() is None


def test_values_are_written_as_literals() -> None:
    """Objects have bare names, and texts are escaped."""
    assert literal({"a": [1, None, True, 'x"y']}) == '{a: [1, null, true, "x\\"y"]}'
