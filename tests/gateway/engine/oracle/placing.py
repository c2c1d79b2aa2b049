"""Puts what a field shall give of an object in the place where the field looks for it."""

from collections.abc import Sequence
from typing import Any

from tests.gateway.engine.oracle.things import Later, Recipe, Script, Thing


def put_script(name: str, script: Script, thing: Thing, _objects: Sequence[Thing]) -> None:
    """Let a function give of a thing what the script says."""
    thing.scripts[name] = script


def put_read(
    name: str, script: Script, thing: Thing, objects: Sequence[Thing], *, inner: bool
) -> None:
    """Let an attribute raise, or give something to await."""

    def read() -> Any:
        def make() -> Any:
            value = script.make(objects)
            if script.raises:
                raise value
            return value

        return Later(script.turns, make) if script.awaits else make()

    _within(thing, inner=inner).read[name] = read


def put_value(
    name: str,
    make: Recipe,
    thing: Thing,
    objects: Sequence[Thing],
    *,
    inner: bool,
    called: bool,
) -> None:
    """Put a value into an attribute; called: a method that gives it, as default resolvers call."""
    value = make(objects)
    if called:  # by the default resolver
        setattr(thing, name, lambda _info, **_arguments: value)
    else:
        setattr(_within(thing, inner=inner), name, value)


def _within(thing: Thing, *, inner: bool) -> Thing:
    if not inner:
        return thing
    found: Thing = thing.__dict__.setdefault("inner", Thing("inner"))
    return found
