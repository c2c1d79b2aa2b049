"""The outermost layer of HTTP: request ids, limits on headers, CORS, and a last net for errors.

Everything that is answered passes here, health checks and unknown paths too. GraphQL requests go to
their endpoint from here, whichever way they came in: by ASGI, or by the direct protocol.
"""

import asyncio
import os
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import Limits
from gateway.cors import CorsPolicy, answer_headers, preflight_headers
from gateway.deadlines import Attempt, awaited
from gateway.endpoint import GraphQLEndpoint
from gateway.errors import Refused, malformed, masked, stack_of
from gateway.headers import HeaderFields, HeaderLines
from gateway.http import ALLOWED, AsgiRequest, Request
from gateway.negotiation import MediaType, wants_stream
from gateway.replies import CLIENT_LEFT, Reply, error_refusal, refusal, send_reply, with_headers

PATH = "/graphql"
REQUEST_ID = "almoner.request_id"  # where an application finds it in what it is called with

_ID_BYTES, _DRAWN = 16, 64  # drawn at once: asking the system costs more than spelling one
_VARIANT = dict(zip("0123456789abcdef", 4 * "89ab", strict=True))
_drawn: list[str] = []


class Front:
    """Answers GraphQL requests by their endpoint, and others by an ASGI application."""

    def __init__(self, endpoint: GraphQLEndpoint, *, limits: Limits, cors: CorsPolicy) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._cors = cors

    def begin(self, request: Request, tell: Callable[[Reply], None]) -> Attempt[Reply] | None:
        """Begin to answer a GraphQL request; `tell` hears the reply once, with all its headers.

        Return the attempt that goes on, None where the reply has been told already.
        """
        request_id = new_request_id()
        request.answer_headers = self._added(request, request_id)
        try:
            check_headers(request.headers, request.address_bytes, self._limits)
            if request.method == "OPTIONS":
                tell(self._options(request))
                return None
            return self._endpoint.begin(request, request_id, tell)
        except Refused as refused:
            tell(refusal(refused, MediaType.JSON))
        except Exception as error:  # noqa: BLE001 - the last net
            tell(unexpected(error, request_id))
        return None

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GraphQL request that came by ASGI."""
        request = AsgiRequest(scope, receive)
        reply = await awaited(lambda tell: self.begin(request, tell))
        if reply.status != CLIENT_LEFT:
            await send_reply(with_headers(reply, request.answer_headers), receive, send)

    async def pass_on(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass another request on to an application, and see its answer out."""
        request = AsgiRequest(scope, receive)
        request_id = scope[REQUEST_ID] = new_request_id()
        added = self._added(request, request_id)[:1]  # CORS is for the endpoints that know it
        began = False

        async def send_on(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            check_headers(request.headers, request.address_bytes, self._limits)
            await app(scope, receive, send_on)
        except Refused as refused:
            await send_reply(refusal(refused, MediaType.JSON), receive, send_on)
        except Exception as error:
            reply = unexpected(error, request_id)
            if began:
                raise
            await send_reply(reply, receive, send_on)

    def _added(self, request: Request, request_id: str) -> HeaderLines:
        """Return what every answer is sent with: the request's id first."""
        return (
            (b"x-amzn-requestid", request_id.encode()),
            *answer_headers(self._cors, request.headers.get(b"origin")),
        )

    def _options(self, request: Request) -> Reply:
        preflight = self._preflight(request)
        if preflight is not None:
            request.answer_headers = request.answer_headers[:1]
            return preflight
        return Reply(status=HTTPStatus.NO_CONTENT, headers=((b"allow", ALLOWED.encode()),))

    def _preflight(self, request: Request) -> Reply | None:
        headers = preflight_headers(self._cors, request.headers)
        if headers is None:
            return None
        return Reply(status=HTTPStatus.NO_CONTENT, headers=tuple(headers))


class Others:
    """The front before all other requests, as a middleware of the application's."""

    def __init__(self, app: ASGIApp, *, front: Front) -> None:
        self._app = app
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            await self._front.pass_on(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)


class ServesLive(Protocol):
    """Who serves subscriptions: as event streams, and over WebSockets, which servers bring it."""

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for an event stream."""
        ...

    def socket_class(self) -> type[asyncio.Protocol]:
        """Return what a server makes its WebSocket connections of."""
        ...


class Gateway(Starlette):
    """The gateway as an ASGI application; GraphQL requests do not pass its routes."""

    def __init__(self, front: Front, live: ServesLive | None = None, **given: Any) -> None:
        """Take the front, who serves subscriptions if anybody does, and what Starlette takes."""
        super().__init__(middleware=[Middleware(Others, front=front)], **given)
        self.front = front
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or begin and end the lifespan."""
        if scope["type"] == "http" and scope["path"] == PATH:
            accept = HeaderFields(scope["headers"]).get(b"accept")
            if self.live is not None and wants_stream(accept):
                await self.front.pass_on(self.live.stream, scope, receive, send)
            else:
                await self.front.answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def new_request_id() -> str:
    """Return a UUID of version 4: it tells requests apart, and nobody how many there are."""
    if not _drawn:
        drawn = os.urandom(_DRAWN * _ID_BYTES).hex()
        size = 2 * _ID_BYTES
        _drawn.extend([drawn[at : at + size] for at in range(0, len(drawn), size)])
    text = _drawn.pop()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def check_headers(headers: HeaderFields, address_bytes: int, limits: Limits) -> None:
    """Raise Refused for too many or too large headers, two Host headers, or too long an address.

    The server's parser has no bound on them, and a second Host is read differently by others.
    """
    if len(headers.raw) > limits.headers or headers.size > limits.header_bytes:
        raise _closing(
            f"At most {limits.headers} header lines and {limits.header_bytes} bytes of them.",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        )
    if headers.repeats(b"host"):
        raise _closing("One Host header.", HTTPStatus.BAD_REQUEST)
    if address_bytes > limits.url_bytes:
        raise _closing(
            f"The address is longer than {limits.url_bytes} bytes.", HTTPStatus.REQUEST_URI_TOO_LONG
        )


def unexpected(error: Exception, request_id: str) -> Reply:
    """Log an error that nobody foresaw, and return what is said of it."""
    log = structlog.get_logger("almoner")
    log.error("internal error", request_id=request_id, raised=stack_of(error))
    return error_refusal(masked(request_id), MediaType.JSON)


def _closing(message: str, status: int) -> Refused:
    refused = malformed(message, status)
    refused.headers["connection"] = "close"
    return refused
