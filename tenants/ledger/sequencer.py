"""The sequencer puts lines that wait into the ledger: within a second, each once, in one order.

Any number of processes may sequence the same store. The head's version decides between them:
whoever comes second writes nothing and reads again, so the tree never forks. A process that is
killed leaves its lines waiting, and whoever has the store open, or opens it next, merges them. A
row or line that the ledger cannot take stays where it is, and never keeps the others waiting.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from domain.audit import AuditLine
from domain.errors import GatewayError, StoreUnavailable, TooLarge
from tenants.ledger.ledger import Ledger
from tenants.ledger.lines import texts_of
from tenants.ledger.signed_notes import InvalidNote

MERGE_DELAY_SECONDS = 0.4  # so that one merge takes many units' lines along
POLL_SECONDS = 0.5  # how soon what another process, or the directory, left is seen
WITNESS_SECONDS = 30.0
LINES_PER_MERGE_MAX = 512
ROWS_PER_MERGE_MAX = 40
IMPORTS_PER_MERGE_MAX = 20
QUEUED_COUNTED_MAX = 10_000
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Lines that wait longer than a second.

    queued: those that the ledger does not take now, up to about QUEUED_COUNTED_MAX. set_aside: rows
    and lines that cannot be read, and that it never takes.
    """

    queued: int = 0
    set_aside: int = 0


class _Merged(NamedTuple):
    """What one step has put into the ledger. more: lines of before it still wait."""

    lines: int
    more: bool


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
        self._rows_aside: set[str] = set()
        self._handed_aside: set[str] = set()
        self._failure: str | None = None
        self._directory_failure: str | None = None
        self._queued = 0

    @property
    def backlog(self) -> Backlog:
        """Return what waited when this was last looked at."""
        return Backlog(
            queued=self._queued, set_aside=len(self._rows_aside) + len(self._handed_aside)
        )

    def start(self) -> None:
        """Merge from now on, beginning with what is there."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Merge what waits, tell the directory, and stop; the store is still open then."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._round(last=True)  # what fails waits for whoever opens the store next

    async def merge(self) -> int:
        """Put every line that waits now, and can be read, into the ledger; return how many.

        What comes meanwhile waits for the next time: under load, this would never end.
        """
        count = races = 0
        while races < _RACES_MAX:
            merged = await self._merge_some()
            if merged is None:
                races += 1
                continue
            count += merged.lines
            if not merged.more:
                return count
        raise StoreUnavailable("Other processes are putting lines into the ledger. Repeat.")

    async def tell_witness(self) -> None:
        """Let the directory keep the checkpoint, if it goes on from the last one kept there."""
        self._witnessed_at = self._clock()
        note = await self._ledger.checkpoint()
        size = self._ledger.open_checkpoint(note).size
        if size in (0, self._witnessed_size):
            return
        kept = await self._directory.witnessed(self._agency_id)
        try:
            fits = not kept or await self._ledger.goes_on_from(kept[-1])
        except InvalidNote:
            fits = False
        if not fits:
            # The evidence stays as it is: verifying will name what happened.
            _log.error("the audit ledger of %s does not fit its witness", self._agency_id)
            return
        await self._directory.witness(self._agency_id, size, note)
        self._witnessed_size = size

    async def _merge_some(self) -> "_Merged | None":
        """Merge up to LINES_PER_MERGE_MAX lines; None where another was faster."""
        texts, merged, more = await self._waiting()
        handed = await self._handed_over()
        known = await self._ledger.imported(list(handed))
        fresh = [line_id for line_id in handed if line_id not in known]
        texts += [text for line_id in fresh for text in handed[line_id]]
        if texts and not await self._ledger.append(
            texts,
            merged=tuple(merged),
            imported=fresh,
            begin=not await self._directory.witnessed(self._agency_id),
        ):
            return None
        if handed:
            await self._directory.audit_merged(self._agency_id, list(handed))
        return _Merged(len(texts) + len(known), more=more or len(handed) == IMPORTS_PER_MERGE_MAX)

    async def _waiting(self) -> tuple[list[bytes], list[str], bool]:
        """Return the texts of lines that wait beside the records, and the rows they come from.

        The last says that there are more.
        """
        more = False
        texts: list[bytes] = []
        merged: list[str] = []
        aside: set[str] = set()
        async with aclosing(self._ledger.waiting()) as rows:
            async for row in rows:
                if row.fault is not None:
                    self._left_out(row.id, row.fault, self._rows_aside)
                    aside.add(row.id)
                    continue
                full = len(texts) + len(row.texts) > LINES_PER_MERGE_MAX
                if (texts and full) or len(merged) == ROWS_PER_MERGE_MAX:
                    aside |= self._rows_aside  # those further on were not looked at
                    more = True
                    break
                texts += row.texts
                merged.append(row.id)
        self._rows_aside = aside
        return texts, merged, more

    async def _handed_over(self) -> dict[str, list[bytes]]:
        """Return the directory's lines by id, as texts.

        A directory that cannot be read does not keep the store's own lines waiting.
        """
        try:
            lines = await self._directory.audit_unmerged(
                self._agency_id, IMPORTS_PER_MERGE_MAX + len(self._handed_aside)
            )
        except StoreUnavailable as error:
            if error.message != self._directory_failure:
                _log.error("lines of %s in the directory wait: %s", self._agency_id, error.message)
            self._directory_failure = error.message
            return {}
        self._directory_failure = None
        found: dict[str, list[bytes]] = {}
        for line in lines:
            try:
                found[line.id] = [one.text for one in texts_of(line)]
            except TooLarge as error:
                fault = f"The directory's line {line.id}: {error.message}"
                self._left_out(line.id, fault, self._handed_aside)
                self._handed_aside.add(line.id)
        return dict(list(found.items())[:IMPORTS_PER_MERGE_MAX])

    def _left_out(self, row_id: str, fault: str, known: set[str]) -> None:
        """Say once that a row or line stays where it is."""
        if row_id not in known:
            _log.error("the audit ledger of %s leaves a row out: %s", self._agency_id, fault)

    async def _run(self) -> None:
        while True:
            await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # 3.11's wait_for can lose a cancellation
                    await self._ledger.woken()
            await asyncio.sleep(MERGE_DELAY_SECONDS)

    async def _round(self, *, last: bool = False) -> None:
        """Merge, and tell the directory if it is time; whatever fails is logged and tried again."""
        try:
            await self.merge()
            if last or self._clock() - self._witnessed_at >= WITNESS_SECONDS:
                await self.tell_witness()
        except Exception as error:  # noqa: BLE001 -- nobody else would ever hear of it
            await self._failed(error)
        else:
            if self._failure is not None:
                _log.warning("the audit ledger of %s takes lines again", self._agency_id)
            self._failure, self._queued = None, 0

    async def _failed(self, error: Exception) -> None:
        known = isinstance(error, GatewayError)
        failure = error.message if isinstance(error, GatewayError) else type(error).__name__
        if failure != self._failure:
            _log.error(
                "the audit ledger of %s takes no more lines: %s",
                self._agency_id,
                failure,
                exc_info=None if known else error,
            )
        self._failure = failure
        with suppress(StoreUnavailable):
            count = 0
            async with aclosing(self._ledger.waiting()) as rows:
                async for row in rows:
                    count += len(row.texts)
                    if count >= QUEUED_COUNTED_MAX:
                        break
            self._queued = count
