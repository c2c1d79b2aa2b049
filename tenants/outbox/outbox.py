"""One agency's outbox: the events that wait beside its records, and who is told of new ones."""

import asyncio
from collections.abc import Awaitable, Container, Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import StoreUnavailable
from domain.events import Event
from tenants.backend import StoreBackend, StoredEvent
from tenants.records.codec import decode_event


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that waits. event: None where it cannot be read; subject: None where even that."""

    id: str
    subject: str | None
    event: Event | None


class Outbox:
    """What waits in one store. All methods may raise domain.errors.StoreUnavailable."""

    def __init__(self, backend: StoreBackend) -> None:
        self._backend = backend
        self._woken = asyncio.Event()
        self._written = 0
        self._in_doubt = 0

    @property
    def written(self) -> int | None:
        """Return how many events this process has written; None where that is not known."""
        return None if self._in_doubt else self._written

    async def following(self, commit: Awaitable[None]) -> None:
        """Await a commit that writes an event, and tell whoever waits for one."""
        self._in_doubt += 1  # and for good where we are cancelled: it may have been written
        try:
            await commit
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._in_doubt -= 1
            raise
        self._in_doubt -= 1
        self._written += 1
        self._woken.set()

    async def woken(self) -> None:
        """Return when this process has written an event since this was last asked."""
        await self._woken.wait()
        self._woken.clear()

    async def waiting(self, limit: int, besides: Container[str] = ()) -> list[Waiting]:
        """Return what was not delivered yet, oldest first, whether it can be read or not.

        besides: ids of events to leave out; they count for the limit.
        """
        stored = await self._backend.outbox_pending(limit)
        return [_waiting(one) for one in stored if one.id not in besides]

    async def pending(self, limit: int) -> list[Event]:
        """Return events that were not delivered yet, oldest first."""
        return [decode_event(stored.body) for stored in await self._backend.outbox_pending(limit)]

    async def done(self, ids: Sequence[str]) -> None:
        """Remove delivered events; ids that are gone are no error."""
        await self._backend.outbox_done(ids)


class _Subject(msgspec.Struct):
    """As much of an event as is needed to hold back those that come after it."""

    subject: str


_decode_subject = msgspec.json.Decoder(_Subject).decode


def _waiting(stored: StoredEvent) -> Waiting:
    try:
        event = decode_event(stored.body)
    except StoreUnavailable:
        return Waiting(stored.id, _subject_of(stored.body), None)
    # The row's id is what it is removed by, and what a subscriber knows it by: one that differs
    # would come for ever.
    return Waiting(stored.id, event.subject, event if event.id == stored.id else None)


def _subject_of(body: bytes) -> str | None:
    try:
        return _decode_subject(body).subject
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
