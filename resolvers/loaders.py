"""Data loaders: reads that many fields ask for one by one, made in one call to the store.

Made anew for each request, so that nothing one principal read is ever answered to another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from opentelemetry import trace

from domain.applications import Application
from domain.consumers import Consumer
from tenants.records.excerpts import Excerpt
from tenants.store import AgencyStore

V = TypeVar("V")
Loaded = TypeVar("Loaded", Application, Consumer)
Resolver = Callable[..., Awaitable[Sequence[Any]]]
"""Takes all parents of a level, and returns one result each."""
# Does nothing until the process has a tracer provider.
_TRACER = trace.get_tracer("almoner.resolvers")


def _nothing_known(_key: str) -> None:
    return None


class Batcher(Generic[V]):
    """Gathers the keys asked for in one turn of the event loop, and remembers the answers.

    What is at hand in memory is answered at once, and nothing is scheduled for it.
    """

    __slots__ = ("_batch", "_known", "_name", "_read", "_recall", "_tracer", "_waiting")

    def __init__(
        self,
        name: str,
        read: Callable[[list[str]], Awaitable[Mapping[str, V]]],
        *,
        recall: Callable[[str], V | None] = _nothing_known,
        tracer: trace.Tracer = _TRACER,
    ) -> None:
        """Take what reads many keys at once; `name` says in traces what it reads.

        recall: gives what is under a key where it is at hand, as it is now, and else None.
        """
        self._name = name
        self._read = read
        self._recall = recall
        self._tracer = tracer
        self._known: dict[str, asyncio.Future[V | None]] = {}
        self._waiting: list[str] = []
        self._batch: asyncio.Task[None] | None = None

    def load(self, key: str) -> asyncio.Future[V | None]:
        """Return a future of what is there under the key, None where nothing is.

        May raise what reading raises, where it is at hand.
        """
        future = self._known.get(key)
        if future is None:
            value = self._recall(key)  # what it raises goes to whoever asks, each time
            loop = asyncio.get_running_loop()
            future = self._known[key] = loop.create_future()
            if value is not None:
                future.set_result(value)
                return future
            if not self._waiting:
                loop.call_soon(self._start)
            self._waiting.append(key)
        return future

    def forget(self) -> None:
        """Forget what was read: it may have changed. Reads under way are still answered."""
        self._known = {key: self._known[key] for key in self._waiting}

    def _start(self) -> None:
        keys, self._waiting = self._waiting, []
        asked = {key: self._known[key] for key in keys}
        self._batch = asyncio.get_running_loop().create_task(self._answer(asked))

    async def _answer(self, asked: dict[str, "asyncio.Future[V | None]"]) -> None:
        try:
            with self._tracer.start_as_current_span(
                f"load {self._name}",
                attributes={"almoner.keys": len(asked)},
                record_exception=False,
                set_status_on_exception=False,
            ):
                found = await self._read(list(asked))
        except Exception as error:  # noqa: BLE001 -- it belongs to whoever asked, and goes there
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)
            return
        for key, future in asked.items():
            if not future.done():
                future.set_result(found.get(key))


class Loaders:
    """The data loaders of one request; without a store there is nothing to load.

    excerpts: by the class of a record, what of it the request reads, where that is known.
    """

    __slots__ = ("_levels", "_made", "_store", "excerpts")

    def __init__(self, store: AgencyStore | None) -> None:
        self._store = store
        self._made: dict[type, Batcher[Any]] = {}
        self._levels: dict[Hashable, _Level] = {}
        self.excerpts: Mapping[type, Excerpt[Any]] = {}

    @property
    def applications(self) -> Batcher[Application]:
        """Return the loader of applications."""
        return self._made.get(Application) or self._loader("applications", Application)

    @property
    def consumers(self) -> Batcher[Consumer]:
        """Return the loader of consumers."""
        return self._made.get(Consumer) or self._loader("consumers", Consumer)

    def forget(self) -> None:
        """Forget everything read so far: a unit has been committed."""
        for loader in self._made.values():
            loader.forget()

    def gathered(
        self, resolver: Resolver, parent: object, info: object, arguments: Mapping[str, Any]
    ) -> asyncio.Future[Any]:
        """Return a future of what the resolver gives for one of its parents.

        All that are asked for in one turn of the event loop, with the same arguments, are one call.
        """
        key = (resolver, tuple(arguments.items()))
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = _Level(partial(resolver, info=info, **arguments))
            asyncio.get_running_loop().call_soon(self._start, key)
        return level.add(parent)

    def _loader(self, name: str, record_type: type[Loaded]) -> Batcher[Loaded]:
        loader = self._made[record_type] = self._of_records(name, record_type)
        return loader

    def _of_records(self, name: str, record_type: type[Loaded]) -> Batcher[Loaded]:
        store = self._store
        if store is None:
            return Batcher(name, _nothing)

        def read(ids: Sequence[str]) -> Awaitable[Mapping[str, Loaded]]:
            return store.get_many(record_type, ids, self.excerpts.get(record_type))

        def recall(global_id: str) -> Loaded | None:
            return store.recall(record_type, global_id, self.excerpts.get(record_type))

        return Batcher(name, read, recall=recall)

    def _start(self, key: Hashable) -> None:
        level = self._levels.pop(key)
        level.task = asyncio.get_running_loop().create_task(level.run())


class _Level:
    """The parents of one call, and who waits for what it gives."""

    __slots__ = ("_call", "_parents", "_waiting", "task")

    def __init__(self, call: Callable[[list[object]], Awaitable[Sequence[Any]]]) -> None:
        self._call = call
        self._parents: list[object] = []
        self._waiting: list[asyncio.Future[Any]] = []
        self.task: asyncio.Task[None] | None = None

    def add(self, parent: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._parents.append(parent)
        self._waiting.append(future)
        return future

    async def run(self) -> None:
        try:
            results = await self._call(self._parents)
        except Exception as error:  # noqa: BLE001 -- it belongs to whoever asked, and goes there
            results = [error] * len(self._parents)
        for future, result in zip(self._waiting, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


async def _nothing(_ids: Sequence[str]) -> Mapping[str, Any]:
    return {}
