"""The direct way of a GraphQL request: from the parser to the stages, past ASGI.

Taken by a `POST /graphql` that has come in one piece, over a connection that waits for no other
answer. Every other request goes on by ASGI as if this module were not there: one whose body is
still to come, one behind another, one that wants to upgrade or an event stream. So there is nothing
here that waits, and nothing of HTTP that ASGI's side would have to know. One task answers, and one
write sends.
"""

import asyncio
from functools import partial

import structlog
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.deadlines import Attempt
from gateway.errors import stack_of
from gateway.front import PATH, Front
from gateway.headers import HeaderFields, HeaderLines
from gateway.http import ClientLeft, too_large
from gateway.negotiation import EVENT_STREAM, wants_stream
from gateway.protocol import BoundedProtocol, client_address, spelled
from gateway.replies import CLIENT_LEFT, Reply, header_lines

_PATH = PATH.encode()
_STREAM = EVENT_STREAM.encode()
_CLOSE = (b"connection", b"close")


class DirectRequest:
    """A request that has come as a whole; to uvicorn, it is a cycle of request and response."""

    __slots__ = (
        "_body",
        "_left",
        "answer_headers",
        "client",
        "disconnected",
        "headers",
        "keep_alive",
        "response_complete",
    )

    method = "POST"
    query_string = b""
    address_bytes = len(_PATH)
    is_whole = True

    def __init__(
        self, headers: HeaderFields, body: bytes, client: str | None, *, keep_alive: bool
    ) -> None:
        """Take the parts of a request."""
        self._body = body
        self._left: asyncio.Future[None] | None = None
        self.answer_headers: HeaderLines = ()
        self.headers = headers
        self.client = client
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False

    async def body(self, bytes_max: int) -> bytes:
        """Return the body. Raises Refused where it is larger, and ClientLeft."""
        if self.disconnected:
            raise ClientLeft
        body, self._body = self._body, b""  # uvicorn keeps the request until the next one
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        return body

    async def gone(self) -> None:
        """Wait until the client has gone."""
        if not self.disconnected:
            self._left = asyncio.get_running_loop().create_future()
            await self._left

    @property
    def message_event(self) -> "DirectRequest":
        """Return what uvicorn sets when the connection is lost."""
        return self

    def set(self) -> None:
        """Hear that the connection is lost."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)


class DirectProtocol(BoundedProtocol):
    """One connection, whose GraphQL requests are answered without ASGI."""

    front: Front
    proxies: ProxyHeadersMiddleware | None = None
    _request: DirectRequest | None = None
    _attempt: Attempt[Reply] | None = None
    _fields: list[tuple[bytes, bytes]] = []  # noqa: RUF012 -- replaced, and never added to
    _body: list[bytes] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered; a later one may have come behind it."""
        if self._request is not None:
            self._request.disconnected = True
            self._request.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a request that has not come as a whole is ASGI's."""
        super().data_received(data)
        if self._body is not None:
            begun, self._body = self._body, None
            if not self.transport.is_closing():
                self._pass_on()
                for chunk in begun:
                    self.on_body(chunk)

    def on_message_begin(self) -> None:
        """Begin a request; its scope is made where ASGI asks for one."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.message_begins()
        self._body = None

    def on_headers_complete(self) -> None:
        """Find out which way the request goes."""
        # What comes behind a chunked body is no header of the request.
        self._fields, self.headers = self.headers, []
        if self.transport.is_closing() or self._goes_directly():
            self.head_came()
            self._body = []
        else:
            self._pass_on()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer a request that has come as a whole."""
        if self._body is None:
            super().on_message_complete()
            return
        begun, self._body = self._body, None
        self.request_came()
        if self.transport.is_closing():
            return  # nobody would hear the answer to what came behind the last one
        headers = HeaderFields(self._fields)
        self._request = request = DirectRequest(
            headers,
            begun[0] if len(begun) == 1 else b"".join(begun),
            self._client(headers),
            keep_alive=self.parser.should_keep_alive(),
        )
        self.cycle = request  # type: ignore[assignment] # as much of a cycle as uvicorn looks at
        self._attempt = self.front.begin(request, partial(self._answer, request))

    def give_up(self) -> None:
        """End what is still being answered, as its deadline would."""
        if self._attempt is not None:
            self._attempt.expire()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; a request before it that has not begun yet is not begun."""
        if self._request is not None:
            self._request.disconnected = True
        super().send_400_response(msg)

    def let_go(self) -> None:
        """Have the answers that are being made ask their client to let the connection go."""
        super().let_go()
        if self._request is not None:
            self._request.keep_alive = False

    def _goes_directly(self) -> bool:
        return (
            self.url == _PATH
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.root_path
            and not self._is_answering()
            and not self.parser.should_upgrade()
            and self.parser.get_http_version() == "1.1"
            and not self._wants_stream()
        )

    def _wants_stream(self) -> bool:
        given = (value for name, value in self._fields if name == b"accept")
        return any(_STREAM in value and wants_stream(value.decode("latin-1")) for value in given)

    def _pass_on(self) -> None:
        url, expects = self.url, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(self._fields)
        super().on_headers_complete()

    def _client(self, headers: HeaderFields) -> str | None:
        peer = self.client[0] if self.client else None
        return client_address(peer, headers, self.proxies)

    def _answer(self, request: DirectRequest, reply: Reply) -> None:
        """Send the answer, as soon as the client takes it."""
        if self.flow.write_paused and not request.disconnected:
            self.tasks.add(task := self.loop.create_task(self._answer_later(request, reply)))
            task.add_done_callback(self.tasks.discard)
            return
        try:
            self._write(request, reply)
        except Exception as error:  # noqa: BLE001 - nobody else would close the connection
            structlog.get_logger("almoner").error("answer not sent", raised=stack_of(error))
            self.transport.close()

    async def _answer_later(self, request: DirectRequest, reply: Reply) -> None:
        await self.flow.drain()
        self._answer(request, reply)

    def _write(self, request: DirectRequest, reply: Reply) -> None:
        request.response_complete = True
        self._request = self._attempt = None
        if request.disconnected or self.transport.is_closing():
            return
        if reply.status == CLIENT_LEFT:
            self.transport.close()
            return
        lines = [*self.server_state.default_headers, *header_lines(reply)]
        lines += request.answer_headers
        if self.drain.begun or _CLOSE in reply.headers:
            request.keep_alive = False
        if not request.keep_alive and _CLOSE not in reply.headers:
            lines.append(_CLOSE)
        self.transport.write(spelled(reply, lines))
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()
