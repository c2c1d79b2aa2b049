"""Judges the `@aws_*` marks of an SDL as AppSync would read them, so that none fails open.

AppSync passes over a mark in silence where it has no effect, and refuses what nobody meant to
refuse where a returned type lacks one. Such an SDL is not served: `schema/build.py` asks here
whenever it makes the schema.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    Node,
    ObjectTypeDefinitionNode,
    OperationType,
    SchemaDefinitionNode,
    StringValueNode,
    TypeNode,
    UnionTypeDefinitionNode,
)

from domain.actors import Group

API_KEY, OIDC, LAMBDA = "aws_api_key", "aws_oidc", "aws_lambda"
USER_POOLS = "aws_cognito_user_pools"
MODES = frozenset({API_KEY, OIDC, LAMBDA, USER_POOLS})
_PREFIX, _SUBSCRIBE = "aws_", "aws_subscribe"
_GROUPS = frozenset(group.value for group in Group)
EVERY_GROUP = frozenset({"*"})

Marks = Mapping[str, frozenset[str]]
"""By the name of a mode the groups that it is for; EVERY_GROUP where none are named."""


class UnsoundMarks(Exception):
    """The marks of a schema do not say what is enforced, or say it where nobody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Types:
    """What an SDL defines: object types, what abstract types can be, and its subscription type."""

    objects: dict[str, ObjectTypeDefinitionNode] = field(default_factory=dict)
    possible: dict[str, list[str]] = field(default_factory=dict)
    subscription: str


def faults_of(document: DocumentNode) -> list[str]:
    """Return what is wrong with the marks of an SDL, each with its place."""
    types = _types_of(document)
    return [*_without_effect(document, types), *_unmarked(types), *_lacking(types)]


def marks_by_field(document: DocumentNode) -> dict[str, Marks]:
    """Return what each field of an SDL is marked with, its own marks or its type's."""
    return {
        f"{name}.{each.name.value}": _marks_in(one, each)
        for name, one in _types_of(document).objects.items()
        for each in one.fields or ()
    }


def _without_effect(document: DocumentNode, types: _Types) -> Iterator[str]:
    """Find marks that AppSync passes over, wherever they are written."""
    effective: set[int] = set()
    for name, one in types.objects.items():
        effective.update(map(id, one.directives or ()))
        for each in one.fields or ():
            effective.update(map(id, each.directives or ()))
        own = [bool(_marks_of(each.directives)) for each in one.fields or ()]
        if own and all(own) and _marks_of(one.directives):
            yield f"{name}: its marks have no effect, as each field has its own"
    for place, mark in _every_mark(document):
        used = mark.name.value
        if used not in MODES and used != _SUBSCRIBE:
            yield f"{place}: @{used} is ignored"
        elif id(mark) not in effective:
            yield f"{place}: @{used} has no effect there"
        elif used == _SUBSCRIBE and place.partition(".")[0] != types.subscription:
            yield f"{place}: @{used} is for subscriptions alone"
        elif used == USER_POOLS and not _are_groups(_groups(mark)):
            yield f"{place}: @{used} names no group, or one that there is not"


def _unmarked(types: _Types) -> Iterator[str]:
    for name, one in types.objects.items():
        for each in one.fields or ():
            if not _marks_in(one, each):
                yield f"{name}.{each.name.value}: it has no mark, and neither has its type"


def _lacking(types: _Types) -> Iterator[str]:
    """Find returned types that refuse whom the field lets through: nothing would be answered.

    Of what an abstract type can be, each principal has to be able to read some.
    """
    for name, one in types.objects.items():
        for each in one.fields or ():
            returned = _named(each.type)
            possible = types.possible.get(returned, [returned])
            objects = [types.objects[inner] for inner in possible if inner in types.objects]
            for lacking in _missing(_marks_in(one, each), _reach_of(objects)) if objects else ():
                yield f"{name}.{each.name.value}: its type {returned} lacks {lacking}"


def _missing(allowed: Marks, reach: Marks) -> Iterator[str]:
    for mode, groups in allowed.items():
        if mode not in reach:
            yield f"@{mode}"
        elif reach[mode] != EVERY_GROUP and not groups <= reach[mode]:
            yield f"@{mode} for {', '.join(sorted(groups - reach[mode]))}"


def _reach_of(objects: Iterable[ObjectTypeDefinitionNode]) -> Marks:
    """Return who may read any field of these types at all."""
    reach: dict[str, frozenset[str]] = {}
    for one in objects:
        for each in one.fields or ():
            for mode, groups in _marks_in(one, each).items():
                known = reach.get(mode, frozenset())
                reach[mode] = EVERY_GROUP if EVERY_GROUP in (known, groups) else known | groups
    return reach


def _marks_in(one: ObjectTypeDefinitionNode, each: FieldDefinitionNode) -> Marks:
    """Return a field's marks: its own replace those of its type."""
    return _marks_of(each.directives) or _marks_of(one.directives)


def _marks_of(directives: Iterable[DirectiveNode] | None) -> Marks:
    """Return the modes among directives."""
    return {one.name.value: _groups(one) for one in directives or () if one.name.value in MODES}


def _groups(mark: DirectiveNode) -> frozenset[str]:
    """Return the groups that a mark names; all where it has no such argument."""
    for argument in mark.arguments or ():
        if isinstance(argument.value, ListValueNode):
            values = argument.value.values
            return frozenset(one.value for one in values if isinstance(one, StringValueNode))
    return EVERY_GROUP


def _are_groups(groups: frozenset[str]) -> bool:
    return groups == EVERY_GROUP or (bool(groups) and groups <= _GROUPS)


def _types_of(document: DocumentNode) -> _Types:
    subscription = "Subscription"
    for one in document.definitions:
        if isinstance(one, SchemaDefinitionNode):
            for root in one.operation_types:
                if root.operation is OperationType.SUBSCRIPTION:
                    subscription = root.type.name.value
    types = _Types(subscription=subscription)
    for one in document.definitions:
        if isinstance(one, ObjectTypeDefinitionNode):
            types.objects[one.name.value] = one
            for interface in one.interfaces or ():
                types.possible.setdefault(interface.name.value, []).append(one.name.value)
        elif isinstance(one, UnionTypeDefinitionNode):
            types.possible[one.name.value] = [each.name.value for each in one.types or ()]
        elif isinstance(one, InterfaceTypeDefinitionNode):
            types.possible.setdefault(one.name.value, [])
    return types


def _named(kind: TypeNode) -> str:
    while not isinstance(kind, NamedTypeNode):
        kind = kind.type  # type: ignore[attr-defined]  # a list or a non-null wraps another
    return kind.name.value


def _every_mark(node: Node, names: tuple[str, ...] = ()) -> Iterator[tuple[str, DirectiveNode]]:
    """Return each use of an `@aws_*` directive with the names on the way to it."""
    if isinstance(node, DirectiveNode):
        if node.name.value.startswith(_PREFIX):
            yield ".".join(names) or "schema", node
        return
    name: NameNode | None = getattr(node, "name", None)
    inner = names if name is None else (*names, name.value)
    for key in node.keys:
        value = getattr(node, key)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Node):
                yield from _every_mark(one, inner)
