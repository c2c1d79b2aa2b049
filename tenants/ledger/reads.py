"""Lines about reads: gathered for some milliseconds and written many at once.

Nobody reads without a line: while lines cannot be written, or more wait than may, further ones are
refused, and with them the reads that they are about.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from tenants.ledger.lines import LineText, in_rows, text_of, texts_of
from tenants.records.codec import AuditRow

_log = logging.getLogger("almoner.ledger")

FLUSH_SECONDS = 0.05
RETRY_SECONDS = 0.5
LINES_WAITING_MAX = 10_000


class ReadLines:
    """The lines of one open store that are not written yet."""

    def __init__(self, write: Callable[[Sequence[LineText]], Awaitable[None]]) -> None:
        """Take what writes a row of lines durably; it raises StoreUnavailable where it cannot."""
        self._write = write
        self._waiting: list[LineText | AuditRow] = []
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._closed = False

    def add(self, line: AuditLine | AuditRow) -> None:
        """Take a line; it is written within a tenth of a second.

        Raises StoreUnavailable while lines cannot be written: the answer must not leave then.
        """
        if self._closed or self._failing or len(self._waiting) >= LINES_WAITING_MAX:
            raise StoreUnavailable("What is read cannot be recorded right now. Repeat in a moment.")
        if isinstance(line, AuditRow):
            # Many are spelled in one go for a third of what one costs in the midst of a request.
            self._waiting.append(line if line.is_short() else text_of(line))
        else:
            self._waiting += texts_of(line)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def flush(self) -> None:
        """Write what waits; raises StoreUnavailable where that fails, and keeps the rest.

        What comes meanwhile waits for the next time: under load, writing would never end, and each
        write would be one of few lines.
        """
        writing = asyncio.get_running_loop().create_task(self._write_waiting())
        writing.add_done_callback(_retrieve)
        # Whoever gives up waiting must not leave lines that are written among those that wait.
        await asyncio.shield(writing)

    async def _write_waiting(self) -> None:
        async with self._writing:
            self._waiting[:] = texts = [
                one if isinstance(one, LineText) else text_of(one) for one in self._waiting
            ]
            rows = in_rows(texts)
            count = sum(map(len, rows))
            # Side by side, so that the store writes all rows at once.
            outcomes = await asyncio.gather(*map(self._write, rows), return_exceptions=True)
            failures = [one for one in outcomes if one is not None]
            failed = zip(rows, outcomes, strict=True)
            kept = [line for row, failure in failed if failure is not None for line in row]
            self._waiting[:count] = kept
            if failures:
                raise failures[0]

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
            except Exception as error:  # noqa: BLE001 -- no line is given up for any
                _log.error("lines of reads are not written: %s", type(error).__name__)
                self._failing = True
            else:
                self._failing = False
        self._task = None


def _retrieve(task: asyncio.Task[None]) -> None:
    """Have an error that nobody waits for any more not be called unheard: lines wait on."""
    if not task.cancelled():
        task.exception()
