"""The executable schema: declarations put together, each field's gate wrapped around its resolver.

Stops the start-up where a field has no rule. The gate lies in the field's `extensions` as well,
where another executor finds the very object that is enforced here.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    parse,
)
from strawberry.schema.config import StrawberryConfig

from resolvers.context import RequestContext
from resolvers.reads import FieldNames, class_of
from schema.connections import Node
from schema.declare import PERSONAL, RULE
from schema.enums import ENUMS
from schema.fetch import AS_IS, FETCH, RECORD, TYPE_NAMES
from schema.fetching import fetch_of
from schema.gates import GATE, Gate, Owner
from schema.marks import UnsoundMarks, faults_of, marks_by_field
from schema.mutation import Mutation
from schema.query import Query
from schema.rules import Rule, marks_for
from schema.scalars import SCALARS, WRITTEN_AS_IS
from schema.subscription import Subscription

_DEFINITION = "strawberry-definition"
_FIELD_NAMES = "field-names"


class FieldWithoutRule(Exception):
    """A field of the schema has no access rule, neither its own nor its type's."""


def create_schema() -> strawberry.Schema:
    """Return the schema; raises FieldWithoutRule and UnsoundMarks, so that neither is served."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*ENUMS, *cast("Iterable[type]", SCALARS)],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    tell_fetches(schema)
    tell_scalars(core_schema(schema))
    enforce_rules(core_schema(schema))
    tell_nodes_by_record(core_schema(schema))
    check_marks(schema)
    return schema


def check_marks(schema: strawberry.Schema) -> None:
    """Raise UnsoundMarks where the SDL says otherwise than its fields' gates who may use them."""
    document = parse(schema_sdl(schema))
    faults = faults_of(document) or list(_misprinted(core_schema(schema), document))
    if faults:
        raise UnsoundMarks("\n".join(faults))


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return graphql-core's schema behind Strawberry's."""
    return schema._schema  # noqa: SLF001 -- Strawberry has no public name for it


def schema_sdl(schema: strawberry.Schema) -> str:
    """Return the schema in GraphQL's own language, access directives included."""
    return schema.as_str().rstrip() + "\n"


def rule_of(field: GraphQLField) -> Rule:
    """Return the rule that a field of a created schema is under."""
    return gate_of(field).rule


def gate_of(field: GraphQLField) -> Gate:
    """Return the gate before a field of a created schema."""
    gate: Gate = field.extensions[GATE]
    return gate


def field_names(schema: GraphQLSchema) -> FieldNames:
    """Return the fields of a created schema that are noted for the audit; of another, none."""
    names: FieldNames = schema.extensions.get(_FIELD_NAMES) or FieldNames()
    return names


def enforce_rules(schema: GraphQLSchema) -> None:
    """Put every field's gate before its resolver; raises FieldWithoutRule."""
    names = schema.extensions[_FIELD_NAMES] = FieldNames()
    owners = _owners(schema)
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    for object_type in object_types(schema):
        for name, field in object_type.fields.items():
            handed_out = owners if object_type in roots else None
            gate = _gate(object_type, name, field, names, handed_out)
            field.extensions[GATE] = gate
            assert field.resolve is not None, "Strawberry gives every field a resolver"
            guarded = _guarded if handed_out is None else _guarded_root
            field.resolve = guarded(field.resolve, gate)


def tell_fetches(schema: strawberry.Schema) -> None:
    """Put how its value is had into every field's extensions."""
    for object_type in object_types(core_schema(schema)):
        for field in object_type.fields.values():
            field.extensions[FETCH] = fetch_of(schema, field.extensions[_DEFINITION])


def tell_scalars(schema: GraphQLSchema) -> None:
    """Put into the scalars' extensions which of their values are written as they are."""
    for scalar, as_is in WRITTEN_AS_IS.items():
        schema.type_map[SCALARS[scalar].name].extensions[AS_IS] = as_is


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
        object_type.extensions[RECORD] = record
        if record is not None:
            name_of[record] = object_type.name

    def resolve_type(value: object, *_: object) -> str:
        return name_of[class_of(value)]

    node = schema.type_map[Node.__name__]
    assert isinstance(node, GraphQLInterfaceType)
    node.resolve_type = resolve_type
    node.extensions[TYPE_NAMES] = name_of


def _misprinted(schema: GraphQLSchema, document: DocumentNode) -> Iterator[str]:
    printed = marks_by_field(document)
    for one in object_types(schema):
        for name, field in one.fields.items():
            full_name = f"{one.name}.{name}"
            if printed[full_name] != marks_for(rule_of(field)):
                yield f"{full_name}: its marks are not its rule's"


def _owners(schema: GraphQLSchema) -> Mapping[type, Owner]:
    """Return by the class of a record whose data it is."""
    origins = [one.extensions[_DEFINITION].origin for one in object_types(schema)]
    return {
        origin.record_of_type: origin.about_of_type
        for origin in origins
        if getattr(origin, "about_of_type", None) is not None
    }


def _gate(
    object_type: GraphQLObjectType,
    name: str,
    field: GraphQLField,
    names: FieldNames,
    handed_out: Mapping[type, Owner] | None,
) -> Gate:
    origin = object_type.extensions[_DEFINITION].origin
    declared = field.extensions[_DEFINITION].metadata
    rule: Rule | None = declared.get(RULE) or getattr(origin, "rule_of_type", None)
    if rule is None:
        raise FieldWithoutRule(f"{object_type.name}.{name}")
    owner: Owner | None = getattr(origin, "about_of_type", None)
    # An id names the object and tells nothing else of it, wherever it comes from.
    personal = name != "id" and declared.get(PERSONAL, True)
    bit = 0
    # What demands a purpose is named with it, by its resolver, or not read at all.
    if owner is not None and "purpose" not in field.args:
        durable = personal and origin.durable_type
        bit = names.add(f"{object_type.name}.{name}", personal=personal, durable=durable)
    return Gate(
        rule=rule,
        type_name=object_type.name,
        field_name=name,
        owner=owner,
        bit=bit,
        handed_out=handed_out,
    )


def _guarded(resolve: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
    enter = gate.enter

    def guarded_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        enter(info.context, source)
        return resolve(source, info, **arguments)

    return guarded_resolve


def _guarded_root(resolve: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
    def guarded_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        context: RequestContext = info.context
        gate.enter(context, source)
        value = resolve(source, info, **arguments)
        if isinstance(value, Awaitable):
            return _left(gate, context, value)
        gate.leave(context, value)
        return value

    return guarded_resolve


async def _left(gate: Gate, context: RequestContext, value: Awaitable[Any]) -> Any:
    handed_out = await value
    gate.leave(context, handed_out)
    return handed_out
