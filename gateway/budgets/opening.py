"""Opens the budgets of one process, as they are configured, and has them counted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.budgets.buckets import Buckets, LocalBuckets
from gateway.budgets.budgets import Budgets
from gateway.budgets.redis_buckets import REDIS_URL, open_redis_buckets
from gateway.config import Config
from gateway.metrics import Metrics
from gateway.secrets import Secrets


@asynccontextmanager
async def open_budgets(
    config: Config, metrics: Metrics, secrets: Secrets
) -> AsyncIterator[Budgets]:
    """Give the budgets, in Redis where one is configured.

    Raises CannotStart where its driver is not installed or its address is none.
    """
    given = config.budgets
    async with AsyncExitStack() as stack:
        buckets: Buckets = LocalBuckets(share=given.processes or config.workers)
        if given.redis_url is not None and given.mode != "off":
            assert isinstance(buckets, LocalBuckets)
            buckets = await stack.enter_async_context(
                open_redis_buckets(
                    lambda: secrets.of(REDIS_URL, given.redis_url).current,
                    buckets,
                    deadline_ms=given.redis_deadline_ms,
                    fell_back=metrics.protection.fallbacks.inc,
                )
            )
        yield Budgets(given, buckets, metrics)
