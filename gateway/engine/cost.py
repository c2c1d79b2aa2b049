"""What an operation may cost at the most: a formula made once, in one walk over its document.

A field is a point, and what is selected below it counts as often as it can come back: a connection
as often as `first` or `last` asks for, a list without pages ten times. Some fields cost money as
well (`schema/weights.py`). Each fragment is summed up once and counts once in each selection set
that spreads it, so that the walk is as long as the document, however the fragments are chained.

Most operations cost the same whatever their variables are. Where page sizes are variables, the
formula is a few rows, each worked out from those before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
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
from gateway.config import Limits
from resolvers.pages import PAGE_ITEMS_DEFAULT
from schema.weights import cents_of

UNPAGED_ITEMS = 10
INTROSPECTION_POINTS = 5_000  # the whole schema can be asked for below one such field
COUNT_MAX = 1_000_000_000  # counting stops here
KNOWN_MAX = 16  # of the page sizes that clients ask for, those whose cost a formula remembers
_PAGE_ARGUMENTS = ("first", "last")
_INTROSPECTION = frozenset({"__schema", "__type"})


class Cost(NamedTuple):
    """What an operation may come to. points: of work. cents: of money that a vendor asks for."""

    points: int
    cents: int = 0


class Parsed(Protocol):
    """An operation, the document that it is of, and its formula once there is one."""

    document: DocumentNode
    node: OperationDefinitionNode
    price: "CostFormula | None"


class PageSize:
    """How often what a connection holds comes back: the greatest size that is asked for."""

    __slots__ = ("_stated", "variables")

    def __init__(self, stated: Iterable[int], variables: Iterable[tuple[str, object]]) -> None:
        """Take sizes in the document, and names of variables, each with its default."""
        self._stated = max(stated, default=-1)
        self.variables = tuple(variables)

    @property
    def varies(self) -> bool:
        """Say whether variables decide it."""
        return bool(self.variables)

    def of(self, variables: Mapping[str, object]) -> int:
        """Return the size that these variables ask for; the default one where they ask for none."""
        asked = self._stated
        for name, default in self.variables:
            size = _size(variables.get(name, default))
            if size is not None and size > asked:
                asked = size
        return asked if asked >= 0 else PAGE_ITEMS_DEFAULT


@dataclass(slots=True)
class _Sum:
    """A cost that may depend on variables: so much, and so many times what earlier rows come to."""

    points: int = 0
    cents: int = 0
    rows: dict[int, int] = field(default_factory=dict)

    def add(self, other: "_Sum", times: int = 1) -> None:
        """Add another cost so many times."""
        self.points = min(self.points + times * other.points, COUNT_MAX)
        self.cents = min(self.cents + times * other.cents, COUNT_MAX)
        for row, count in other.rows.items():
            self.rows[row] = min(self.rows.get(row, 0) + times * count, COUNT_MAX)


_Row = tuple[PageSize | None, int, int, tuple[tuple[int, int], ...]]
"""One step of a formula: points, cents and multiples of earlier rows, times a page size if any."""


class CostFormula:
    """What an operation may come to, by its variables. Build with `formula_of`.

    What came of the page sizes that are asked for most is looked up.
    """

    __slots__ = ("_known", "_rows", "_variables", "constant")

    def __init__(self, rows: tuple[_Row, ...]) -> None:
        """Take the rows in the order of their working out; the last one is the operation's."""
        self._rows = rows
        pages = [row[0] for row in rows if row[0] is not None]
        self._variables = tuple(dict.fromkeys(one for page in pages for one in page.variables))
        self._known: dict[tuple[object, ...], Cost] = {}
        self.constant: Cost | None = None
        if len(rows) == 1:  # the operation's own, which is no page
            self.constant = Cost(rows[0][1], rows[0][2])

    def of(self, variables: Mapping[str, object]) -> Cost:
        """Return the cost with these variables, which need not have been checked."""
        if self.constant is not None:
            return self.constant
        asked = tuple([variables.get(name, default) for name, default in self._variables])
        try:
            cost = self._known.get(asked)
        except TypeError:  # a list, say, which validation refuses afterwards
            return self._worked_out(variables)
        if cost is None:
            cost = self._worked_out(variables)
            if all(type(size) is int for size in asked):
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[asked] = cost
        return cost

    def _worked_out(self, variables: Mapping[str, object]) -> Cost:
        worked_out: list[tuple[int, int]] = []
        for page, own_points, own_cents, terms in self._rows:
            points, cents = own_points, own_cents
            for index, times in terms:
                inner = worked_out[index]
                points += times * inner[0]
                cents += times * inner[1]
            if page is not None:
                size = page.of(variables)
                points *= size
                cents *= size
            if points > COUNT_MAX or cents > COUNT_MAX:
                points, cents = min(points, COUNT_MAX), min(cents, COUNT_MAX)
            worked_out.append((points, cents))
        return Cost(*worked_out[-1])


