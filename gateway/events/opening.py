"""Opens the events of one process: its broker, the relays of its stores, and what is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from gateway.background import in_background
from gateway.config import Config
from gateway.events.local import LocalBroker
from gateway.events.measuring import EventMetrics, TracedSink, measuring_waiting
from gateway.events.port import Broker
from gateway.events.redis_broker import REDIS_URL, open_redis_broker
from gateway.metrics import Metrics
from gateway.secrets import Secrets
from gateway.workspace import Workspace
from tenants.outbox.relay import Sink
from tenants.outbox.relays import Relays

LAST_SECONDS_MAX = 5.0


@asynccontextmanager
async def open_events(
    config: Config, metrics: Metrics, secrets: Secrets, home: Workspace
) -> AsyncIterator[Broker]:
    """Give the broker, and relay to it what is committed to the agencies' stores.

    At the end what waits is relayed, as far as the broker takes it. Raises CannotStart where the
    driver of Redis is not installed or its address is none.
    """
    counted = EventMetrics(metrics.registry)
    directory, registry = home.directory, home.registry

    async def open_store(agency_id: str) -> bool:
        agency = await directory.agency(agency_id)
        if agency is not None:
            await registry.open(agency)
        return agency is not None

    only = None if config.agency is None else await directory.agency_by_slug(config.agency)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(_broker(config, secrets, counted))

        def sink_of(agency_id: str) -> Sink:
            return TracedSink(broker.sink_of(agency_id))

        relays = registry.relays
        await stack.enter_async_context(measuring_waiting(counted, relays.backlog))
        relays.start(sink_of, counted)
        stack.push_async_callback(_stop, relays)
        search = relays.search(open_store, None if only is None else only.id)
        await stack.enter_async_context(in_background(search, "stores left with events"))
        yield broker


@asynccontextmanager
async def _broker(config: Config, secrets: Secrets, counted: EventMetrics) -> AsyncIterator[Broker]:
    given = config.events
    if given.redis_url is None:
        local = LocalBroker(
            seconds=given.retention_seconds, bytes_max=given.retention_bytes, observer=counted
        )
        async with in_background(local.serve(), "events let go"):
            yield local
        return
    async with open_redis_broker(
        lambda: secrets.of(REDIS_URL, given.redis_url).current,
        seconds=given.retention_seconds,
        bytes_max=given.retention_bytes,
        observer=counted,
    ) as shared:
        yield shared


async def _stop(relays: Relays) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS_MAX):
            await relays.stop()
