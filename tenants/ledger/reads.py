"""Lines about reads: gathered for some milliseconds and written many at once.

Nobody reads without a line: while lines cannot be written, or more wait than may, further ones are
refused, and with them the reads that they are about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from tenants.ledger.lines import LINES_PER_ROW_MAX, LineText, texts_of

FLUSH_SECONDS = 0.05
RETRY_SECONDS = 0.5
LINES_WAITING_MAX = 10_000


class ReadLines:
    """The lines of one open store that are not written yet."""

    def __init__(self, write: Callable[[Sequence[LineText]], Awaitable[None]]) -> None:
        """Take what writes a row of lines durably; it raises StoreUnavailable where it cannot."""
        self._write = write
        self._waiting: list[LineText] = []
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._closed = False

    def add(self, line: AuditLine) -> None:
        """Take a line; it is written within a tenth of a second.

        Raises StoreUnavailable while lines cannot be written: the answer must not leave then.
        """
        if self._closed or self._failing or len(self._waiting) >= LINES_WAITING_MAX:
            raise StoreUnavailable("What is read cannot be recorded right now. Repeat in a moment.")
        self._waiting += texts_of(line)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def flush(self) -> None:
        """Write what waits; raises StoreUnavailable where that fails, and keeps the rest."""
        async with self._writing:
            while self._waiting:
                row = self._waiting[:LINES_PER_ROW_MAX]
                await self._write(row)
                del self._waiting[: len(row)]

    async def aclose(self) -> None:
        """Write what waits, and take no more."""
        self._closed = True
        try:
            await self.flush()
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(RETRY_SECONDS if self._failing else FLUSH_SECONDS)
            try:
                await self.flush()
            except StoreUnavailable:
                self._failing = True
            else:
                self._failing = False
        self._task = None
