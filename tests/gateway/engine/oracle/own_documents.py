"""Draws documents over our own schema, from those with which the isolation harness asks.

There each root field is asked for with everything selected that it can show. Here a part of that is
taken, in another order, some of it twice, under aliases, within fragments and under conditions; and
several such operations become one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    parse,
    print_ast,
)

from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.own_world import TARGETS, Place
from tests.isolation.documents import Form, forms

STEERS = ("more", "less")
_FIELDS_MAX = 40
_PAGE_SIZES = (2, 1, 0, 100, 101, -1)
_JOINED_MAX = 3
_STORED_NAMES = ("sourceKey", "sourceKey", "consumerId", "exact")
_WRONG: tuple[Any, ...] = (None, 7, "?", [], {}, True, 1.5, "2026-13-40")


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """A document and its variables. forms: what it was made from."""

    text: str
    variables: dict[str, Any]
    forms: tuple[Form, ...]


class OwnForms:
    """What our schema's documents are made of, found out once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        found = [form for form in forms(schema) if not form.wrong]
        self.queries = [form for form in found if not form.mutates]
        self.mutations = [form for form in found if form.mutates]

    @cached_property
    def parsed(self) -> dict[str, tuple[OperationDefinitionNode, tuple[Any, ...]]]:
        """Return by text the operation of each form, and its fragments."""
        return {form.text: _parts(form.text) for form in (*self.queries, *self.mutations)}


def _parts(text: str) -> tuple[OperationDefinitionNode, tuple[Any, ...]]:
    operation, *fragments = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation, tuple(fragments)


