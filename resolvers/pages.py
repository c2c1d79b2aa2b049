"""Pages of listings: what a client asks for, within bounds, and what every listing answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from domain.validation import Faults
from resolvers.inputs import Maybe, given

PAGE_ITEMS_DEFAULT = 20
PAGE_ITEMS_MAX = 100

R_co = TypeVar("R_co", covariant=True)


class Listing(Protocol[R_co]):
    """Part of a listing, as a connection shows it."""

    @property
    def items(self) -> Sequence[R_co]:
        """The records, in the listing's order."""
        ...

    @property
    def has_next(self) -> bool:
        """Whether there is more behind the last of them."""
        ...

    @property
    def has_previous(self) -> bool:
        """Whether there is more before the first of them."""
        ...

    @property
    def start_cursor(self) -> str | None:
        """The cursor to page backward from."""
        ...

    @property
    def end_cursor(self) -> str | None:
        """The cursor to page forward from."""
        ...

    def cursor(self, number: int) -> str:
        """Return the cursor of the item of that number, counted from 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a listing is asked for: `size` items from its head, or from its tail."""

    size: int
    from_tail: bool
    after: str | None
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Generic[R_co]):
    """Part of a listing that a resolver has put together; `seal` makes a position a cursor.

    stopped_at: where a bounded scan ended before the page was full: the position to go on from.
    """

    items: tuple[R_co, ...]
    positions: tuple[str, ...]
    has_next: bool
    has_previous: bool
    seal: Callable[[str], str]
    stopped_at: str | None = None

    @property
    def start_cursor(self) -> str | None:
        """Return the cursor to page backward from."""
        return self.cursor(0) if self.positions else None

    @property
    def end_cursor(self) -> str | None:
        """Return the cursor to page forward from."""
        if self.stopped_at is not None:
            return self.seal(self.stopped_at)
        return self.cursor(-1) if self.positions else None

    def cursor(self, number: int) -> str:
        """Return the cursor of the item of that number, counted from 0."""
        return self.seal(self.positions[number])


def read_window(
    first: Maybe[int],
    after: Maybe[str],
    last: Maybe[int],
    before: Maybe[str],
) -> Window:
    """Return the window; raises InvalidInput where the arguments contradict or are out of bounds.

    Either `first` with `after`, or `last` with `before`; 20 items where no number is given.
    """
    head, tail = given(first), given(last)
    start, end = given(after), given(before)
    faults = Faults()
    for path, number in (("first", head), ("last", tail)):
        if number is not None and number < 0:
            faults.add(path, "TOO_SMALL", "Give zero or more.")
        elif number is not None and number > PAGE_ITEMS_MAX:
            faults.add(path, "TOO_LARGE", f"Give at most {PAGE_ITEMS_MAX}.")
    if head is not None and tail is not None:
        faults.add("last", "INVALID", "Give first or last, not both.")
    from_tail = tail is not None or (head is None and end is not None)
    if from_tail and start is not None:
        faults.add("after", "INVALID", "Give after with first, and before with last.")
    if not from_tail and end is not None:
        faults.add("before", "INVALID", "Give after with first, and before with last.")
    faults.raise_any()
    size = tail if from_tail else head
    return Window(
        size=PAGE_ITEMS_DEFAULT if size is None else size,
        from_tail=from_tail,
        after=start,
        before=end,
    )


def read_forward(first: Maybe[int], after: Maybe[str]) -> Window:
    """Return the window of a listing that is read from its head alone."""
    return read_window(first, after, None, None)
