"""`almoner schema`: what frontend teams generate their code from."""

from click.testing import CliRunner
from graphql import build_schema

from gateway.cli import root

APPSYNC = """
scalar AWSDate scalar AWSDateTime scalar AWSTime scalar AWSTimestamp scalar AWSEmail scalar AWSJSON
scalar AWSPhone scalar AWSURL scalar AWSIPAddress
directive @aws_api_key on OBJECT | FIELD_DEFINITION
directive @aws_iam on OBJECT | FIELD_DEFINITION
directive @aws_oidc on OBJECT | FIELD_DEFINITION
directive @aws_lambda on OBJECT | FIELD_DEFINITION
directive @aws_cognito_user_pools(cognito_groups: [String!]) on OBJECT | FIELD_DEFINITION
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""


def printed(*options: str) -> str:
    done = CliRunner().invoke(root, ["schema", *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_sdl_is_a_schema_with_its_rules() -> None:
    """What is printed can be built as it is, and carries the access directives."""
    text = printed()

    assert build_schema(text).query_type is not None
    assert "@aws_cognito_user_pools(cognito_groups:" in text


def test_appsync_would_take_it() -> None:
    """With AppSync's own scalars and directives around it, the text is a schema, without Money."""
    text = printed("--appsync")

    schema = build_schema(APPSYNC + text)
    assert schema.query_type is not None
    assert set(schema.query_type.fields) >= {"application", "applications", "me"}
    assert "scalar" not in text
    assert "directive @" not in text
    totals = schema.type_map["ApplicationTotals"]
    assert {str(field.type) for field in totals.fields.values()} == {"String!"}  # type: ignore[attr-defined]  # an object type
    assert "Money" not in schema.type_map
    assert "Percent" not in schema.type_map
