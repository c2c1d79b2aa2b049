"""The circuit breaker's promises, on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.breaker import BreakerState, CircuitBreaker, Permit


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures_max=5, open_seconds=30.0, clock=clock)


def state(breaker: CircuitBreaker) -> BreakerState:
    return breaker.state


def enter(breaker: CircuitBreaker) -> Permit:
    permit = breaker.enter()
    assert permit is not None
    return permit


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        enter(breaker).settle(good=False)


def test_it_opens_after_failures_in_a_row(breaker: CircuitBreaker) -> None:
    """Five failures one after the other open it, four do not."""
    fail(breaker, 4)
    assert state(breaker) is BreakerState.CLOSED
    fail(breaker, 1)
    assert state(breaker) is BreakerState.OPEN
    assert breaker.enter() is None


def test_a_success_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    """Failures that are not in a row do not add up."""
    fail(breaker, 4)
    enter(breaker).settle(good=True)
    fail(breaker, 4)
    assert state(breaker) is BreakerState.CLOSED


def test_one_trial_after_the_open_time(breaker: CircuitBreaker, clock: Clock) -> None:
    """Half-open lets exactly one attempt through at a time, and its success closes."""
    fail(breaker, 5)
    clock.now = 29.9
    assert breaker.enter() is None
    clock.now = 30.0
    assert state(breaker) is BreakerState.HALF_OPEN
    trial = enter(breaker)
    assert breaker.enter() is None
    trial.settle(good=True)
    assert state(breaker) is BreakerState.CLOSED


def test_a_failed_trial_opens_for_the_whole_time_again(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """A trial that fails costs another open time, counted from its end."""
    fail(breaker, 5)
    clock.now = 40.0
    enter(breaker).settle(good=False)
    clock.now = 69.9
    assert state(breaker) is BreakerState.OPEN
    clock.now = 70.0
    assert state(breaker) is BreakerState.HALF_OPEN


def test_a_trial_given_up_lets_another_try(breaker: CircuitBreaker, clock: Clock) -> None:
    """A trial that is cancelled says nothing and blocks nobody."""
    fail(breaker, 5)
    clock.now = 30.0
    with enter(breaker):
        pass
    assert state(breaker) is BreakerState.HALF_OPEN
    enter(breaker).settle(good=True)
    assert state(breaker) is BreakerState.CLOSED


def test_what_ends_late_is_not_counted(breaker: CircuitBreaker, clock: Clock) -> None:
    """An attempt from before the breaker opened neither closes nor opens it afterwards."""
    early = [enter(breaker) for _ in range(7)]
    fail(breaker, 5)
    early[0].settle(good=True)
    assert state(breaker) is BreakerState.OPEN
    clock.now = 30.0
    enter(breaker).settle(good=True)
    for permit in early[1:]:
        permit.settle(good=False)
    assert state(breaker) is BreakerState.CLOSED


def test_an_attempt_is_settled_once(breaker: CircuitBreaker) -> None:
    """Only the first word on an attempt counts."""
    permit = enter(breaker)
    for _ in range(5):
        permit.settle(good=False)
    assert state(breaker) is BreakerState.CLOSED


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.just(0)),
            st.tuples(st.just("wait"), st.integers(1, 40)),
            st.tuples(st.sampled_from(["good", "bad", "gone"]), st.integers(0, 9)),
        ),
        max_size=80,
    )
)
def test_it_never_wedges(steps: list[tuple[str, int]]) -> None:
    """Whatever happened, once all attempts have ended and time has passed, somebody may try."""
    clock = Clock()
    breaker = CircuitBreaker(failures_max=3, open_seconds=30.0, clock=clock)
    under_way: list[Permit] = []
    for step, number in steps:
        if step == "wait":
            clock.now += number
        elif step == "enter":
            before = breaker.state
            permit = breaker.enter()
            assert permit is None or before is not BreakerState.OPEN
            under_way.extend([permit] if permit else [])
        elif under_way:
            ended = under_way.pop(number % len(under_way))
            ended.settle(good={"good": True, "bad": False, "gone": None}[step])
    for permit in under_way:
        permit.settle(good=None)
    clock.now += 30.0
    assert breaker.enter() is not None
