"""Arguments and variables, coerced as graphql-core does, and only as often as they can differ."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_argument_values,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

Arguments = Mapping[str, Any]
_PLAIN_CLASSES: dict[object, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLInt: int,
    GraphQLBoolean: bool,
}
_INT_MAX = 2**31
_UNCHANGING = (str, int, float, Enum, Decimal, date, type(None))
"""What a resolver cannot change under the next one's hands."""


class ArgumentsOf:
    """The arguments of one field of a plan, as graphql-core coerces them."""

    __slots__ = ("_always", "_constant", "_definition", "_direct", "_hide", "_node")

    def __init__(self, definition: GraphQLField, node: FieldNode, *, hide: bool) -> None:
        """Take the field; what no variable steers and nobody can change is coerced once."""
        self._definition = definition
        self._node = node
        self._hide = hide
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self._constant = not any(_has_variable(value) for value in given.values())
        self._always: Arguments | None = None
        self._direct: tuple[tuple[str, str], ...] | None = None
        if not self._constant and set(given) == set(definition.args):
            names = [
                (definition.args[name].out_name or name, value.name.value)
                for name, value in given.items()
                if isinstance(value, VariableNode)
            ]
            self._direct = tuple(names) if len(names) == len(given) else None

    def coerced(self, variables: VariableValues) -> Arguments:
        """Return them; raises GraphQLError where a value does not fit."""
        if self._always is not None:
            return self._always
        if self._direct is not None:
            taken = _taken(self._direct, variables.coerced)
            if taken is not None:
                return taken
        values = get_argument_values(
            self._definition, self._node, variables, None, hide_suggestions=self._hide
        )
        if self._constant and all(isinstance(one, _UNCHANGING) for one in values.values()):
            self._always = values
        return values


def _taken(direct: tuple[tuple[str, str], ...], coerced: Arguments) -> Arguments | None:
    """Return arguments that are variables each; None where one is missing or null."""
    taken = {}
    for name, variable in direct:
        value = coerced.get(variable)
        if value is None:
            return None
        taken[name] = value
    return taken


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(_has_variable(one) for one in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(one.value) for one in value.fields)
    return False


class VariablesOf:
    """The variables of one operation."""

    __slots__ = ("_definitions", "_errors_max", "_hide", "_plain", "_schema")

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        *,
        errors_max: int,
        hide: bool,
    ) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._errors_max = errors_max
        self._hide = hide
        self._plain = self._plain_types()

    def coerced(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """Return their values, or what is wrong with them."""
        if self._plain is not None:
            values = _plain_values(self._plain, given)
            if values is not None:
                return VariableValues(_NO_SOURCES, values)
        return self.with_sources(given)

    def with_sources(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """Return their values as graphql-core's own executor needs them."""
        return get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=self._errors_max,
            hide_suggestions=self._hide,
        )

    def _plain_types(self) -> tuple[tuple[str, type, bool], ...] | None:
        """Return name, class and whether it is required; None where one is no plain scalar."""
        plain = []
        for definition in self._definitions:
            kind = type_from_ast(self._schema, definition.type)
            required = is_non_null_type(kind)
            known = _PLAIN_CLASSES.get(kind.of_type if is_non_null_type(kind) else kind)
            if known is None or definition.default_value is not None:
                return None
            plain.append((definition.variable.name.value, known, required))
        return tuple(plain)


_NO_SOURCES: dict[str, VariableValueSource] = {}


def _plain_values(
    plain: tuple[tuple[str, type, bool], ...], given: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the values where each is spelled as its type is; else None."""
    values = {}
    for name, known, required in plain:
        if name not in given:
            if required:
                return None
            continue
        value = given[name]
        if value.__class__ is not known:
            if value is not None or required:
                return None
        elif known is int and not -_INT_MAX <= cast("int", value) < _INT_MAX:
            return None
        values[name] = value
    return values
