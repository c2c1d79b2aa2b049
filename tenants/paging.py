"""Relay pages over an index: cursors both ways, a residual filter, and a bound on what is read."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain.errors import FieldFault, InvalidInput
from tenants.backend import PAGE_ROWS_MAX, Position, Row, StoreBackend
from tenants.cursors import CursorSigner

T = TypeVar("T")
SCAN_ROWS_MAX = 1000
SCAN_BATCH_ROWS_MIN = 50
_SEPARATOR = "\n"  # in no sort key, root, kind or id


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One part of an index, bounded by sort keys, in an order."""

    backend: StoreBackend
    cursors: CursorSigner
    index: str
    part: str
    desc: bool = False
    lo: str | None = None
    hi: str | None = None

    @property
    def name(self) -> str:
        """Return what cursors of this listing are sealed for."""
        return f"{self.index}:{self.part}"

    def seal(self, position: Position) -> str:
        """Return the cursor of a position."""
        return self.cursors.seal(self.name, _SEPARATOR.join(position))

    def open(self, cursor: str, path: str) -> Position:
        """Return the position of a cursor; raises InvalidInput naming `path`."""
        return Position(*self.cursors.open(self.name, cursor, path=path).split(_SEPARATOR))

    def is_ordered(self, earlier: Position, later: Position) -> bool:
        """Say whether one position stands before another in this listing's order."""
        return later < earlier if self.desc else earlier < later


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A slice of a listing, in the listing's order whichever way it was paged.

    stopped_at: where a bounded scan ended before the page was full; the cursor to go on from.
    """

    items: tuple[T, ...]
    positions: tuple[Position, ...]
    has_next: bool
    has_previous: bool
    listing: Listing = field(repr=False)
    backward: bool = False
    stopped_at: Position | None = None

    def cursor(self, number: int) -> str:
        """Return the cursor of the item of that number, counted from 0."""
        return self.listing.seal(self.positions[number])

    @property
    def start_cursor(self) -> str | None:
        """Return the cursor to page backward from."""
        return self._edge(0, stopped=self.backward)

    @property
    def end_cursor(self) -> str | None:
        """Return the cursor to page forward from."""
        return self._edge(-1, stopped=not self.backward)

    def _edge(self, number: int, *, stopped: bool) -> str | None:
        if stopped and self.stopped_at is not None:
            return self.listing.seal(self.stopped_at)
        return self.cursor(number) if self.positions else None


@dataclass(slots=True)
class _Found(Generic[T]):
    """What a walk has gathered: more is True where matches, or rows not looked at, remain."""

    items: list[T] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    more: bool = False
    stopped_at: Position | None = None


async def read_page(
    listing: Listing,
    to_record: Callable[[Row], T],
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    keep: Callable[[T], bool] | None,
) -> Page[T]:
    """Return a page: `first` after a cursor, or `last` before one; raises InvalidInput."""
    backward = last is not None
    wanted = _check_size(first, last)
    lower = None if after is None else listing.open(after, "after")
    upper = None if before is None else listing.open(before, "before")
    start, end = (upper, lower) if backward else (lower, upper)
    found = await _walk(
        listing, to_record, wanted, backward=backward, start=start, end=end, keep=keep
    )
    step = -1 if backward else 1
    # What lies behind the cursor that was passed is not counted: it was shown, so it is there.
    behind = start is not None
    return Page(
        items=tuple(found.items[::step]),
        positions=tuple(found.positions[::step]),
        has_next=behind if backward else found.more,
        has_previous=found.more if backward else behind,
        listing=listing,
        backward=backward,
        stopped_at=found.stopped_at,
    )


async def read_all(read: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """Return what is on all pages; `read` gives the one after a cursor, None: the first."""
    found: list[T] = []
    after: str | None = None
    while True:
        page = await read(after)
        found += page.items
        if not page.has_next:
            return found
        after = page.end_cursor


async def _walk(
    listing: Listing,
    to_record: Callable[[Row], T],
    wanted: int,
    *,
    backward: bool,
    start: Position | None,
    end: Position | None,
    keep: Callable[[T], bool] | None,
) -> _Found[T]:
    """Gather `wanted` items from `start` towards `end`, then see whether there is one more."""
    found: _Found[T] = _Found()
    position, left = start, SCAN_ROWS_MAX
    every = keep is None and end is None  # each row is an item: the backend knows whether more are
    while left > 0:
        batch = wanted if every else min(left, max(wanted + 1, SCAN_BATCH_ROWS_MIN))
        part = await listing.backend.query(
            listing.index,
            listing.part,
            lo=listing.lo,
            hi=listing.hi,
            desc=listing.desc is not backward,
            after=position,
            limit=batch,
        )
        for row, here in zip(part.rows, part.positions, strict=True):
            if end is not None and not _is_before(listing, here, end, backward=backward):
                return found
            position = here
            record = to_record(row)
            if keep is not None and not keep(record):
                continue
            if len(found.items) == wanted:
                found.more = True
                return found
            found.items.append(record)
            found.positions.append(here)
        if every or not part.has_next:
            found.more = part.has_next
            return found
        left -= len(part.rows)
        await asyncio.sleep(0)  # a long scan lets other requests in between
    found.more = True
    found.stopped_at = position
    return found


def _is_before(listing: Listing, here: Position, end: Position, *, backward: bool) -> bool:
    return listing.is_ordered(end, here) if backward else listing.is_ordered(here, end)


def _check_size(first: int | None, last: int | None) -> int:
    """Return how many items are asked for; raises InvalidInput where that is not clear."""
    given = [(path, size) for path, size in (("first", first), ("last", last)) if size is not None]
    if len(given) != 1:
        raise InvalidInput([FieldFault(path="first", code="INVALID", message=_ONE_OF)])
    path, size = given[0]
    if size < 0:
        message = "Ask for 0 or more."
        raise InvalidInput([FieldFault(path=path, code="TOO_SMALL", message=message)])
    if size >= PAGE_ROWS_MAX:
        message = f"Ask for fewer than {PAGE_ROWS_MAX} at once."
        raise InvalidInput([FieldFault(path=path, code="TOO_LARGE", message=message)])
    return size


_ONE_OF = "Pass exactly one of first and last."
