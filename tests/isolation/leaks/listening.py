"""Mistakes about live subscriptions: whose events are told, to whom, and for how long."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gateway.realtime.admission
from domain.events import Event
from gateway.engine.execute import Engine
from gateway.events.port import Cursor, read_cursor
from gateway.identity.credentials import present
from gateway.realtime.channel import Channel
from gateway.realtime.live import Offered
from resolvers.context import RequestContext
from resolvers.subscriptions import TOPICS
from tests.isolation.leaks.leak import Leaks, Patch
from tests.isolation.planting import KEY, SHARING_CONSUMER

LEAKS = Leaks()
leak = LEAKS.enter
CHANGES = {"updateApplication"}
BY = {KEY, SHARING_CONSUMER}
"""What is changed at every second draw, and by whom, so that there is something to tell."""


@leak("a channel that reads another agency's events", CHANGES, BY)
def _channel_of_another_agency(patch: Patch) -> None:
    honest = Channel.open

    async def open_channel(self: Any) -> None:
        own = self._agency
        every = await self._hub.parts.directory.agencies()
        self._agency = next(one for one in every if one.id != own.id)
        await honest(self)
        self._agency = own

    patch.setattr(Channel, "open", open_channel)


@leak("a subscriber's credential that is looked at once, and not for each event", CHANGES, BY)
def _subscriber_judged_once(patch: Patch) -> None:
    judged: dict[str, Any] = {}

    async def present_once(credential: Any, *more: Any) -> Any:
        if credential is None:
            return await present(credential, *more)
        if credential.value not in judged:
            judged[credential.value] = await present(credential, *more)
        return judged[credential.value]

    patch.setattr(gateway.realtime.admission, "present", present_once)


@leak("a cursor that says whose events are told anew", CHANGES, BY)
def _foreign_cursor_replayed(patch: Patch) -> None:
    async def missed(self: Any, after: Cursor, _until: Cursor) -> AsyncIterator[Offered]:
        parts, named = self._hub.parts, read_cursor(after)
        for agency in await parts.directory.agencies():
            async with parts.events.listen(agency) as there:
                line = read_cursor(there.cursor)
            if named is None or line is None or line[0] != named[0]:
                continue
            async with parts.events.listen(agency, after=after) as deliveries:
                async for delivery in deliveries.up_to(there.cursor):
                    yield Offered.now(delivery)

    patch.setattr(Channel, "_missed", missed)


@leak("an event told to whoever may subscribe, within reach or not", CHANGES, BY)
def _event_told_without_reach(patch: Patch) -> None:
    async def find(context: RequestContext, event: Event) -> object | None:
        return await context.loaders.applications.load(event.subject)

    topic = TOPICS["onApplicationUpdated"]
    patch.setitem(TOPICS, "onApplicationUpdated", replace(topic, find=find))


@leak("an event's answer worked out once for all who listen", CHANGES, BY)
def _event_answered_once_for_all(patch: Patch) -> None:
    honest = Engine.execute
    answered: dict[tuple[Any, ...], Any] = {}

    async def execute(
        self: Any, operation: Any, variables: Any, context: Any, root: Any = None
    ) -> Any:
        if root is None:
            return await honest(self, operation, variables, context)
        key = (id(operation), getattr(root, "id", None), getattr(root, "version", None))
        if key not in answered:
            answered[key] = await honest(self, operation, variables, context, root)
        return answered[key]

    patch.setattr(Engine, "execute", execute)
