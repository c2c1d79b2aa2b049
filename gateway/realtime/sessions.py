"""What both WebSocket protocols have in common: who is let in, what runs, and how it ends."""

from abc import ABC, abstractmethod
from typing import ClassVar

import structlog

from domain.access import Principal
from domain.errors import GatewayError, SubscriptionLimit
from gateway.errors import DocumentRefused, Refused
from gateway.events.port import Cursor
from gateway.identity.credentials import Credential
from gateway.identity.refusals import reason_of
from gateway.realtime.frames import frame, framed
from gateway.realtime.hub import Hub, code_of
from gateway.realtime.live import Subscription
from gateway.realtime.measuring import Wire
from gateway.realtime.socket import Handshake, Socket
from gateway.realtime.wanted import Wanted

TRY_AGAIN_LATER = 1013


class Gone(Exception):
    """The connection ended while something was done for it."""


class SocketSession(ABC):
    """What is said on one connection, as far as the protocols agree."""

    wire: ClassVar[Wire]
    event: ClassVar[str]
    """The type of the frames that tell of events."""

    def __init__(self, hub: Hub, socket: Socket, handshake: Handshake) -> None:
        """Take the connection; nobody is let in before `connection_init`."""
        self.hub = hub
        self.socket = socket
        self.handshake = handshake
        self.running: dict[str, Subscription] = {}
        self.limits = hub.served.config.limits
        self.credential: Credential | None = None
        self._entered: Principal | None = None
        self._is_over = False

    @property
    def is_ready(self) -> bool:
        """Say whether the client has been let in."""
        return self._entered is not None

    async def enter(self, credential: Credential | None) -> None:
        """Let the client in; raises Unauthenticated, SubscriptionLimit, StoreUnavailable."""
        principal = await self.hub.admission.check(credential, self.handshake.client)
        if self._is_over:
            return
        self.hub.connected(self.wire, principal)
        self.credential, self._entered = credential, principal

    @abstractmethod
    def tell_end(self, frame_id: str, error: GatewayError) -> None:
        """Send why a subscription has ended."""

    async def subscribe(self, frame_id: str, wanted: Wanted) -> Subscription:
        """Return a subscription that has been registered. Raises Gone, and why it is refused."""
        most = self.hub.served.config.realtime.connection_subscriptions
        try:
            if len(self.running) >= most:
                raise SubscriptionLimit(f"Max number of {most} subscriptions reached")
            subscription = await self.hub.begin(wanted, _SocketOutlet(self, frame_id))
        except (GatewayError, Refused, DocumentRefused) as refusal:
            self.hub.note_end(refusal)
            raise
        if self._is_over:
            subscription.stop()
            raise Gone
        self.running[frame_id] = subscription
        return subscription

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self.socket.send(frame)

    def close(self, code: int, reason: str, why: GatewayError | Refused | None = None) -> None:
        """Close the connection over something that the client did; leaves one line in the log.

        One that is closing already is left to it, so that nobody writes a second line.
        """
        if self._is_over:
            return
        self._is_over = True
        cause = None if why is None else reason_of(why)
        facts = {
            "wire": self.wire.value,
            "code": code,
            "error": None if why is None else code_of(why),
            "reason": None if cause is None else cause.value,
            "source_ip": self.handshake.client,
        }
        known = {name: fact for name, fact in facts.items() if fact is not None}
        structlog.get_logger("almoner").info("realtime connection refused", **known)
        self.stop_all()
        self.socket.close(code, reason)

    def dropped(self, error: GatewayError) -> None:
        """Close the connection of a client that reads too slowly."""
        self.hub.note_end(error)
        self.close(TRY_AGAIN_LATER, error.message, error)

    def stop_all(self) -> None:
        """End everything that runs."""
        running, self.running = self.running, {}
        for subscription in running.values():
            subscription.stop()

    def lost(self) -> None:
        """Hear that the connection has ended."""
        self._is_over = True
        self.stop_all()
        if self._entered is not None:
            self.hub.disconnected(self.wire, self._entered)
            self._entered = None


class _SocketOutlet:
    """One subscription's way to the client."""

    __slots__ = ("_id", "_session", "connection")

    def __init__(self, session: SocketSession, frame_id: str) -> None:
        self._session = session
        self._id = frame_id
        self.connection = session.socket

    def tell(self, payload: bytes, cursor: Cursor | None) -> None:
        """Send an event."""
        del cursor  # it is in the payload
        self._session.send(framed(self._session.event, self._id, payload))

    def end(self, error: GatewayError) -> None:
        """Send why it has ended."""
        self._session.running.pop(self._id, None)
        self._session.tell_end(self._id, error)

    def complete(self) -> None:
        """Send that it has ended as its client wanted."""
        self._session.running.pop(self._id, None)
        self._session.send(frame("complete", id=self._id))
