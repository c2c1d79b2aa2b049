"""What `almoner doctor` finds out about the broker that carries events."""

from collections.abc import AsyncIterator

from gateway.cli.findings import Finding
from gateway.cli.redis_findings import of_redis
from gateway.config import Config
from gateway.events.redis_broker import REDIS_URL


async def of_events(config: Config) -> AsyncIterator[Finding]:
    """Check the broker; nothing is said of one process that needs none."""
    if config.events.redis_url is not None:
        yield await of_redis(
            config,
            REDIS_URL,
            check="redis of the events",
            meanwhile="events wait in the stores, and subscribers for them",
        )
    elif config.workers > 1:
        yield Finding(
            check="events",
            state="warn",
            finding=f"{config.workers} workers and no Redis between them: a subscriber hears of "
            "what its own worker relays",
            remedy="set ALMONER_EVENTS_REDIS_URL: docs/operations.md, Events",
        )
