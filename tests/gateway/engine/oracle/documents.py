"""Draws documents over the nasty schema: valid ones, whose selections overlap as often as they can.

A response key always stands for the same field with the same arguments and the same type, wherever
it is drawn, so that whatever is merged can be; and it is drawn again often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.inputs import Inputs, Variable
from tests.gateway.engine.oracle.synthetic import (
    CODES,
    ECHOES,
    FETCHED,
    LEAVES,
    OBJECTS,
    PET_WAYS,
    TABLED,
    WAYS,
    field_name,
)

_DEPTH_MAX = 5
_FIELDS_MAX = 16
_FRAGMENTS_MAX = 5
_POOLED = ("Thing", "Cat", "Dog", "Bird")


@dataclass(frozen=True, slots=True)
class Document:
    """A document. used: by the name of an object type, the fields that are selected on it."""

    text: str
    kind: str
    operation_name: str | None
    variables: dict[str, Variable]
    used: dict[str, dict[str, None]]


class Shapes:
    """What the schema lets documents be made of, found out once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.overlapping = {
            name: [
                other
                for other in (*_POOLED[:3], "Pet", "Beast", "Some")
                if self._possible(name) & self._possible(other)
            ]
            for name in (*TABLED, *_POOLED, "Pet", "Beast", "Some")
        }

    def _possible(self, name: str) -> frozenset[str]:
        named = self.schema.type_map[name]
        if is_abstract_type(named):
            return frozenset(one.name for one in self.schema.get_possible_types(named))
        return frozenset((name,))

    @cached_property
    def fields(self) -> dict[str, dict[str, GraphQLField]]:
        """Return by type the fields that can be selected on it."""
        return {
            name: dict(named.fields)
            for name, named in self.schema.type_map.items()
            if isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        }

    def possible(self, name: str) -> frozenset[str]:
        """Return the object types that a value of the type may be of."""
        return self._possible(name)


