"""AppSync's realtime protocol: subprotocol `graphql-ws`, as Amplify and AWS's links speak it."""

from collections.abc import Mapping

from domain.errors import GatewayError, SubscriptionExists
from gateway.errors import DocumentRefused, Refused
from gateway.http import decode_object
from gateway.identity.credentials import Credential
from gateway.realtime.credentials import credential_in, credential_of
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
from gateway.realtime.sessions import Gone, SocketSession
from gateway.realtime.wanted import Refusal, wanted_of

SUBPROTOCOL = "graphql-ws"
CONNECTION_TIMEOUT_MS = 300_000


class AppSyncSession(SocketSession):
    """What is said on one connection."""

    wire = Wire.APPSYNC
    event = "data"

    async def received(self, text: str) -> None:
        """Deal with a frame."""
        try:
            kind, members = read_frame(text, self.limits)
            match kind:
                case "connection_init":
                    await self._init()
                case _ if not self.is_ready:
                    self.close(UNAUTHORIZED, "connection_init comes first.")
                case "start":
                    await self._start(id_of(members), payload_of(members))
                case "stop":
                    self._stop(id_of(members))
                case _:
                    self._give_up(f"{kind[:40]} not supported through the realtime channel")
        except BadFrame as bad:
            self._give_up(str(bad))

    def tell_end(self, frame_id: str, error: GatewayError) -> None:
        """Send why a subscription has ended."""
        self.send(_error(frame_id, error))

    def beat(self) -> None:
        """Send the frame by which clients know that the connection lives."""
        if self.is_ready:
            self.send(_KEEP_ALIVE)

    async def _init(self) -> None:
        """Let the client in, if its credential holds."""
        if self.is_ready:
            self.close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        try:
            await self.enter(credential_of(self.handshake, self.limits))
        except (GatewayError, Refused) as refusal:
            payload = {"errors": errors_of(refusal)}
            self.send(frame("connection_error", payload=payload))
            self.close(UNAUTHORIZED, "Unauthorized", refusal)
            return
        timeout = {"connectionTimeoutMs": CONNECTION_TIMEOUT_MS}
        self.send(frame("connection_ack", payload=timeout))
        self.send(_KEEP_ALIVE)

    async def _start(self, frame_id: str, payload: Mapping[str, object]) -> None:
        """Begin a subscription; each brings its own credential."""
        try:
            if frame_id in self.running:
                raise SubscriptionExists(f"Duplicated operation with id {frame_id}")
            credential = self._authorization(payload)
            wanted = wanted_of(self._operation(payload), credential, self.handshake.client)
            subscription = await self.subscribe(frame_id, wanted)
        except Gone:
            return
        except (GatewayError, Refused, DocumentRefused) as refusal:
            self.send(_error(frame_id, refusal))
            return
        self.send(frame("start_ack", id=frame_id))
        subscription.begin()

    def _give_up(self, message: str) -> None:
        entry = {"errorType": "UnsupportedOperation", "message": message}
        self.send(frame("error", id="", payload={"errors": [entry]}))
        self.close(BAD_FRAME, message)

    def _stop(self, frame_id: str) -> None:
        subscription = self.running.pop(frame_id, None)
        if subscription is not None:
            subscription.stop()
        self.send(frame("complete", id=frame_id))

    def _authorization(self, payload: Mapping[str, object]) -> Credential | None:
        extensions = payload.get("extensions")
        given = extensions.get("authorization") if isinstance(extensions, dict) else None
        found = credential_in(given)
        return self.credential if found is None else found

    def _operation(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        """Return the members of the operation, which come as a text of JSON."""
        data = payload.get("data")
        if not isinstance(data, str):
            raise BadFrame("payload.data is a text: the JSON of query and variables.")
        members = decode_object(data.encode("utf-8", "surrogatepass"), self.limits)
        extensions = payload.get("extensions")
        if members.get("extensions") is None and isinstance(extensions, dict):
            return {**members, "extensions": extensions}
        return members


def _error(frame_id: str, refusal: Refusal) -> bytes:
    return frame("error", id=frame_id, payload={"errors": errors_of(refusal)})


_KEEP_ALIVE = frame("ka")
