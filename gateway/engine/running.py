"""Runs operation plans: level by level, each field fetched once for all objects of its level.

Nothing is awaited that is no coroutine, and siblings that wait do so side by side.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, cast

from graphql.pyutils import is_awaitable

from gateway.engine.compiling import Plan
from gateway.engine.levels import Fetched, Group
from gateway.engine.run import Run
from gateway.engine.writing import Waiting, write_values
from schema.fetch import Attribute, Batch, Call


async def run_plan(plan: Plan, run: Run) -> Any:
    """Return the data, ready to be encoded; None where an error has reached the root."""
    sources = [run.root]
    group = Group(plan.root, sources, plan.root.emit(sources, run.reads))
    if plan.serial:
        for field in plan.root.fetched:
            waiting = _begin(run, group, field)
            if waiting is not None:
                await waiting
            if run.dead:
                break
    elif (waiting := _advance(run, group)) is not None:
        await waiting
    return None if run.dead else group.outs[0]


def _advance(run: Run, group: Group) -> Waiting:
    """Fetch all that a level's objects need."""
    fields = group.level.fetched
    if len(fields) == 1:
        return _begin(run, group, fields[0])
    return _together(_begin(run, group, field) for field in fields)


def _together(begun: Iterable[Waiting]) -> Waiting:
    waiting = [one for one in begun if one is not None]
    if len(waiting) > 1:
        return _all_of(waiting)
    return waiting[0] if waiting else None


async def _all_of(waiting: list[Awaitable[None]]) -> None:
    await asyncio.gather(*waiting)


def _begin(run: Run, group: Group, field: Fetched) -> Waiting:
    """Fetch a field for all objects of a group, and go on with what comes back."""
    fetch, sources = field.fetch, group.sources
    if fetch.__class__ is Call and len(sources) == 1 and not field.refused:
        return _called_once(run, group, field, fetch)
    if isinstance(fetch, Attribute) and not field.refused:
        return _settle(run, group, field, [_read(source, fetch.path) for source in sources])
    try:
        arguments = _entered(run, field, sources[0])
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        return _complete(run, group, field, [error] * len(sources))
    if field.refused:
        return _complete(run, group, field, [_refusal(run, field, one) for one in sources])
    if isinstance(fetch, Batch):
        return _batched(run, group, field, fetch, arguments)
    call = _own_call if fetch is not None else _core_call
    values = [call(run, group, field, arguments, number) for number in range(len(sources))]
    return _settle(run, group, field, values)


def _entered(run: Run, field: Fetched, source: Any) -> Mapping[str, Any]:
    """Return a field's arguments once the caller has passed its gate, which root fields have here.

    Raises what is wrong with either.
    """
    arguments = _NONE if field.arguments is None else field.arguments.coerced(run.variables)
    if field.at_root and field.gate is not None:
        field.gate.enter(run.context, source)
    return arguments


def _called_once(run: Run, group: Group, field: Fetched, fetch: Call) -> Waiting:
    """Fetch a field for the only object of a group, which most fields that are fetched are for."""
    source = group.sources[0]
    try:
        arguments = _entered(run, field, source)
        given = arguments if fetch.arguments is None else fetch.arguments(arguments)
        value = fetch.function(source, run, **given)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        value = error
    else:
        if fetch.is_async:
            return _awaited_one(run, group, field, value)
        if is_awaitable(value):
            return _awaited(run, group, field, [value])
    return _complete(run, group, field, (value,))


def _settle(run: Run, group: Group, field: Fetched, values: list[Any]) -> Waiting:
    """Go on with what was fetched, as soon as it is there."""
    if any(map(is_awaitable, values)):
        return _awaited(run, group, field, values)
    return _complete(run, group, field, values)


_NONE: Mapping[str, Any] = {}


def _read(source: Any, path: str) -> Any:
    try:
        for name in path.split(".") if path else ():
            source = getattr(source, name)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        return error
    return source


def _refusal(run: Run, field: Fetched, source: Any) -> Exception:
    """Return why the principal may not read the field of this object; it is noted by the gate."""
    assert field.gate is not None, "what is refused has a rule"
    try:
        field.gate.enter(run.context, source)
    except Exception as error:  # noqa: BLE001 -- the refusal itself
        return error
    raise AssertionError("the rule refused the field when the plan was chosen")


def _own_call(
    run: Run, group: Group, field: Fetched, arguments: Mapping[str, Any], number: int
) -> Any:
    """Return what our own function gives for one object: a value, a coroutine or an exception."""
    fetch = cast("Any", field.fetch)
    try:
        given = arguments if fetch.arguments is None else fetch.arguments(arguments)
        return fetch.function(group.sources[number], run, **given)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        return error


def _core_call(
    run: Run, group: Group, field: Fetched, arguments: Mapping[str, Any], number: int
) -> Any:
    """Return what a resolver of graphql-core's kind gives for one object."""
    resolve = field.definition.resolve or run.executor.field_resolver
    try:
        info = run.resolve_info(group, number, field)
        return resolve(group.sources[number], info, **arguments)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        return error


async def _batched(
    run: Run, group: Group, field: Fetched, fetch: Batch, arguments: Mapping[str, Any]
) -> None:
    count = len(group.sources)
    values: Sequence[Any]
    try:
        given = arguments if fetch.arguments is None else fetch.arguments(arguments)
        values = await fetch.function(group.sources, run, **given)
        if len(values) != count:
            raise TypeError(f"{len(values)} results came back for {count} objects")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        values = [error] * count
    waiting = _complete(run, group, field, values)
    if waiting is not None:
        await waiting


async def _awaited_one(run: Run, group: Group, field: Fetched, value: Any) -> None:
    """Await what our own coroutine function gives for the only object."""
    try:
        value = await value
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
        value = error
    waiting = _complete(run, group, field, (value,))
    if waiting is not None:
        await waiting


async def _awaited(run: Run, group: Group, field: Fetched, values: list[Any]) -> None:
    """Await what has to be, side by side, and go on."""
    places = [place for place, value in enumerate(values) if is_awaitable(value)]
    if len(places) == 1:
        try:
            found = [await values[places[0]]]
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is the field's error
            found = [error]
    else:
        found = await asyncio.gather(*(values[place] for place in places), return_exceptions=True)
    for place, value in zip(places, found, strict=True):
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            raise value
        values[place] = value
    waiting = _complete(run, group, field, values)
    if waiting is not None:
        await waiting


def _complete(run: Run, group: Group, field: Fetched, values: Sequence[Any]) -> Waiting:
    """Write out what was fetched, and fetch what that needs in turn."""
    if field.at_root and field.gate is not None and not isinstance(values[0], Exception):
        field.gate.leave(run.context, values[0])
    below, later = write_values(run, group, field, values)
    if not below and not later:
        return None
    return _together([*later, *(_advance(run, one) for one in below)])