def formula_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> CostFormula:
    """Return the formula of one operation of a valid document."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    walk = _Walk(schema, _defaults(operation))
    for name in _innermost_first(operation.selection_set, fragments):
        fragment = fragments[name]
        condition = schema.type_map.get(fragment.type_condition.name.value)
        walk.fragments[name] = walk.as_row(walk.selection(fragment.selection_set, condition))
    total = walk.selection(operation.selection_set, schema.get_root_type(operation.operation))
    walk.row(None, total)
    return CostFormula(tuple(walk.rows))


def check_ceiling(cost: Cost, points_max: int) -> None:
    """Raise CostExceeded for more points than one operation may come to."""
    if cost.points > points_max:
        raise CostExceeded(
            f"The operation costs up to {cost.points}, and {points_max} are allowed: ask for "
            "shorter pages or fewer fields."
        )


class Prices:
    """The formulas of operations, each made once and kept with its operation."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._points_max = limits.cost

    def of(self, operation: Parsed, variables: Mapping[str, object]) -> Cost:
        """Return what an operation comes to; raises CostExceeded above the ceiling."""
        formula = operation.price
        if formula is None:
            formula = formula_of(self._schema, operation.document, operation.node)
            operation.price = formula
        cost = formula.of(variables)
        check_ceiling(cost, self._points_max)
        return cost


class _Walk:
    """Walks selection sets; `rows` grows where a page size is a variable."""

    def __init__(self, schema: GraphQLSchema, defaults: Mapping[str, object]) -> None:
        self._schema = schema
        self._defaults = defaults
        self.rows: list[_Row] = []
        self.fragments: dict[str, _Sum] = {}

    def row(self, page: PageSize | None, inner: _Sum) -> _Sum:
        """Add a row, and return what stands for it."""
        self.rows.append((page, inner.points, inner.cents, tuple(inner.rows.items())))
        return _Sum(rows={len(self.rows) - 1: 1})

    def as_row(self, inner: _Sum) -> _Sum:
        """Return a cost that is short however long it is, for what is added more than once."""
        return self.row(None, inner) if inner.rows else inner

    def selection(self, selections: SelectionSetNode, parent: object) -> _Sum:
        """Return what a selection set on a type comes to; nesting is bounded by the parser."""
        total = _Sum()
        spread: set[str] = set()
        waiting: list[tuple[SelectionSetNode, object]] = [(selections, parent)]
        while waiting:
            chosen, kind = waiting.pop()
            for selection in chosen.selections:
                if isinstance(selection, FieldNode):
                    self._add_field(total, selection, kind)
                elif isinstance(selection, FragmentSpreadNode):
                    spread.add(selection.name.value)
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    inner = self._schema.type_map.get(condition.name.value) if condition else kind
                    waiting.append((selection.selection_set, inner))
        for name in spread:
            if name in self.fragments:
                total.add(self.fragments[name])
        return total

    def _add_field(self, total: _Sum, node: FieldNode, parent: object) -> None:
        name = node.name.value
        if name in _INTROSPECTION:
            total.add(_Sum(points=INTROSPECTION_POINTS))
            return
        total.points += 1
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return
        definition = parent.fields.get(name)
        if definition is None:
            return
        total.cents += cents_of(parent.name, name)
        if node.selection_set is not None:
            below = self.selection(node.selection_set, get_named_type(definition.type))
            self._add_below(total, below, node, definition, parent)

    def _add_below(
        self,
        total: _Sum,
        below: _Sum,
        node: FieldNode,
        definition: GraphQLField,
        parent: GraphQLNamedType,
    ) -> None:
        """Add what is selected below a field, as often as it can come back."""
        if any(name in definition.args for name in _PAGE_ARGUMENTS):
            page = self._page(node, definition)
            if page.varies:
                total.add(self.row(page, below))
            else:
                total.add(below, page.of({}))
            return
        inner = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        in_page = node.name.value == "edges" and parent.name.endswith("Connection")
        total.add(below, UNPAGED_ITEMS if is_list_type(inner) and not in_page else 1)

    def _page(self, node: FieldNode, definition: GraphQLField) -> PageSize:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        stated: list[int] = []
        variables: list[tuple[str, object]] = []
        for name in _PAGE_ARGUMENTS:
            if name not in definition.args:
                continue
            value = given.get(name)
            default = definition.args[name].default_value
            if isinstance(value, VariableNode):
                variable = value.name.value
                variables.append((variable, self._defaults.get(variable, default)))
            elif isinstance(value, IntValueNode):
                stated.append(int(value.value))
            elif value is None and (size := _size(default)) is not None:
                stated.append(size)
        return PageSize(stated, variables)


def _size(value: object) -> int | None:
    """Return a page size as it will be taken: 5.0 is 5; None for what is no size."""
    if type(value) is int:  # nearly always
        return value if value >= 0 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and value >= 0 else None


def _defaults(operation: OperationDefinitionNode) -> Mapping[str, object]:
    """Return the page sizes that the operation itself states for variables that are not given."""
    return {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }


def _innermost_first(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    """Yield the fragments that a selection set reaches, each after those that it spreads."""
    done: set[str] = set()
    entered: set[str] = set()
    waiting = [*_spread_in(selections)]
    while waiting:
        name = waiting[-1]
        if name in done or name not in fragments:
            waiting.pop()
        elif name in entered:
            waiting.pop()
            done.add(name)
            yield name
        else:
            entered.add(name)
            within = _spread_in(fragments[name].selection_set)
            waiting.extend(one for one in within if one not in entered)


def _spread_in(selections: SelectionSetNode) -> Iterator[str]:
    stack = [selections]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif (inner := getattr(selection, "selection_set", None)) is not None:
                stack.append(inner)
