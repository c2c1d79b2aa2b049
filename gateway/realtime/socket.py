"""A WebSocket connection: frames in and out, bounded in bytes and in time, without ASGI.

The `websockets` library speaks the protocol, without any input or output of its own; this is what
moves the bytes. A connection has no task: one begins where the client says something, and ends when
that is dealt with. What the client says meanwhile waits, and past a few frames it is not read.
"""

import asyncio
import logging
import time
from collections import deque
from http import HTTPStatus
from typing import Any, Protocol, cast

import structlog
from uvicorn.config import Config as UvicornConfig
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import CONNECTING, OPEN, Side, State
from websockets.protocol import Protocol as Frames
from websockets.server import ServerProtocol

from domain.errors import GatewayError
from gateway.config import RealtimeConfig
from gateway.errors import Refused, malformed, stack_of
from gateway.front import new_request_id
from gateway.headers import HeaderFields
from gateway.negotiation import MediaType
from gateway.protocol import client_address, spelled
from gateway.realtime.pace import Pace
from gateway.replies import Reply, refusal

FRAMES_WAITING_MAX = 4
READ_AT_ONCE_BYTES = 4_096  # a chunk may hold tens of thousands of frames: a flood is seen sooner
CLOSE_SECONDS = 2.0
INIT_TIMEOUT = 4408
REASON_BYTES_MAX = 120

_log = structlog.get_logger("almoner")
_SILENT = logging.getLogger("almoner.websockets")  # the library's lines hold what clients send
_SILENT.disabled = True


class Session(Protocol):
    """What is said on a connection, in one of the protocols. It is closed once."""

    @property
    def is_ready(self) -> bool:
        """Say whether the client has said who it is."""
        ...

    async def received(self, text: str) -> None:
        """Deal with what the client says."""
        ...

    def beat(self) -> None:
        """Give a sign of life."""
        ...

    def dropped(self, error: GatewayError) -> None:
        """Close, and say why."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close over something that the client did."""
        ...

    def lost(self) -> None:
        """Hear that the connection has ended."""
        ...


class Handshake:
    """How a connection came: its address, its headers, and who is at the other end."""

    __slots__ = ("address_bytes", "client", "headers", "path", "query_string", "subprotocols")

    def __init__(self, url: bytes, headers: HeaderFields, client: str | None) -> None:
        """Take the request line's address, the headers, and the client's address."""
        self.address_bytes = len(url)
        path, _, self.query_string = url.partition(b"?")
        self.path = path.decode("latin-1")
        self.headers = headers
        self.client = client
        offered = ",".join(self.headers.every(b"sec-websocket-protocol"))
        self.subprotocols = [one.strip() for one in offered.split(",") if one.strip()]


class OpensSessions(Protocol):
    """Who knows the protocols."""

    def open_session(self, socket: "Socket", handshake: Handshake) -> tuple[Session, str]:
        """Return the session, and the subprotocol that it speaks; raises Refused."""
        ...


