"""Generated code that writes out what is read off objects: one function a level.

The code is straight-line Python, made from the schema and the document's selections alone: names of
attributes come from the schema, response keys stand in the generated structs, and no text of a
client is ever part of it. A value that is not as its type says raises, and graphql-core completes
it instead, for its own errors.
"""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import msgspec
from graphql import (
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import UndefinedType, is_awaitable

from gateway.engine.leaves import FAST_CHECKS, Abnormal, leaf_writer, names_of_members
from gateway.engine.levels import Emit
from resolvers.reads import Reads
from schema.fetch import AS_IS, AsIs
from schema.gates import Gate, Owner
from tenants.records.excerpts import laid_name


class _NoExcerpt(Exception):
    """An object is not the excerpt that the code was written for."""


_KNOWN = (Abnormal, bool, float, int, is_awaitable, isinstance, list, str, tuple)
"""What generated code knows beside its own names."""
_STRUCT_BYTES = 4_500
_FIELD_BYTES = 700
_BYTES_PER_CHARACTER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One response key of a selection.

    constant: the type's own name. path: what is read off the object. output: its type; inner: its
    selection, where it has one. Without either, the key is a slot that is filled later. laid: the
    attribute that goes out as it lies in a stored body, where what stands in for the object has it.
    """

    key: str
    constant: str | None = None
    path: str | None = None
    output: GraphQLOutputType | None = None
    inner: "Selection | None" = None
    gate: Gate | None = None
    laid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is selected on an object type, by response keys in their order.

    stand_in: the class of what stands in for objects that are read of a store. weight: about how
    many bytes that takes.
    """

    object_type: GraphQLObjectType
    entries: Sequence[Entry]
    stand_in: type | None = None
    weight: int = 0


def slot_of(number: int) -> str:
    """Return the attribute that stands for the response key of that place."""
    return f"f{number}"


def struct_bytes(fields: int) -> int:
    """Return about how many bytes a struct's class takes."""
    return _STRUCT_BYTES + _FIELD_BYTES * fields


def compile_emission(selection: Selection, *, at_root: bool) -> tuple[Emit, int]:
    """Return the function that writes out objects of a level, and about how many bytes it takes.

    at_root: whatever the root is, only fields that are fetched ask it for anything.
    """
    writer = _Writer()
    emit = writer.level(selection, at_root=at_root)
    if not writer.met_excerpts:
        return emit, writer.weight
    whole: Emit | None = None

    def emit_either(sources: Sequence[Any], reads: Reads | None) -> list[Any]:
        """Write out excerpts; what else comes is rare, and has its code written when it does."""
        nonlocal whole
        try:
            return emit(sources, reads)
        except _NoExcerpt:
            if whole is None:
                whole = _Writer(of_excerpts=False).level(selection, at_root=at_root)
            return whole(sources, reads)

    return emit_either, 2 * writer.weight


class _Writer:
    """Writes one function: its lines, and what they name besides their own variables.

    of_excerpts: for excerpts, where the selection has any, and for nothing else in their place.
    """

    def __init__(self, *, of_excerpts: bool = True) -> None:
        self._of_excerpts = of_excerpts
        self.met_excerpts = False
        self._lines: list[str] = []
        self._names: dict[str, Any] = {one.__name__: one for one in _KNOWN}
        self._names["no_excerpt"] = _NoExcerpt
        self._names["no_objects"] = (Exception, UndefinedType, NoneType)
        self._kinds: list[str] = []
        self._count = 0
        self.weight = 0

    def level(self, selection: Selection, *, at_root: bool) -> Emit:
        """Return the function that writes out objects of a level."""
        self.line(0, "def emit(sources, reads):")
        self.line(1, "outs = []")
        self.line(1, "add = outs.append")
        self.line(1, "for s in sources:")
        if not at_root:
            self.refuse_what_is_no_object(2, "s", selection)
        self.line(2, f"add({self.object(2, 's', selection)})")
        self.line(1, "return outs")
        return self.function()

    def line(self, depth: int, text: str) -> None:
        """Add a line."""
        self._lines.append(" " * depth + text)

    def function(self) -> Emit:
        """Return the function that was written."""
        declared, *body = self._lines
        source = "\n".join((declared, *(f" {kind} = None" for kind in self._kinds), *body))
        self.weight += _BYTES_PER_CHARACTER * len(source)
        namespace = dict(self._names)
        exec(compile(source, "<operation plan>", "exec"), namespace)  # noqa: S102  # nosec B102 -- written above, of the schema's own names
        emit: Emit = namespace["emit"]
        return emit

    def object(
        self, depth: int, source: str, selection: Selection, noted: str | None = None
    ) -> str:
        """Write an object out; return the expression that makes it.

        noted: the variable that gathers what is read of the record around it, whose own all that
        lies within is. A record that lies in none has one, and is noted when it has been written.
        """
        bits = _bits(selection)
        owner = None if noted else _owner(selection)
        if owner is not None:
            noted = self._fresh()
            self.line(depth, f"{noted} = {bits}")
        elif noted and bits:
            self.line(depth, f"{noted} |= {bits}")
        values = [
            self._entry(depth, source, one, noted)
            if one.laid is None or not self._of_excerpts
            else self._laid(depth, source, one, noted)
            for one in selection.entries
        ]
        if owner is not None:
            name = self._name("owner", owner)
            self.line(depth, f"reads.read({name}(reads, {source}), {noted})")
        return f"{self._struct(selection)}({', '.join(values)})"

    def refuse_what_is_no_object(self, depth: int, source: str, selection: Selection) -> None:
        """Write what raises for what is no object, or has to be awaited to be one.

        Its class says which it is, and objects beside one another are mostly of one class.
        """
        if self._of_excerpts and selection.stand_in is not None:
            self.met_excerpts = True
            stand_in = self._name("stand_in", selection.stand_in)
            self.line(depth, f"if {source}.__class__ is not {stand_in}:")
            self.line(depth + 1, "raise no_excerpt")
            return
        kind = self._fresh()
        self._kinds.append(kind)
        self.line(depth, f"if {source}.__class__ is not {kind}:")
        self.line(depth + 1, f"if isinstance({source}, no_objects) or is_awaitable({source}):")
        self.line(depth + 2, "raise Abnormal")
        self.line(depth + 1, f"{kind} = {source}.__class__")

    def _entry(self, depth: int, source: str, entry: Entry, noted: str | None) -> str:
        if entry.constant is not None:
            return repr(entry.constant)
        if entry.path is None or entry.output is None:
            return "None"
        value = self._fresh()
        self.line(depth, f"{value} = {_read(source, entry.path)}")
        self._value(depth, value, entry.output, entry.inner, noted)
        return value

    def _laid(self, depth: int, source: str, entry: Entry, noted: str | None) -> str:
        """Write out what lies ready in an excerpt."""
        assert entry.laid is not None, "what lies ready has a name"
        assert entry.inner is not None, "and a selection"
        ready, bits = self._fresh(), _bits(entry.inner)
        self.line(depth, f"{ready} = {_read(source, laid_name(entry.laid))}")
        if noted and bits:
            self.line(depth, f"if {ready}:")
            self.line(depth + 1, f"{noted} |= {bits}")
        return ready

    def _value(
        self,
        depth: int,
        value: str,
        output: GraphQLOutputType,
        inner: Selection | None,
        noted: str | None,
    ) -> None:
        """Write lines that replace a value by what it is written as, or raise."""
        nullable = not is_non_null_type(output)
        kind: Any = output.of_type if is_non_null_type(output) else output
        if is_leaf_type(kind):
            self._leaf(depth, value, kind, nullable=nullable)
            return
        self.line(depth, f"if {value} is None:")
        self.line(depth + 1, "pass" if nullable else "raise Abnormal")
        self.line(depth, "else:")
        if is_list_type(kind):
            self._list(depth + 1, value, kind.of_type, inner, noted)
            return
        assert inner is not None, "what is no leaf has a selection"
        self.refuse_what_is_no_object(depth + 1, value, inner)
        made = self.object(depth + 1, value, inner, noted)
        self.line(depth + 1, f"{value} = {made}")

    def _list(
        self,
        depth: int,
        value: str,
        item_type: GraphQLOutputType,
        inner: Selection | None,
        noted: str | None,
    ) -> None:
        items, item = self._fresh(), self._fresh()
        self.line(depth, f"if {value}.__class__ is not list and {value}.__class__ is not tuple:")
        self.line(depth + 1, "raise Abnormal")
        self.line(depth, f"{items} = []")
        self.line(depth, f"for {item} in {value}:")
        self._value(depth + 1, item, item_type, inner, noted)
        self.line(depth + 1, f"{items}.append({item})")
        self.line(depth, f"{value} = {items}")

    def _leaf(self, depth: int, value: str, leaf: GraphQLLeafType, *, nullable: bool) -> None:
        write = leaf_writer(leaf)

        def look(found: Any) -> Any:
            if found is None:
                if nullable:
                    return None
                raise Abnormal
            return write(found)

        closer = self._name("look", look)
        check = FAST_CHECKS.get(leaf)
        as_is: AsIs | None = leaf.extensions.get(AS_IS)
        known = names_of_members(leaf)
        if as_is is not None:
            self._names.update(as_is.names)
            self.line(depth, f"if not ({as_is.check.format(v=value)}):")
            self._closer(depth + 1, value, closer, nullable=nullable)
        elif check is not None:
            self.line(depth, f"if {check.format(v=value)}:")
            self._closer(depth + 1, value, closer, nullable=nullable)
        elif known is not None:
            cls, names = self._name("cls", known[0]), self._name("names", known[1])
            self.line(depth, f"if {value}.__class__ is {cls}:")
            self.line(depth + 1, f"{value} = {names}[{value}._value_]")
            self.line(depth, "else:")
            self.line(depth + 1, f"{value} = {closer}({value})")
        else:
            self.line(depth, f"{value} = {closer}({value})")

    def _closer(self, depth: int, value: str, closer: str, *, nullable: bool) -> None:
        """Write a closer look at a value; a null that may be there needs none."""
        if nullable:
            self.line(depth, f"if {value} is not None:")
        self.line(depth + nullable, f"{value} = {closer}({value})")

    def _struct(self, selection: Selection) -> str:
        slots = [slot_of(number) for number in range(len(selection.entries))]
        keys = [entry.key for entry in selection.entries]
        struct = msgspec.defstruct(
            "Out",
            [(slot, Any) for slot in slots],
            rename=dict(zip(slots, keys, strict=True)),
            gc=False,
        )
        self.weight += struct_bytes(len(slots)) + selection.weight
        return self._name("struct", struct)

    def _name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}_{len(self._names)}"
        self._names[name] = value
        return name

    def _fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _bits(selection: Selection) -> int:
    bits = 0
    for entry in selection.entries:
        if entry.gate is not None and entry.gate.owner is not None:
            bits |= entry.gate.bit
    return bits


def _owner(selection: Selection) -> Owner | None:
    gates = (entry.gate for entry in selection.entries if entry.gate is not None)
    return next((gate.owner for gate in gates if gate.owner is not None), None)


def _read(source: str, path: str) -> str:
    names = path.split(".") if path else []
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in names):
        raise ValueError(f"not an attribute: {path}")
    return ".".join([source, *names])
