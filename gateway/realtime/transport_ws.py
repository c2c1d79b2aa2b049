"""The protocol of graphql-ws: subprotocol `graphql-transport-ws`, for Apollo, urql and Relay.

https://github.com/enisdenko/graphql-ws/blob/master/PROTOCOL.md. The credential comes with
`connection_init` and holds for the connection. Queries and mutations belong on POST /graphql.
"""

from collections.abc import Mapping

from domain.errors import GatewayError, Unauthenticated
from gateway.errors import DocumentRefused, Refused
from gateway.identity.credentials import Credential, read_credential
from gateway.identity.refusals import Reason, refused
from gateway.realtime.credentials import credential_in
from gateway.realtime.frames import (
    BAD_FRAME,
    TOO_MANY_INITS,
    UNAUTHORIZED,
    BadFrame,
    errors_of,
    frame,
    id_of,
    payload_of,
    read_frame,
)
from gateway.realtime.measuring import Wire
from gateway.realtime.sessions import TRY_AGAIN_LATER, Gone, SocketSession
from gateway.realtime.wanted import wanted_of

SUBPROTOCOL = "graphql-transport-ws"
CREDENTIAL_ENDED = 4403
"""Clients connect again after this one, with a credential that they fetch anew."""
SUBSCRIBER_EXISTS = 4409


class TransportSession(SocketSession):
    """What is said on one connection."""

    wire = Wire.TRANSPORT_WS
    event = "next"

    async def received(self, text: str) -> None:
        """Deal with a frame."""
        try:
            kind, members = read_frame(text, self.limits)
            match kind:
                case "connection_init":
                    await self._init(payload_of(members))
                case "ping":
                    payload_of(members)
                    self.send(_PONG)
                case "pong":
                    payload_of(members)
                case _ if not self.is_ready:
                    self.close(UNAUTHORIZED, "Unauthorized")
                case "subscribe":
                    await self._subscribe(id_of(members), payload_of(members))
                case "complete":
                    self._complete(id_of(members))
                case _:
                    self.close(BAD_FRAME, "Invalid message type")
        except BadFrame as bad:
            self.close(BAD_FRAME, f"Invalid message: {bad}")

    def beat(self) -> None:
        """Give no sign beside the WebSocket's own ping."""

    def tell_end(self, frame_id: str, error: GatewayError) -> None:
        """Send why a subscription has ended."""
        if isinstance(error, Unauthenticated):
            self.credential_ended(error)
        else:
            self.send(frame("error", id=frame_id, payload=errors_of(error)))

    def credential_ended(self, refusal: GatewayError) -> None:
        """Close over a credential that holds no more: what it began has ended with it."""
        self.close(CREDENTIAL_ENDED, "Forbidden: the credential has ended.", refusal)

    async def _init(self, payload: Mapping[str, object]) -> None:
        if self.is_ready:
            self.close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        try:
            await self.enter(self._presented(payload))
        except (GatewayError, Refused) as refusal:
            unauthorized = isinstance(refusal, Unauthenticated)
            code = UNAUTHORIZED if unauthorized else TRY_AGAIN_LATER
            message = refusal.message if isinstance(refusal, GatewayError) else "Unauthorized"
            self.close(code, "Unauthorized" if unauthorized else message, refusal)
            return
        self.send(frame("connection_ack"))

    def _presented(self, payload: Mapping[str, object]) -> Credential | None:
        """Return the credential of the payload, of its `headers`, or of the handshake's headers."""
        given = [credential_in(payload), credential_in(payload.get("headers"))]
        given.append(read_credential(self.handshake.headers))
        found = [one for one in given if one is not None]
        if len(found) > 1:
            raise refused(Reason.SEVERAL_CREDENTIALS)
        return found[0] if found else None

    async def _subscribe(self, frame_id: str, payload: Mapping[str, object]) -> None:
        if frame_id in self.running:
            self.close(SUBSCRIBER_EXISTS, f"Subscriber for {frame_id} already exists")
            return
        try:
            wanted = wanted_of(payload, self.credential, self.handshake.client)
            subscription = await self.subscribe(frame_id, wanted)
        except Gone:
            return
        except Unauthenticated as error:
            self.credential_ended(error)
        except (GatewayError, Refused, DocumentRefused) as refusal:
            self.send(frame("error", id=frame_id, payload=errors_of(refusal)))
        else:
            subscription.begin()

    def _complete(self, frame_id: str) -> None:
        subscription = self.running.pop(frame_id, None)
        if subscription is not None:
            subscription.stop()


_PONG = frame("pong")
