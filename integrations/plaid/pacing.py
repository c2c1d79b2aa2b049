"""Keeps calls to Plaid within its limits, per item and per client, so that it refuses none.

Plaid tells neither what is left nor when to come back, so calls of the last minute are counted
here. A client is an account with Plaid: one `Pacing` for all agencies that share it. Counts are per
process; a share of each client limit is what one process of several takes.
"""

import hashlib
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cachetools import LRUCache

WINDOW_SECONDS = 60.0
ITEMS_MAX = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Calls a minute of one endpoint: of one item (None: no item is named), of one client."""

    item: int | None
    client: int


# Production, from Plaid's page on rate limits; those of transactions from other clients alone.
PRODUCTION: Mapping[str, Allowance] = {
    "/accounts/balance/get": Allowance(item=5, client=1_200),
    "/accounts/get": Allowance(item=15, client=15_000),
    "/identity/get": Allowance(item=15, client=2_000),
    "/item/get": Allowance(item=15, client=5_000),
    "/item/remove": Allowance(item=30, client=2_000),
    "/liabilities/get": Allowance(item=15, client=1_000),
    "/transactions/sync": Allowance(item=50, client=2_500),
    "/transactions/recurring/get": Allowance(item=20, client=1_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """The table of limits, and how many processes share the client's."""

    by_endpoint: Mapping[str, Allowance] = field(default_factory=lambda: PRODUCTION)
    processes: int = 1

    def of(self, endpoint: str) -> Allowance | None:
        """Return the limits of an endpoint, None where none is known."""
        known = self.by_endpoint.get(endpoint)
        if known is None:
            return None
        return Allowance(item=known.item, client=max(known.client // max(self.processes, 1), 1))


class Pacing:
    """The calls of the last minute. Items are known by a hash: a token is kept nowhere."""

    def __init__(
        self, allowances: Allowances | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowances = allowances or Allowances()
        self._clock = clock
        self._calls: LRUCache[tuple[str, bytes | None], deque[float]] = LRUCache(ITEMS_MAX)

    def reserve(self, endpoint: str, access_token: str | None, within_seconds: float) -> float:
        """Take the next free place, and return the seconds to wait for it.

        Where it is further off than `within_seconds`, none is taken: the answer is larger.
        """
        allowance = self._allowances.of(endpoint)
        if allowance is None:
            return 0.0
        now = self._clock()
        windows = [(self._window(endpoint, None), allowance.client)]
        if allowance.item is not None and access_token is not None:
            windows.append((self._window(endpoint, _digest(access_token)), allowance.item))
        at = max(_free_at(calls, most, now) for calls, most in windows)
        if at - now <= within_seconds:
            for calls, _ in windows:
                insort(calls, at)
        return at - now

    def _window(self, endpoint: str, item: bytes | None) -> deque[float]:
        found = self._calls.get((endpoint, item))
        if found is None:
            found = self._calls[endpoint, item] = deque()
        return found


def _free_at(calls: deque[float], most: int, now: float) -> float:
    """Return when there is room in a window; forgets what has left it."""
    while calls and calls[0] <= now - WINDOW_SECONDS:
        calls.popleft()
    # Places are taken ahead of time too. The latest of them that may still be in the same minute
    # as `most - 1` others has to have left it.
    return now if len(calls) < most else max(now, calls[-most] + WINDOW_SECONDS)


def _digest(access_token: str) -> bytes:
    return hashlib.sha256(access_token.encode()).digest()[:16]
