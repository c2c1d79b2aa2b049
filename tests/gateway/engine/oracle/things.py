"""Objects that the nasty schema's fields are had of, and the note of what was asked of them.

A case is run several times, each time over objects of its own that are made anew and equal, because
some values (generators, coroutines) can be used only once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from graphql.pyutils import Path

SHORT, BROKEN = "one result is missing", "it raises"
"""What all batches of a case can do wrong."""
Recipe = Callable[[Sequence["Thing"]], Any]
"""Makes a value anew, of which the objects of the run may be part."""


class Told(Exception):
    """An error that a case asked for."""


class TypedError(Told):
    """An error with a message of its own beside its text, as GraphQL's errors have."""

    def __init__(self, message: str) -> None:
        super().__init__("not this text")
        self.message = message


class Thing:
    """An object of any type. Attributes are plain but for those that a script stands for."""

    kind = "Thing"

    def __init__(self, label: str) -> None:
        self.label = label
        self.told: Callable[[], Any] | None = None
        self.scripts: dict[str, Script] = {}
        self.read: dict[str, Callable[[], Any]] = {}
        self.objects: Sequence[Thing] = ()

    def __getattr__(self, name: str) -> Any:
        """Read an attribute that is had by a script: one that raises, or can be awaited."""
        read = self.__dict__.get("read", {}).get(name)
        if read is None:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return read()

    def __repr__(self) -> str:
        return f"<{self.label}>"

    def tell(self) -> Any:
        """Return the name of the object's type, or what the case says in its place."""
        return self.kind if self.told is None else self.told()


class Cat(Thing):
    """A Cat; the default type resolver has to ask for it."""

    kind = "Cat"


class Dog(Thing):
    """A Dog."""

    kind = "Dog"


class Bird(Thing):
    """A Bird, which is no pet."""

    kind = "Bird"


class Plain(Thing):
    """A Thing that names its type as graphql-core's default type resolver wants it."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.__typename = "Thing"


@dataclass(frozen=True, slots=True)
class Script:
    """What a function gives of one object.

    turns: how often it suspends first. raises: make the value, and raise it. awaits: give something
    to await in place of the value.
    """

    make: Recipe
    turns: int = 0
    raises: bool = False
    awaits: bool = False


class Later:
    """Something to await which is no coroutine; several may await it, and nobody has to."""

    def __init__(self, turns: int, make: Callable[[], Any]) -> None:
        self._turns = turns
        self._make = make

    def __repr__(self) -> str:
        return "<later>"

    def __await__(self) -> Generator[Any, None, Any]:
        for _ in range(self._turns):
            yield from asyncio.sleep(0).__await__()
        return self._make()


class Expected(Cat):
    """Something to await that has all that the object to come has, and is not it."""

    def __init__(self, label: str, coming: Thing) -> None:
        super().__init__(label)
        self.__dict__.update({**coming.__dict__, "label": label})
        self._coming = coming

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self._coming


class Once:
    """Something to iterate over that is neither list nor tuple."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


class Streamed:
    """Something to iterate over asynchronously."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = iter(items)

    def __repr__(self) -> str:
        return "<streamed>"

    def __aiter__(self) -> "Streamed":
        return self

    async def __anext__(self) -> Any:
        try:
            item = next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None
        await asyncio.sleep(0)
        return item


@dataclass(slots=True)
class Run:
    """One execution: the context that functions get, and the note of their calls.

    calls: by what was called, for which object and how, and where it is known at which position.
    begun, ended: the fields of root objects, in the order in which they were, for mutations.
    nested: positions in the order of their calls. fault: of all batches, SHORT, BROKEN or none.
    """

    calls: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    order: list[tuple[str, str]] = field(default_factory=list)
    nested: list[tuple[str | int, ...]] = field(default_factory=list)
    batches: int = 0
    fault: str = ""
    request: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(id="oracle"))

    @contextmanager
    def at(
        self, source: Any, name: str, arguments: Mapping[str, Any], path: Path | None = None
    ) -> Iterator[None]:
        """Note the call of a function of one parent while it runs; with its position, if told."""
        if path is None:
            self.calls[name, _spelled(arguments), _label(source)] += 1
        else:
            place = tuple(path.as_list())
            self.calls[name, _spelled(arguments), place] += 1
            self.nested.append(place)
        with self._ordered(source, f"{name}({_spelled(arguments)})"):
            yield

    @contextmanager
    def _ordered(self, source: Any, name: str) -> Iterator[None]:
        root = isinstance(source, Thing) and source.label == "root"
        if root:
            self.order.append(("begun", name))
        try:
            yield
        finally:
            if root:
                self.order.append(("ended", name))

    def give(self, source: Any, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return what a function gives of one object, or raise."""
        script = self._script(source, name)
        if script is None:
            return echo(arguments)

        def make() -> Any:
            value = script.make(source.objects)
            if script.raises:
                raise value
            return value

        if not script.awaits:
            return make()
        return self._coroutine(make) if script.turns == 1 else Later(script.turns, make)

    async def _coroutine(self, make: Callable[[], Any]) -> Any:
        await self.pause(1)
        return make()

    async def give_all(
        self, parents: Sequence[Any], name: str, arguments: Mapping[str, Any]
    ) -> list[Any]:
        """Return what a batch gives of all its objects: for each a value, or an exception."""
        self.batches += 1
        results: list[Any] = []
        for source in parents:
            self.calls["batch", name, _spelled(arguments), _label(source)] += 1
        with self._ordered(parents[0] if parents else None, f"{name}({_spelled(arguments)})"):
            turns = max((self._turns(source, name) for source in parents), default=0)
            await self.pause(turns)
            if self.fault == BROKEN:
                raise Told("the batch is broken")
            for source in parents:
                try:
                    results.append(self.give(source, name, arguments))
                except Exception as error:  # noqa: BLE001 -- whatever the script raises
                    results.append(error)
        return results[:-1] if self.fault == SHORT else results

    async def suspend(self, source: Any, name: str) -> None:
        """Suspend as often as the script says."""
        await self.pause(self._turns(source, name))

    async def pause(self, turns: int) -> None:
        """Let others run so many times."""
        for _ in range(turns):
            await asyncio.sleep(0)

    def _turns(self, source: Any, name: str) -> int:
        script = source.scripts.get(name) if isinstance(source, Thing) else None
        return 0 if script is None else script.turns

    def _script(self, source: Any, name: str) -> Script | None:
        if name.partition("_")[2].partition("_")[0] in _ECHOING:
            return None
        if not isinstance(source, Thing) or name not in source.scripts:
            raise Told(f"{_label(source)} has no {name}")
        return source.scripts[name]


_ECHOING = frozenset({"leaves", "defaults", "lists", "inputs", "musts", "info"})


def echo(arguments: Mapping[str, Any]) -> str:
    """Return the arguments as text, as they were received."""
    return _spelled(arguments)


def _spelled(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(arguments.items()))


def _label(source: Any) -> str:
    return source.label if isinstance(source, Thing) else f"no object but {type(source).__name__}"
