"""The sequencer puts lines that wait into the ledger: within a second, each once, in one order.

Any number of processes may sequence the same store. The head's version decides between them:
whoever comes second writes nothing and reads again, so the tree never forks. A process that is
killed leaves its lines waiting, and whoever has the store open, or opens it next, merges them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from tenants.ledger import Ledger
from tenants.ledger_lines import texts_of, unpack
from tenants.signed_notes import InvalidNote

MERGE_DELAY_SECONDS = 0.2  # so that one merge takes many units' lines along
POLL_SECONDS = 0.7  # how soon what another process, or the directory, left is seen
WITNESS_SECONDS = 30.0
LINES_PER_MERGE_MAX = 512
ROWS_PER_MERGE_MAX = 40
IMPORTS_PER_MERGE_MAX = 20
_RACES_MAX = 100

_log = logging.getLogger("almoner.ledger")


class Witness(Protocol):
    """What the sequencer needs of the directory, about its own agency alone."""

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Return lines that the ledger has not taken over, oldest first."""
        ...

    async def audit_merged(self, agency_id: str, line_ids: Sequence[str]) -> None:
        """Record that the ledger has taken these lines over."""
        ...

    async def witness(self, agency_id: str, size: int, checkpoint: str) -> None:
        """Keep a checkpoint."""
        ...

    async def witnessed(self, agency_id: str) -> list[str]:
        """Return the checkpoints kept, the smallest first."""
        ...


class Sequencer:
    """Merges one agency's lines for as long as its store is open."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Witness,
        agency_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._agency_id = agency_id
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._witnessed_at = -WITNESS_SECONDS
        self._witnessed_size: int | None = None

    def start(self) -> None:
        """Merge from now on, beginning with what is there."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Merge what waits, tell the directory, and stop; the store is still open then."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        with suppress(StoreUnavailable):  # the lines wait for whoever opens the store next
            await self.merge()
            await self.tell_witness()

    async def merge(self) -> int:
        """Put every line that waits now into the ledger; return how many."""
        count = races = 0
        while races < _RACES_MAX:
            merged = await self._merge_some()
            if merged is None:
                races += 1
            elif merged == 0:
                return count
            else:
                count += merged
        raise StoreUnavailable("Other processes are putting lines into the ledger. Repeat.")

    async def tell_witness(self) -> None:
        """Let the directory keep the checkpoint, if it goes on from the last one kept there."""
        self._witnessed_at = self._clock()
        note = await self._ledger.checkpoint()
        try:
            checkpoint = self._ledger.open_checkpoint(note)
            if checkpoint.size in (0, self._witnessed_size):
                return
            kept = await self._directory.witnessed(self._agency_id)
            last = self._ledger.open_checkpoint(kept[-1]) if kept else None
        except InvalidNote:
            last = checkpoint = None
        if checkpoint is None or (
            last is not None
            and (last.size > checkpoint.size or await self._ledger.root(last.size) != last.root)
        ):
            # The evidence stays as it is: verifying will name what happened.
            _log.error("the audit ledger of %s does not fit its witness", self._agency_id)
            return
        await self._directory.witness(self._agency_id, checkpoint.size, note)
        self._witnessed_size = checkpoint.size

    async def _merge_some(self) -> int | None:
        """Merge up to LINES_PER_MERGE_MAX lines; return how many, None where another was faster."""
        texts: list[bytes] = []
        merged = []
        for row in await self._ledger.waiting(ROWS_PER_MERGE_MAX):
            lines = unpack(row.body)
            if texts and len(texts) + len(lines) > LINES_PER_MERGE_MAX:
                break
            texts += lines
            merged.append(row.id)
        handed = await self._directory.audit_unmerged(self._agency_id, IMPORTS_PER_MERGE_MAX)
        known = await self._ledger.imported([line.id for line in handed])
        fresh = [line for line in handed if line.id not in known]
        texts += [line.text for line in texts_of(*fresh)]
        if texts and not await self._ledger.append(
            texts, merged=tuple(merged), imported=[line.id for line in fresh]
        ):
            return None
        if handed:
            await self._directory.audit_merged(self._agency_id, [line.id for line in handed])
        return len(texts) + len(known)

    async def _run(self) -> None:
        while True:
            try:
                await self.merge()
                if self._clock() - self._witnessed_at >= WITNESS_SECONDS:
                    await self.tell_witness()
            except StoreUnavailable as error:
                _log.warning("audit lines of %s wait: %s", self._agency_id, error.message)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # 3.11's wait_for can lose a cancellation
                    await self._ledger.woken()
            await asyncio.sleep(MERGE_DELAY_SECONDS)
