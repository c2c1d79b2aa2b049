"""Counts the steps of some work, which are as many on a slow machine as on a fast one."""

import cProfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Steps:
    """How many functions were called."""

    count = 0


@contextmanager
def counted_steps() -> Iterator[Steps]:
    """Count the functions that this thread calls inside, whoever wrote them."""
    steps, profile = Steps(), cProfile.Profile(subcalls=False)  # a profiler in Python takes longer
    profile.enable()
    try:
        yield steps
    finally:
        profile.disable()
        steps.count = sum(entry.callcount for entry in profile.getstats())


def steps_of(work: Callable[[], object]) -> int:
    """Return how many functions some work calls."""
    with counted_steps() as steps:
        work()
    return steps.count