@dataclass(slots=True)
class OwnDocuments:
    """Draws one document of a kind. place: whose ids are named."""

    own: OwnForms
    draws: Draws
    place: Place
    count: int = 0
    steers: set[str] = field(default_factory=set)

    def draw(self, *, mutates: bool = False) -> OwnDocument:
        """Return a document."""
        draws = self.draws
        choices = self.own.mutations if mutates else self.own.queries
        chosen = [draws.pick(choices) for _ in range(1 + draws.below(_JOINED_MAX))]
        variables: dict[str, Any] = {}
        definitions: list[str] = []
        selections: list[str] = []
        fragments: dict[str, str] = {}
        for number, form in enumerate(chosen):
            operation, spread = self.own.parsed[form.text]
            root = self.own.schema.get_root_type(operation.operation)
            assert root is not None
            own = self._thinned(operation.selection_set, root, prefix=f"r{number}_")
            selections.append(_renamed(print_ast(own), number)[1:-1])
            definitions += [
                _renamed(print_ast(one), number) for one in operation.variable_definitions or ()
            ]
            for fragment in spread:
                fragments[fragment.name.value] = self._fragment(fragment)
            variables |= {f"{name}_{number}": value for name, value in self._given(form).items()}
        definitions += [f"${name}: Boolean!" for name in sorted(self.steers)]
        variables |= {name: not draws.chance(50) for name in sorted(self.steers)}
        body = " ".join(selections)
        body = f"{{ {body} }} " + " ".join(
            text for name, text in fragments.items() if f"...{name}" in body
        )
        used = [one for one in definitions if _is_used(one, body)]
        head = f"({', '.join(used)})" if used else ""
        text = f"{'mutation' if mutates else 'query'} {head} {body}"
        return OwnDocument(text, variables, tuple(chosen))

    def _given(self, form: Form) -> dict[str, Any]:
        """Return a form's variables for an object that is drawn, now and then spoilt."""
        draws = self.draws
        ids = self.place.ids[draws.pick(TARGETS)]
        given = form.variables(ids, self.place.typed)
        if draws.chance(6) and given:
            name = draws.pick(sorted(given))
            given = {**given, name: _spoilt(draws, given[name])}
        return given

    def _fragment(self, fragment: FragmentDefinitionNode) -> str:
        condition = self.own.schema.type_map[fragment.type_condition.name.value]
        return print_ast(
            replace(fragment, selection_set=self._thinned(fragment.selection_set, condition))
        )

    def _thinned(
        self, selections: SelectionSetNode, parent: GraphQLNamedType, *, prefix: str = ""
    ) -> SelectionSetNode:
        """Return a part of a selection set, drawn."""
        draws = self.draws
        keep = (100, 70, 40, 20)[draws.below(4)] if not prefix else 100
        nodes = [node for node in selections.selections if draws.chance(keep)]
        if self.count > _FIELDS_MAX:
            nodes = nodes[:2]
        nodes = nodes or [selections.selections[0]]
        if draws.chance(20):
            nodes.reverse()
        thinned = [self._node(node, parent, prefix) for node in nodes]
        if draws.chance(10):
            thinned.append(_TYPENAME)
        if draws.chance(15):
            thinned.append(self._typename_as_stored(parent))
        if draws.chance(10) and not prefix:  # merged with what is there already
            thinned.append(self._node(draws.pick(nodes), parent, prefix))
        return SelectionSetNode(selections=tuple(thinned))

    def _typename_as_stored(self, parent: GraphQLNamedType) -> FieldNode:
        """Return the type's name, called as what bodies hold and nobody can ask for."""
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        names = [name for name in _STORED_NAMES if name not in parent.fields]
        return replace(_TYPENAME, alias=NameNode(value=self.draws.pick(names)))

    def _node(self, node: SelectionNode, parent: GraphQLNamedType, prefix: str) -> SelectionNode:
        draws = self.draws
        made: SelectionNode = node
        if isinstance(node, FieldNode):
            made = self._field(node, parent, prefix)
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            kind = self.own.schema.type_map[condition.name.value] if condition else parent
            made = replace(node, selection_set=self._thinned(node.selection_set, kind))
        if not draws.chance(8):
            return made
        directives = (self._condition(),)
        if draws.chance(50):
            return InlineFragmentNode(
                type_condition=NamedTypeNode(name=NameNode(value=parent.name)),
                directives=directives if draws.chance(50) else (),
                selection_set=SelectionSetNode(selections=(made,)),
            )
        return replace(made, directives=directives)

    def _field(self, node: FieldNode, parent: GraphQLNamedType, prefix: str) -> FieldNode:
        draws = self.draws
        self.count += 1
        name = node.name.value
        if name == "__typename":
            return node
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        definition: GraphQLField = parent.fields[name]
        alias = node.alias
        if prefix:
            alias = NameNode(value=f"{prefix}{(alias or node.name).value}")
        elif alias is None and draws.chance(8):
            alias = NameNode(value=f"{name}_{self.count}")
        arguments: Sequence[ArgumentNode] = node.arguments or ()
        given = {argument.name.value for argument in arguments}
        if "first" in definition.args and "first" not in given and alias is not None:
            size = draws.pick(_PAGE_SIZES)
            arguments = (*arguments, _argument("first", IntValueNode(value=str(size))))
        inner = node.selection_set
        if inner is not None:
            inner = self._thinned(inner, get_named_type(definition.type))
        return replace(node, alias=alias, arguments=tuple(arguments), selection_set=inner)

    def _condition(self) -> DirectiveNode:
        draws = self.draws
        name = draws.pick(("include", "skip"))
        value: ValueNode = BooleanValueNode(value=name == "include")
        if draws.chance(60):
            steer = draws.pick(STEERS)
            self.steers.add(steer)
            value = VariableNode(name=NameNode(value=steer))
        return DirectiveNode(name=NameNode(value=name), arguments=(_argument("if", value),))


_TYPENAME = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())


def _is_used(definition: str, body: str) -> bool:
    name = definition.partition(":")[0]
    return re.search(rf"{re.escape(name)}\b", body) is not None


def _argument(name: str, value: ValueNode) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=value)


def _renamed(text: str, number: int) -> str:
    """Return a part of a document with its variables as those of the operation of a number."""
    own = "|".join(STEERS)
    return re.sub(rf"\$(?!(?:{own})\b)(\w+)", rf"$\1_{number}", text).strip()


def _spoilt(draws: Draws, value: Any) -> Any:
    """Return a value of which something is wrong."""
    if isinstance(value, Mapping) and value and draws.chance(70):
        name = draws.pick(sorted(value))
        return {**value, name: _spoilt(draws, value[name])}
    return draws.pick(_WRONG)
