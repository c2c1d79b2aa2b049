"""What has been looked at in this turn of the event loop need not be looked at again.

Nothing that a task has awaited can have happened since: who waits for a commit, ours or another
process's, goes on in a later turn than the one in which it was told of. It holds for tasks alone:
uvloop calls a protocol before it ends the turn, so whatever a protocol begins, it begins as a task.
"""

import asyncio


class Turn:
    """Says once in each turn of the event loop that it is time to look."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over = True

    def is_over(self) -> bool:
        """Return whether this is the first time in a turn; without a loop, it always is."""
        if not self._over:
            return False
        try:
            asyncio.get_running_loop().call_soon(self.end)
        except RuntimeError:
            return True
        self._over = False
        return True

    def end(self) -> None:
        """Have it looked at again."""
        self._over = True
