"""What is wrong with the `@aws_*` marks of an SDL is found before anything is served."""

import pytest
import strawberry
from graphql import parse

from schema.build import check_marks, core_schema, create_schema, enforce_rules, schema_sdl
from schema.declare import field, object_type
from schema.marks import UnsoundMarks, faults_of
from schema.rules import ADMINS, COUNSELORS, EVERYONE, AwsApiKey, directives_of

SOUND = """
type Query @aws_api_key { one: Item, two: Item @aws_cognito_user_pools(cognito_groups: ["admins"]) }
type Item @aws_api_key @aws_cognito_user_pools { id: ID! }
type Subscription { heard: Item @aws_api_key @aws_subscribe(mutations: ["one"]) }
"""
ITEM = "type Item @aws_api_key { id: ID! }"


def test_the_served_marks_are_sound() -> None:
    """Nothing is wrong with those of the schema that is served."""
    assert faults_of(parse(schema_sdl(create_schema()))) == []
    assert faults_of(parse(SOUND)) == []


@pytest.mark.parametrize(
    ("sdl", "fault"),
    [
        ("type Query { one: ID }", "Query.one: it has no mark, and neither has its type"),
        (
            'type Query { one: ID @aws_oidc @aws_auth(cognito_groups: ["admins"]) }',
            "Query.one: @aws_auth is ignored",
        ),
        ("type Query { one: ID @aws_oidc @aws_iam }", "Query.one: @aws_iam is ignored"),
        ("type Query { one: ID @aws_oidc @aws_publish }", "Query.one: @aws_publish is ignored"),
        (
            f"interface Node @aws_api_key {{ id: ID! }} {ITEM}",
            "Node: @aws_api_key has no effect there",
        ),
        (
            f"interface Node {{ id: ID! @aws_api_key }} {ITEM}",
            "Node.id: @aws_api_key has no effect there",
        ),
        ("input In { id: ID @aws_oidc }", "In.id: @aws_oidc has no effect there"),
        ("enum Kind { A @aws_oidc }", "Kind.A: @aws_oidc has no effect there"),
        ("scalar Day @aws_lambda", "Day: @aws_lambda has no effect there"),
        (f"union Any @aws_lambda = Item {ITEM}", "Any: @aws_lambda has no effect there"),
        ("schema @aws_oidc { query: Query }", "schema: @aws_oidc has no effect there"),
        (
            "extend type Query { one: ID @aws_oidc }",
            "Query.one: @aws_oidc has no effect there",
        ),
        (
            "type Query { one(id: ID @aws_oidc): ID @aws_oidc }",
            "Query.one.id: @aws_oidc has no effect there",
        ),
        (
            "type Query @aws_oidc { one: ID @aws_lambda }",
            "Query: its marks have no effect, as each field has its own",
        ),
        (
            'type Mutation { one: ID @aws_oidc @aws_subscribe(mutations: ["two"]) }',
            "Mutation.one: @aws_subscribe is for subscriptions alone",
        ),
        (
            "type Query { one: ID @aws_cognito_user_pools(cognito_groups: []) }",
            "Query.one: @aws_cognito_user_pools names no group, or one that there is not",
        ),
        (
            'type Query { one: ID @aws_cognito_user_pools(cognito_groups: ["admin"]) }',
            "Query.one: @aws_cognito_user_pools names no group, or one that there is not",
        ),
        (
            f"type Query {{ one: [Item!]! @aws_oidc @aws_api_key }} {ITEM}",
            "Query.one: its type Item lacks @aws_oidc",
        ),
        (
            f"type Query @aws_api_key {{ one: Page }} type Page @aws_api_key {{ item: Item "
            f"@aws_api_key @aws_oidc, count: Int }} {ITEM}",
            "Page.item: its type Item lacks @aws_oidc",
        ),
        (
            "type Query { one: Item @aws_cognito_user_pools } type Item "
            '@aws_cognito_user_pools(cognito_groups: ["admins"]) { id: ID! }',
            "Query.one: its type Item lacks @aws_cognito_user_pools for *",
        ),
        (
            'type Query { one: Item @aws_cognito_user_pools(cognito_groups: ["admins", '
            '"consumers"]) } type Item @aws_cognito_user_pools(cognito_groups: ["admins"]) '
            "{ id: ID! }",
            "Query.one: its type Item lacks @aws_cognito_user_pools for consumers",
        ),
        (
            f"type Query {{ one: Any @aws_oidc }} union Any = Item {ITEM}",
            "Query.one: its type Any lacks @aws_oidc",
        ),
        (
            "type Query { one: Node @aws_oidc } interface Node { id: ID! } "
            "type Item implements Node @aws_api_key { id: ID! }",
            "Query.one: its type Node lacks @aws_oidc",
        ),
    ],
)
def test_each_kind_of_fault_is_found(sdl: str, fault: str) -> None:
    """What is unmarked, ignored, without effect or lacking is named with its place."""
    assert faults_of(parse(sdl)) == [fault]


def test_a_subscription_type_of_another_name_is_known() -> None:
    """The schema's own definition says which type subscriptions are on."""
    marked = '{ a: ID @aws_oidc @aws_subscribe(mutations: ["b"]) }'
    named = f"schema {{ subscription: Heard }} type Heard {marked}"
    assert faults_of(parse(named)) == []
    other = f"schema {{ subscription: Heard }} type Subscription {marked}"
    assert len(faults_of(parse(other))) == 1


def test_a_schema_whose_marks_are_not_sound_is_not_made() -> None:
    """A mark that is written beside the rules stops the start, and so does one that fails open."""

    @object_type(rule=COUNSELORS)
    class Item:
        """Something."""

        id: strawberry.ID

    @object_type(rule=None)
    class Query:
        """A root."""

        item: Item | None = field(rule=EVERYONE)

    schema = strawberry.Schema(query=Query)
    enforce_rules(core_schema(schema))
    with pytest.raises(UnsoundMarks, match=r"Query\.item: its type Item lacks @aws_api_key"):
        check_marks(schema)

    @strawberry.type
    class Root:
        first: str = strawberry.field(
            directives=[*directives_of(ADMINS), AwsApiKey()], metadata={"rule": ADMINS}
        )

    schema = strawberry.Schema(query=Root)
    enforce_rules(core_schema(schema))
    with pytest.raises(UnsoundMarks, match=r"Root\.first: its marks are not its rule's"):
        check_marks(schema)
