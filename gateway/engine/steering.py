"""What decides between the plans of one operation, told by a walk over all that it may reach."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_interface_type,
)

from gateway.engine.levels import NotPlanned
from schema.gates import GATE, Gate
from schema.rules import Rule

_STEERING = frozenset({"skip", "include"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """What decides between the plans of an operation.

    covered: by plans at all. variables: those that skip and include fields. rules: those before any
    field that it may reach. fields: these, as `Type.field`.
    """

    covered: bool = True
    variables: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    fields: frozenset[str] = frozenset()


def steering_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Steering:
    """Return what decides between an operation's plans; raises NotPlanned where none covers it."""
    if operation.directives:
        raise NotPlanned("a directive on the operation")
    survey = _Survey(schema, fragments_of(document))
    survey.enter(operation.selection_set, schema.get_root_type(operation.operation))
    while survey.waiting:
        selections, parent = survey.waiting.pop()
        for node in selections.selections:
            survey.note(node, parent)
    return Steering(
        variables=tuple(survey.variables),
        rules=tuple(survey.rules.values()),
        fields=frozenset(survey.fields),
    )


class _Survey:
    """Walks all that an operation may reach, each selection set once for each type it is on."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._met: set[tuple[int, str]] = set()
        self.variables: dict[str, None] = {}
        self.rules: dict[int, Rule] = {}
        self.fields: set[str] = set()
        self.waiting: list[tuple[SelectionSetNode, Any]] = []

    def enter(self, selections: SelectionSetNode, kind: Any) -> None:
        """Have a selection set on a type walked, unless it has been."""
        if (id(selections), kind.name) not in self._met:
            self._met.add((id(selections), kind.name))
            self.waiting.append((selections, kind))

    def note(self, node: SelectionNode, parent: Any) -> None:
        """Note what steers a selection, and enter what is below it."""
        self.variables.update(_steered_by(node.directives or ()))
        if isinstance(node, FieldNode):
            for definition in _definitions(self._schema, parent, node.name.value):
                gate: Gate | None = definition.extensions.get(GATE)
                if gate is not None:
                    self.fields.add(gate.name)
                    if not gate.rule.everyone:
                        self.rules[id(gate.rule)] = gate.rule
                if node.selection_set is not None:
                    self.enter(node.selection_set, get_named_type(definition.type))
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            kind = self._schema.type_map[condition.name.value] if condition else parent
            self.enter(node.selection_set, kind)
        elif isinstance(node, FragmentSpreadNode):
            fragment = self._fragments[node.name.value]
            if fragment.variable_definitions:
                raise NotPlanned("a fragment with variables of its own")
            kind = self._schema.type_map[fragment.type_condition.name.value]
            self.enter(fragment.selection_set, kind)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return a document's fragments by their names."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def _steered_by(directives: Collection[DirectiveNode]) -> Iterator[tuple[str, None]]:
    for directive in directives:
        if directive.name.value not in _STEERING:
            raise NotPlanned(f"the directive @{directive.name.value}")
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value, None


def _definitions(schema: GraphQLSchema, parent: Any, name: str) -> list[GraphQLField]:
    """Return what a field can be at runtime: on an abstract type, each possible type's own."""
    if name == "__typename":
        return []
    if name.startswith("__"):
        raise NotPlanned("introspection")
    if is_abstract_type(parent):
        kinds = [
            *schema.get_possible_types(parent),
            *([parent] if is_interface_type(parent) else ()),
        ]
    else:
        kinds = [parent]
    return [kind.fields[name] for kind in kinds if name in kind.fields]
