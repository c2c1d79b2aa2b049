"""The last events of one agency that this process holds, and the subscribers that read them.

A subscriber is a place in the ring and nothing else, so that a slow one costs no memory: where the
ring has gone past it, it reads on in the broker's own keeping, and where that has gone past it too,
it is told how many it missed.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from gateway.events.port import (
    START,
    Cursor,
    Delivered,
    Missed,
    MissedCause,
    Place,
    Sent,
    read_cursor,
    spell_cursor,
)

ENTRY_BYTES = 1_000  # of an event in memory, beside its text
IDS_MAX = 50_000
_UNKNOWN = "?"  # a line that there never is

Older = Callable[[Place], Awaitable[Sequence[Sent]]]
"""Returns what the broker still keeps after a place, in order, or as much as it gives at once."""


async def nothing_older(_: Place) -> Sequence[Sent]:
    """Return nothing: the ring is all that there is."""
    return ()


class Ring:
    """One agency's events in one process, in the order of their numbers.

    line: names what the numbers go on in. next: the number that comes next. floor: the least number
    from which on all are here.
    """

    def __init__(
        self,
        line: str,
        last: Place = START,
        *,
        seconds: float,
        bytes_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._bytes_max = bytes_max
        self._clock = clock
        self._ids: OrderedDict[str, float] = OrderedDict()
        self._news = asyncio.Event()
        self.begin(line, last)

    def begin(self, line: str, last: Place) -> None:
        """Begin a line of numbers, after a place in it; what is held of another is let go."""
        self.line, self.last = line, last
        self.next = self.floor = last.number + 1
        self._held: OrderedDict[int, tuple[float, Sent]] = OrderedDict()
        self._bytes = 0
        self._tell()

    def add(self, sent: Sent) -> None:
        """Add what came next; where numbers before it are missing, those are out of reach here."""
        now = self._clock()
        if sent.place.number < self.next:
            return  # read twice
        if sent.place.number > self.next:
            self._let_go(sent.place.number)
        if sent.event is not None and not self._is_new(sent.event.id, now):
            sent = Sent(sent.place, None, 0)  # delivered before, and numbered again
        self._held[sent.place.number] = (now, sent)
        self._bytes += sent.size + ENTRY_BYTES
        self.last, self.next = sent.place, sent.place.number + 1
        self.expire()
        self._tell()

    def skip_after(self, place: Place) -> None:
        """Let go of all up to a place: what has come until then is out of reach."""
        self.last = place
        self._let_go(place.number + 1)
        self._tell()

    def expire(self) -> None:
        """Let go of what is too old or too much; the newest stays, however large."""
        oldest = self._clock() - self._seconds
        while self._held:
            number, (at, sent) = next(iter(self._held.items()))
            if at > oldest and (self._bytes <= self._bytes_max or len(self._held) == 1):
                break
            self._held.popitem(last=False)
            self._bytes -= sent.size + ENTRY_BYTES
            self.floor = number + 1
        while self._ids and (
            len(self._ids) > IDS_MAX or next(iter(self._ids.values())) <= oldest - self._seconds
        ):
            self._ids.popitem(last=False)

    def has(self, event_id: str) -> bool:
        """Say whether an event of that id has come lately."""
        return event_id in self._ids

    def at(self, number: int) -> Sent | None:
        """Return what has that number; None where it is not here."""
        found = self._held.get(number)
        return None if found is None else found[1]

    def news(self) -> asyncio.Event:
        """Return what is set as soon as anything changes from now on."""
        return self._news

    def _let_go(self, number: int) -> None:
        """Hold nothing before that number, which is the next to come."""
        self._held.clear()
        self._bytes = 0
        self.next = self.floor = number

    def _is_new(self, event_id: str, now: float) -> bool:
        if event_id in self._ids:
            return False
        self._ids[event_id] = now
        return True

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()


class RingReader:
    """One subscriber's deliveries."""

    def __init__(
        self,
        ring: Ring,
        after: Cursor | None,
        *,
        older: Older = nothing_older,
        missed: Callable[[MissedCause], None] = lambda _: None,
    ) -> None:
        self._ring = ring
        self._older = older
        self._missed = missed
        self._line, self._last = ring.line, ring.last
        self._ahead: deque[Delivered | Missed] = deque()
        if after is not None:
            # An unknown line has ended, or never was: all that is held of this one came after it.
            self._line, self._last = read_cursor(after) or (_UNKNOWN, START)

    @property
    def cursor(self) -> Cursor:
        """Return the place up to which deliveries have been taken."""
        return spell_cursor(self._line, self._last)

    async def up_to(self, cursor: Cursor) -> AsyncIterator[Delivered | Missed]:
        """Yield what comes up to another reader's place, and end there."""
        line, place = read_cursor(cursor) or (self._ring.line, START)
        while self._ahead or self._line != line or self._last.number < place.number:
            yield await anext(self)

    def __aiter__(self) -> "RingReader":
        """Return itself."""
        return self

    async def __anext__(self) -> Delivered | Missed:
        """Return what comes next, as soon as there is something."""
        while True:
            if self._ahead:
                return self._ahead.popleft()
            ring, news = self._ring, self._ring.news()
            if self._line != ring.line:
                if ring.line:
                    return self._begin_anew()
            elif self._last.number + 1 < ring.floor:
                await self._catch_up()
                continue
            elif (sent := ring.at(self._last.number + 1)) is not None:
                self._take(sent)
                continue
            await news.wait()

    def _begin_anew(self) -> Missed:
        """Go over to the ring's line; who never was in any begins with what comes now."""
        self._last = START if self._line else self._ring.last
        self._line = self._ring.line
        return self._note(Missed(MissedCause.RESTARTED))

    def _take(self, sent: Sent) -> None:
        self._last = sent.place
        if sent.event is not None:
            cursor = spell_cursor(self._line, sent.place)
            self._ahead.append(Delivered(sent.event, cursor))
        elif sent.unreadable:
            self._ahead.append(self._note(Missed(MissedCause.UNREADABLE, 1)))

    async def _catch_up(self) -> None:
        """Read on in the broker's keeping, up to where the ring begins."""
        line, last = self._line, self._last
        found = await self._older(last)
        if line != self._ring.line:
            return
        for sent in found:
            self._pass_over(sent.place.number)
            self._take(sent)
        if not found:
            floor = self._ring.floor
            self._pass_over(floor)
            self._last = Place(last.milliseconds, floor - 1)

    def _pass_over(self, number: int) -> None:
        """Note that what comes next has that number, and all between was missed."""
        count = number - self._last.number - 1
        if count > 0:
            self._ahead.append(self._note(Missed(MissedCause.EXPIRED, count)))

    def _note(self, missed: Missed) -> Missed:
        self._missed(missed.cause)
        return missed
