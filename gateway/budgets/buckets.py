"""Token buckets: what is taken from them comes back at a steady rate, up to what they can hold.

The port that budgets are kept behind, and the buckets of one process. All claims of an operation
are granted or none is. What costs more than a bucket can hold is granted when the bucket is full,
and leaves a debt: the rate holds, and nothing is refused for ever.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

KEPT_MAX = 50_000
SWEEP_EACH_SECONDS = 60
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's size, and how much comes back in how many seconds."""

    capacity: int
    amount: int
    seconds: int

    @property
    def fills_in_seconds(self) -> int:
        """Return how long an empty bucket takes to be full."""
        return math.ceil(self.capacity * self.seconds / self.amount)

    def part(self, percent: int) -> "Rate":
        """Return the rate and size of so many percent, in the least whole numbers."""
        amount, seconds = self.amount * percent, self.seconds * 100
        common = math.gcd(amount, seconds)
        return Rate(max(1, self.capacity * percent // 100), amount // common, seconds // common)


@dataclass(frozen=True, slots=True)
class Pool:
    """A bucket by its name."""

    name: str
    rate: Rate


Taken = tuple[Sequence[int], Sequence[int]]
"""What became of claims: the whole units left in each bucket, none where it is in debt; and, where
they were refused, the seconds until each can be granted."""


class Buckets(Protocol):
    """Where buckets are kept."""

    async def take(self, pools: Sequence[Pool], amounts: Sequence[int]) -> Taken:
        """Take an amount from each bucket, or nothing from any."""
        ...

    async def give_back(self, pools: Sequence[Pool], amounts: Sequence[int]) -> None:
        """Put back what was taken and not used."""
        ...


class _Bucket:
    """One bucket. Its level counts in `unit`, so that every nanosecond adds a whole number."""

    __slots__ = ("at", "full", "level", "rises", "unit")

    def __init__(self, rate: Rate, share: int, now: int) -> None:
        self.unit = rate.seconds * share * _NANOSECONDS
        self.full = self.level = rate.capacity * rate.seconds * _NANOSECONDS
        self.rises = rate.amount
        self.at = now


class LocalBuckets:
    """The buckets of this process. Exact: whole numbers, and nothing between look and take.

    A bucket that is full again is forgotten, so that there are as many as were used of late.
    """

    def __init__(
        self,
        *,
        share: int = 1,
        kept_max: int = KEPT_MAX,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take how many processes share each budget, and a clock in nanoseconds."""
        self._share = share
        self._kept_max = kept_max
        self._clock = clock
        self._sweeps_at = 0
        self._kept: dict[str, _Bucket] = {}

    def __len__(self) -> int:
        """Return how many buckets are not known to be full."""
        return len(self._kept)

    async def take(self, pools: Sequence[Pool], amounts: Sequence[int]) -> Taken:
        """Take an amount from each bucket, or nothing from any."""
        return self.take_now(pools, amounts)

    def take_now(self, pools: Sequence[Pool], amounts: Sequence[int]) -> Taken:
        """Do the same without a coroutine, which would take a tenth of the time."""
        now = self._clock()
        kept = self._kept
        if now > self._sweeps_at or len(kept) > self._kept_max:
            kept = self._sweep(now)
        rests: list[tuple[_Bucket, int]] = []
        for pool, amount in zip(pools, amounts, strict=False):
            bucket = kept.get(pool.name)
            if bucket is None:
                bucket = kept[pool.name] = _Bucket(pool.rate, self._share, now)
            level = bucket.level + (now - bucket.at) * bucket.rises
            full = bucket.full
            if level > full:  # noqa: PLR1730 - a call costs more than all the rest of the line
                level = full
            rest = level - amount * bucket.unit
            if rest < 0 and level < full:
                return self._refusal(pools, amounts, now)
            rests.append((bucket, rest))
        left: list[int] = []
        for bucket, rest in rests:
            bucket.level = rest
            bucket.at = now
            left.append(rest // bucket.unit if rest > 0 else 0)
        return left, ()

    async def give_back(self, pools: Sequence[Pool], amounts: Sequence[int]) -> None:
        """Put back what was taken and not used."""
        for pool, amount in zip(pools, amounts, strict=True):
            bucket = self._kept.get(pool.name)
            if bucket is not None:
                bucket.level = min(bucket.full, bucket.level + amount * bucket.unit)

    def _refusal(self, pools: Sequence[Pool], amounts: Sequence[int], now: int) -> Taken:
        left: list[int] = []
        waits: list[int] = []
        for pool, amount in zip(pools, amounts, strict=False):
            bucket = self._kept.get(pool.name) or _Bucket(pool.rate, self._share, now)
            level = min(bucket.full, bucket.level + (now - bucket.at) * bucket.rises)
            short = min(amount * bucket.unit, bucket.full) - level
            left.append(max(0, level // bucket.unit))
            waits.append(max(0, -(-short // (bucket.rises * _NANOSECONDS))))
        return left, waits

    def _sweep(self, now: int) -> dict[str, _Bucket]:
        """Forget the buckets that are full again; beyond what is kept, those met first."""
        self._sweeps_at = now + SWEEP_EACH_SECONDS * _NANOSECONDS
        self._kept = kept = {
            name: bucket
            for name, bucket in self._kept.items()
            if bucket.level + (now - bucket.at) * bucket.rises < bucket.full
        }
        for name in list(kept)[: max(0, len(kept) - self._kept_max * 9 // 10)]:
            del kept[name]
        return kept
