"""The promises of an upstream line: deadline, attempts, waits, breaker, places, span."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from domain.errors import (
    BankLoginRequired,
    Upstream,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from integrations.upstream import Attempt, AttemptFailed, CallPolicy, Terms, UpstreamLine
from integrations.verdicts import ONCE_ONLY, REPEATABLE, Trouble, Verdict, Verdicts

if TYPE_CHECKING:
    from tests.integrations.conftest import KeptSpans, StillTime


def make_line(
    time: "StillTime",
    policy: CallPolicy | None = None,
    *,
    spans: "KeptSpans | None" = None,
    verdicts: Verdicts = ONCE_ONLY,
) -> UpstreamLine:
    return UpstreamLine(
        vendor="vendor",
        agency_id="agency_1",
        policy=policy or CallPolicy(),
        verdicts=verdicts,
        timing=time.timing(),
        tracer=spans.tracer if spans else None,
    )


class Work:
    """Fails as told, then answers; counts its attempts."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.attempts: list[Attempt] = []

    async def __call__(self, attempt: Attempt) -> str:
        """Make one attempt."""
        self.attempts.append(attempt)
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


async def test_waits_double_with_full_jitter(time: "StillTime") -> None:
    """Five attempts at most, between them waits drawn from a span that doubles."""
    work = Work(*(AttemptFailed(Trouble.CONNECT_FAILED) for _ in range(4)))
    policy = CallPolicy(breaker_failures_max=6)
    assert await make_line(time, policy).call("read", work) == "answer"
    assert [attempt.number for attempt in work.attempts] == [1, 2, 3, 4, 5]
    assert time.slept == [0.25, 0.5, 1.0, 2.0]


async def test_a_wait_is_drawn_from_nothing_to_its_ceiling(time: "StillTime") -> None:
    """Jitter is full: between no wait at all and the ceiling, which has a limit of its own."""
    drawn: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return 0.0

    timing = time.timing()
    line = UpstreamLine(
        vendor="vendor",
        agency_id="agency_1",
        policy=CallPolicy(wait_seconds=1.0, wait_seconds_max=3.0),
        verdicts=ONCE_ONLY,
        timing=type(timing)(clock=timing.clock, sleep=timing.sleep, uniform=uniform),
    )
    with pytest.raises(UpstreamUnavailable):
        await line.call("read", Work(*(AttemptFailed(Trouble.CONNECT_FAILED) for _ in range(9))))
    assert drawn == [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 3.0), (0.0, 3.0)]


async def test_never_more_than_five_attempts(time: "StillTime") -> None:
    """The fifth failure is the last, and is what the caller is told."""
    work = Work(*(AttemptFailed(Trouble.CONNECT_FAILED) for _ in range(9)))
    with pytest.raises(UpstreamUnavailable, match="could not be reached") as caught:
        await make_line(time).call("read", work)
    assert len(work.attempts) == 5
    assert not caught.value.may_have_acted
    with pytest.raises(ValueError, match="attempts_max"):
        CallPolicy(attempts_max=6)


async def test_the_vendors_wish_to_wait_is_granted(time: "StillTime") -> None:
    """Retry-After is waited for where it is longer than our own wait."""
    work = Work(AttemptFailed(429, retry_after_seconds=7.0), AttemptFailed(503))
    assert await make_line(time).call("read", work) == "answer"
    assert time.slept == [7.0, 0.5]


async def test_no_wait_reaches_beyond_the_deadline(time: "StillTime") -> None:
    """A wait that the deadline would cut off is not begun: the failure is told at once."""
    work = Work(AttemptFailed(429, retry_after_seconds=25.0))
    with pytest.raises(UpstreamUnavailable, match="too often") as caught:
        await make_line(time).call("read", work)
    assert time.slept == []
    assert caught.value.retryable
    assert not caught.value.may_have_acted


async def test_the_deadline_spans_all_attempts(time: "StillTime") -> None:
    """Later attempts have what earlier ones and their waits have left of the deadline."""

    async def slow(attempt: Attempt) -> str:
        seconds.append(attempt.seconds)
        time.now += 6.0
        raise AttemptFailed(Trouble.CONNECT_FAILED)

    seconds: list[float] = []
    with pytest.raises(UpstreamUnavailable):
        await make_line(time).call("read", slow)
    assert seconds == [20.0, 13.75, 7.25, 0.25]


async def test_an_attempt_that_hangs_ends_at_the_deadline(time: "StillTime") -> None:
    """Whatever an attempt does, the deadline ends it, as one that may have reached the vendor."""

    async def hang(_attempt: Attempt) -> str:
        await asyncio.sleep(60)
        return "never"

    with pytest.raises(UpstreamTimeout) as caught:
        await make_line(time, CallPolicy(deadline_seconds=0.05)).call("read", hang)
    assert caught.value.may_have_acted
    assert not caught.value.retryable


