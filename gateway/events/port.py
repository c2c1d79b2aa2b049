"""The broker port: takes one agency's events from its relay, and delivers them to its subscribers.

A subscriber listens to one agency, the one that its principal was settled in, and has no way to
name another:

    async with broker.listen(agency, after=cursor) as deliveries:
        async for delivery in deliveries:
            match delivery:
                case Delivered(event, cursor): ...
                case Missed(): ...  # read anew what is shown

Events of one subject come in the order of its versions, each once for as long as the broker keeps
them. What a subscriber was too slow or too late for is told, never left out silently.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType, Protocol

import msgspec

from domain.agencies import Agency
from domain.errors import StoreUnavailable
from domain.events import Event
from tenants.outbox.relay import Sink
from tenants.records.codec import decode_event, encode_event

EVENT_BYTES_MAX = 16_384
Cursor = NewType("Cursor", str)
"""A place in what one agency's subscribers are delivered: opaque, and worth nothing elsewhere."""


class MissedCause(StrEnum):
    """Why deliveries are missing."""

    EXPIRED = "expired"
    RESTARTED = "restarted"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event. cursor: to listen on after it, for as long as the broker keeps what follows."""

    event: Event
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Missed:
    """Events were not delivered here. What they were about can only be read anew.

    cause: they were kept no longer; or the broker has begun anew, and nobody knows what it had; or
    this release cannot read what came. count: how many, where that is known.
    """

    cause: MissedCause
    count: int | None = None


class Deliveries(Protocol):
    """What one subscriber is delivered, in order, for as long as it asks for the next."""

    @property
    def cursor(self) -> Cursor:
        """Return the place up to which deliveries have been taken."""
        ...

    def up_to(self, cursor: Cursor) -> AsyncIterator[Delivered | Missed]:
        """Yield what comes up to another subscriber's place, and end there."""
        ...

    def __aiter__(self) -> "Deliveries": ...

    async def __anext__(self) -> Delivered | Missed:
        """Return what comes next, as soon as there is something."""
        ...


class Broker(Protocol):
    """Where the relays of all processes hand events on, and subscribers of each listen."""

    def sink_of(self, agency_id: str) -> Sink:
        """Return where the relay of one agency's store hands its events on."""
        ...

    def listen(
        self, agency: Agency, *, after: Cursor | None = None
    ) -> AbstractAsyncContextManager[Deliveries]:
        """Give what is published from now on, or what comes after a cursor.

        Whatever is committed inside the block is delivered. It never raises for a broker that is
        away: deliveries then wait, and go on, or tell what was missed, once it is back.
        """
        ...


class BrokerObserver(Protocol):
    """Who counts a broker's troubles."""

    def broker_failed(self) -> None:
        """Note that the broker was not reached, or was lost."""
        ...

    def missed(self, cause: MissedCause) -> None:
        """Note that a subscriber is told that it has missed something."""
        ...


class Unobserved:
    """Counts nothing."""

    def broker_failed(self) -> None:
        """Note nothing."""

    def missed(self, cause: MissedCause) -> None:
        """Note nothing."""


class Place(NamedTuple):
    """A place in an agency's deliveries: when its event came to the broker, and its number."""

    milliseconds: int
    number: int


START = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event with its place. event: None for one that came before, or cannot be read here."""

    place: Place
    event: Event | None
    size: int
    unreadable: bool = False


def spell_cursor(line: str, place: Place) -> Cursor:
    """Return the cursor of a place. line: what the numbers go on in, from one begin to the next."""
    return Cursor(f"{line}.{place.milliseconds}.{place.number}")


def read_cursor(cursor: str) -> tuple[str, Place] | None:
    """Return line and place of a cursor; None for any text that is none."""
    line, _, rest = cursor.partition(".")
    milliseconds, _, number = rest.partition(".")
    digits = milliseconds + number
    if not (milliseconds and number and digits.isascii() and digits.isdecimal()):
        return None
    if len(milliseconds) > _DIGITS_MAX or len(number) > _DIGITS_MAX:
        return None
    return line, Place(int(milliseconds), int(number))


def line_of(agency_id: str, begin: str) -> str:
    """Return the name of an agency's line: of another agency, or another begin, it is another."""
    return hashlib.sha256(f"{begin} {agency_id}".encode()).hexdigest()[:_LINE_CHARACTERS]


class ForeignEvent(Exception):
    """What came is not an event of this agency, or cannot be read."""


class TooLargeEvent(Exception):
    """An event is larger than any that a broker takes."""


def encode_sent(agency_id: str, event: Event) -> bytes:
    """Return an event as brokers carry it, with its agency; raises TooLargeEvent."""
    body = msgspec.json.encode(_Carried(agency_id, msgspec.Raw(encode_event(event))))
    if len(body) > EVENT_BYTES_MAX:
        raise TooLargeEvent(event.id)
    return body


def decode_sent(agency_id: str, body: bytes) -> Event:
    """Return the event of an agency; raises ForeignEvent for anything else."""
    try:
        carried = _decode_carried(body)
        if carried.agency != agency_id:
            raise ForeignEvent("an event of another agency")
        return decode_event(bytes(carried.event))
    except (msgspec.MsgspecError, StoreUnavailable, UnicodeDecodeError) as error:
        raise ForeignEvent(type(error).__name__) from error


def milliseconds_of(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


class _Carried(msgspec.Struct):
    """An event on its way, with the agency that it is of: checked again where it arrives."""

    agency: str
    event: msgspec.Raw


_decode_carried = msgspec.json.Decoder(_Carried).decode
_LINE_CHARACTERS = 16
_DIGITS_MAX = 15
