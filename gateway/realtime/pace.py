"""How many frames a client may send: so many a second, and what it has saved up of them."""

import time
from collections.abc import Callable

SAVED_SECONDS = 10
"""Of frames that were not sent; a client begins with as many."""


class Pace:
    """What one client may still send."""

    __slots__ = ("_at", "_clock", "_left", "_per_second")

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many a second; a client begins with what it can save at the most."""
        self._per_second = per_second
        self._clock = clock
        self._left = SAVED_SECONDS * per_second
        self._at = clock()

    def allows(self, frames: int) -> bool:
        """Count frames, and say whether the client was allowed to send them."""
        now = self._clock()
        saved = self._left + (now - self._at) * self._per_second
        self._left = min(saved, SAVED_SECONDS * self._per_second) - frames
        self._at = now
        return self._left >= 0
