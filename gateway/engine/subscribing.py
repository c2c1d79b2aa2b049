"""Finds out what a subscription subscribes to: its one root field, and that field's arguments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues

from gateway.engine.documents import Operation


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One field of `Subscription`; arguments: those given, by their names in the schema."""

    field_name: str
    arguments: Mapping[str, Any] = field(repr=False)


def subscribed(
    schema: GraphQLSchema, operation: Operation, variables: VariableValues
) -> Subscribed:
    """Return what a valid subscription subscribes to; raises GraphQLError for its arguments."""
    root = schema.subscription_type
    assert root is not None, "the operation is valid"
    node = next(_fields(operation.document, operation.node.selection_set))
    definition = root.fields[node.name.value]
    coerced = get_argument_values(definition, node, variables)
    given = {
        name: coerced[argument.out_name or name]
        for name, argument in definition.args.items()
        if (argument.out_name or name) in coerced
    }
    return Subscribed(node.name.value, given)


def _fields(document: DocumentNode, selections: SelectionSetNode) -> Iterator[FieldNode]:
    """Yield the fields of a selection; a valid subscription has one, and neither skips it."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, FragmentSpreadNode):
            for definition in document.definitions:
                if not isinstance(definition, FragmentDefinitionNode):
                    continue
                if definition.name.value == selection.name.value:
                    yield from _fields(document, definition.selection_set)
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(document, selection.selection_set)
