"""Writes out what was fetched: values as their types say, each in the place of its field.

A value that is not as its type says is odd: it is handed to graphql-core as it was fetched and
completed by its own executor, so that no resolver is called twice. What a fetch raised, and null
where there may be none, is treated as the specification's section on errors and non-null fields
says.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutine, iscoroutinefunction
from typing import Any, Literal, cast

from graphql import GraphQLObjectType, located_error
from graphql.pyutils import is_awaitable

from gateway.engine.levels import Fetched, Group, Level
from gateway.engine.run import Run
from schema.fetch import TYPE_NAMES

Waiting = Awaitable[None] | None
"""What is still to be awaited before the work that was begun is done."""


def write_values(
    run: Run, group: Group, field: Fetched, values: Sequence[Any]
) -> tuple[list[Group], list[Awaitable[None]]]:
    """Write out what was fetched of a field, one value for each object of a group.

    Returns the objects for which more has to be fetched, and what is to be awaited.
    """
    if field.level is not None and not field.completed:
        written = _write_at_once(run, group, field, field.level, values)
        if written is not None:
            return written
    usual = list[tuple[int, Any]]()
    odd = list[tuple[int, Any]]()
    for number, value in enumerate(values):
        if value is None:
            if not field.nullable:
                _fail(run, group, field, number, _null_error(field))
        elif isinstance(value, Exception):
            _fail(run, group, field, number, value)
        elif field.completed or (field.is_list and value.__class__ not in _LISTS):
            odd.append((number, value))
        else:
            usual.append((number, value))
    below = []
    if field.leaf is not None:
        _write_leaves(group, field, usual, odd)
    else:
        below = _write_objects(run, group, field, usual, odd)
    run.odd += len(odd)
    completed = [_by_core(run, group, field, number, value) for number, value in odd]
    return below, [one for one in completed if one is not None]


_LISTS = (list, tuple)
_NOTHING: tuple[list[Group], list[Awaitable[None]]] = ([], [])


def _write_at_once(
    run: Run, group: Group, field: Fetched, level: Level, values: Sequence[Any]
) -> tuple[list[Group], list[Awaitable[None]]] | None:
    """Write out objects of one level where each is as its type says; None where one may not be."""
    if len(values) == 1 and not field.is_list:
        return _write_one(run, group, field, level, values)
    outs, slot = group.outs, field.slot
    parents: list[int] | None = None
    items: list[int] | None = None
    objects = values
    if field.is_list:
        objects, parents, items = [], [], []
        for number, value in enumerate(values):
            if value.__class__ not in _LISTS:
                return None
            objects.extend(value)
            parents.extend([number] * len(value))
            items.extend(range(len(value)))
    try:
        made = level.emit(objects, run.reads)
    except Exception:  # noqa: BLE001 -- it is looked for with more care which one it was
        return None
    if field.is_list:
        start = 0
        for number, value in enumerate(values):
            setattr(outs[number], slot, made[start : start + len(value)])
            start += len(value)
    else:
        for out, one in zip(outs, made, strict=True):
            setattr(out, slot, one)
    if not level.fetched or not made:
        return _NOTHING
    return [Group(level, objects, made, group, field, parents, items)], []


def _write_one(
    run: Run, group: Group, field: Fetched, level: Level, values: Sequence[Any]
) -> tuple[list[Group], list[Awaitable[None]]] | None:
    """Write out the only object; None where it may not be as its type says."""
    try:
        made = level.emit(values, run.reads)
    except Exception:  # noqa: BLE001 -- it is looked for with more care what it is
        return None
    setattr(group.outs[0], field.slot, made[0])
    return ([Group(level, values, made, group, field)], []) if level.fetched else _NOTHING


def _null_error(field: Fetched) -> Exception:
    where = f"{field.parent_type}.{field.nodes[0].name.value}"
    return TypeError(f"Cannot return null for non-nullable field {where}.")


Numbered = list[tuple[int, Any]]
"""Values, each with the place of the object that it is a field of."""


def _write_leaves(group: Group, field: Fetched, usual: Numbered, odd: Numbered) -> None:
    write = cast("Callable[[Any], Any]", field.leaf)
    for number, value in usual:
        try:
            if not field.is_list:
                written = write(value)
            elif field.item_nullable:
                written = [None if item is None else write(item) for item in value]
            else:
                written = [write(item) for item in value]
        except Exception:  # noqa: BLE001 -- graphql-core completes it, and says what is wrong
            odd.append((number, value))
        else:
            setattr(group.outs[number], field.slot, written)


@dataclass(slots=True)
class _Part:
    """Fetched objects of one level, with the place of the parent of each, and of it in its list."""

    level: Level
    objects: list[Any]
    parents: list[int]
    items: list[int]


def _write_objects(
    run: Run, group: Group, field: Fetched, usual: Numbered, odd: Numbered
) -> list[Group]:
    """Write out the objects of the next level, or levels; return those that need more."""
    parts, usual = _parts(run, group, field, usual, odd)
    written = [_emitted(run, part) for part in parts]
    if any(outs is None for outs in written):
        strange = _strange(run, parts) or {number for number, _ in usual}
        odd += [(number, value) for number, value in usual if number in strange]
        usual = [(number, value) for number, value in usual if number not in strange]
        return _write_objects(run, group, field, usual, odd)
    below = []
    lists: dict[int, list[Any]] = {}
    if field.is_list:
        for number, value in usual:
            lists[number] = [None] * len(value)
            setattr(group.outs[number], field.slot, lists[number])
    for part, outs in zip(parts, cast("list[list[Any]]", written), strict=True):
        if field.is_list:
            for number, item, out in zip(part.parents, part.items, outs, strict=True):
                lists[number][item] = out
        else:
            for number, out in zip(part.parents, outs, strict=True):
                setattr(group.outs[number], field.slot, out)
        if part.level.fetched:
            items = part.items if field.is_list else None
            below.append(Group(part.level, part.objects, outs, group, field, part.parents, items))
    return below


def _strange(run: Run, parts: list[_Part]) -> set[int]:
    """Return of which parents an object cannot be written out."""
    return {
        number
        for part in parts
        for number, one in zip(part.parents, part.objects, strict=True)
        if _emitted(run, _Part(part.level, [one], [], [])) is None
    }


def _emitted(run: Run, part: _Part) -> list[Any] | None:
    """Return objects written out; None where one of them is not as its type says."""
    try:
        return part.level.emit(part.objects, run.reads)
    except Exception:  # noqa: BLE001 -- graphql-core completes it, and says what is wrong
        return None


def _parts(
    run: Run, group: Group, field: Fetched, values: Numbered, odd: Numbered
) -> tuple[list[_Part], Numbered]:
    """Return fetched objects by level, and the values they are from; odd ones are left out."""
    parts: dict[int, _Part] = {}
    usual = []
    for number, value in values:
        items = value if field.is_list else (value,)
        levels = [_level(run, group, number, field, item) for item in items]
        if any(level is None for level in levels):
            odd.append((number, value))
            continue
        usual.append((number, value))
        for place, (level, item) in enumerate(zip(levels, items, strict=True)):
            if isinstance(level, Level):
                part = parts.get(id(level))
                if part is None:
                    part = parts[id(level)] = _Part(level, [], [], [])
                part.objects.append(item)
                part.parents.append(number)
                part.items.append(place)
    return list(parts.values()), usual


def _level(
    run: Run, group: Group, number: int, field: Fetched, item: Any
) -> Level | Literal["null"] | None:
    """Return the level of an object, or that there is none to write; None: graphql-core's task."""
    if item is None:
        return "null" if field.item_nullable else None
    if field.level is not None:
        return field.level
    level = field.levels.get(item.__class__)
    if level is not None:
        return level
    if isinstance(item, Exception) or is_awaitable(item):
        return None
    return _runtime_level(run, group, number, field, item)


