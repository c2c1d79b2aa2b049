"""An HTTP answer as a value, and how it is sent."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from starlette.types import Receive, Send

from domain.errors import GatewayError
from gateway.errors import DocumentRefused, Entry, Refused, entry_of
from gateway.headers import HeaderLines
from gateway.negotiation import MediaType

CLIENT_LEFT = 499  # never sent: there is nobody to read it
UNREAD_BYTES_MAX = 64 * 1024 * 1024
UNREAD_SECONDS_MAX = 5.0

_ENCODER = msgspec.json.Encoder()
_FIXED: HeaderLines = (
    # Answers hold personal data and are for one caller alone.
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    codes: of its errors, for log and metrics. executed: an operation was run. unread: the client
    may still be sending what nobody will read.
    """

    status: int
    body: bytes = b""
    media_type: MediaType = MediaType.JSON
    headers: HeaderLines = ()
    codes: tuple[str, ...] = ()
    executed: bool = False
    unread: bool = False


def refusal(refused: Refused, media_type: MediaType) -> Reply:
    """Return the answer to a request that is refused as a whole.

    Amplify reads the error's name from a header or `__type` and its text from `message`, and
    nothing else of an answer that is not 200; AppSync's `errors` are there for everybody else.
    """
    error = refused.error
    entry = entry_of(error, error_type=refused.error_type)
    body: dict[str, object] = {"data": None, "errors": [entry]}
    if refused.status != HTTPStatus.OK:
        body = {"errors": [entry], "message": error.message, "__type": refused.error_type}
    headers = [(b"x-amzn-errortype", refused.error_type.encode())]
    headers += [(name.encode(), value.encode()) for name, value in refused.headers.items()]
    wait = error.details().get("retryAfter")
    if isinstance(wait, int):
        headers.append((b"retry-after", str(wait).encode()))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return Reply(
        status=refused.status,
        body=_ENCODER.encode(body),
        media_type=media_type,
        headers=tuple(headers),
        codes=(error.code,),
        unread=refused.unread,
    )


def error_refusal(error: GatewayError, media_type: MediaType) -> Reply:
    """Return the answer where an error ended the request before the operation began."""
    return refusal(Refused(error), media_type)


def document_refusal(refused: DocumentRefused, media_type: MediaType) -> Reply:
    """Return the answer to a document that does not parse, does not validate, or lacks variables.

    AppSync answers 200 with `data: null`; who asks for the newer media type gets its statuses.
    """
    codes = tuple(_code_of(entry) for entry in refused.entries)
    errors: Sequence[Entry] = refused.entries
    if media_type is MediaType.GRAPHQL:
        error_type = str(errors[0]["errorType"])
        return Reply(
            status=HTTPStatus.BAD_REQUEST,
            body=_ENCODER.encode({"errors": errors}),
            media_type=media_type,
            headers=((b"x-amzn-errortype", error_type.encode()),),
            codes=codes,
        )
    body = _ENCODER.encode({"data": None, "errors": errors})
    return Reply(status=HTTPStatus.OK, body=body, media_type=media_type, codes=codes)


def json_reply(status: int, body: object) -> Reply:
    """Return a small JSON answer, such as a health check's."""
    return Reply(status=status, body=_ENCODER.encode(body))


def with_headers(reply: Reply, headers: Sequence[tuple[bytes, bytes]]) -> Reply:
    """Return the same answer with more headers."""
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


def header_lines(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return all headers that an answer is sent with."""
    headers = [*_FIXED, *reply.headers]
    if reply.body:
        headers.append((b"content-type", reply.media_type.header))
    if reply.status != HTTPStatus.NO_CONTENT:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    return headers


async def send_reply(reply: Reply, receive: Receive, send: Send) -> None:
    """Send an answer; what the client still has on its way is read and thrown away, within bounds.

    A connection that is closed over unread bytes is reset, and the answer with it.
    """
    headers = header_lines(reply)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": reply.unread})
    if reply.unread:
        await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    left = UNREAD_BYTES_MAX
    try:
        async with asyncio.timeout(UNREAD_SECONDS_MAX):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _code_of(entry: Entry) -> str:
    info = entry["errorInfo"]
    assert isinstance(info, dict)
    return str(info["code"])
