"""What an operation may cost at the most, judged before it runs, each fragment once.

A field costs 1, and what is selected below it as often as it can come back: a connection as often
as `first` or `last` asks for, a list without pages ten times.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from domain.errors import CostExceeded
from gateway.engine.documents import Operation
from resolvers.pages import PAGE_ITEMS_DEFAULT

UNPAGED_ITEMS = 10
INTROSPECTION_COST = 5_000  # the whole schema can be asked for below one such field
COST_MAX = 1_000_000_000  # counting stops here
_PAGE_ARGUMENTS = ("first", "last")
_INTROSPECTION = frozenset({"__schema", "__type"})


def check_cost(
    schema: GraphQLSchema, operation: Operation, variables: Mapping[str, object], cost_max: int
) -> int:
    """Return the operation's cost; raises CostExceeded where it is above `cost_max`."""
    cost = cost_of(schema, operation, variables)
    if cost > cost_max:
        raise CostExceeded(
            f"The operation costs up to {cost}, and {cost_max} are allowed: ask for shorter pages "
            "or fewer fields."
        )
    return cost


def cost_of(schema: GraphQLSchema, operation: Operation, variables: Mapping[str, object]) -> int:
    """Return what a validated operation may cost with these variables."""
    fragments = {
        definition.name.value: definition
        for definition in operation.document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    judge = _Judge(schema, fragments, _given(operation.node, variables))
    for name in _innermost_first(fragments):
        judge.learn(name)
    return judge.total(operation.node.selection_set, schema.get_root_type(operation.kind))


@dataclass(slots=True)
class _Judge:
    """Adds up selections; `known` holds what each fragment's own fields cost, and what it spreads.

    A fragment that is spread twice in one selection set, be it through others, is answered once.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, object]
    known: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def learn(self, name: str) -> None:
        """Judge a fragment whose inner ones have been judged."""
        fragment = self.fragments[name]
        condition = self.schema.type_map.get(fragment.type_condition.name.value)
        self.known[name] = self._own(fragment.selection_set, condition)

    def total(self, selections: SelectionSetNode, parent: object) -> int:
        """Return the cost of a selection set on a type; nesting is bounded by the depth limit."""
        cost, waiting = self._own(selections, parent)
        met: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in self.known and name not in met:
                met.add(name)
                own, spread = self.known[name]
                cost += own
                waiting.extend(spread)
        return min(cost, COST_MAX)

    def _own(self, selections: SelectionSetNode, parent: object) -> tuple[int, list[str]]:
        """Return what the fields of a selection set cost, and the fragments spread beside them."""
        cost, spread = 0, list[str]()
        for selection in selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                spread.append(selection.name.value)
            elif isinstance(selection, FieldNode):
                cost += self._field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                kind = self.schema.type_map.get(condition.name.value) if condition else parent
                inner, beside = self._own(selection.selection_set, kind)
                cost += inner
                spread += beside
        return min(cost, COST_MAX), spread

    def _field(self, node: FieldNode, parent: object) -> int:
        if node.name.value in _INTROSPECTION:
            return INTROSPECTION_COST
        definition = (
            parent.fields.get(node.name.value)
            if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
            else None
        )
        if definition is None or node.selection_set is None:
            return 1
        below = self.total(node.selection_set, get_named_type(definition.type))
        return 1 + self._times(node, definition, parent) * below

    def _times(self, node: FieldNode, definition: GraphQLField, parent: object) -> int:
        """Return how often what is below the field can come back."""
        pages = [name for name in _PAGE_ARGUMENTS if name in definition.args]
        if pages:
            asked = [self._count(node, definition, name) for name in pages]
            return max((count for count in asked if count is not None), default=PAGE_ITEMS_DEFAULT)
        inner = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        in_page = node.name.value == "edges" and str(parent).endswith("Connection")
        return UNPAGED_ITEMS if is_list_type(inner) and not in_page else 1

    def _count(self, node: FieldNode, definition: GraphQLField, name: str) -> int | None:
        """Return the page size given by an argument, its default where none is; None for none."""
        given: object = definition.args[name].default_value
        for argument in node.arguments or ():
            if argument.name.value == name:
                value = argument.value
                if isinstance(value, VariableNode):
                    given = self.variables.get(value.name.value, given)
                else:
                    given = int(value.value) if isinstance(value, IntValueNode) else None
        return given if isinstance(given, int) and given >= 0 else None


def _given(
    operation: OperationDefinitionNode, variables: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the variables with the defaults that the operation itself states for page sizes."""
    stated = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    return {**stated, **variables}


def _innermost_first(fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    """Yield fragments so that each comes after those that it spreads; a stack, no recursion."""
    done: set[str] = set()
    for root in fragments:
        waiting = [root]
        entered: set[str] = set()
        while waiting:
            name = waiting[-1]
            if name in done:
                waiting.pop()
            elif name in entered:
                waiting.pop()
                done.add(name)
                yield name
            else:
                entered.add(name)
                spread = _spread_in(fragments[name].selection_set)
                waiting.extend(one for one in spread if one in fragments and one not in done)


def _spread_in(selections: SelectionSetNode) -> Iterator[str]:
    stack = [selections]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif (inner := getattr(selection, "selection_set", None)) is not None:
                stack.append(inner)
