"""The outermost layer of HTTP: request ids, limits on headers, CORS, and a last net for errors.

Everything that is answered passes here, health checks and unknown paths too.
"""

import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import Limits
from gateway.cors import CorsPolicy, answer_headers, preflight_headers
from gateway.errors import Refused, malformed, masked, stack_of
from gateway.negotiation import MediaType
from gateway.replies import Reply, error_refusal, refusal, send_reply

HEADER_OVERHEAD_BYTES = 4  # ": " and the line's end


class Front:
    """Wraps an ASGI application."""

    def __init__(self, app: ASGIApp, *, limits: Limits, cors: CorsPolicy) -> None:
        self._app = app
        self._limits = limits
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see its answer out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["request_id"] = str(uuid.uuid4())
        headers = Headers(raw=scope["headers"])
        added = [
            (b"x-amzn-requestid", request_id.encode()),
            *answer_headers(self._cors, headers.get("origin")),
        ]
        began = False

        async def send_on(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            check_headers(scope, headers, self._limits)
            preflight = preflight_headers(self._cors, headers)
            if scope["method"] == "OPTIONS" and preflight is not None:
                added = added[:1]
                reply = Reply(status=HTTPStatus.NO_CONTENT, headers=tuple(preflight))
                await send_reply(reply, receive, send_on)
                return
            await self._app(scope, receive, send_on)
        except Refused as refused:
            await send_reply(refusal(refused, MediaType.JSON), receive, send_on)
        except Exception as error:
            structlog.get_logger("almoner").error(
                "internal error", request_id=request_id, raised=stack_of(error)
            )
            if began:
                raise
            reply = error_refusal(masked(request_id), MediaType.JSON)
            await send_reply(reply, receive, send_on)


def check_headers(scope: Scope, headers: Headers, limits: Limits) -> None:
    """Raise Refused for too many or too large headers, two Host headers, or too long an address.

    The server's parser has no bound on them, and a second Host is read differently by others.
    """
    raw = headers.raw
    size = sum(len(name) + len(value) + HEADER_OVERHEAD_BYTES for name, value in raw)
    if len(raw) > limits.headers or size > limits.header_bytes:
        raise _closing(
            f"At most {limits.headers} header lines and {limits.header_bytes} bytes of them.",
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        )
    if sum(1 for name, _ in raw if name == b"host") > 1:
        raise _closing("One Host header.", HTTPStatus.BAD_REQUEST)
    address = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if address > limits.url_bytes:
        raise _closing(
            f"The address is longer than {limits.url_bytes} bytes.", HTTPStatus.REQUEST_URI_TOO_LONG
        )


def _closing(message: str, status: int) -> Refused:
    refused = malformed(message, status)
    refused.headers["connection"] = "close"
    return refused
