"""What every call to a vendor shares: deadline, attempts, waits, circuit breaker, places, span.

An adapter gives a table of verdicts (what a trouble means for this vendor) and a function that
makes one attempt; an `UpstreamLine`, one per agency and vendor, does the rest. Nothing here knows
a vendor or HTTP: `integrations.exchange` makes httpx's attempts, and any other transport may make
its own as long as it raises `AttemptFailed`.

Repeating follows the table alone. The general rule for calls that must not happen twice: repeat
only where the request certainly did not reach the vendor, or where the vendor says that it did
not process it. A trouble that the table does not know is taken for the worst.

Counts and limits are per process. Personal data never goes into an error, its cause or a span.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from domain.errors import Upstream, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from integrations.breaker import BreakerState, CircuitBreaker

ATTEMPTS_MAX = 5
# Less than this is not worth beginning another attempt for.
ATTEMPT_SECONDS_MIN = 0.1
_T = TypeVar("_T")


class Trouble(StrEnum):
    """How an attempt ended that brought no answer; an answer's HTTP status is told as a number."""

    NO_PLACE = "NO_PLACE"  # as many calls under way as the agency may have, until the deadline
    BREAKER_OPEN = "BREAKER_OPEN"
    CONNECT_FAILED = "CONNECT_FAILED"  # refused, unknown name, TLS handshake broken off
    CONNECT_TIMED_OUT = "CONNECT_TIMED_OUT"
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"  # ours by the vendor, or the vendor's by us
    REQUEST_UNSENDABLE = "REQUEST_UNSENDABLE"  # an address or header that HTTP does not allow
    TIMED_OUT = "TIMED_OUT"  # after something of the request may have left
    CONNECTION_LOST = "CONNECTION_LOST"  # likewise
    ANSWER_UNREADABLE = "ANSWER_UNREADABLE"  # not HTTP, or in an encoding not asked for
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a trouble means.

    error: the class to raise. may_have_acted: whether the vendor may have done what was asked.
    repeat: whether to make another attempt within the call. retryable: whether to tell the caller
    that asking again may help. counts: whether it is the vendor's availability that failed, for
    the circuit breaker.
    """

    error: type[Upstream]
    message: str
    may_have_acted: bool
    repeat: bool = False
    retryable: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """A vendor's table: by trouble, by HTTP status, then by hundreds of a status."""

    troubles: Mapping[Trouble, Verdict]
    statuses: Mapping[int, Verdict] = field(default_factory=dict)
    hundreds: Mapping[int, Verdict] = field(default_factory=dict)
    otherwise: Verdict

    def of(self, trouble: Trouble | int) -> Verdict:
        """Return the verdict on a trouble or on a status that is not a success."""
        if isinstance(trouble, Trouble):
            return self.troubles.get(trouble, self.otherwise)
        by_hundred = self.hundreds.get(trouble // 100, self.otherwise)
        return self.statuses.get(trouble, by_hundred)


def _not_sent(error: type[Upstream], message: str, *, again: bool, counts: bool = True) -> Verdict:
    return Verdict(
        error=error,
        message=message,
        may_have_acted=False,
        repeat=again,
        retryable=again,
        counts=again and counts,
    )


_CONFIGURATION = "The connection to the vendor is not set up rightly. Tell the operator."
_PERHAPS = " Whether it acted is not known."

# For a call that must not happen twice (a credit pull): the table that docs/credit.md explains.
ONCE_ONLY = Verdicts(
    troubles={
        Trouble.NO_PLACE: Verdict(
            error=UpstreamUnavailable,
            message="Too many calls to the vendor are under way. Repeat in a moment.",
            may_have_acted=False,
            retryable=True,
        ),
        Trouble.BREAKER_OPEN: Verdict(
            error=UpstreamUnavailable,
            message="The vendor failed repeatedly and is left alone for a moment.",
            may_have_acted=False,
            retryable=True,
        ),
        Trouble.CONNECT_FAILED: _not_sent(
            UpstreamUnavailable, "The vendor could not be reached.", again=True
        ),
        Trouble.CONNECT_TIMED_OUT: _not_sent(
            UpstreamTimeout, "The vendor could not be reached in time.", again=True
        ),
        Trouble.CERTIFICATE_REFUSED: _not_sent(UpstreamUnavailable, _CONFIGURATION, again=False),
        Trouble.REQUEST_UNSENDABLE: _not_sent(UpstreamUnavailable, _CONFIGURATION, again=False),
        Trouble.TIMED_OUT: Verdict(
            error=UpstreamTimeout,
            message="The vendor did not answer in time." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.CONNECTION_LOST: Verdict(
            error=UpstreamUnavailable,
            message="The connection to the vendor was lost." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.ANSWER_UNREADABLE: Verdict(
            error=UpstreamInvalid,
            message="The vendor's answer could not be read." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.ANSWER_TOO_LARGE: Verdict(
            error=UpstreamInvalid,
            message="The vendor's answer is larger than is accepted.",
            may_have_acted=True,
            counts=True,
        ),
    },
    statuses={
        429: _not_sent(
            UpstreamUnavailable, "The vendor is asked too often.", again=True, counts=False
        ),
        503: _not_sent(UpstreamUnavailable, "The vendor takes no requests now.", again=True),
    },
    hundreds={
        3: Verdict(
            error=UpstreamUnavailable,
            message="The vendor answered from another address." + _PERHAPS,
            may_have_acted=True,
        ),
        4: Verdict(
            error=UpstreamUnavailable,
            message="The vendor refused the request.",
            may_have_acted=False,
        ),
        5: Verdict(
            error=UpstreamUnavailable,
            message="The vendor failed." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
    },
    otherwise=Verdict(
        error=UpstreamUnavailable,
        message="The call to the vendor failed." + _PERHAPS,
        may_have_acted=True,
        counts=True,
    ),
)


class AttemptFailed(Exception):
    """One attempt brought no answer; never leaves this package but as the cause of an Upstream.

    detail: exception names and TLS reasons, for the operator; nothing of the request or answer.
    """

    def __init__(
        self,
        trouble: Trouble | int,
        *,
        detail: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        """Take the trouble or HTTP status, and how long the vendor asks to wait."""
        super().__init__(f"{trouble}: {detail}" if detail else f"{trouble}")
        self.trouble = trouble
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
        self._verdicts = verdicts
        self._timing = timing or Timing()
        self._places = asyncio.Semaphore(policy.concurrency_max)
        self._breaker = CircuitBreaker(
            failures_max=policy.breaker_failures_max,
            open_seconds=policy.breaker_open_seconds,
            clock=self._timing.clock,
        )
        self._tracer = tracer or trace.get_tracer("almoner.integrations")

    async def call(self, operation: str, work: Callable[[Attempt], Awaitable[_T]]) -> _T:
        """Return what `work` returns, from as many attempts as verdicts and deadline allow.

        `work` raises AttemptFailed where it brought no answer, or an Upstream where it has judged
        an answer itself; the latter is never repeated. Raises Upstream.
        """
        with self._tracer.start_as_current_span(
            f"{self.vendor} {operation}",
            kind=SpanKind.CLIENT,
            attributes={"almoner.vendor": self.vendor, "almoner.agency": self.agency_id},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                answer = await self._call(work, span)
            except Upstream as error:
                span.set_attribute("almoner.outcome", error.code)
                span.set_attribute("almoner.may_have_acted", error.may_have_acted)
                span.set_status(StatusCode.ERROR)
                raise
            except asyncio.CancelledError:
                span.set_attribute("almoner.outcome", "CANCELLED")
                raise
            span.set_attribute("almoner.outcome", "OK")
            return answer

    async def _call(self, work: Callable[[Attempt], Awaitable[_T]], span: Span) -> _T:
        deadline = self._timing.clock() + self.policy.deadline_seconds
        number = 1
        while True:
            span.set_attribute("almoner.attempts", number)
            try:
                return await self._attempt(work, number, deadline)
            except AttemptFailed as failed:
                span.set_attribute("almoner.trouble", str(failed.trouble))
                wait = self._wait_after(number, failed)
                left = deadline - self._timing.clock() - wait
                if not self._may_repeat(failed, number, left):
                    raise self._error(failed) from failed
            await self._timing.sleep(wait)
            number += 1

    async def _attempt(
        self, work: Callable[[Attempt], Awaitable[_T]], number: int, deadline: float
    ) -> _T:
        async with self._place(deadline):
            seconds = min(deadline - self._timing.clock(), self.policy.attempt_seconds)
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
                else:
                    permit.settle(good=True)
                    return answer
                permit.settle(good=not self._verdicts.of(failed.trouble).counts)
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

    def _may_repeat(self, failed: AttemptFailed, number: int, left: float) -> bool:
        return (
            self._verdicts.of(failed.trouble).repeat
            and number < self.policy.attempts_max
            and left >= ATTEMPT_SECONDS_MIN
            and self._breaker.state is BreakerState.CLOSED
        )

    def _wait_after(self, number: int, failed: AttemptFailed) -> float:
        """Return a wait by exponential back-off with full jitter, or what the vendor asks for."""
        ceiling = min(self.policy.wait_seconds_max, self.policy.wait_seconds * 2 ** (number - 1))
        jittered = self._timing.uniform(0.0, ceiling)
        return max(jittered, failed.retry_after_seconds or 0.0)

    def _error(self, failed: AttemptFailed) -> Upstream:
        verdict = self._verdicts.of(failed.trouble)
        return verdict.error(
            verdict.message,
            vendor=self.vendor,
            retryable=verdict.retryable,
            may_have_acted=verdict.may_have_acted,
        )
