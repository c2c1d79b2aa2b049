"""The realtime side of one gateway: which protocol a client speaks, and where it is spoken.

/graphql/realtime   AppSync's protocol, where Amplify looks for it
/graphql            graphql-transport-ws; AppSync's too, where the client was given this address
event streams, by POST or GET that accept `text/event-stream` alone
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from gateway.config import Config
from gateway.errors import malformed
from gateway.front import PATH, check_headers
from gateway.health import Drain
from gateway.metrics import Metrics
from gateway.parts import Parts, Served
from gateway.realtime import appsync, sse, transport_ws
from gateway.realtime.hub import Hub
from gateway.realtime.measuring import RealtimeMetrics
from gateway.realtime.socket import Handshake, Session, Socket

REALTIME_PATH = f"{PATH}/realtime"


class Realtime:
    """Opens sessions and streams; serves nobody before `opened`."""

    def __init__(self, config: Config, metrics: Metrics, drain: Drain) -> None:
        """Take what is told of the process."""
        self._config = config
        self._metrics = RealtimeMetrics(metrics)
        self._drain = drain
        self._hub: Hub

    @asynccontextmanager
    async def opened(self, served: Served, parts: Parts) -> AsyncIterator[None]:
        """Serve with these parts inside."""
        self._hub = Hub(served, parts, self._metrics)
        self._drain.tell(self._hub.finish_streams)
        async with self._hub.running():
            yield

    def socket_class(self) -> type[Socket]:
        """Return what a server makes its WebSocket connections of."""
        return type(
            "RealtimeSocket", (Socket,), {"sessions": self, "limits": self._config.realtime}
        )

    def open_session(self, socket: Socket, handshake: Handshake) -> tuple[Session, str]:
        """Return the session, and the subprotocol that it speaks; raises Refused."""
        check_headers(handshake.headers, handshake.address_bytes, self._config.limits)
        if handshake.path not in (PATH, REALTIME_PATH):
            raise malformed(
                "There is nothing at this address.",
                HTTPStatus.NOT_FOUND,
                error_type="UnknownOperation",
            )
        if transport_ws.SUBPROTOCOL in handshake.subprotocols:
            session = transport_ws.TransportSession(self._hub, socket, handshake)
            return session, transport_ws.SUBPROTOCOL
        if appsync.SUBPROTOCOL in handshake.subprotocols:
            return appsync.AppSyncSession(self._hub, socket, handshake), appsync.SUBPROTOCOL
        raise malformed(
            f"Offer a subprotocol: {appsync.SUBPROTOCOL} (AppSync's) or {transport_ws.SUBPROTOCOL}."
        )

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for an event stream."""
        await sse.stream(self._hub, scope, receive, send)
