"""The operations that the explorer offers can be run, by whom it says."""

import pytest
from graphql import GraphQLSchema, parse, validate

from domain.actors import Group
from gateway.local.explorer.operations import OfferedOperation, offered_operations, read_operation
from schema.build import core_schema, create_schema

SCHEMA = create_schema()
OFFERED = {operation.name: operation for operation in offered_operations(SCHEMA)}


@pytest.fixture
def core() -> GraphQLSchema:
    """Give the schema that is served."""
    return core_schema(SCHEMA)


@pytest.mark.parametrize("operation", OFFERED.values(), ids=lambda operation: operation.name)
def test_every_operation_is_served(operation: OfferedOperation, core: GraphQLSchema) -> None:
    """It and its lookup are valid, each lookup has all values that are needed, and somebody may."""
    assert validate(core, parse(operation.document)) == []
    assert operation.title
    assert operation.groups
    assert bool(operation.variables) == bool(operation.lookups)
    for lookup in operation.lookups:
        assert validate(core, parse(lookup)) == []
        words = lookup.replace(":", " ").split()
        assert set(operation.variables) <= set(words)


def test_who_may_is_what_the_schema_says() -> None:
    """Groups and machines follow the rules of the fields that an operation begins with."""
    everybody = list(Group)
    assert OFFERED["WhoAmI"].groups == everybody
    assert (OFFERED["Applications"].machines, OFFERED["Queue"].machines) == (True, False)
    assert OFFERED["Queue"].groups == [Group.COUNSELORS]
    assert OFFERED["CreateKey"].groups == [Group.ADMINS]
    assert OFFERED["Applications"].groups == [
        Group.CONSUMERS,
        Group.COUNSELORS,
        Group.OPERATORS,  # under a grant
    ]


def test_each_group_has_something_to_try() -> None:
    """Whoever of the demo is picked finds more than their own name."""
    for group in Group:
        assert sum(group in operation.groups for operation in OFFERED.values()) > 1


def test_what_several_fields_ask_for_all_of_them_must_allow(core: GraphQLSchema) -> None:
    """An operation that begins with several fields is for those who may use each."""
    fields = "applications { edges { cursor } } queue { edges { cursor } }"
    read = read_operation(f"# Two\n# Of\n# two lines\nquery Two {{ {fields} }}", core)
    assert read.groups == [Group.COUNSELORS]
    assert (read.title, read.about, read.lookups) == ("Two", "Of two lines", [])
