"""A circuit breaker: after failures in a row nobody asks for a while, then one trial decides.

Closed lets everybody through and counts failures in a row; open lets nobody through; once the
open time is over one trial is let through at a time, and its end closes or opens again. What ends
late, from before the breaker last changed, is not counted: it says nothing about the vendor now.
"""

from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self


class BreakerState(StrEnum):
    """What a breaker does with the next attempt."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class CircuitBreaker:
    """One breaker, for one agency and vendor; not shared between threads."""

    def __init__(
        self, *, failures_max: int, open_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._failures_max = failures_max
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._trial: Permit | None = None
        self._generation = 0

    @property
    def state(self) -> BreakerState:
        """Return what the next attempt would meet."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        if self._clock() - self._opened_at < self._open_seconds:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    def enter(self) -> "Permit | None":
        """Return a permit for one attempt, None where there must be none now."""
        state = self.state
        if state is BreakerState.CLOSED:
            return Permit(self, self._generation)
        if state is BreakerState.OPEN or self._trial is not None:
            return None
        self._trial = Permit(self, self._generation)
        return self._trial

    def settle(self, permit: "Permit", *, good: bool | None) -> None:
        """Take an attempt's end; None where it was given up without learning anything."""
        if permit is self._trial:
            self._trial = None
            if good is None:
                return
            self._failures = 0
            self._opened_at = None if good else self._clock()
            self._generation += 1
        elif good is not None and permit.generation == self._generation:
            self._failures = 0 if good else self._failures + 1
            if self._failures >= self._failures_max:
                self._failures = 0
                self._opened_at = self._clock()
                self._generation += 1


class Permit:
    """Leave to make one attempt; leaving the context without a verdict gives it back unused."""

    def __init__(self, breaker: CircuitBreaker, generation: int) -> None:
        self.generation = generation
        self._breaker = breaker
        self._settled = False

    def settle(self, *, good: bool | None) -> None:
        """Say whether the vendor is there and in order; the first word counts."""
        if not self._settled:
            self._settled = True
            self._breaker.settle(self, good=good)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.settle(good=None)
