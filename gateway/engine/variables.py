"""Says which variables are at fault, and where, without repeating a value."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    Undefined,
    type_from_ast,
)
from graphql.language import (
    ArgumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    Node,
    ObjectFieldNode,
    VariableNode,
)
from graphql.type import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    is_input_type,
    is_required_input_field,
)

from domain.errors import FieldFault, GatewayError, InvalidInput
from gateway.engine.documents import Operation

_CHOICES_MAX = 20


def variable_faults(
    schema: GraphQLSchema,
    operation: Operation,
    variables: Mapping[str, object],
    faults_max: int,
) -> InvalidInput | None:
    """Return all that is wrong with the variables as one error; None where nothing is found.

    Paths begin at the argument that a variable is given to first, as those of resolvers do.
    """
    faults: list[FieldFault] = []
    paths = argument_paths(operation)
    for definition in operation.node.variable_definitions or ():
        name = definition.variable.name.value
        declared = type_from_ast(schema, definition.type)
        if not is_input_type(declared):
            continue
        if name not in variables and definition.default_value is not None:
            continue
        value = variables.get(name, Undefined)
        for fault in _faults(value, declared, paths.get(name, name)):
            faults.append(fault)
            if len(faults) >= faults_max:
                return InvalidInput(faults)
    return InvalidInput(faults) if faults else None


def argument_paths(operation: Operation) -> dict[str, str]:
    """Return by variable where it is used first: `input`, or `input.incomes.0.net` within one.

    Every definition is walked once, so that it costs no more than the document is long.
    """
    fragments = {
        definition.name.value: definition
        for definition in operation.document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    paths: dict[str, str] = {}
    pending: list[tuple[Node, str]] = [(operation.node.selection_set, "")]
    while pending:
        node, path = pending.pop()
        if isinstance(node, VariableNode):
            paths.setdefault(node.name.value, path)
            continue
        within = [*_parts(node, path)]
        if isinstance(node, FragmentSpreadNode):
            spread = fragments.pop(node.name.value, None)
            within += [] if spread is None else [(spread.selection_set, path)]
        pending.extend(reversed(within))
    return paths


def _parts(node: Node, path: str) -> Iterator[tuple[Node, str]]:
    """Return what a node consists of, in the order of the text, each with its own path."""
    if isinstance(node, ArgumentNode):
        yield node.value, node.name.value
    elif isinstance(node, ObjectFieldNode):
        yield node.value, f"{path}.{node.name.value}"
    elif isinstance(node, ListValueNode):
        for index, item in enumerate(node.values):
            yield item, f"{path}.{index}"
    else:
        for key in node.keys:
            found = getattr(node, key)
            for part in found if isinstance(found, tuple) else (found,):
                if isinstance(part, Node):
                    yield part, path


def _faults(value: object, declared: GraphQLInputType, path: str) -> Iterator[FieldFault]:
    if isinstance(declared, GraphQLNonNull):
        if value is None or value is Undefined:
            yield FieldFault(path=path, code="REQUIRED", message="A value is needed.")
            return
        declared = declared.of_type
    if value is None or value is Undefined:
        return
    if isinstance(declared, GraphQLList):
        items = enumerate(value) if isinstance(value, list) else None
        if items is None:  # one value stands for a list of one
            yield from _faults(value, declared.of_type, path)
            return
        for index, item in items:
            yield from _faults(item, declared.of_type, f"{path}.{index}")
    elif isinstance(declared, GraphQLInputObjectType):
        yield from _object_faults(value, declared, path)
    else:
        assert isinstance(declared, GraphQLScalarType | GraphQLEnumType)
        yield from _leaf_faults(value, declared, path)


def _object_faults(
    value: object, declared: GraphQLInputObjectType, path: str
) -> Iterator[FieldFault]:
    if not isinstance(value, dict):
        yield FieldFault(path=path, code="INVALID", message="An object is needed.")
        return
    for name, field in declared.fields.items():
        if name in value:
            yield from _faults(value[name], field.type, f"{path}.{name}")
        elif is_required_input_field(field):
            yield FieldFault(path=f"{path}.{name}", code="REQUIRED", message="A value is needed.")
    for name in value:
        if name not in declared.fields:
            yield FieldFault(
                path=f"{path}.{name[:64]}",
                code="UNKNOWN",
                message=f"{declared.name} has no such field.",
            )
    if declared.is_one_of and len(value) != 1:
        yield FieldFault(path=path, code="INVALID", message="Exactly one field is needed.")


def _leaf_faults(
    value: Any, declared: GraphQLScalarType | GraphQLEnumType, path: str
) -> Iterator[FieldFault]:
    try:
        result = declared.coerce_input_value(value)
    except GatewayError as error:
        yield FieldFault(path=path, code="INVALID", message=error.message)
    except GraphQLError as error:
        cause = error.original_error
        known = cause.message if isinstance(cause, GatewayError) else _expected(declared)
        yield FieldFault(path=path, code="INVALID", message=known)
    except Exception:  # noqa: BLE001 - a scalar's own refusal, of whatever class
        yield FieldFault(path=path, code="INVALID", message=_expected(declared))
    else:
        if result is Undefined:
            yield FieldFault(path=path, code="INVALID", message=_expected(declared))


def _expected(declared: GraphQLScalarType | GraphQLEnumType) -> str:
    """Return what was expected; never what was given instead, which may be personal."""
    if isinstance(declared, GraphQLEnumType) and len(declared.values) <= _CHOICES_MAX:
        return f"One of {', '.join(declared.values)} is needed."
    return f"This is not a valid {declared.name}."