async def test_a_deadline_while_connecting_has_not_reached_the_vendor(time: "StillTime") -> None:
    """What hangs before anything has left is told as such, though it is the deadline that ends."""

    async def hang(attempt: Attempt) -> str:
        attempt.connecting = True
        time.now += 60
        await asyncio.sleep(60)
        return "never"

    with pytest.raises(UpstreamTimeout) as caught:
        await make_line(time, CallPolicy(deadline_seconds=0.05)).call("read", hang)
    assert not caught.value.may_have_acted


@pytest.mark.parametrize(
    "trouble",
    [Trouble.TIMED_OUT, Trouble.CONNECTION_LOST, Trouble.ANSWER_UNREADABLE, 500, 502, 504, 302],
)
async def test_what_may_have_reached_the_vendor_is_never_repeated(
    time: "StillTime", trouble: Trouble | int
) -> None:
    """One attempt, and the caller learns that the vendor may have acted."""
    work = Work(AttemptFailed(trouble))
    with pytest.raises(Upstream) as caught:
        await make_line(time).call("read", work)
    assert len(work.attempts) == 1
    assert caught.value.may_have_acted
    assert not caught.value.retryable


async def test_a_judged_answer_passes_as_it_is(time: "StillTime") -> None:
    """An Upstream that the adapter raises itself is neither repeated nor changed."""
    judged = UpstreamInvalid("no", vendor="vendor", retryable=False, may_have_acted=False)
    work = Work(judged)
    line = make_line(time, CallPolicy(breaker_failures_max=1))
    with pytest.raises(UpstreamInvalid) as caught:
        await line.call("read", work)
    assert caught.value is judged
    assert len(work.attempts) == 1
    assert await line.call("read", Work()) == "answer"


async def test_an_answer_that_the_caller_has_to_act_on_is_a_good_one(
    time: "StillTime", spans: "KeptSpans"
) -> None:
    """What a consumer has to mend is passed on as it is, closes a breaker, and is in the span."""
    line = make_line(time, CallPolicy(breaker_failures_max=1, attempts_max=1), spans=spans)
    with pytest.raises(UpstreamUnavailable):
        await line.call("read", Work(AttemptFailed(503)))
    time.now += 31
    with pytest.raises(BankLoginRequired):
        await line.call("read", Work(BankLoginRequired()))
    assert await line.call("read", Work()) == "answer"
    outcomes = [dict(span.attributes or {})["almoner.outcome"] for span in spans.finished]
    assert outcomes == ["UPSTREAM_UNAVAILABLE", "BANK_LOGIN_REQUIRED", "OK"]


async def test_an_adapters_own_verdict_goes_before_the_table(time: "StillTime") -> None:
    """What the adapter knows of one answer decides about repeating, words and breaker."""
    final = Verdict(error=UpstreamInvalid, message="final", may_have_acted=False)
    work = Work(AttemptFailed(503, verdict=final))
    with pytest.raises(UpstreamInvalid, match="final"):
        await make_line(time).call("read", work)
    assert len(work.attempts) == 1


async def test_a_call_may_have_terms_of_its_own(time: "StillTime") -> None:
    """Table, deadline and time for an attempt are the call's where it brings them."""
    terms = Terms(verdicts=REPEATABLE, deadline_seconds=90.0, attempt_seconds=60.0)
    work = Work(AttemptFailed(Trouble.TIMED_OUT))
    assert await make_line(time).call("read", work, terms) == "answer"
    assert [attempt.seconds for attempt in work.attempts] == [60.0, 60.0]


@pytest.mark.parametrize("trouble", [Trouble.TIMED_OUT, Trouble.CONNECTION_LOST, 500, 502, 504])
def test_what_only_reads_is_repeated_where_what_acts_is_not(trouble: Trouble | int) -> None:
    """The two tables differ in what may have happened already, and in nothing that is final."""
    assert not ONCE_ONLY.of(trouble).repeat
    assert REPEATABLE.of(trouble).repeat
    assert "not known" not in REPEATABLE.of(trouble).message
    for final in (Trouble.CERTIFICATE_REFUSED, Trouble.ANSWER_TOO_LARGE, 301, 400, 404):
        assert REPEATABLE.of(final) == ONCE_ONLY.of(final)


def test_an_unknown_trouble_is_taken_for_the_worst() -> None:
    """A trouble that a table leaves out may have acted and is not repeated."""
    verdicts = Verdicts(troubles={}, otherwise=ONCE_ONLY.otherwise)
    for trouble in (*Trouble, 200, 404, 503, 999):
        assert verdicts.of(trouble).may_have_acted
        assert not verdicts.of(trouble).repeat


def test_the_table_repeats_only_what_did_not_act() -> None:
    """No row of the table for once-only calls both may have acted and is repeated."""
    rows: list[Verdict] = [
        *ONCE_ONLY.troubles.values(),
        *ONCE_ONLY.statuses.values(),
        *ONCE_ONLY.hundreds.values(),
        ONCE_ONLY.otherwise,
    ]
    assert set(ONCE_ONLY.troubles) == set(Trouble)
    assert not [row for row in rows if row.may_have_acted and (row.repeat or row.retryable)]


