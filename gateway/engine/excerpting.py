"""What an operation plan reads of stored records, and what of that goes out as it lies.

The store decodes of each body what the plan reads (`tenants/records/excerpts.py`). Where a plan
writes lines under the names that they have in the body, and reads nothing of them that a body
spells otherwise than an answer does, it writes them out without looking at them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from gateway.engine.emission import Entry, Selection, struct_bytes
from gateway.engine.leaves import names_of_members
from schema.fetch import AS_IS, RECORD, AsIs
from tenants.records.excerpts import Excerpt, Laid, LaidField
from tenants.records.kinds import is_kept

_KINDS: dict[object, Any] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
}


class Excerpting:
    """Gathers the excerpts of one plan. found: by the class of a record, for the store."""

    def __init__(self, record_of: Callable[[GraphQLObjectType], type | None]) -> None:
        """Take what tells the class of the stored records that are of an object type."""
        self._record_of = record_of
        self.found: dict[type, Excerpt[Any]] = {}
        self._met: set[type] = set()

    def selection(self, object_type: GraphQLObjectType, entries: Sequence[Entry]) -> Selection:
        """Return the selection; of stored records, with what of it goes out as it lies.

        Records of a class that is selected in several ways are read whole.
        """
        record_type = self._record_of(object_type)
        if record_type is None:
            entries = [self._with_inner(entry) for entry in entries]
            return Selection(object_type=object_type, entries=entries)
        if record_type in self._met:
            self.found.pop(record_type, None)
            return Selection(object_type=object_type, entries=entries)
        self._met.add(record_type)
        return self._excerpted(record_type, object_type, entries)

    def _with_inner(self, entry: Entry) -> Entry:
        """Return the entry with what of the records beneath it goes out as it lies."""
        if entry.inner is None:
            return entry
        inner = self.selection(entry.inner.object_type, entry.inner.entries)
        return replace(entry, inner=inner)

    def _excerpted(
        self, record_type: type, object_type: GraphQLObjectType, entries: Sequence[Entry]
    ) -> Selection:
        laid: dict[str, Laid] = {}
        marked = []
        for entry in entries:
            lies = _laid(entry)
            if (
                lies is not None
                and lies.lies_in(record_type)
                and laid.setdefault(lies.attribute, lies) == lies  # another alias may want others
            ):
                marked.append(replace(entry, laid=lies.attribute))
            else:
                marked.append(entry)
        wanted = {
            entry.path.partition(".")[0]
            for entry in marked
            if entry.path is not None and entry.laid is None
        } - laid.keys()  # nothing in a body can be had in both ways
        excerpt = self.found[record_type] = Excerpt.of(record_type, wanted, laid.values())
        structs = [wanted, *(one.fields for one in laid.values())]
        return Selection(
            object_type=object_type,
            entries=marked,
            stand_in=excerpt.struct,
            weight=sum(struct_bytes(len(one)) for one in structs),
        )


def record_of(object_type: GraphQLObjectType) -> type | None:
    """Return the class of the stored records that are of an object type; None of others."""
    record_type: type | None = object_type.extensions.get(RECORD)
    return record_type if record_type is not None and is_kept(record_type) else None


def _laid(entry: Entry) -> Laid | None:
    """Return how lines are written that may lie so in a body; None where one never could."""
    if entry.inner is None or entry.path is None or entry.output is None or "." in entry.path:
        return None
    fields = [_laid_field(one) for one in entry.inner.entries]
    if any(one is None for one in fields):
        return None
    kind, nullable = _unwrapped(entry.output)
    return Laid(
        attribute=entry.path,
        fields=tuple(one for one in fields if one is not None),
        is_list=is_list_type(kind),
        nullable=nullable,
    )


def _laid_field(entry: Entry) -> LaidField | None:
    if entry.constant is not None:
        return LaidField(entry.key, constant=entry.constant)
    if entry.path is None or entry.output is None:
        return None
    leaf, nullable = _unwrapped(entry.output)
    kind = _stored_kind(leaf)
    return None if kind is None else LaidField(entry.key, entry.path, kind, nullable=nullable)


def _stored_kind(leaf: Any) -> Any:
    """Return what a leaf's values are in a body that are written just as they lie there."""
    if not is_leaf_type(leaf):
        return None
    as_is: AsIs | None = leaf.extensions.get(AS_IS)
    if as_is is not None:
        return as_is.stored
    if isinstance(leaf, GraphQLEnumType):
        known = names_of_members(leaf)
        alike = known is not None and all(value == name for value, name in known[1].items())
        return known[0] if known is not None and alike else None
    return _KINDS.get(leaf)


def _unwrapped(output: GraphQLOutputType) -> tuple[Any, bool]:
    """Return the type without non-null around it, and whether there was none."""
    return (output.of_type, False) if is_non_null_type(output) else (output, True)
