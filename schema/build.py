"""The executable schema: declarations put together, each field's rule wrapped around its resolver.

Stops the start-up where a field has no rule. The rule lies in the field's `extensions` as well,
where another executor finds the very object that is enforced here.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import strawberry
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from schema.connections import Node
from schema.declare import RULE
from schema.enums import ENUMS
from schema.mutation import Mutation
from schema.query import Query
from schema.rules import Rule
from schema.scalars import SCALARS

_DEFINITION = "strawberry-definition"


class FieldWithoutRule(Exception):
    """A field of the schema has no access rule, neither its own nor its type's."""


def create_schema() -> strawberry.Schema:
    """Return the schema; raises FieldWithoutRule where one has been forgotten."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[*ENUMS, *cast("Iterable[type]", SCALARS)],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    enforce_rules(core_schema(schema))
    tell_nodes_by_record(core_schema(schema))
    return schema


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return graphql-core's schema behind Strawberry's."""
    return schema._schema  # noqa: SLF001 -- Strawberry has no public name for it


def schema_sdl(schema: strawberry.Schema) -> str:
    """Return the schema in GraphQL's own language, access directives included."""
    return schema.as_str().rstrip() + "\n"


def rule_of(field: GraphQLField) -> Rule:
    """Return the rule that a field of a created schema is under."""
    rule: Rule = field.extensions[RULE]
    return rule


def enforce_rules(schema: GraphQLSchema) -> None:
    """Wrap every field's resolver in its rule; raises FieldWithoutRule."""
    for object_type in object_types(schema):
        for name, field in object_type.fields.items():
            rule = _declared_rule(object_type, field)
            if rule is None:
                raise FieldWithoutRule(f"{object_type.name}.{name}")
            field.extensions[RULE] = rule
            if not rule.everyone:
                assert field.resolve is not None, "Strawberry gives every field a resolver"
                field.resolve = _guarded(field.resolve, rule, object_type.name, name)


def object_types(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    """Return the schema's own object types, introspection's left out, by name."""
    return [
        named
        for name, named in sorted(schema.type_map.items())
        if isinstance(named, GraphQLObjectType) and not name.startswith("__")
    ]


def tell_nodes_by_record(schema: GraphQLSchema) -> None:
    """Tell an object's type by the class of its record, which is all that resolvers return."""
    name_of: dict[type, str] = {}
    for object_type in object_types(schema):
        record = object_type.extensions[_DEFINITION].origin.record_of_type
        object_type.is_type_of = None
        if record is not None:
            name_of[record] = object_type.name

    def resolve_type(value: object, *_: object) -> str:
        return name_of[type(value)]

    node = schema.type_map[Node.__name__]
    assert isinstance(node, GraphQLInterfaceType)
    node.resolve_type = resolve_type


def _declared_rule(object_type: GraphQLObjectType, field: GraphQLField) -> Rule | None:
    own = field.extensions[_DEFINITION].metadata.get(RULE)
    rule: Rule | None = own or getattr(
        object_type.extensions[_DEFINITION].origin, "rule_of_type", None
    )
    return rule


def _guarded(
    resolve: Callable[..., Any], rule: Rule, type_name: str, field_name: str
) -> Callable[..., Any]:
    def guarded_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        context = info.context
        refusal = rule.refusal(context.principal, context.request.at, type_name, field_name)
        if refusal is not None:
            raise refusal
        return resolve(source, info, **arguments)

    return guarded_resolve
