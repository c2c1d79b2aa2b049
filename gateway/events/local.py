"""The broker of one process: what its relays hand on, its own subscribers are delivered."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from domain.agencies import Agency
from domain.clock import utc_now
from domain.events import Event
from gateway.events.port import (
    BrokerObserver,
    Cursor,
    Deliveries,
    Place,
    Sent,
    Unobserved,
    encode_sent,
    line_of,
    milliseconds_of,
)
from gateway.events.ring import Ring, RingReader
from tenants.outbox.relay import Sink

RETENTION_SECONDS = 300
RETENTION_BYTES = 1_000_000
_EXPIRED_EACH = 4  # times in the span that events are kept


class LocalBroker:
    """Keeps each agency's last events in a ring."""

    def __init__(
        self,
        *,
        seconds: float = RETENTION_SECONDS,
        bytes_max: int = RETENTION_BYTES,
        observer: BrokerObserver | None = None,
    ) -> None:
        self._begin = secrets.token_hex(16)
        self._seconds = seconds
        self._observer: BrokerObserver = observer or Unobserved()
        self._ring: Callable[[str], Ring] = partial(Ring, seconds=seconds, bytes_max=bytes_max)
        self._rings: dict[str, Ring] = {}

    def sink_of(self, agency_id: str) -> Sink:
        """Return where the relay of one agency's store hands its events on."""
        return _LocalSink(agency_id, partial(self._ring_of, agency_id))

    @asynccontextmanager
    async def listen(
        self, agency: Agency, *, after: Cursor | None = None
    ) -> AsyncIterator[Deliveries]:
        """Give what is published from now on, or what comes after a cursor."""
        yield RingReader(self._ring_of(agency.id), after, missed=self._observer.missed)

    async def serve(self) -> None:
        """Let go of what is too old, also of agencies in which nothing happens, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / _EXPIRED_EACH)
            for ring in self._rings.values():
                ring.expire()

    def _ring_of(self, agency_id: str) -> Ring:
        """Return an agency's ring, which stays: its numbers must go on."""
        if agency_id not in self._rings:
            self._rings[agency_id] = self._ring(line_of(agency_id, self._begin))
        return self._rings[agency_id]


class _LocalSink:
    """Puts one agency's events into its ring."""

    def __init__(self, agency_id: str, ring_of: Callable[[], Ring]) -> None:
        self._agency_id = agency_id
        self._ring_of = ring_of

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events in their order; raises TooLargeEvent, and takes none of them then."""
        sizes = [len(encode_sent(self._agency_id, event)) for event in batch]
        ring, at = self._ring_of(), milliseconds_of(utc_now())
        for event, size in zip(batch, sizes, strict=True):
            if not ring.has(event.id):
                ring.add(Sent(Place(max(at, ring.last.milliseconds), ring.next), event, size))
