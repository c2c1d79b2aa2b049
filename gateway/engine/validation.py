"""Has the texts of documents that have not been seen before judged, off the event loop.

One at a time, so that nobody waits for a hostile document but who sent it: in a process of its own
where there is one, else in a thread that shares the processor with the loop and gives way within a
tenth of a millisecond. Either rests four times as long as it worked, and no more than a few hundred
documents wait for it.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from graphql import DocumentNode, GraphQLSchema

from domain.errors import RateLimited
from gateway.config import Limits
from gateway.engine.judging import Judge, Strictness, Verdict, collected_young
from gateway.engine.judging_apart import JudgeApart, NoAnswer
from gateway.errors import DocumentRefused, Entry
from gateway.limits import check_length

WAITING_MAX = 256
GIVES_WAY_AFTER_SECONDS = 0.0001


class Checks:
    """Turns texts into checked documents, one at a time, in a thread that it holds."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        suggestions: bool = False,
        introspection: bool = True,
        waiting_max: int = WAITING_MAX,
        apart: JudgeApart | None = None,
    ) -> None:
        """Take what a judge is made of; apart: a process of the same kind, which ends with this."""
        self._limits = limits
        self._judge = Judge(schema, Strictness(limits, suggestions, introspection))
        self._apart = apart
        self._waiting_max = waiting_max
        self._rests = 100 / limits.checking_percent - 1  # for each second of work
        self._waiting: dict[str, _Waiting] = {}
        self._rested_at = 0.0
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="documents", initializer=_give_way
        )

    async def check(self, text: str) -> DocumentNode:
        """Return the document, parsed and valid.

        A text is judged once for all who ask for it at the same time. Raises DocumentTooComplex,
        DocumentRefused, and RateLimited where too many others wait already.
        """
        check_length(text, self._limits)
        waiting = self._waiting.get(text)
        if waiting is None:
            if len(self._waiting) >= self._waiting_max:
                raise RateLimited("Too many new documents are being checked. Wait and repeat.")
            loop = asyncio.get_running_loop()
            verdict = loop.run_in_executor(self._thread, self._in_turn, text)
            waiting = self._waiting[text] = _Waiting(verdict)
        waiting.count += 1
        try:
            document, entries = await asyncio.shield(waiting.verdict)
        finally:
            waiting.count -= 1
            if not waiting.count:  # be it that the last one gave up
                waiting.verdict.cancel()
                if self._waiting.get(text) is waiting:
                    del self._waiting[text]
        return _passed(document, entries)

    def judge(self, text: str) -> DocumentNode:
        """Do the same at once, in the caller's thread and at any rate."""
        check_length(text, self._limits)
        return _passed(*self._judge.verdict(text))

    def close(self) -> None:
        """Let thread and process go."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._apart is not None:
            self._apart.close()

    def _in_turn(self, text: str) -> Verdict:
        """Have a text judged, resting before it for what the one before took."""
        time.sleep(max(0.0, self._rested_at - time.monotonic()))
        began = self._worked()
        try:
            if self._apart is not None and not self._apart.gone:
                with suppress(NoAnswer):
                    return self._apart.verdict(text)
            with collected_young():
                return self._judge.verdict(text)
        finally:
            self._rested_at = time.monotonic() + self._rests * (self._worked() - began)

    def _worked(self) -> float:
        """Return the seconds of a processor that have been spent on judging."""
        elsewhere = 0.0 if self._apart is None else self._apart.seconds
        return time.thread_time() + elsewhere


class _Waiting:
    """A text that is to be judged, and how many wait for its verdict."""

    __slots__ = ("count", "verdict")

    def __init__(self, verdict: "asyncio.Future[Verdict]") -> None:
        self.verdict = verdict
        self.count = 0


def _passed(document: DocumentNode, entries: Sequence[Entry]) -> DocumentNode:
    if entries:
        raise DocumentRefused(entries)
    return document


def _give_way() -> None:
    """Have Python's threads take turns faster than by default, now that there is a busy one."""
    sys.setswitchinterval(min(sys.getswitchinterval(), GIVES_WAY_AFTER_SECONDS))
