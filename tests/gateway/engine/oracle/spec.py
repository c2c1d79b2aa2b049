"""How the rules of the specification's execution chapter are written out: one row a case.

The rows are in the modules beside this one, each under the algorithm and the step of it that it
shows (https://spec.graphql.org/draft/#sec-Execution).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.engine.oracle.things import Told


class Bag(dict[str, Any]):
    """An object whose fields are had as keys, as attributes, or by functions."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case.

    rule: algorithm and step. sdl: the schema, to which `scalar Any` is added. root: the initial
    value. data: what is answered. errors: each as `path at line:column: message`, `-` for no path.
    planned: by a plan; graphql-core is left what steers a selection and is null.
    """

    rule: str
    sdl: str
    document: str
    root: Mapping[str, Any] | None = field(default_factory=Bag)
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None
    data: Any = None
    errors: tuple[str, ...] = ()
    planned: bool = True

    def __str__(self) -> str:
        """Return the rule, and as much of the document as tells cases of it apart."""
        return f"{self.rule}: {self.document[:60]}"


def obj(**fields: Any) -> Bag:
    """Return an object."""
    return Bag(fields)


def echo(_info: Any, **arguments: Any) -> Any:
    """Give back the coerced arguments."""
    return arguments


def gives(value: Any) -> Callable[..., Any]:
    """Return a function that gives a value."""
    return lambda _info, **_arguments: value


def later(value: Any, turns: int = 1) -> Callable[..., Any]:
    """Return a coroutine function that gives a value, or raises it, after so many turns."""

    async def give(_info: Any, **_arguments: Any) -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    return give


def fails(message: str) -> Callable[..., Any]:
    """Return a function that raises."""

    def fail(_info: Any, **_arguments: Any) -> Any:
        raise Told(message)

    return fail


async def awaited(value: Any) -> Any:
    """Return a value, as something to await."""
    await asyncio.sleep(0)
    return value


class Deferred:
    """Something to await that makes its value anew for each who awaits it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Any:
        return awaited(self._value).__await__()
