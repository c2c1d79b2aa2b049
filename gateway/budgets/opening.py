"""Opens the budgets of one process, as they are configured, and has them counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.budgets.buckets import Buckets, LocalBuckets
from gateway.budgets.budgets import Budgets, Spending
from gateway.budgets.redis_buckets import open_redis_buckets
from gateway.config import Config
from gateway.metrics import NO_AGENCY, Metrics, ProtectionMetrics
from gateway.secrets import Secrets

COUNTED_EACH_SECONDS = 1.0
REDIS_URL = "budgets.redis_url"


@asynccontextmanager
async def open_budgets(
    config: Config, metrics: Metrics, secrets: Secrets
) -> AsyncIterator[Budgets]:
    """Give the budgets, in Redis where one is configured.

    Raises CannotStart where its driver is not installed or its address is none.
    """
    given = config.budgets
    async with AsyncExitStack() as stack:
        spending = await stack.enter_async_context(_counting(metrics.protection))
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
        yield Budgets(given, buckets, spending=spending)


@asynccontextmanager
async def _counting(metrics: ProtectionMetrics) -> AsyncIterator[Spending]:
    """Give where charges are added up, and count them every second."""
    spending = Spending()

    async def count() -> None:
        while True:
            await asyncio.sleep(COUNTED_EACH_SECONDS)
            _count(spending, metrics)

    task = asyncio.create_task(count(), name="budgets counted")
    try:
        yield spending
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        _count(spending, metrics)


def _count(spending: Spending, metrics: ProtectionMetrics) -> None:
    for slug, covered, short, points, cents in spending.drain():
        agency = slug or NO_AGENCY
        metrics.charges.labels("covered", agency).inc(covered)
        metrics.charges.labels("short", agency).inc(short)
        metrics.points.labels(agency).inc(points)
        metrics.cents.labels(agency).inc(cents)
