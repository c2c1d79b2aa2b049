"""All subscriptions of one process: begun, offered their events, and ended when they may not go on.

Each agency that anybody listens to has one channel. It reads the broker's deliveries once, and
offers each to the subscriptions that it concerns.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, TypeVar

from graphql import OperationType

from domain.access import Principal
from domain.agencies import Agency
from domain.errors import (
    DeadlineExceeded,
    FieldFault,
    InvalidInput,
    MalformedRequest,
    SubscriptionLimit,
)
from gateway.background import in_background
from gateway.engine.documents import Operation
from gateway.engine.subscribing import Subscribed
from gateway.errors import INTERNAL, DocumentRefused, Refused, entry_of
from gateway.identity.credentials import Credential
from gateway.parts import Parts, Served
from gateway.realtime.admission import Admission
from gateway.realtime.channel import LOOKED_EACH_SECONDS, Channel
from gateway.realtime.filters import FilterGroups, check_fields
from gateway.realtime.live import Screen, Subscription, Terms
from gateway.realtime.measuring import RealtimeMetrics, Wire
from gateway.realtime.wanted import Outlet, Refusal, Wanted
from resolvers.audit_lines import leave_lines
from resolvers.context import RequestContext, agency_of
from resolvers.subscriptions import TOPICS, Topic, reach_of
from schema.build import rule_of

_CONNECTIONS = ("connections",)
_SUBSCRIPTIONS = ("subscriptions",)
_KEPT = ("kept bytes",)


class Finishes(Protocol):
    """What goes on until it is told to finish."""

    def finish(self) -> None:
        """Finish soon."""
        ...


S = TypeVar("S", bound=Finishes)


class Hub:
    """The subscriptions of one process."""

    def __init__(self, served: Served, parts: Parts, metrics: RealtimeMetrics) -> None:
        """Take what is served, and with what."""
        self.served = served
        self.parts = parts
        self.metrics = metrics
        self.admission = Admission(served, parts)
        self._limits = served.config.realtime
        self._channels: dict[str, Channel] = {}
        self._opening = asyncio.Lock()
        self._streams: set[Finishes] = set()
        self._is_finishing = False
        self._counts: Counter[tuple[str, ...]] = Counter()

    async def begin(self, wanted: Wanted, outlet: Outlet) -> Subscription:
        """Return the subscription that is wanted; it has been registered, and tells once it begins.

        Whatever is committed after this is offered to it. Raises why it is refused: a GatewayError,
        Refused or DocumentRefused.
        """
        try:
            async with asyncio.timeout(self.served.config.limits.deadline_seconds):
                return await self._begin(wanted, outlet)
        except TimeoutError:
            raise DeadlineExceeded from None

    async def _begin(self, wanted: Wanted, outlet: Outlet) -> Subscription:
        engine = self.served.engine
        # 2-5 identity, agency, store, context
        async with self.admission.context(
            wanted.credential, wanted.source_ip, wanted.asked
        ) as context:
            agency, principal = agency_of(context), context.principal
            # 6 document
            text = self.parts.trusted.text_of(wanted.asked, agency.slug)
            operation = await engine.find(text, wanted.asked.operation_name)
            # 7 budget
            cost = self.served.prices.of(operation, wanted.asked.variables)
            await self.parts.budgets.charge(agency, principal, cost)
            # 8 terms: what it is to, and whether this caller may be told of it
            try:
                terms = await self._terms(wanted, operation, context)
            finally:
                names, directory = engine.field_names, self.parts.directory
                await leave_lines(context, names, directory, changes=False)
            # 9 registration
            subscription = Subscription(self, terms, outlet)
            await self._register(agency, subscription)
        return subscription

    def connected(self, wire: Wire, principal: Principal) -> None:
        """Count a connection; raises SubscriptionLimit where there are as many as there may be."""
        limits, agency_id = self._limits, principal.agency_id or ""
        for key, most, whose in (
            (_CONNECTIONS, limits.connections, "this process"),
            ((*_CONNECTIONS, agency_id), limits.agency_connections, "this agency"),
            (
                (*_CONNECTIONS, agency_id, principal.subject),
                limits.caller_connections,
                "this person or API key",
            ),
        ):
            if self._counts[key] >= most:
                raise SubscriptionLimit(f"Max number of {most} connections reached for {whose}.")
        self._count_connection(wire, principal, 1)

    @asynccontextmanager
    async def connection(
        self, wire: Wire, credential: Credential | None, source_ip: str | None
    ) -> AsyncIterator[None]:
        """Let a client in, and count its connection inside; raises as `Admission.check` does."""
        principal = await self.admission.check(credential, source_ip)
        self.connected(wire, principal)
        try:
            yield
        finally:
            self.disconnected(wire, principal)

    @contextmanager
    def streaming(self, events: S) -> Iterator[S]:
        """Have a stream finish where the process begins to stop inside."""
        self._streams.add(events)
        if self._is_finishing:
            events.finish()
        try:
            yield events
        finally:
            self._streams.discard(events)

    def finish_streams(self) -> None:
        """Have all streams finish: their clients come back to whoever serves then."""
        self._is_finishing = True
        for events in list(self._streams):
            events.finish()

    def disconnected(self, wire: Wire, principal: Principal) -> None:
        """Count a connection that has ended."""
        self._count_connection(wire, principal, -1)

    def forget(self, subscription: Subscription) -> None:
        """Offer a subscription nothing more."""
        terms = subscription.terms
        self._channels[terms.agency_id].remove(subscription)
        self._count(terms, -1)

    def note_end(self, refusal: Refusal) -> None:
        """Count a subscription that is refused, or ended by the gateway."""
        self.metrics.ended(code_of(refusal))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after the subscriptions inside; at the end all that is left is let go."""
        try:
            async with in_background(self._look(), "subscriptions looked after"):
                yield
        finally:
            for channel in self._channels.values():
                await channel.aclose()

    async def _terms(self, wanted: Wanted, operation: Operation, context: RequestContext) -> Terms:
        """Return what is granted."""
        to, topic = self._topic(operation, wanted)
        schema = self.served.schema
        assert schema.subscription_type is not None, "the operation is valid"
        rule = rule_of(schema.subscription_type.fields[to.field_name])
        principal, reads = context.principal, context.guard.reads
        reads.ask(to.field_name)
        refusal = rule.refusal(principal, context.request.at, "Subscription", to.field_name)
        if refusal is not None:
            reads.refuse(f"Subscription.{to.field_name}")
            raise refusal
        application_id, reach = _narrowed(to, topic), None
        if application_id is not None:
            reach = await reach_of(context, application_id, topic.scope)
        return Terms(
            wanted=wanted,
            agency_id=agency_of(context).id,
            subject=principal.subject,
            field_name=to.field_name,
            topic=topic,
            rule=rule,
            operation=operation,
            application_id=application_id,
            by_grant=reach is not None,
            only=await self._screen(wanted.only, to.field_name, "filter"),
            until=await self._screen(wanted.until, to.field_name, "invalidationFilter"),
            granted_at=context.request.at,
            kept_bytes=wanted.kept_bytes,
        )

    def _topic(self, operation: Operation, wanted: Wanted) -> tuple[Subscribed, Topic]:
        if operation.kind is OperationType.SUBSCRIPTION:
            to = self.served.engine.subscribed(operation, wanted.asked.variables)
            topic = TOPICS.get(to.field_name)
            if topic is not None:
                return to, topic
        error = MalformedRequest("This is no subscription: ask for it by POST /graphql.")
        raise DocumentRefused([entry_of(error, error_type="UnsupportedOperation")])

    async def _screen(
        self, groups: FilterGroups | None, field_name: str, path: str
    ) -> Screen | None:
        """Return a filter with what it reads; raises InvalidInput."""
        if groups is None:
            return None
        root = self.served.schema.subscription_type
        assert root is not None, "the operation is valid"
        check_fields(groups, root.fields[field_name].type, path)
        text = f"subscription {{ {field_name} {groups.selection()} }}"
        operation = await self.served.engine.find(text, None)
        self.served.prices.of(operation, {})
        return Screen(groups, operation)

    def _check_limits(self, terms: Terms) -> None:
        """Raise SubscriptionLimit where there are as many as there may be."""
        limits = self._limits
        of_agency, of_caller, kept = _counted(terms)
        for key, most, whose in (
            (of_agency, limits.agency_subscriptions, "this agency"),
            (of_caller, limits.caller_subscriptions, "this person or API key"),
        ):
            if self._counts[key] >= most:
                raise SubscriptionLimit(f"Max number of {most} subscriptions reached for {whose}.")
        if self._counts[kept] + terms.kept_bytes > limits.caller_bytes:
            raise SubscriptionLimit(
                f"Max number of {limits.caller_bytes} bytes of subscriptions reached for this "
                "person or API key."
            )

    async def _register(self, agency: Agency, subscription: Subscription) -> None:
        async with self._opening:
            channel = self._channels.get(agency.id)
            if channel is not None and channel.has_ended:
                await channel.aclose()
                channel = None
            if channel is None:
                channel = self._channels[agency.id] = Channel(self, agency)
                await channel.open()
        self._check_limits(subscription.terms)
        channel.add(subscription)
        self._count(subscription.terms, 1)

    def _count_connection(self, wire: Wire, principal: Principal, more: int) -> None:
        self.metrics.connections[wire].now += more
        agency_id, subject = principal.agency_id or "", principal.subject
        self._add(_CONNECTIONS, more)
        self._add((*_CONNECTIONS, agency_id), more)
        self._add((*_CONNECTIONS, agency_id, subject), more)

    def _count(self, terms: Terms, more: int) -> None:
        self.metrics.subscriptions.now += more
        of_agency, of_caller, kept = _counted(terms)
        self._add(of_agency, more)
        self._add(of_caller, more)
        self._add(kept, more * terms.kept_bytes)

    def _add(self, key: tuple[str, ...], more: int) -> None:
        self._counts[key] += more
        if not self._counts[key]:
            del self._counts[key]

    async def _look(self) -> None:
        """Close channels that nobody listens to."""
        while True:
            await asyncio.sleep(LOOKED_EACH_SECONDS)
            idle = [item for item in self._channels.items() if item[1].is_idle]
            for agency_id, channel in idle:
                async with self._opening:
                    if channel.is_idle and self._channels.get(agency_id) is channel:
                        del self._channels[agency_id]
                        await channel.aclose()


def code_of(refusal: Refusal) -> str:
    """Return the code of a refusal."""
    match refusal:
        case Refused():
            return refusal.error.code
        case DocumentRefused():
            info = refusal.entries[0]["errorInfo"]
            return str(info["code"]) if isinstance(info, dict) else INTERNAL
    return refusal.code


def _narrowed(to: Subscribed, topic: Topic) -> str | None:
    """Return the application that a subscription is narrowed to, None where it is to all.

    Raises InvalidInput for null: in AppSync it matches what is null, which is nothing here.
    """
    if topic.argument is None or topic.argument not in to.arguments:
        return None
    given = to.arguments[topic.argument]
    if given is None:
        message = "Name an application, or leave the argument out to be told of all."
        raise InvalidInput([FieldFault(path=topic.argument, code="REQUIRED", message=message)])
    return str(given)


def _counted(terms: Terms) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    of_agency = (*_SUBSCRIPTIONS, terms.agency_id)
    return of_agency, (*of_agency, terms.subject), (*_KEPT, terms.agency_id, terms.subject)
