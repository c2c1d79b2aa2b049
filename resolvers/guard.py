"""The one place that decides whether this object is within the principal's reach.

A consumer reaches the one consumer record that carries their subject, and its applications. A
counselor reaches the applications over which they hold a live grant, and the consumers of these;
a grant over a consumer opens all of their applications. To change anything takes a grant to write.
An operator reaches an application, a consumer and a report each by a live grant of the right scope
that is over it, its consumer or application, or the whole agency. An agency's machine reaches all
records of its agency; its scopes are judged by the fields' rules. Everybody else reaches no record.

What cannot be reached does not exist: foreign, malformed and absent ids are all answered alike,
None here, null in a query and NotFound in a mutation.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from domain.access import READ_SCOPES, AccessGrant, Principal, Scope
from domain.actors import PrincipalKind
from domain.analysis import FinancialAnalysis
from domain.applications import Application, Note
from domain.bank_connections import BankConnection
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.documents import Document
from domain.ids import GlobalId, parse_global_id
from domain.plans import Plan
from resolvers.loaders import Loaders
from resolvers.reads import Reads
from tenants.records.kinds import sort_time
from tenants.store import AgencyStore

Child = TypeVar(
    "Child",
    Note,
    Consent,
    CreditReport,
    BankConnection,
    Document,
    FinancialAnalysis,
    Plan,
)
Grants = Mapping[str | None, AccessGrant]
"""Grants by the global id of what they are over, None for the whole agency."""
_SCOPES: Mapping[type, Scope] = {
    BankConnection: Scope.BANKING_READ,
    CreditReport: Scope.CREDIT_READ,
    Document: Scope.DOCUMENTS_READ,
    FinancialAnalysis: Scope.PLANS_READ,
    Plan: Scope.PLANS_READ,
}
"""What reading what lies under an application takes, where that is its own scope."""
Held = Mapping[str | None, tuple[AccessGrant, ...]]
"""All grants over each of these."""


class Guard:
    """Decides for one principal at one moment; what it has read it keeps until `forget`."""

    def __init__(
        self, principal: Principal, store: AgencyStore | None, loaders: Loaders, at: datetime
    ) -> None:
        self._principal = principal
        self._store = store
        self._loaders = loaders
        self._at = at
        self.reads = Reads()
        self._lock: asyncio.Lock | None = None
        self._reading: asyncio.Lock | None = None
        self._all: Held | None = None
        self._live: tuple[AccessGrant, ...] | None = None
        self._opened: dict[Scope, Grants] = {}
        self._own: Consumer | None = None
        self._own_is_known = False

    def forget(self) -> None:
        """Forget what was read: a unit that may have changed it has been committed."""
        self._all = None
        self._live = None
        self._opened = {}
        self._own = None
        self._own_is_known = False

    async def live_grants(self) -> tuple[AccessGrant, ...]:
        """Return the principal's live grants: a counselor's, or those an operator acts under."""
        if self._live is None:
            held = await self._held()
            self._live = tuple(
                grant for over in held.values() for grant in over if grant.is_live(self._at)
            )
        return self._live

    async def grants(self, scope: Scope = Scope.APPLICATIONS_READ) -> Grants:
        """Return the live grants that open `scope`; of several over one thing, the longest."""
        opened = self._opened.get(scope)
        if opened is None:
            live = [grant for grant in await self.live_grants() if self._opens(grant, scope)]
            live.sort(key=lambda grant: grant.expires_at)
            opened = self._opened[scope] = {grant.subject: grant for grant in live}
            for grant in opened.values():
                self.reads.open(grant.subject, grant)
        return opened

    async def grant_over(self, application: Application, scope: Scope) -> AccessGrant | None:
        """Return the longest live grant by which the application is reached, or None."""
        held = await self._held()
        over = (application.id, application.consumer_id, None)
        longest = _longest(
            grant
            for subject in over
            for grant in held.get(subject, ())
            if grant.is_live(self._at) and self._opens(grant, scope)
        )
        if longest is not None:
            self.reads.open(application.id, longest)
        return longest

    async def grant_over_consumer(self, consumer: Consumer, scope: Scope) -> AccessGrant | None:
        """Return the longest live grant by which the consumer is reached, or None."""
        grants = await self.grants(scope)
        applications = await self._granted_applications(grants)
        over = (one.id for one in applications if one.consumer_id == consumer.id)
        return _longest(grants[one] for one in (*over, consumer.id, None) if one in grants)

    async def own_consumer(self) -> Consumer | None:
        """Return the consumer record of a consumer who asks; None before there is one."""
        if self._store is None or self._principal.kind is not PrincipalKind.CONSUMER:
            return None
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if not self._own_is_known:
                subject = self._principal.subject
                self._own = await self._store.find(Consumer, "consumer_subject", subject)
                self._own_is_known = True
            return self._own

    async def application(
        self, global_id: str, scope: Scope = Scope.APPLICATIONS_READ
    ) -> Application | None:
        """Return the application, or None where there is none within reach."""
        application = await self._loaders.applications.load(global_id)
        if application is None:
            return None
        if not await self.reaches(application, scope):
            self.reads.refuse_application(application)
            return None
        self.reads.application(application)
        return application

    async def reaches(
        self, application: Application, scope: Scope = Scope.APPLICATIONS_READ
    ) -> bool:
        """Say whether the application is within reach, for what `scope` is about."""
        match self._principal.kind:
            case PrincipalKind.CONSUMER:
                own = await self.own_consumer()
                return own is not None and own.id == application.consumer_id
            case PrincipalKind.COUNSELOR | PrincipalKind.OPERATOR:
                return await self.grant_over(application, scope) is not None
            case PrincipalKind.INTEGRATION:
                return True
            case _:
                return False

    async def application_ids(self) -> frozenset[str] | None:
        """Return the global ids of the applications that grants open; None for whom none bounds."""
        if self._principal.kind not in (PrincipalKind.COUNSELOR, PrincipalKind.OPERATOR):
            return None
        grants = await self.grants()
        if None in grants:
            return None
        ids: set[str] = set()
        for subject in grants:
            if subject is not None:
                ids.update(
                    await self._applications_of(subject) if _is_consumer(subject) else (subject,)
                )
        return frozenset(ids)

    async def consumer(
        self, global_id: str, scope: Scope = Scope.CONSUMERS_READ
    ) -> Consumer | None:
        """Return the consumer, or None where there is none within reach."""
        consumer = await self._loaders.consumers.load(global_id)
        if consumer is None:
            return None
        if not await self.reaches_consumer(consumer, scope):
            self.reads.refuse(None, consumer.id)
            return None
        self.reads.consumer(consumer)
        return consumer

    async def reaches_consumer(
        self, consumer: Consumer, scope: Scope = Scope.CONSUMERS_READ
    ) -> bool:
        """Say whether the consumer is within reach, for what `scope` is about."""
        within = await self.consumer_ids(scope)
        if within is not None and consumer.id not in within:
            return False
        opened = self._opened.get(scope, {})
        grant = opened.get(consumer.id) or opened.get(None)
        if grant is not None:
            self.reads.open(consumer.id, grant)
        return True

    async def consumer_ids(self, scope: Scope = Scope.CONSUMERS_READ) -> frozenset[str] | None:
        """Return the global ids of the consumers within reach; None means all of the agency."""
        match self._principal.kind:
            case PrincipalKind.CONSUMER:
                own = await self.own_consumer()
                return frozenset() if own is None else frozenset({own.id})
            case PrincipalKind.COUNSELOR | PrincipalKind.OPERATOR:
                grants = await self.grants(scope)
                applications = await self._granted_applications(grants)
                named = (subject for subject in grants if subject and _is_consumer(subject))
                ids = frozenset((*named, *(one.consumer_id for one in applications)))
                return None if None in grants else ids
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
        scope = _SCOPES.get(record_type, Scope.APPLICATIONS_READ)
        if await self.application(root, scope) is None:
            return None
        excerpt = self._loaders.excerpts.get(record_type)
        return await self._store.get(record_type, global_id, excerpt)

    def _opens(self, grant: AccessGrant, scope: Scope) -> bool:
        if self._principal.kind is PrincipalKind.OPERATOR:
            return grant.scope is scope
        # A counselor's grant is over the whole file: its consumer, reports and notes with it.
        return scope in READ_SCOPES or grant.scope is Scope.APPLICATIONS_WRITE

    async def _granted_applications(self, grants: Grants) -> list[Application]:
        named = [one for one in grants if one is not None and not _is_consumer(one)]
        found = await asyncio.gather(*map(self._loaders.applications.load, named))
        applications = [one for one in found if one is not None]
        for application in applications:
            self.reads.learn(application)  # by which of them a consumer is reached
        return applications

    async def _applications_of(self, consumer_id: str) -> list[str]:
        assert self._store is not None, "grants are read from it"
        part = consumer_id.rpartition("_")[2]
        found = await self._store.listed(Application, "application_by_consumer", part)
        return [one.id for one in found]

    async def _held(self) -> Held:
        """Return the grants that may be live, by what they are over: one view for the request."""
        if self._all is None:
            self._all = self._at_hand()
        if self._all is None:
            if self._reading is None:
                self._reading = asyncio.Lock()
            async with self._reading:
                if self._all is None:
                    self._all = await self._read_grants()
        return self._all

    def _at_hand(self) -> Held | None:
        """Return the grants where none has to be read, None where they have to."""
        if self._principal.kind is PrincipalKind.OPERATOR:
            return _by_subject(self._principal.grants)
        if self._store is None or self._principal.kind is not PrincipalKind.COUNSELOR:
            return {}
        held: Held | None = self._store.recalled(self._grants_key())
        return held

    def _grants_key(self) -> tuple[str, str, datetime]:
        """Return what the grants are remembered under: the moment is the hour that it is in."""
        hour = self._at.replace(minute=0, second=0, microsecond=0)
        return ("grants", self._principal.subject, hour)

    async def _read_grants(self) -> Held:
        store, key = self._store, self._grants_key()
        assert store is not None, "without one no grant has to be read"

        async def read() -> Held:
            _, subject, since = key
            index, lo = "grant_by_grantee", sort_time(since)
            return _by_subject(await store.listed(AccessGrant, index, subject, lo=lo))

        return await store.remembered(key, read)


def _by_subject(grants: Iterable[AccessGrant]) -> Held:
    found: dict[str | None, tuple[AccessGrant, ...]] = {}
    for grant in grants:
        found[grant.subject] = (*found.get(grant.subject, ()), grant)
    return found


def _longest(grants: Iterable[AccessGrant]) -> AccessGrant | None:
    return max(grants, key=lambda grant: grant.expires_at, default=None)


def _is_consumer(global_id: str) -> bool:
    return global_id.startswith("con_")
