"""Waits for what happens by itself, and names pools that no other test has."""

import asyncio
import itertools
import time
from collections.abc import Callable

from gateway.budgets.buckets import Pool, Rate

_numbers = itertools.count()


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Return once it holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come to hold"
        await asyncio.sleep(0.01)


def pool(capacity: int, amount: int = 1, seconds: int = 100_000) -> Pool:
    """Return a pool of its own; by default hardly anything comes back during a test."""
    return Pool(f"{{test}}:{time.monotonic_ns()}:{next(_numbers)}", Rate(capacity, amount, seconds))