async def test_the_breaker_spares_a_failing_vendor(time: "StillTime") -> None:
    """After five failures in a row nobody asks for 30 seconds; then one trial decides."""
    line = make_line(time)
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            await line.call("read", Work(AttemptFailed(500)))
    spared = Work()
    with pytest.raises(UpstreamUnavailable, match="left alone") as caught:
        await line.call("read", spared)
    assert spared.attempts == []
    assert caught.value.retryable
    assert not caught.value.may_have_acted
    time.now += 30
    assert await line.call("read", Work()) == "answer"
    with pytest.raises(UpstreamUnavailable):
        await line.call("read", Work(AttemptFailed(500)))
    assert await line.call("read", Work()) == "answer"  # it is closed: one failure does not open it


async def test_a_breaker_that_opens_ends_the_call(time: "StillTime") -> None:
    """Attempts stop when the breaker opens under them, and the last failure is told."""
    line = make_line(time, CallPolicy(breaker_failures_max=2))
    work = Work(*(AttemptFailed(Trouble.CONNECT_FAILED) for _ in range(5)))
    with pytest.raises(UpstreamUnavailable, match="could not be reached"):
        await line.call("read", work)
    assert len(work.attempts) == 2


@pytest.mark.parametrize("trouble", [429, 400, 404, Trouble.CERTIFICATE_REFUSED])
async def test_refusals_are_no_outage(time: "StillTime", trouble: Trouble | int) -> None:
    """A vendor that refuses is there: its refusals never open the breaker."""
    line = make_line(time, CallPolicy(attempts_max=1))
    for _ in range(8):
        with pytest.raises(UpstreamUnavailable) as caught:
            await line.call("read", Work(AttemptFailed(trouble)))
        assert not caught.value.may_have_acted
    assert await line.call("read", Work()) == "answer"


async def test_a_cancelled_trial_does_not_close_the_way(time: "StillTime") -> None:
    """A half-open breaker whose trial is cancelled lets the next caller try."""
    line = make_line(time, CallPolicy(breaker_failures_max=1))
    with pytest.raises(UpstreamUnavailable):
        await line.call("read", Work(AttemptFailed(500)))
    time.now += 30
    begun = asyncio.Event()

    async def hang(_attempt: Attempt) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "never"

    task = asyncio.create_task(line.call("read", hang))
    await begun.wait()
    with pytest.raises(UpstreamUnavailable, match="left alone"):
        await line.call("read", Work())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await line.call("read", Work()) == "answer"


async def test_only_so_many_at_once(time: "StillTime") -> None:
    """No more calls are under way than there are places; the others wait their turn."""
    running = most = 0

    async def busy(_attempt: Attempt) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return "answer"

    line = make_line(time, CallPolicy(concurrency_max=3))
    answers = await asyncio.gather(*(line.call("read", busy) for _ in range(10)))
    assert answers == ["answer"] * 10
    assert most == 3


async def test_waiting_for_a_place_ends_at_the_deadline(time: "StillTime") -> None:
    """Who finds no place in time is told so, and that nothing reached the vendor."""
    line = make_line(time, CallPolicy(concurrency_max=1, deadline_seconds=0.05))
    await line._places.acquire()
    work = Work()
    with pytest.raises(UpstreamUnavailable, match="under way") as caught:
        await line.call("read", work)
    assert work.attempts == []
    assert caught.value.retryable
    assert not caught.value.may_have_acted
    line._places.release()
    assert await line.call("read", work) == "answer"


async def test_a_cancelled_caller_leaves_nothing_behind(time: "StillTime") -> None:
    """Cancelling, while under way or while waiting, frees the place and counts nothing."""
    line = make_line(time, CallPolicy(concurrency_max=1, breaker_failures_max=1))

    async def hang(_attempt: Attempt) -> str:
        await asyncio.sleep(60)
        return "never"

    tasks = [asyncio.create_task(line.call("read", hang)) for _ in range(3)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 3
    assert await line.call("read", Work()) == "answer"


async def test_a_call_is_one_span_without_personal_data(
    time: "StillTime", spans: "KeptSpans"
) -> None:
    """The span tells vendor, agency, attempts and outcome, and nothing of exceptions."""
    line = make_line(time, spans=spans)
    await line.call("soft pull", Work(AttemptFailed(Trouble.CONNECT_FAILED)))
    with pytest.raises(UpstreamUnavailable):
        await line.call("hard pull", Work(AttemptFailed(500, detail="secret detail")))
    good, bad = spans.finished
    assert (good.name, dict(good.attributes or {})) == (
        "vendor soft pull",
        {
            "almoner.vendor": "vendor",
            "almoner.agency": "agency_1",
            "almoner.attempts": 2,
            "almoner.trouble": "CONNECT_FAILED",
            "almoner.outcome": "OK",
        },
    )
    assert dict(bad.attributes or {})["almoner.outcome"] == "UPSTREAM_UNAVAILABLE"
    assert dict(bad.attributes or {})["almoner.may_have_acted"] is True
    assert bad.events == ()
    assert "secret" not in bad.to_json()