@dataclass(slots=True)
class Documents:
    """Draws one document."""

    shapes: Shapes
    draws: Draws
    inputs: Inputs = field(init=False)
    used: dict[str, dict[str, None]] = field(default_factory=dict)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    met: list[tuple[str, str, str]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.draws)

    def draw(self) -> Document:
        """Return a document."""
        draws = self.draws
        kind = draws.pick(("query",) * 7 + ("mutation",) * 2 + ("subscription",))
        root = kind.capitalize()
        if kind == "subscription":  # which may have one field alone
            body = f"{{{self._field(root, 0, '')}}}"
        else:
            body = self.selection(root, 0, entries_min=2)
        name = draws.pick((None, "A", "Two"))
        declared = ", ".join(one.definition for one in self.inputs.variables.values())
        head = f"{kind} {name or ''}" + (f"({declared})" if declared else "")
        text = f"{head} {body}"
        if name is not None and draws.chance(15):
            text = f"query Other {{ __typename }} {text}"
        for fragment, (condition, inner) in self.fragments.items():
            text += f"\nfragment {fragment} on {condition} {inner}"
        return Document(text, kind, name, self.inputs.variables, self.used)

    def selection(self, parent: str, depth: int, *, entries_min: int = 1) -> str:
        """Return a selection set on a type."""
        draws = self.draws
        wished = entries_min + draws.below(4 if depth < _DEPTH_MAX else 2)
        entries = [self._entry(parent, depth) for _ in range(wished)]
        joint = draws.pick((" ", " ", "\n  "))
        return f"{{{joint.join(entries)}}}"

    def _entry(self, parent: str, depth: int) -> str:
        draws = self.draws
        way = draws.below(20)
        if way < 13 and parent == "Some":  # a union, which has no fields of its own
            way = 16 + way % 3
        directives = self._directives()
        if self.count >= _FIELDS_MAX or way < 13:
            return self._field(parent, depth, directives)
        if way == 13:
            return f"{draws.pick(('', 'kind: ', 'type: '))}__typename{directives}"
        if depth > _DEPTH_MAX:
            return self._field(parent, depth, directives)
        if way in {14, 15}:
            return self._again(parent, depth, directives)
        if way in {16, 17}:
            condition = draws.pick((parent, *self.shapes.overlapping[parent]))
            where = f" on {condition}" if condition != parent or draws.chance(50) else ""
            return f"...{where}{directives} {self.selection(condition, depth + 1)}"
        return f"...{self._spread(parent, depth)}{directives}"

    def _directives(self) -> str:
        if not self.draws.chance(10):
            return ""
        text = f" @{self.draws.pick(('skip', 'include'))}(if: {self.inputs.condition()})"
        if "@skip" in text and self.draws.chance(20):
            text += f" @include(if: {self.inputs.condition()})"
        return text

    def _spread(self, parent: str, depth: int) -> str:
        """Return the name of a fragment that may be spread here, an old or a new one."""
        overlapping = (parent, *self.shapes.overlapping[parent])
        known = [name for name, (kind, _) in self.fragments.items() if kind in overlapping]
        full = len(self.fragments) >= _FRAGMENTS_MAX
        if known and (full or self.draws.chance(60)):
            return self.draws.pick(known)
        condition = self.draws.pick(overlapping)
        inner = self.selection(condition, depth + 1)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = (condition, inner)
        return name

    def _again(self, parent: str, depth: int, directives: str) -> str:
        """Select once more what has been selected on the type before, with another selection."""
        known = [one for one in self.met if one[0] == parent]
        if not known:
            return self._field(parent, depth, directives)
        _, name, head = self.draws.pick(known)
        return self._below(parent, name, head, depth, directives)

    def _field(self, parent: str, depth: int, directives: str) -> str:
        deep = depth >= _DEPTH_MAX or self.count >= _FIELDS_MAX
        name = self._name(parent, deep=deep)
        if name == "__typename":
            return f"__typename{directives}"
        definition = self.shapes.fields[parent][name]
        given = self.inputs.arguments(definition.args) if definition.args else ""
        head = self._keyed(name, given, str(definition.type))
        self.met.append((parent, name, head))
        return self._below(parent, name, head, depth, directives)

    def _below(self, parent: str, name: str, head: str, depth: int, directives: str) -> str:
        self.count += 1
        definition = self.shapes.fields[parent][name]
        for one in self.shapes.possible(parent):
            self.used.setdefault(one, {})[name] = None
        named: Any = get_named_type(definition.type)
        if not is_composite_type(named):
            return f"{head}{directives}"
        return f"{head}{directives} {self.selection(named.name, depth + 1)}"

    def _keyed(self, name: str, given: str, kind: str) -> str:
        """Return the field under a response key that stands for nothing else."""
        spelled = f"{name}{given} {kind}"
        if self.draws.chance(15):
            alias = self.draws.pick(("a", "b", "c", "a_b", "zz"))
            if self.keys.setdefault(alias, spelled) == spelled:
                return f"{alias}: {name}{given}"
        if self.keys.setdefault(name, spelled) == spelled:
            return f"{name}{given}"
        alias = next(key for key in _aliases(name) if self.keys.get(key, spelled) == spelled)
        self.keys[alias] = spelled
        return f"{alias}: {name}{given}"

    def _name(self, parent: str, *, deep: bool) -> str:
        """Return the name of a field to select on the type."""
        draws = self.draws
        if parent in TABLED:
            return self._tabled(deep=deep, at_root=parent != "Thing")
        names: Sequence[str] = tuple(self.shapes.fields.get(parent, ()))
        if deep:
            names = [name for name in names if not self._is_composite(parent, name)]
        return draws.pick(names) if names else "__typename"

    def _tabled(self, *, deep: bool, at_root: bool) -> str:
        draws = self.draws
        if draws.chance(8):
            way, kind = draws.pick(FETCHED), draws.pick(tuple(ECHOES))
            return field_name(way, kind, draws.pick(("", "N")))
        way = draws.pick(WAYS if at_root else _MOSTLY_READ)
        composite = not deep and draws.chance(70 if at_root else 40)
        kind = draws.pick(_OBJECT_KINDS if composite else tuple(LEAVES))
        return field_name(way, kind, draws.pick(CODES))

    def _is_composite(self, parent: str, name: str) -> bool:
        return is_composite_type(get_named_type(self.shapes.fields[parent][name].type))


_MOSTLY_READ = ("read", "read", "dig", *WAYS)
_OBJECT_KINDS = ("thing", "thing", "thing", *OBJECTS)
assert set(PET_WAYS) <= set(_POOLED)


def _aliases(name: str) -> Sequence[str]:
    return [f"{name}_{number}" for number in range(1, 200)]
