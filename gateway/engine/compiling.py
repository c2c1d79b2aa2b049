"""Compiles an operation into its plan.

Fields are collected once, by graphql-core, and sorted by how their values are had.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from gateway.engine.arguments import ArgumentsOf
from gateway.engine.emission import Entry, Selection, compile_emission, slot_of
from gateway.engine.excerpting import Excerpting, record_of
from gateway.engine.leaves import leaf_writer
from gateway.engine.levels import Fetched, Level, NotPlanned
from gateway.engine.steering import fragments_of
from schema.fetch import FETCH, Attribute, Fetch
from schema.gates import GATE, Gate
from schema.rules import Rule
from tenants.records.excerpts import Excerpt

_STEERING = frozenset({"skip", "include"})
_FETCHED_BYTES = 3_000
FIELDS_MAX = 400
"""Compiling takes 20 to 40 µs a field, on the event loop."""


@dataclass(slots=True, kw_only=True, eq=False)
class Plan:
    """How one operation is executed: its first level.

    serial: one root field after the other. weight: about how many bytes it takes; it grows with the
    levels of runtime types. kept: for its next use. used: since it was last looked at for being
    forgotten. excerpts: by the class of stored records, what it reads of them.
    """

    root: Level
    serial: bool
    weight: int
    excerpts: Mapping[type, Excerpt[Any]]
    kept: bool = False
    used: bool = False


def compile_plan(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    steered: Mapping[str, Any],
    refused: Collection[Rule],
    *,
    denied: Collection[str] = (),
    hide: bool,
    grown: Callable[[Plan, int], None] = lambda _plan, _bytes: None,
) -> Plan:
    """Return the plan for these values of the steering variables, and these rules being refused.

    denied: fields refused besides, as `Type.field`. grown: hears of the bytes that a plan takes
    more, once it is in use. Raises NotPlanned where graphql-core has to execute the operation.
    """
    root = schema.get_root_type(operation.operation)
    if root is None:
        raise NotPlanned("no such root type")
    compiler = _Compiler(schema, document, operation, steered, refused, denied, hide=hide)
    level = compiler.root(root)
    plan = Plan(
        root=level,
        serial=operation.operation is OperationType.MUTATION,
        weight=level.weight,
        excerpts=compiler.excerpting.found,
    )

    def grow(weight: int) -> None:
        plan.weight += weight
        grown(plan, weight)

    compiler.grow = grow
    return plan


class _Compiler:
    """Compiles levels; those of abstract types' runtime types when they are first met."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        steered: Mapping[str, Any],
        refused: Collection[Rule],
        denied: Collection[str],
        *,
        hide: bool,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            name: FragmentDetails(fragment) for name, fragment in fragments_of(document).items()
        }
        self._variables = VariableValues({}, dict(steered))
        self._refused = frozenset(id(rule) for rule in refused)
        self._denied = denied
        self._hide = hide
        self._fields = 0
        # What is changed is read whole, by whoever changes it.
        reads = operation.operation is OperationType.QUERY
        self.excerpting = Excerpting(record_of if reads else lambda _object_type: None)
        self.grow: Callable[[int], None] = lambda _bytes: None

    def root(self, root: GraphQLObjectType) -> Level:
        """Return the first level."""
        collected = collect_fields(
            self._schema, self._fragments, self._variables, root, self._operation, self._hide
        )
        return self._level(root, collected.grouped_field_set, at_root=True)

    def _below(self, object_type: GraphQLObjectType, details: FieldDetailsList) -> GroupedFieldSet:
        collected = collect_subfields(
            self._schema,
            self._fragments,
            self._variables,
            self._operation,
            object_type,
            details,
            self._hide,
        )
        return collected.grouped_field_set

    def _level(
        self, object_type: GraphQLObjectType, fields: GroupedFieldSet, *, at_root: bool = False
    ) -> Level:
        entries: list[Entry] = []
        fetched: list[Fetched] = []
        weight = 0
        self._count(len(fields))
        for number, (key, details) in enumerate(fields.items()):
            entry = self._entry(object_type, key, details, at_root=at_root)
            if entry is None:
                one = self._fetched(object_type, slot_of(number), key, details, at_root=at_root)
                fetched.append(one)
                weight += _FETCHED_BYTES + (one.level.weight if one.level else 0)
                entry = Entry(key=key, gate=None if one.refused or at_root else one.gate)
            entries.append(entry)
        selection = self.excerpting.selection(object_type, entries)
        emit, bytes_taken = compile_emission(selection, at_root=at_root)
        return Level(
            object_type=object_type,
            emit=emit,
            fetched=tuple(fetched),
            weight=weight + bytes_taken,
        )

    def _entry(
        self,
        parent: GraphQLObjectType,
        key: str,
        details: FieldDetailsList,
        *,
        at_root: bool = False,
    ) -> Entry | None:
        """Return how the field is read off its parent, all that is below it included; else None."""
        name = details[0].node.name.value
        if name == "__typename":
            return Entry(key=key, constant=parent.name)
        definition = parent.fields.get(name)
        if definition is None:
            raise NotPlanned(f"the field {name}")
        gate: Gate | None = definition.extensions.get(GATE)
        fetch: Fetch | None = definition.extensions.get(FETCH)
        if at_root or not isinstance(fetch, Attribute) or self._is_refused(gate):
            return None
        named = get_named_type(definition.type)
        if is_leaf_type(named):
            return Entry(key=key, path=fetch.path, output=definition.type, gate=gate)
        if not is_object_type(named) or named.is_type_of is not None:
            return None
        entries = []
        fields = self._below(named, details)
        self._count(len(fields))
        for inner_key, inner_details in fields.items():
            entry = self._entry(named, inner_key, inner_details)
            if entry is None:
                return None
            entries.append(entry)
        inner = Selection(object_type=named, entries=entries)
        return Entry(key=key, path=fetch.path, output=definition.type, inner=inner, gate=gate)

    def _fetched(
        self,
        parent: GraphQLObjectType,
        slot: str,
        key: str,
        details: FieldDetailsList,
        *,
        at_root: bool,
    ) -> Fetched:
        node = details[0].node
        definition = parent.fields[node.name.value]
        shape = _Shape.of(definition.type)
        named = get_named_type(definition.type)
        gate: Gate | None = definition.extensions.get(GATE)
        refused = self._is_refused(gate)

        def level_of(object_type: GraphQLObjectType) -> Level:
            found = self._level(object_type, self._below(object_type, details))
            self.grow(found.weight)
            return found

        level = None
        if is_object_type(named) and not refused:
            level = self._level(named, self._below(named, details))
        return Fetched(
            slot=slot,
            key=key,
            parent_type=parent,
            definition=definition,
            details=details,
            nodes=[one.node for one in details],
            fetch=definition.extensions.get(FETCH),
            gate=gate,
            refused=refused,
            at_root=at_root,
            arguments=ArgumentsOf(definition, node, hide=self._hide)
            if definition.args or node.arguments
            else None,
            nullable=shape.nullable,
            is_list=shape.is_list,
            item_nullable=shape.item_nullable,
            leaf=leaf_writer(named) if is_leaf_type(named) else None,
            abstract=named if is_abstract_type(named) else None,
            level_of=level_of,
            level=level,
            completed=shape.is_nested or (is_object_type(named) and named.is_type_of is not None),
        )

    def _count(self, fields: int) -> None:
        """Count fields as they are compiled; raises NotPlanned beyond what one plan may have."""
        self._fields += fields
        if self._fields > FIELDS_MAX:
            raise NotPlanned("too many fields")

    def _is_refused(self, gate: Gate | None) -> bool:
        if gate is None:
            return False
        return id(gate.rule) in self._refused or gate.name in self._denied


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How an output type wraps its named type."""

    nullable: bool
    is_list: bool = False
    item_nullable: bool = True
    is_nested: bool = False

    @classmethod
    def of(cls, output: GraphQLOutputType) -> "_Shape":
        nullable = not is_non_null_type(output)
        kind: Any = output.of_type if is_non_null_type(output) else output
        if not is_list_type(kind):
            return cls(nullable=nullable)
        item: Any = kind.of_type
        inner: Any = item.of_type if is_non_null_type(item) else item
        return cls(
            nullable=nullable,
            is_list=True,
            item_nullable=not is_non_null_type(item),
            is_nested=is_list_type(inner),
        )