def _runtime_level(run: Run, group: Group, number: int, field: Fetched, item: Any) -> Level | None:
    """Return the level of an abstract type's runtime type, compiled when it is first met."""
    assert field.abstract is not None, "a level or an abstract type"
    known: Mapping[type, str] = field.abstract.extensions.get(TYPE_NAMES, {})
    name: object = known.get(item.__class__)
    by_class = name is not None
    try:
        if not by_class:
            info = run.resolve_info(group, number, field)
            name = _given(field.abstract.resolve_type, item, info, field.abstract)
        kind = run.schema.type_map.get(name) if isinstance(name, str) else None
        if not isinstance(kind, GraphQLObjectType):
            return None
        if not run.schema.is_sub_type(field.abstract, kind):
            return None
        if kind.is_type_of is not None:
            info = run.resolve_info(group, number, field)
            if _given(kind.is_type_of, item, info) is not True:
                return None
            by_class = False
        level = field.levels_by_name.get(kind.name)
        if level is None:
            level = field.levels_by_name[kind.name] = field.level_of(kind)
    except Exception:  # noqa: BLE001 -- graphql-core completes it, and says what is wrong
        return None
    if by_class:
        field.levels[item.__class__] = level
    return level


def _given(judge: Callable[..., Any] | None, *arguments: Any) -> Any:
    """Return what a schema's function says of a type; None where it takes its time, or is none."""
    if judge is None or iscoroutinefunction(judge):
        return None
    found = judge(*arguments)
    if not is_awaitable(found):
        return found
    if iscoroutine(found):
        found.close()
    return None


def _by_core(run: Run, group: Group, field: Fetched, number: int, value: Any) -> Waiting:
    """Have graphql-core complete a value that was fetched."""
    executor = run.executor
    path = group.path_of(number, field)
    info = run.resolve_info(group, number, field)
    try:
        completed = executor.complete_value(
            field.definition.type, field.details, info, path, value, None
        )
    except Exception as error:  # noqa: BLE001 -- it is the field's error
        _fail(run, group, field, number, error)
        return None
    if is_awaitable(completed):
        return _by_core_later(run, group, field, number, completed)
    setattr(group.outs[number], field.slot, completed)
    if completed is None and not field.nullable:
        _fail(run, group, field, number, _null_error(field))
    return None


async def _by_core_later(
    run: Run, group: Group, field: Fetched, number: int, completed: Awaitable[Any]
) -> None:
    try:
        setattr(group.outs[number], field.slot, await completed)
    except Exception as error:  # noqa: BLE001 -- it is the field's error
        _fail(run, group, field, number, error)


def _fail(run: Run, group: Group, field: Fetched, number: int, raw: Exception) -> None:
    """Note a field's error, and write null where the types allow it: here, or further up."""
    path = group.path_of(number, field)
    error = located_error(raw, field.nodes, path.as_list())
    collected = run.executor.collected_errors
    if field.nullable:
        setattr(group.outs[number], field.slot, None)
        collected.add(error, path)
        return
    while group.parent is not None and group.field is not None:
        above, outer = group.parent_of(number), group.field
        if group.items is not None and outer.item_nullable:
            collected.add(error, group.path(number))
            held = getattr(group.parent.outs[above], outer.slot)
            if held is not None:  # an item of a list that has become null meanwhile
                held[group.items[number]] = None
            return
        if outer.nullable:
            collected.add(error, group.parent.path_of(above, outer))
            setattr(group.parent.outs[above], outer.slot, None)
            return
        group, number = group.parent, above
    collected.add(error, None)
    run.dead = True
