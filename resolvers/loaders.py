"""Data loaders: reads that many fields ask for one by one, made in one call to the store.

Made anew for each request, so that nothing one principal read is ever answered to another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from opentelemetry import trace

from domain.applications import Application, Note
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from tenants.store import AgencyStore

V = TypeVar("V")
# Does nothing until the process has a tracer provider.
_TRACER = trace.get_tracer("almoner.resolvers")


class Batcher(Generic[V]):
    """Gathers the keys asked for in one turn of the event loop, and remembers the answers."""

    __slots__ = ("_batch", "_known", "_name", "_read", "_tracer", "_waiting")

    def __init__(
        self,
        name: str,
        read: Callable[[list[str]], Awaitable[Mapping[str, V]]],
        *,
        tracer: trace.Tracer = _TRACER,
    ) -> None:
        """Take what reads many keys at once; `name` says in traces what it reads."""
        self._name = name
        self._read = read
        self._tracer = tracer
        self._known: dict[str, asyncio.Future[V | None]] = {}
        self._waiting: list[str] = []
        self._batch: asyncio.Task[None] | None = None

    def load(self, key: str) -> asyncio.Future[V | None]:
        """Return a future of what is there under the key, None where nothing is."""
        future = self._known.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._known[key] = loop.create_future()
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
    """The data loaders of one request; without a store there is nothing to load."""

    __slots__ = ("applications", "consents", "consumers", "credit_reports", "notes")

    def __init__(self, store: AgencyStore | None) -> None:
        records = _nothing if store is None else store.get_many
        children = _nothing if store is None else store.children_many
        self.applications: Batcher[Application] = Batcher(
            "applications", partial(records, Application)
        )
        self.consumers: Batcher[Consumer] = Batcher("consumers", partial(records, Consumer))
        self.notes: Batcher[list[Note]] = Batcher("notes", partial(children, Note))
        self.consents: Batcher[list[Consent]] = Batcher("consents", partial(children, Consent))
        self.credit_reports: Batcher[list[CreditReport]] = Batcher(
            "credit reports", partial(children, CreditReport)
        )

    def forget(self) -> None:
        """Forget everything read so far: a unit has been committed."""
        self.applications.forget()
        self.consumers.forget()
        self.notes.forget()
        self.consents.forget()
        self.credit_reports.forget()


async def _nothing(_record_type: type, _ids: Sequence[str]) -> Mapping[str, Any]:
    return {}
