"""Counts the steps of some work, which are as many on a slow machine as on a fast one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Steps:
    """How many functions were called."""

    count = 0


@contextmanager
def counted_steps() -> Iterator[Steps]:
    """Count the functions that this thread calls inside, whoever wrote them."""
    steps = Steps()

    def note(_frame: object, event: str, _argument: object) -> None:
        steps.count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield steps
    finally:
        sys.setprofile(before)


def steps_of(work: Callable[[], object]) -> int:
    """Return how many functions some work calls."""
    with counted_steps() as steps:
        work()
    return steps.count
