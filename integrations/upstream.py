"""What every call to a vendor shares: deadline, attempts, waits, circuit breaker, places, span.

An adapter gives a table of verdicts (what a trouble means for this vendor) and a function that
makes one attempt; an `UpstreamLine`, one per agency and vendor, does the rest. Nothing here knows
a vendor or HTTP: `integrations.exchange` makes httpx's attempts, and any other transport may make
its own as long as it raises `AttemptFailed`.

Repeating follows the table alone (`integrations.verdicts`).

Counts and limits are per process. Personal data never goes into an error, its cause or a span.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from domain.errors import GatewayError, Upstream
from integrations.breaker import BreakerState, CircuitBreaker
from integrations.verdicts import Trouble, Verdict, Verdicts

ATTEMPTS_MAX = 5
# Less than this is not worth beginning another attempt for.
ATTEMPT_SECONDS_MIN = 0.1
_T = TypeVar("_T")


class AttemptFailed(Exception):
    """One attempt brought no answer; never leaves this package but as the cause of an Upstream.

    detail: exception names and TLS reasons, for the operator; nothing of the request or answer.
    verdict: the adapter's own on this very answer, None for that of the table.
    """

    def __init__(
        self,
        trouble: Trouble | int,
        *,
        detail: str = "",
        retry_after_seconds: float | None = None,
        verdict: Verdict | None = None,
    ) -> None:
        """Take the trouble or HTTP status, and how long the vendor asks to wait."""
        super().__init__(f"{trouble}: {detail}" if detail else f"{trouble}")
        self.trouble = trouble
        self.verdict = verdict
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """Limits of one agency's calls to one vendor.

    deadline_seconds: for a call with all its attempts and waits. attempt_seconds: for one attempt.
    wait_seconds: what the first wait is drawn from; it doubles with each, up to wait_seconds_max.
    """

    deadline_seconds: float = 20.0
    attempt_seconds: float = 20.0
    attempts_max: int = ATTEMPTS_MAX
    wait_seconds: float = 0.25
    wait_seconds_max: float = 4.0
    breaker_failures_max: int = 5
    breaker_open_seconds: float = 30.0
    concurrency_max: int = 4

    def __post_init__(self) -> None:
        """Refuse limits that would mean none."""
        if not 1 <= self.attempts_max <= ATTEMPTS_MAX:
            raise ValueError(f"attempts_max is from 1 to {ATTEMPTS_MAX}")
        if self.concurrency_max < 1 or self.breaker_failures_max < 1:
            raise ValueError("concurrency_max and breaker_failures_max are at least 1")
        if min(self.deadline_seconds, self.attempt_seconds) <= 0:
            raise ValueError("deadline_seconds and attempt_seconds are above 0")
        if min(self.wait_seconds, self.wait_seconds_max, self.breaker_open_seconds) < 0:
            raise ValueError("waits are not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one call: the verdicts on its troubles, and its own limits of time."""

    verdicts: Verdicts
    deadline_seconds: float
    attempt_seconds: float

    def verdict_on(self, failed: AttemptFailed) -> Verdict:
        """Return what the attempt's end means."""
        return failed.verdict or self.verdicts.of(failed.trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Time and chance, for tests to replace."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt under way; `connecting` is True while nothing of the request can have left."""

    number: int
    seconds: float
    connecting: bool = False


class UpstreamLine:
    """One agency's line to one vendor."""

    def __init__(
        self,
        *,
        vendor: str,
        agency_id: str,
        policy: CallPolicy,
        verdicts: Verdicts,
        timing: Timing | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.vendor = vendor
        self.agency_id = agency_id
        self.policy = policy
        self._terms = Terms(
            verdicts=verdicts,
            deadline_seconds=policy.deadline_seconds,
            attempt_seconds=policy.attempt_seconds,
        )
        self._timing = timing or Timing()
        self._places = asyncio.Semaphore(policy.concurrency_max)
        self._breaker = CircuitBreaker(
            failures_max=policy.breaker_failures_max,
            open_seconds=policy.breaker_open_seconds,
            clock=self._timing.clock,
        )
        self._tracer = tracer or trace.get_tracer("almoner.integrations")

    async def call(
        self,
        operation: str,
        work: Callable[[Attempt], Awaitable[_T]],
        terms: Terms | None = None,
    ) -> _T:
        """Return what `work` returns, from as many attempts as verdicts and deadline allow.

        `work` raises AttemptFailed where it brought no answer, or an error of the tree where it
        has judged an answer itself; the latter is never repeated. terms: of this call, the line's
        own if None. Raises Upstream, and what `work` judged.
        """
        with self._tracer.start_as_current_span(
            f"{self.vendor} {operation}",
            kind=SpanKind.CLIENT,
            attributes={"almoner.vendor": self.vendor, "almoner.agency": self.agency_id},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                answer = await self._call(work, span, terms or self._terms)
            except GatewayError as error:
                span.set_attribute("almoner.outcome", error.code)
                if isinstance(error, Upstream):
                    span.set_attribute("almoner.may_have_acted", error.may_have_acted)
                span.set_status(StatusCode.ERROR)
                raise
            except asyncio.CancelledError:
                span.set_attribute("almoner.outcome", "CANCELLED")
                raise
            span.set_attribute("almoner.outcome", "OK")
            return answer

    async def _call(self, work: Callable[[Attempt], Awaitable[_T]], span: Span, terms: Terms) -> _T:
        deadline = self._timing.clock() + terms.deadline_seconds
        number = 1
        while True:
            span.set_attribute("almoner.attempts", number)
            try:
                return await self._attempt(work, number, deadline, terms)
            except AttemptFailed as failed:
                span.set_attribute("almoner.trouble", str(failed.trouble))
                wait = self._wait_after(number, failed)
                left = deadline - self._timing.clock() - wait
                verdict = terms.verdict_on(failed)
                if not self._may_repeat(verdict, number, left):
                    raise self._error(verdict) from failed
            await self._timing.sleep(wait)
            number += 1

    async def _attempt(
        self,
        work: Callable[[Attempt], Awaitable[_T]],
        number: int,
        deadline: float,
        terms: Terms,
    ) -> _T:
        async with self._place(deadline):
            seconds = min(deadline - self._timing.clock(), terms.attempt_seconds)
            if seconds <= 0:
                raise AttemptFailed(Trouble.NO_PLACE)
            permit = self._breaker.enter()
            if permit is None:
                raise AttemptFailed(Trouble.BREAKER_OPEN)
            attempt = Attempt(number=number, seconds=seconds)
            with permit:
                try:
                    async with asyncio.timeout(seconds):
                        answer = await work(attempt)
                except TimeoutError:
                    failed = AttemptFailed(
                        Trouble.CONNECT_TIMED_OUT if attempt.connecting else Trouble.TIMED_OUT
                    )
                except AttemptFailed as error:
                    failed = error
                except Upstream as judged:
                    permit.settle(good=not judged.may_have_acted)
                    raise
                except GatewayError:  # an answer, in order, that the caller has to act on
                    permit.settle(good=True)
                    raise
                else:
                    permit.settle(good=True)
                    return answer
                permit.settle(good=not terms.verdict_on(failed).counts)
                raise failed

    @asynccontextmanager
    async def _place(self, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline - self._timing.clock()):
                await self._places.acquire()
        except TimeoutError:
            raise AttemptFailed(Trouble.NO_PLACE) from None
        try:
            yield
        finally:
            self._places.release()

    def _may_repeat(self, verdict: Verdict, number: int, left: float) -> bool:
        return (
            verdict.repeat
            and number < self.policy.attempts_max
            and left >= ATTEMPT_SECONDS_MIN
            and self._breaker.state is BreakerState.CLOSED
        )

    def _wait_after(self, number: int, failed: AttemptFailed) -> float:
        """Return a wait by exponential back-off with full jitter, or what the vendor asks for."""
        ceiling = min(self.policy.wait_seconds_max, self.policy.wait_seconds * 2 ** (number - 1))
        jittered = self._timing.uniform(0.0, ceiling)
        return max(jittered, failed.retry_after_seconds or 0.0)

    def _error(self, verdict: Verdict) -> Upstream:
        return verdict.error(
            verdict.message,
            vendor=self.vendor,
            retryable=verdict.retryable,
            may_have_acted=verdict.may_have_acted,
        )
