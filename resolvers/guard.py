"""The one place that decides whether this object is within the principal's reach.

A consumer reaches the one consumer record that carries their subject, and its applications. A
counselor reaches the applications over which they hold a live grant, and the consumers of these.
An agency's machine reaches all records of its agency; its scopes are judged by the fields' rules.
Everybody else reaches no record.

What cannot be reached does not exist: foreign, malformed and absent ids are all answered alike,
None here, null in a query and NotFound in a mutation.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from domain.access import AccessGrant, Principal
from domain.actors import PrincipalKind
from domain.applications import Application, Note
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.ids import GlobalId, parse_global_id
from resolvers.loaders import Loaders
from tenants.kinds import sort_time
from tenants.store import AgencyStore

GRANTS_AT_ONCE = 99  # with the one that tells of more, what a store reads without a thread
Child = TypeVar("Child", Note, Consent, CreditReport)


class Guard:
    """Decides for one principal at one moment; what it has read it keeps until `forget`."""

    def __init__(
        self, principal: Principal, store: AgencyStore | None, loaders: Loaders, at: datetime
    ) -> None:
        self._principal = principal
        self._store = store
        self._loaders = loaders
        self._at = at
        self._lock = asyncio.Lock()
        self._grants: Mapping[str, AccessGrant] | None = None
        self._own: Consumer | None = None
        self._own_is_known = False

    def forget(self) -> None:
        """Forget what was read: a unit that may have changed it has been committed."""
        self._grants = None
        self._own = None
        self._own_is_known = False

    async def grants(self) -> Mapping[str, AccessGrant]:
        """Return the principal's live grants by the global id of the application they open."""
        async with self._lock:
            if self._grants is None:
                self._grants = await self._read_grants()
            return self._grants

    async def own_consumer(self) -> Consumer | None:
        """Return the consumer record of a consumer who asks; None before there is one."""
        if self._store is None or self._principal.kind is not PrincipalKind.CONSUMER:
            return None
        async with self._lock:
            if not self._own_is_known:
                subject = self._principal.subject
                self._own = await self._store.find(Consumer, "consumer_subject", subject)
                self._own_is_known = True
            return self._own

    async def application(self, global_id: str) -> Application | None:
        """Return the application, or None where there is none within reach."""
        application = await self._loaders.applications.load(global_id)
        if application is None or not await self.reaches(application):
            return None
        return application

    async def reaches(self, application: Application) -> bool:
        """Say whether the application is within reach."""
        match self._principal.kind:
            case PrincipalKind.CONSUMER:
                own = await self.own_consumer()
                return own is not None and own.id == application.consumer_id
            case PrincipalKind.COUNSELOR:
                return application.id in await self.grants()
            case PrincipalKind.INTEGRATION:
                return True
            case _:
                return False

    async def consumer(self, global_id: str) -> Consumer | None:
        """Return the consumer, or None where there is none within reach."""
        consumer = await self._loaders.consumers.load(global_id)
        if consumer is None:
            return None
        within = await self.consumer_ids()
        return consumer if within is None or consumer.id in within else None

    async def consumer_ids(self) -> frozenset[str] | None:
        """Return the global ids of the consumers within reach; None means all of the agency."""
        match self._principal.kind:
            case PrincipalKind.CONSUMER:
                own = await self.own_consumer()
                return frozenset() if own is None else frozenset({own.id})
            case PrincipalKind.COUNSELOR:
                granted = [self._loaders.applications.load(id_) for id_ in await self.grants()]
                applications = await asyncio.gather(*granted)
                return frozenset(one.consumer_id for one in applications if one is not None)
            case PrincipalKind.INTEGRATION:
                return None
            case _:
                return frozenset()

    async def child(self, record_type: type[Child], global_id: str) -> Child | None:
        """Return what lives under an application, or None where there is none within reach.

        Notes are counselors' own.
        """
        parsed = parse_global_id(global_id)
        if parsed is None or self._store is None:
            return None
        if record_type is Note and self._principal.kind is not PrincipalKind.COUNSELOR:
            return None
        root = str(GlobalId("app", parsed.root, parsed.root))
        if await self.application(root) is None:
            return None
        return await self._store.get(record_type, global_id)

    async def _read_grants(self) -> Mapping[str, AccessGrant]:
        if self._store is None or self._principal.kind is not PrincipalKind.COUNSELOR:
            return {}
        live: dict[str, AccessGrant] = {}
        after: str | None = None
        while True:
            page = await self._store.query(
                AccessGrant,
                "grant_by_grantee",
                self._principal.subject,
                first=GRANTS_AT_ONCE,
                after=after,
                lo=sort_time(self._at),
            )
            for grant in page.items:
                if grant.is_live(self._at):
                    live[grant.subject] = grant
            if not page.has_next:
                return live
            after = page.end_cursor
