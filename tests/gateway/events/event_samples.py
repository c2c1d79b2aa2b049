"""Events and agencies for tests, and ways to take deliveries."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from domain.agencies import Agency
from domain.clock import utc_now
from domain.events import Event, EventName
from domain.ids import new_ulid
from gateway.events.port import Broker, Delivered, Deliveries, Missed, MissedCause
from tests.tenants.directory.directory_samples import an_agency

DELIVERY_SECONDS_MAX = 20.0


def some_agency() -> Agency:
    """Return an agency that no other test has."""
    return replace(an_agency(), id=new_ulid())


def some_event(subject: str | None = None, version: int = 1) -> Event:
    """Return an event that has just happened."""
    at = utc_now()
    return Event(
        id=new_ulid(at),
        name=EventName.APPLICATION_UPDATED,
        at=at,
        subject=subject or f"app_{new_ulid()}",
        version=version,
    )


def some_events(count: int, subject: str | None = None) -> list[Event]:
    """Return the first events of one subject."""
    subject = subject or f"app_{new_ulid()}"
    return [some_event(subject, number) for number in range(1, count + 1)]


async def publish(broker: Broker, agency: Agency, *events: Event) -> None:
    """Hand events on as a relay would."""
    await broker.sink_of(agency.id).accept(events)


async def take(deliveries: Deliveries, count: int) -> list[Delivered | Missed]:
    """Return the next deliveries."""
    async with asyncio.timeout(DELIVERY_SECONDS_MAX):
        return [await anext(deliveries) for _ in range(count)]


async def take_events(deliveries: Deliveries, count: int) -> list[Event]:
    """Return the next deliveries, all of which are events."""
    return events_in(await take(deliveries, count))


def events_in(taken: Sequence[Delivered | Missed]) -> list[Event]:
    """Return the events that were delivered; anything missed is an error."""
    assert not [one for one in taken if isinstance(one, Missed)]
    return [one.event for one in taken if isinstance(one, Delivered)]


async def nothing_comes(deliveries: Deliveries, seconds: float = 0.3) -> bool:
    """Say whether nothing is delivered for a while."""
    try:
        async with asyncio.timeout(seconds):
            await anext(deliveries)
    except TimeoutError:
        return True
    return False


class Counted:
    """Counts what a broker and the relays report."""

    def __init__(self) -> None:
        self.failures = 0
        self.causes: list[MissedCause] = []

    def broker_failed(self) -> None:
        """Note that the broker was not reached."""
        self.failures += 1

    def missed(self, cause: MissedCause) -> None:
        """Note that a subscriber was told of what it missed."""
        self.causes.append(cause)
