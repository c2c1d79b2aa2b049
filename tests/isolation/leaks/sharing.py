"""Mistakes about what agencies share: caches, directories and keys of indexes."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import gateway.engine.execute
import resolvers.context
import tenants.store
from domain.agencies import Agency
from gateway.events.local import LocalBroker
from resolvers.loaders import Loaders
from tenants.cursors import CursorSigner
from tenants.directory.port import AgencyDirectory
from tenants.keys.keyring import derive_key
from tenants.records.reader import Reader
from tenants.store import AgencyStore
from tests.isolation.gateway_run import Rewire
from tests.isolation.leaks.leak import Leaks, Patch
from tests.isolation.planting import COUNSELOR, KEY, WRITING_KEY

LEAKS = Leaks()
leak = LEAKS.enter


@leak("open stores kept under something that agencies have in common")
def _store_registry_keyed_wrongly(_patch: Patch) -> Rewire:
    class Stores:
        def __init__(self, honest: Any) -> None:
            self._honest = honest
            self._first: dict[str, Agency] = {}

        @asynccontextmanager
        async def lease(self, agency: Agency) -> Any:
            same = self._first.setdefault(agency.currency, agency)
            async with self._honest.lease(same) as store:
                yield store

    return lambda parts: replace(parts, stores=Stores(parts.stores))


@leak("data loaders that outlive their request")
def _loader_shared_between_requests(patch: Patch) -> None:
    made: list[Loaders] = []

    def shared(store: AgencyStore | None) -> Loaders:
        if store is None:
            return Loaders(None)
        if not made:
            made.append(Loaders(store))
        return made[0]

    patch.setattr(resolvers.context, "Loaders", shared)


@leak("decoded records kept in one place for all stores")
def _decoded_record_cache_shared(patch: Patch) -> None:
    honest = Reader.__init__
    kept: dict[Any, Any] = {}

    def init(self: Reader, *given: Any, **more: Any) -> None:
        honest(self, *given, **more)
        self._kept = kept

    patch.setattr(Reader, "__init__", init)


@leak("what a store remembers kept in one place for all stores")
def _remembered_grants_shared(patch: Patch) -> None:
    honest = AgencyStore.__init__
    remembered: dict[Any, Any] = {}

    def init(self: AgencyStore, *given: Any, **more: Any) -> None:
        honest(self, *given, **more)
        self._remembered = remembered

    patch.setattr(AgencyStore, "__init__", init)


@leak("a plan kept by its operation, and not by what its caller is refused")
def _plan_of_another_caller(patch: Patch) -> None:
    patch.setattr("gateway.engine.plans._refused", lambda *_: (0, frozenset()))


@leak("answers kept by what was asked, and not by who asked")
def _answer_cache_without_principal(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute
    kept: dict[str, Any] = {}

    async def execute(self: Any, operation: Any, variables: Any, context: Any) -> Any:
        if operation.kind.value == "mutation":
            return await honest(self, operation, variables, context)
        asked = f"{operation.document.loc.source.body} {json.dumps(variables, sort_keys=True)}"
        if asked not in kept:
            kept[asked] = await honest(self, operation, variables, context)
        return kept[asked]

    patch.setattr(engine, "execute", execute)


@leak("what was asked last, kept where all can come by")
def _last_question_kept_in_memory(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute

    async def execute(self: Any, operation: Any, variables: Any, context: Any) -> Any:
        if any("input" in name for name in variables):
            self.last = dict(variables)
        return await honest(self, operation, variables, context)

    patch.setattr(engine, "execute", execute)


@leak(
    "idempotency records looked up beside the store, in one place for all",
    {"addNote", "updateConsumer"},
    {COUNSELOR, KEY, WRITING_KEY},
)
def _idempotency_record_shared(patch: Patch) -> None:
    honest_once, honest_commit = AgencyStore.once, AgencyStore.commit
    kept: dict[str, Any] = {}

    async def once(self: AgencyStore, key: str) -> Any:
        return await honest_once(self, key) or kept.get(key)

    async def commit(self: AgencyStore, change: Any) -> Any:
        written = await honest_commit(self, change)
        if change.begin is not None:
            kept[change.begin.key] = change.begin
        return written

    patch.setattr(AgencyStore, "once", once)
    patch.setattr(AgencyStore, "commit", commit)


@leak(
    "blind indexes keyed by the field alone",
    {"startApplication", "updateConsumer"},
    {COUNSELOR, KEY, WRITING_KEY},
)
def _blind_index_without_the_agency_s_key(patch: Patch) -> None:
    honest = derive_key

    def derive(key: bytes, purpose: str) -> bytes:
        if purpose.startswith("blind "):
            return honest(bytes(32), f"blind {purpose.rpartition(' ')[2]}")
        return honest(key, purpose)

    patch.setattr(tenants.store, "derive_key", derive)


@leak("cursors that anybody may make up", {"consumers", "applications"})
def _unsigned_cursor(patch: Patch) -> None:
    def open_cursor(_self: Any, _listing: str, cursor: str, *, path: str = "after") -> str:
        del path
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:].decode()

    patch.setattr(CursorSigner, "open", open_cursor)


@leak("a directory that is asked for everybody, and not for the agency's own")
def _staff_of_all_agencies(patch: Patch) -> None:
    async def staff(self: Any) -> Any:
        directory = self._directory
        return [
            one for agency in await directory.agencies() for one in await directory.staff(agency.id)
        ]

    patch.setattr(AgencyDirectory, "staff", staff)


@leak("the vendors that were found first, taken for every agency")
def _vendors_of_another_agency(_patch: Patch) -> Rewire:
    class Vendors:
        def __init__(self, honest: Any) -> None:
            self._honest = honest
            self._first: list[Agency] = []

        def of(self, agency: Agency) -> Any:
            self._first.append(agency)
            return self._honest.of(self._first[0])

    return lambda parts: replace(parts, vendors=Vendors(parts.vendors))


@leak("one agency's subscribers are delivered what happens in another")
def _events_of_all(patch: Patch) -> None:
    honest = LocalBroker._ring_of
    patch.setattr(LocalBroker, "_ring_of", lambda self, _: honest(self, "all"))
