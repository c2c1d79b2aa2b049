"""Buckets that a fleet shares in Redis, and the process's own part of them while Redis is away.

One connection carries everything: what is asked while an answer is on its way goes out together
after it. One script looks at all buckets of an operation and takes from them, by the server's own
clock. A request waits a few milliseconds at the most; after that, and until Redis answers again,
this process spends its part by itself, so that a budget is never spent twice over.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog

from gateway.background import in_background
from gateway.budgets.buckets import LocalBuckets, Pool, Taken
from gateway.redis_client import CONNECT_SECONDS_MAX, redis_client

REDIS_URL = "budgets.redis_url"
AWAY_AFTER_SECONDS = 0.5
BATCH_MAX = 64
GRACE_SECONDS = 0.005
RETRY_EACH_SECONDS = 1.0
WAITING_MAX = 4_000
PREFIX = "almoner:budget:"

# A level counts in 1/(seconds × 10⁶) of a unit, so that each microsecond adds a whole number. Where
# clocks of a new primary run behind, no time has passed. A bucket that is full is not there.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local granted, levels, waits = true, {}, {}
for i, key in ipairs(KEYS) do
  local capacity, amount, seconds, cost = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]),
    tonumber(ARGV[4*i-1]), tonumber(ARGV[4*i])
  local unit = seconds * 1000000
  local full, level = capacity * unit, capacity * unit
  local held = redis.call('HMGET', key, 'level', 'at')
  if held[1] then
    local passed = math.max(0, now - tonumber(held[2]))
    level = math.min(full, tonumber(held[1]) + passed * amount)
  end
  local short = math.min(cost * unit, full) - level
  if short > 0 then granted = false end
  levels[i] = level
  waits[i] = math.max(0, math.ceil(short / (amount * 1000000)))
end
local left = {}
for i, key in ipairs(KEYS) do
  local capacity, amount, seconds, cost = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]),
    tonumber(ARGV[4*i-1]), tonumber(ARGV[4*i])
  local unit = seconds * 1000000
  local full, level = capacity * unit, levels[i]
  if granted then
    level = math.min(full, level - cost * unit)
    if level >= full then
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 'level', string.format('%.0f', level),
        'at', string.format('%.0f', now))
      redis.call('PEXPIRE', key, math.ceil((full - level) / amount / 1000) + 1000)
    end
  end
  left[i] = math.max(0, math.floor(level / unit))
end
if granted then return {left, {}} end
return {left, waits}
"""

_log = structlog.get_logger("almoner")
_Asked = tuple[list[str], list[int], "asyncio.Future[Taken]"]


class RedisBuckets:
    """Buckets in Redis. Build with `open_redis_buckets`."""

    def __init__(
        self,
        client_of: Callable[[], Any],
        own: LocalBuckets,
        *,
        deadline_ms: int,
        fell_back: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what makes a client, this process's own part, and who hears of its use."""
        self._client_of = client_of
        self._client: Any = None
        self._own = own
        self._deadline_seconds = deadline_ms / 1000
        self._grace_seconds = GRACE_SECONDS
        self._fell_back = fell_back
        self._asked: list[_Asked] = []
        self._wake = asyncio.Event()
        self._script = ""
        self.answers = False

    async def take(self, pools: Sequence[Pool], amounts: Sequence[int]) -> Taken:
        """Take an amount from each bucket, or nothing from any."""
        if self.answers and len(self._asked) < WAITING_MAX:
            with suppress(_Away):
                return await self._ask(pools, amounts)
        self._fell_back()
        return await self._own.take(pools, amounts)

    async def give_back(self, pools: Sequence[Pool], amounts: Sequence[int]) -> None:
        """Put back what was taken and not used, wherever it was taken from if that is known."""
        if self.answers and len(self._asked) < WAITING_MAX:
            with suppress(_Away):
                await self._ask(pools, [-amount for amount in amounts])
                return
        await self._own.give_back(pools, amounts)

    async def serve(self) -> None:
        """Carry what is asked to Redis, until cancelled; connect again where it was away."""
        away = False
        while True:
            self._client = self._client_of()
            try:
                await self._connect()
                _log.info("budgets are shared" + (" again" if away else ""))
                away = False
                self.answers = True
                await self._carry()
            except Exception as error:  # noqa: BLE001 - whatever it is, the budgets go on alone
                if not away:
                    _log.warning("budgets are not shared", why=type(error).__name__)
                away = True
            finally:
                self.answers = False
                self._refuse_all()
                with suppress(Exception):
                    await self._client.aclose()
            await asyncio.sleep(RETRY_EACH_SECONDS)

    async def _ask(self, pools: Sequence[Pool], amounts: Sequence[int]) -> Taken:
        keys = [PREFIX + pool.name for pool in pools]
        numbers: list[int] = []
        for pool, amount in zip(pools, amounts, strict=False):
            rate = pool.rate
            numbers += (rate.capacity, rate.amount, rate.seconds, amount)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Taken] = loop.create_future()
        self._asked.append((keys, numbers, answer))
        self._wake.set()
        # Where the loop itself was late, the answer may be there and not read yet.
        grace = self._grace_seconds
        late = loop.call_later(self._deadline_seconds, loop.call_later, grace, _end, answer)
        try:
            return await answer
        finally:
            late.cancel()

    async def _connect(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            self._script = await self._client.script_load(SCRIPT)

    async def _carry(self) -> None:
        while True:
            if not self._asked:
                self._wake.clear()
                await self._wake.wait()
            batch, self._asked = self._asked[:BATCH_MAX], self._asked[BATCH_MAX:]
            try:
                async with asyncio.timeout(AWAY_AFTER_SECONDS):
                    answers = await self._send(batch)
            except BaseException:
                self._asked = [*batch, *self._asked]
                raise
            for (_, _, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # else nobody waits any longer, and it is spent all the same
                    future.set_result(answer)

    async def _send(self, batch: Sequence[_Asked]) -> list[Taken]:
        pipeline = self._client.pipeline(transaction=False)
        for keys, numbers, _ in batch:
            pipeline.evalsha(self._script, len(keys), *keys, *numbers)
        return [(left, tuple(waits)) for left, waits in await pipeline.execute()]

    def _refuse_all(self) -> None:
        asked, self._asked = self._asked, []
        for _, _, future in asked:
            _end(future)


class _Away(Exception):
    """Redis did not answer in time."""


def _end(answer: "asyncio.Future[Taken]") -> None:
    """Have nobody wait for an answer any longer."""
    if not answer.done():
        answer.set_exception(_Away())


@asynccontextmanager
async def open_redis_buckets(
    url: Callable[[], str],
    own: LocalBuckets,
    *,
    deadline_ms: int,
    fell_back: Callable[[], None] = lambda: None,
) -> AsyncIterator[RedisBuckets]:
    """Give buckets in the Redis of that address, which is asked for at each connecting.

    Raises CannotStart where the driver is not installed or the address is none.
    """
    client_of = partial(redis_client, url, setting=REDIS_URL)
    await client_of().aclose()
    buckets = RedisBuckets(client_of, own, deadline_ms=deadline_ms, fell_back=fell_back)
    async with in_background(buckets.serve(), "shared budgets"):
        yield buckets
