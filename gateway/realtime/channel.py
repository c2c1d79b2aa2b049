"""One agency's events in one process, and the subscriptions that are told of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from domain.agencies import Agency
from domain.clock import utc_now
from domain.errors import Forbidden, GatewayError, NotFound, StoreUnavailable
from gateway.background import in_background
from gateway.errors import stack_of
from gateway.events.port import Cursor, Delivered, Deliveries
from gateway.identity.credentials import Credential
from gateway.realtime.live import Offered, Subscription
from resolvers.context import RequestContext, agency_of
from resolvers.subscriptions import TOPICS, reach_of

if TYPE_CHECKING:
    from gateway.realtime.hub import Hub

LOOKED_EACH_SECONDS = 0.4
OFFERED_AT_ONCE = 50
"""Subscriptions that are told of an event before others of the process have their turn."""

_log = structlog.get_logger("almoner")
_Topic = tuple[str, str | None]
"""A field, and the application that it is narrowed to."""
_Presented = tuple[Credential | None, str | None]
"""A credential, and the address that it comes from."""


_Epochs = tuple[tuple[int, int], int | None]
"""Of the directory for the agency and for operators, and of the store."""
_NEVER: _Epochs = ((-1, -1), None)


class Channel:
    """Offers each event of an agency to whom it concerns, and ends whoever may not go on."""

    def __init__(self, hub: "Hub", agency: Agency) -> None:
        """Take the agency; nothing is listened to before `open`."""
        self._hub = hub
        self._agency = agency
        self._by_topic: dict[_Topic, dict[Subscription, None]] = defaultdict(dict)
        self._stack = AsyncExitStack()
        self._deliveries: Deliveries
        self._reading: asyncio.Task[None] | None = None
        self._epochs = _NEVER

    @property
    def is_idle(self) -> bool:
        """Say whether nobody is told of anything."""
        return not self._by_topic

    @property
    def has_ended(self) -> bool:
        """Say whether it reads no more."""
        return self._reading is None or self._reading.done()

    async def open(self) -> None:
        """Begin to listen: whatever is committed from now on is offered."""
        listening = self._hub.parts.events.listen(self._agency)
        self._deliveries = await self._stack.enter_async_context(listening)
        self._reading = asyncio.create_task(self._read())
        # Each channel looks for itself: a store that does not answer is its own agency's trouble.
        await self._stack.enter_async_context(in_background(self._look(), "subscriptions judged"))

    async def aclose(self) -> None:
        """Listen no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._stack.aclose()

    def add(self, subscription: Subscription) -> None:
        """Offer a subscription what concerns it from now on."""
        terms = subscription.terms
        self._by_topic[terms.field_name, terms.application_id][subscription] = None
        if terms.wanted.after is not None:
            subscription.resume(self._missed(terms.wanted.after, self._deliveries.cursor))

    def remove(self, subscription: Subscription) -> None:
        """Offer a subscription nothing more."""
        terms = subscription.terms
        topic = terms.field_name, terms.application_id
        self._by_topic[topic].pop(subscription, None)
        if not self._by_topic[topic]:
            del self._by_topic[topic]

    async def look(self, now: datetime) -> None:
        """End the subscriptions that may not go on: by time, or because something has changed."""
        directory, store = await self._epochs_now()
        before, self._epochs = self._epochs, (directory, store)
        for_all, for_grants = directory != before[0], store is None or store != before[1]
        presented: dict[_Presented, list[Subscription]] = defaultdict(list)
        for one in self._subscriptions():
            if for_all or one.ends_at <= now or (for_grants and one.terms.by_grant):
                wanted = one.terms.wanted
                presented[wanted.credential, wanted.source_ip].append(one)
        for (credential, source_ip), theirs in presented.items():
            try:
                await self._judge(credential, source_ip, theirs)
            except StoreUnavailable:  # whose credential has ended has been told so all the same
                self._epochs = _NEVER
            await asyncio.sleep(0)

    async def _look(self) -> None:
        """Look, often enough that within a second nobody is left who may not go on."""
        while True:
            await asyncio.sleep(LOOKED_EACH_SECONDS)
            try:
                await self.look(utc_now())
            except StoreUnavailable:  # the directory's: nobody is told anything meanwhile
                continue
            except Exception as error:  # noqa: BLE001 -- the next look may well succeed
                _log.error("internal error", raised=stack_of(error))

    async def _epochs_now(self) -> _Epochs:
        """Return what is another one as soon as a verdict, or a grant, may be another one."""
        directory, agency = self._hub.parts.directory, self._agency
        verdicts = directory.epoch(agency.id), directory.epoch(None)
        try:
            async with self._hub.parts.stores.lease(agency) as store:
                return verdicts, store.epoch()
        except StoreUnavailable:
            return verdicts, None

    async def _judge(
        self, credential: Credential | None, source_ip: str | None, theirs: list[Subscription]
    ) -> None:
        """End those of one caller's subscriptions that they may not go on with."""
        try:
            async with self._hub.admission.context(credential, source_ip) as context:
                for one in theirs:
                    await self._judge_one(one, context)
        except StoreUnavailable:
            raise
        except GatewayError as refusal:
            for one in theirs:
                one.end(refusal)

    async def _judge_one(self, one: Subscription, context: RequestContext) -> None:
        terms, principal = one.terms, context.principal
        name = terms.field_name
        refusal = terms.rule.refusal(principal, context.request.at, "Subscription", name)
        if agency_of(context).id != self._agency.id and refusal is None:
            refusal = Forbidden("The credential is another agency's by now.")
        if refusal is not None:
            one.end(refusal)
            return
        one.ends_at = principal.expires_at
        if terms.application_id is None:
            return
        try:
            reach = await reach_of(context, terms.application_id, terms.topic.scope)
        except NotFound as gone:
            one.end(gone)
        else:
            one.ends_at = one.ends_at if reach is None else min(one.ends_at, reach)

    async def _read(self) -> None:
        try:
            async for delivery in self._deliveries:
                offered = Offered.now(delivery)
                for number, one in enumerate(self._concerned(offered), start=1):
                    one.offer(offered)
                    if number % OFFERED_AT_ONCE == 0:
                        await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 -- whatever it is, nobody must wait for ever
            _log.error("internal error", raised=stack_of(error))
            for one in self._subscriptions():
                one.end(StoreUnavailable("Events cannot be read right now. Subscribe again."))

    def _concerned(self, offered: Offered) -> list[Subscription]:
        delivery = offered.delivery
        if not isinstance(delivery, Delivered):
            return self._subscriptions()
        event, found = delivery.event, list[Subscription]()
        for name, topic in TOPICS.items():
            if topic.concerns(event):
                found += self._by_topic.get((name, None), ())
                found += self._by_topic.get((name, topic.named_by(event)), ())
        return found

    def _subscriptions(self) -> list[Subscription]:
        return [one for held in self._by_topic.values() for one in held]

    async def _missed(self, after: Cursor, until: Cursor) -> AsyncGenerator[Offered]:
        """Yield what a client has missed since it had an event, up to its registration."""
        async with self._hub.parts.events.listen(self._agency, after=after) as deliveries:
            async for delivery in deliveries.up_to(until):
                yield Offered.now(delivery)
