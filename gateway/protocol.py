"""uvicorn's HTTP protocol with the bounds it lacks: on headers that never end, and on silence.

The parser collects a header for as long as it comes, and a connection that says nothing is never
closed. Both are ended here, before there is a request that a stage could refuse. So is a client
that takes nothing of its answer. And once the server drains, each answer asks its client to let the
connection go.
"""

import asyncio
import sys
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.config import Limits
from gateway.errors import malformed
from gateway.headers import HeaderFields
from gateway.health import Drain
from gateway.negotiation import MediaType
from gateway.replies import Reply, refusal

_SLACK_BYTES = 1024  # method, version and line ends


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request's headers come within the limits and in time, or it is closed."""

    drain = Drain()
    head_bytes_max = 0
    head_seconds_max = 0.0
    _incomplete_bytes = 0
    _head_complete = False
    _ended_just_now = False
    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _refused: tuple[int, str] | None = None
    _chunk_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Hear that the client takes its answer more slowly than it is written."""
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        """Hear that there is room again."""
        self._stop_watching()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of the request has become too large."""
        self._ended_just_now = False
        self._chunk_bytes = len(data)
        super().data_received(data)
        if self._head_complete or self._ended_just_now or self.transport.is_closing():
            return
        self._incomplete_bytes += len(data)
        self._start_timer()
        if self._incomplete_bytes > self.head_bytes_max:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The head of the request is larger than {self.head_bytes_max} bytes.",
            )

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.message_begins()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Pass the request on; its body is the stages' affair."""
        self.head_came()
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            self._check_upgrade()
            return
        self.headers = []  # what comes behind a chunked body is no header of the request
        if self.drain.begun:
            self.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to what speaks WebSocket, if nobody else has a claim on it.

        uvicorn calls this where it handles the parser's word of where the request ended.
        """
        if self.transport.is_closing():
            return
        if self._is_answering():  # whose bytes would end up among the frames
            self.let_go()
            return
        ended = sys.exc_info()[1]
        if ended is None or ended.args[0] != self._chunk_bytes:
            self._refuse(HTTPStatus.BAD_REQUEST, "Wait for the answer before sending frames.")
            return
        self.connections.discard(self)
        self._stop_timer()
        upgraded: Any = self.ws_protocol_class
        socket = upgraded(self.config, self.server_state, self.app_state)
        self.transport.set_protocol(socket)
        socket.connection_made(self.transport)
        socket.upgrade(self.scope["method"], self.url, HeaderFields(self.headers))
        if self.drain.begun:
            socket.let_go()

    def on_message_complete(self) -> None:
        """Wait for the next request, or for the time that idle connections have."""
        super().on_message_complete()
        self.request_came()

    def message_begins(self) -> None:
        """Note that a request begins."""
        self._head_complete = False

    def head_came(self) -> None:
        """Note that the head of a request is complete."""
        self._head_complete = True
        self._incomplete_bytes = 0
        self._stop_timer()

    def request_came(self) -> None:
        """Note that a request is complete."""
        self._head_complete = False
        self._ended_just_now = True

    def let_go(self) -> None:
        """Have the answers that are being made ask their client to let the connection go."""
        for cycle in (self.cycle, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None:
                cycle.keep_alive = False

    def give_up(self) -> None:
        """End what is still being answered: the time for draining is over."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every other refusal, and close."""
        status, message = self._refused or (HTTPStatus.BAD_REQUEST, msg)
        reply = refusal(malformed(message, status), MediaType.JSON)
        lines = [
            (b"content-type", reply.media_type.header),
            (b"content-length", str(len(reply.body)).encode()),
            (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
            (b"connection", b"close"),
            *reply.headers,
        ]
        self.transport.write(spelled(reply, lines))
        self.transport.close()

    def _check_upgrade(self) -> None:
        """Refuse what asks for a WebSocket with a body, which nobody would wait for or bound."""
        if self._is_answering():
            return
        headers = HeaderFields(self.headers)
        has_body = (headers.get(b"content-length") or "0") != "0"
        has_body = has_body or headers.get(b"transfer-encoding") is not None
        if self.parser.get_http_version() != "1.1" or has_body:
            message = "Ask for a WebSocket by HTTP/1.1 and without a body."
            self._refuse(HTTPStatus.BAD_REQUEST, message)

    def _refuse(self, status: int, message: str) -> None:
        self._refused = status, message
        self.send_400_response("")

    def _is_answering(self) -> bool:
        # Of the direct way there are requests that are no cycles, and look like one here.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _watch_taking(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self.head_seconds_max, self._see_taken, unsent)

    def _see_taken(self, before: int) -> None:
        """End the connection of a client that has taken nothing; else look again later."""
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_taking()

    def _stop_watching(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds_max, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def client_address(
    peer: str | None, headers: HeaderFields, proxies: ProxyHeadersMiddleware | None
) -> str | None:
    """Return the client's address, by the rules that uvicorn has for what comes by ASGI."""
    if proxies is None or peer not in proxies.trusted_hosts:
        return peer
    forwarded = ", ".join(headers.every(b"x-forwarded-for"))
    if not forwarded:
        return peer
    host, _port = proxies.trusted_hosts.get_trusted_client_address(forwarded)
    return host or peer


def spelled(reply: Reply, lines: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return an answer as it is sent; raises ValueError for a header with a line's end in it."""
    head = b"".join([b"%b: %b\r\n" % line for line in lines])
    if head.count(b"\n") != len(lines):
        raise ValueError("a header with a line's end in it")
    return b"".join((STATUS_LINE[reply.status], head, b"\r\n", reply.body))


P = TypeVar("P", bound=BoundedProtocol)


def bounded(protocol: type[P], limits: Limits, drain: Drain) -> type[P]:
    """Return the protocol with these limits, for a server that drains."""
    facts = {
        "drain": drain,
        "head_bytes_max": limits.header_bytes + limits.url_bytes + _SLACK_BYTES,
        "head_seconds_max": limits.deadline_seconds,
    }
    return type(f"Bounded{protocol.__name__}", (protocol,), facts)
