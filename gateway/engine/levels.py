"""What an operation plan is made of: levels of objects, and the fields fetched for them.

A level is one selection on one object type. What is read off the objects themselves is written out
by generated code (`emission.py`); what has to be fetched is fetched for all objects of the level at
once (`running.py`), and what comes back are the objects of the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLAbstractType, GraphQLField, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path

from gateway.engine.arguments import ArgumentsOf
from resolvers.reads import Reads
from schema.fetch import Fetch
from schema.gates import Gate

Emit = Callable[[Sequence[Any], Reads | None], list[Any]]
"""Writes out objects; raises anything where one of them is not as its type says."""


class NotPlanned(Exception):
    """An operation that plans do not cover, and that graphql-core executes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One selection on one object type. weight: about how many bytes it takes in memory."""

    object_type: GraphQLObjectType
    emit: Emit
    fetched: tuple["Fetched", ...]
    weight: int


@dataclass(slots=True, kw_only=True, eq=False)
class Fetched:
    """One field whose values are fetched, for all objects of a level.

    slot: where they go in what was written out. fetch: None where the schema does not say how, and
    graphql-core's way of calling a resolver is followed. refused: by the field's rule. level: the
    next one; None for a leaf and for an abstract type. leaf: how a value without a selection is
    written. completed: by graphql-core, always; lists within lists are. arguments: None where the
    field takes none. levels: of an abstract type, by the class of a value and by runtime type.
    """

    slot: str
    key: str
    parent_type: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    nodes: list[FieldNode]
    fetch: Fetch | None
    gate: Gate | None
    refused: bool
    at_root: bool
    arguments: ArgumentsOf | None
    nullable: bool
    is_list: bool
    item_nullable: bool
    leaf: Callable[[Any], Any] | None
    abstract: GraphQLAbstractType | None
    level_of: Callable[[GraphQLObjectType], Level]
    level: Level | None
    completed: bool
    levels: dict[type, Level] = field(default_factory=dict)
    levels_by_name: dict[str, Level] = field(default_factory=dict)


class Group:
    """The objects of one level that one field's values led to, and where they belong.

    parents: of each object the place of its parent among the parent group's; None: the same place.
    items: of each object its place in its list; None where there is no list.
    """

    __slots__ = ("field", "items", "level", "outs", "parent", "parents", "sources")

    def __init__(
        self,
        level: Level,
        sources: Sequence[Any],
        outs: list[Any],
        parent: "Group | None" = None,
        field: Fetched | None = None,
        parents: list[int] | None = None,
        items: list[int] | None = None,
    ) -> None:
        self.level = level
        self.sources = sources
        self.outs = outs
        self.parent = parent
        self.field = field
        self.parents = parents
        self.items = items

    def parent_of(self, number: int) -> int:
        """Return the place of an object's parent in the parent group."""
        return number if self.parents is None else self.parents[number]

    def path(self, number: int) -> Path | None:
        """Return where an object stands in the answer; None for the root."""
        if self.parent is None or self.field is None:
            return None
        path = self.parent.path_of(self.parent_of(number), self.field)
        return path if self.items is None else Path(path, self.items[number], None)

    def path_of(self, number: int, field: Fetched) -> Path:
        """Return where an object's field stands in the answer."""
        return Path(self.path(number), field.key, field.parent_type.name)