class Socket(asyncio.Protocol):
    """One WebSocket connection."""

    sessions: OpensSessions
    limits: RealtimeConfig
    proxies: ProxyHeadersMiddleware | None = None

    def __init__(
        self, config: UvicornConfig, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        """Take what uvicorn makes a protocol of."""
        del config, app_state
        self.waiting_bytes = 0
        self._connections: set[Any] = server_state.connections
        self._transport: asyncio.Transport
        self._frames: Frames | None = None
        self._session: Session | None = None
        self._loop = asyncio.get_running_loop()
        self._opened_at = time.monotonic()
        self._heard = True
        self._pace = Pace(self.limits.frames_per_second)
        self._is_deaf = False
        self._text = bytearray()
        self._received: deque[str] = deque()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None
        self._paused = False

    # What uvicorn and the event loop call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection from HTTP."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._connections.add(self)

    def upgrade(self, method: str, url: bytes, headers: HeaderFields) -> None:
        """Answer the request for a WebSocket; one that is refused is closed."""
        peer = self._transport.get_extra_info("peername")
        client = client_address(str(peer[0]) if peer else None, headers, self.proxies)
        given = Headers(
            (name.decode("latin-1"), text.decode("latin-1")) for name, text in headers.raw
        )
        handshake = Handshake(url, headers, client)
        try:
            session, subprotocol = self.sessions.open_session(self, handshake)
        except Refused as refused:
            self._refuse(refusal(refused, MediaType.JSON))
            return
        answering = ServerProtocol(state=CONNECTING, logger=_SILENT)
        response = answering.accept(UpgradeRequest(handshake.path, given, method=method))
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            wrong = malformed(
                "Ask for a WebSocket by GET, with Upgrade, Sec-WebSocket-Key and "
                "Sec-WebSocket-Version: 13.",
                response.status_code,
            )
            self._refuse(refusal(wrong, MediaType.JSON))
            return
        self._session = session
        response.headers["Sec-WebSocket-Protocol"] = subprotocol
        response.headers["Cache-Control"] = "no-store"
        self._transport.write(response.serialize())
        self._frames = Frames(
            Side.SERVER, state=OPEN, max_size=self.limits.frame_bytes, logger=_SILENT
        )
        self._timer = self._loop.call_later(self.limits.init_seconds, self._init_is_due)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        self._heard = True
        for at in range(0, len(data), READ_AT_ONCE_BYTES):
            if self._frames is None or self._is_deaf:
                return
            self._read(self._frames, data[at : at + READ_AT_ONCE_BYTES])

    def _read(self, frames: Frames, data: bytes) -> None:
        frames.receive_data(data)
        events = frames.events_received()
        if not self._pace.allows(len(events)):
            self._is_deaf = True
            self._give_up(CloseCode.POLICY_VIOLATION, "Too many frames.")
            return
        for event in events:
            assert isinstance(event, Frame)
            self._take(event)
        self._flush()
        if frames.parser_exc is not None and frames.close_sent is not None:
            self._give_up(frames.close_sent.code, "")  # the library has closed already
        if frames.close_expected() or frames.close_rcvd is not None:
            self._end_soon()

    def eof_received(self) -> None:
        """Close: a client that sends no more does not listen either."""
        self._transport.close()

    def pause_writing(self) -> None:
        """Hear that the client reads more slowly than it is written to."""
        self._paused = True

    def resume_writing(self) -> None:
        """Hear that there is room again."""
        self._paused = False
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everything go."""
        del exc
        self._connections.discard(self)
        for timer in (self._timer, self._closing):
            if timer is not None:
                timer.cancel()
        self._paused = False
        self._make_room()
        self._received.clear()
        if self._task is not None:
            self._task.cancel()
        if self._session is not None:
            self._session.lost()

    def shutdown(self) -> None:
        """Close, as uvicorn asks for it at its end."""
        self.let_go()

    def let_go(self) -> None:
        """Ask the client to come again: the server is about to end."""
        self.close(CloseCode.SERVICE_RESTART, "The server restarts. Connect again.")

    def give_up(self) -> None:
        """End at once."""
        self._transport.abort()

    # What sessions and subscriptions call

    def send(self, text: bytes) -> None:
        """Send a text, unless the connection is closing."""
        if self._frames is not None and self._frames.state is State.OPEN:
            self._frames.send_text(text)
            self._flush()

    def close(self, code: int, reason: str) -> None:
        """Close with a code; the client has a moment to agree."""
        if self._frames is None:
            self._transport.close()
        elif self._frames.state is State.OPEN:
            short = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
            self._frames.send_close(code, short)
            self._received.clear()
            self._flush()
            self._end_soon()

    def is_behind(self) -> bool:
        """Say whether more waits than may."""
        unsent = self._transport.get_write_buffer_size()
        return self.waiting_bytes + unsent > self.limits.waiting_bytes

    async def room(self) -> None:
        """Wait until what was sent is on its way, or the client has gone."""
        while self._paused:
            if self._room is None:
                self._room = self._loop.create_future()
            await asyncio.shield(self._room)

    def drop(self, error: GatewayError) -> None:
        """Have done with a client that does not read."""
        if self._session is not None:
            self._session.dropped(error)

    # Frames

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._text += frame.data  # not a list: fragments may be empty, and without end
                if frame.fin:
                    self._take_text()
            case Opcode.BINARY:
                self._give_up(CloseCode.UNSUPPORTED_DATA, "Send text frames.")
            case _:  # pings are answered, and closing is agreed to, by the library
                pass

    def _give_up(self, code: int, reason: str) -> None:
        assert self._session is not None, "there is one before frames are read"
        self._session.close(code, reason)

    def _take_text(self) -> None:
        data, self._text = self._text, bytearray()
        assert self._frames is not None, "there was a frame"
        if self._frames.state is not State.OPEN:
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._give_up(CloseCode.INVALID_DATA, "Send UTF-8.")
            return
        self._received.append(text)
        if self._task is None:
            self._task = self._loop.create_task(self._deal())
        if len(self._received) >= FRAMES_WAITING_MAX:
            self._transport.pause_reading()

    async def _deal(self) -> None:
        """Deal with what has been received, one frame after the other."""
        assert self._session is not None, "there is one before frames are read"
        try:
            while self._received:
                text = self._received.popleft()
                if len(self._received) < FRAMES_WAITING_MAX:
                    self._transport.resume_reading()
                await self._session.received(text)
        except Exception as error:  # noqa: BLE001 -- nobody else would hear of it
            _log.error("internal error", raised=stack_of(error))
            self.close(CloseCode.INTERNAL_ERROR, "An internal error occurred.")
        finally:
            self._task = None

    def _flush(self) -> None:
        """Write what the library has ready; a client that reads nothing is let go."""
        assert self._frames is not None, "there is something to write"
        if self._transport.is_closing():
            return
        self._transport.write(b"".join(self._frames.data_to_send()))
        if self._transport.get_write_buffer_size() > 2 * self.limits.waiting_bytes:
            self._transport.abort()

    def _end_soon(self) -> None:
        """Close the connection once the client has agreed, or has had its time to."""
        assert self._frames is not None, "it has been closed"
        if self._frames.state is State.CLOSED or self._frames.close_rcvd is not None:
            self._transport.close()
        elif self._closing is None:
            self._closing = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    # Time

    def _init_is_due(self) -> None:
        assert self._session is not None, "there is one from the handshake on"
        if not self._session.is_ready:
            self._give_up(INIT_TIMEOUT, "Connection initialisation timeout")
        self._timer = self._loop.call_later(self.limits.keep_alive_seconds, self._beat)

    def _beat(self) -> None:
        """Give a sign of life, and see whether there is one; end what has lasted long enough."""
        assert self._frames is not None
        assert self._session is not None
        if not self._heard:
            self._transport.abort()
            return
        if time.monotonic() - self._opened_at > self.limits.connection_seconds:
            self.close(CloseCode.GOING_AWAY, "The connection has lasted as long as one may.")
            return
        self._heard = False
        if self._frames.state is State.OPEN:
            self._session.beat()
            self._frames.send_ping(b"")
            self._flush()
        self._timer = self._loop.call_later(self.limits.keep_alive_seconds, self._beat)

    def _make_room(self) -> None:
        waiting, self._room = self._room, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _refuse(self, reply: Reply) -> None:
        lines = [(b"content-type", reply.media_type.header), (b"connection", b"close")]
        lines += [(b"content-length", str(len(reply.body)).encode()), *reply.headers]
        lines.append((b"x-amzn-requestid", new_request_id().encode()))
        self._transport.write(spelled(reply, lines))
        self._transport.close()
