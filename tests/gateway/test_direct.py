"""The direct way: what takes it, and what its connection sees. Sockets prove the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.config import Limits
from gateway.deadlines import Attempt
from gateway.direct import DirectProtocol, DirectRequest
from gateway.errors import Refused
from gateway.health import Drain
from gateway.http import ClientLeft, Request
from gateway.protocol import bounded
from gateway.replies import Reply

HEAD = "POST /graphql HTTP/1.1\r\nHost: gateway.test\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Say who is at the other end."""
        return {"peername": ("10.0.0.9", 5000), "sockname": ("10.0.0.1", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        """Keep it."""
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        """Say whether it is closed."""
        return self.closed

    def close(self) -> None:
        """Close it."""
        self.closed = True

    def get_write_buffer_size(self) -> int:
        """Say that all has been sent."""
        return 0

    def pause_reading(self) -> None:
        """Take no more."""

    def resume_reading(self) -> None:
        """Take more."""


class Front:
    """Answers when it is told to; what it was asked and by whom is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, Any]] = []
        self.by_asgi: list[bytes] = []

    def begin(self, request: Request, tell: Any) -> Attempt[Reply] | None:
        """Keep what is asked."""
        request.answer_headers = ((b"x-amzn-requestid", b"1"),)
        self.asked.append((request, tell))
        return None

    def answer(self, number: int, reply: Reply) -> None:
        """Answer one request."""
        self.asked[number][1](reply)

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what comes by ASGI."""
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.by_asgi.append(scope["method"].encode() + b" " + scope["raw_path"] + b" " + body)
        length = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"asgi"})


@asynccontextmanager
async def connected(front: Front) -> AsyncIterator[tuple[DirectProtocol, Wire]]:
    protocol = bounded(DirectProtocol, Limits(), Drain())
    protocol.front = front  # type: ignore[assignment] # as much of a front as is asked for
    config = uvicorn.Config(
        front.asgi, interface="asgi3", http=protocol, lifespan="off", log_config=None
    )
    config.load()
    connection, wire = protocol(config, ServerState(), {}), Wire()
    connection.connection_made(wire)
    yield connection, wire
    connection.connection_lost(None)


def post(body: str, *more: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *more))
    return f"{HEAD}{lines}\r\n{body}".encode()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_answer_leaves_in_one_write() -> None:
    """Head and body go out together, and the connection waits for the next request."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("{}"))
        front.answer(0, Reply(status=200, body=b'{"data":{}}'))
        connection.data_received(post("[]"))

        (written,) = wire.writes
        head, _, body = written.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\ncontent-length: 11" in head
        assert b"\r\nx-amzn-requestid: 1" in head
        assert body == b'{"data":{}}'
        assert [await request.body(10) for request, _ in front.asked] == [b"{}", b"[]"]
        assert not wire.closed
    assert front.by_asgi == []


@pytest.mark.parametrize(
    ("pieces", "came"),
    [
        ([post("{}")[:-1], b"}"], b"POST /graphql {}"),
        ([post("{}", "Expect: 100-continue")], b"POST /graphql {}"),
        ([post("{}").replace(b"POST", b"PUT")], b"PUT /graphql {}"),
        ([post("{}").replace(b"/graphql", b"/graphql?a=1")], b"POST /graphql {}"),
        ([post("{}").replace(b"/graphql", b"/graphql/")], b"POST /graphql/ {}"),
        ([post("{}").replace(b"HTTP/1.1", b"HTTP/1.0")], b"POST /graphql {}"),
    ],
)
async def test_whatever_is_not_plain_goes_by_asgi(pieces: list[bytes], came: bytes) -> None:
    """A body in pieces, another method, path or version: the application gets it whole."""
    front = Front()
    async with connected(front) as (connection, wire):
        for piece in pieces:
            connection.data_received(piece)
        await turns()

        assert front.asked == []
        assert front.by_asgi == [came]
        assert wire.writes[-1].endswith(b"asgi")


async def test_answers_come_in_the_order_of_their_requests() -> None:
    """A request behind another waits for its answer, whichever way it goes then."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("1") + post("2") + post("3"))
        await turns()
        assert (len(front.asked), front.by_asgi, wire.writes) == (1, [], [])

        front.answer(0, Reply(status=200, body=b"one"))
        await turns()

        assert front.by_asgi == [b"POST /graphql 2", b"POST /graphql 3"]
        assert wire.writes[0].endswith(b"one")
        assert wire.writes[-1].endswith(b"asgi")


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    """While the transport's buffer is full nothing is written to it."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("{}"))
        connection.pause_writing()
        front.answer(0, Reply(status=200, body=b"late"))
        await turns()
        assert wire.writes == []

        connection.resume_writing()
        await turns()
        assert wire.writes[0].endswith(b"late")


async def test_who_leaves_is_told_to_the_request() -> None:
    """A lost connection ends the wait, and what is answered then is written nowhere."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("1") + post("2"))
        request = front.asked[0][0]
        gone = asyncio.ensure_future(request.gone())
        await turns()
        connection.connection_lost(ConnectionResetError())
        await asyncio.wait_for(gone, 1)
        front.answer(0, Reply(status=200, body=b"nobody"))

        assert wire.writes == []


async def test_a_header_cannot_end_its_line() -> None:
    """What would write a header of its own closes the connection instead."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("{}"))
        front.answer(0, Reply(status=200, headers=((b"x", b"1\r\nset-cookie: a"),)))

        assert (wire.writes, wire.closed) == ([], True)


@pytest.mark.parametrize("drains", ["before", "while"])
async def test_a_server_that_drains_lets_connections_go(drains: str) -> None:
    """Once draining has begun, an answer says `Connection: close`, and it is closed after it."""
    front = Front()
    async with connected(front) as (connection, wire):
        if drains == "before":
            connection.drain.begin()
        connection.data_received(post("{}"))
        if drains == "while":
            connection.drain.begin()
            connection.let_go()
        front.answer(0, Reply(status=200, body=b"{}"))

        assert b"\r\nconnection: close\r\n" in wire.writes[0]
        assert wire.closed


async def test_a_body_beyond_the_limit_is_refused() -> None:
    """What has come in one piece is bounded as what is read piece by piece."""
    front = Front()
    async with connected(front) as (connection, _):
        connection.data_received(post("{}"))
        request = front.asked[0][0]

        assert isinstance(request, DirectRequest)
        with pytest.raises(Refused) as refused:
            await request.body(1)
        assert refused.value.status == 413


TRAILED = (
    f"{HEAD}Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n"
    "2\r\n{}\r\n0\r\nAuthorization: stolen\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
).encode()


async def test_what_comes_behind_a_body_is_no_header() -> None:
    """A trailer brings neither a credential nor an address, whichever way its request goes."""
    front = Front()
    async with connected(front) as (connection, _):
        connection.data_received(TRAILED)
        request = front.asked[0][0]

        assert await request.body(10) == b"{}"
        assert request.headers.get(b"transfer-encoding") == "chunked"
        assert b"authorization" not in request.headers
        assert b"x-forwarded-for" not in request.headers


async def test_nothing_is_begun_behind_an_answer_that_closes() -> None:
    """Once an answer has closed its connection, what came behind it is not carried out."""
    front = Front()

    def refuse(request: Request, tell: Any) -> None:
        request.answer_headers = ()
        front.asked.append((request, tell))
        tell(Reply(status=400, headers=((b"connection", b"close"),)))

    front.begin = refuse  # type: ignore[method-assign] # answers at once
    async with connected(front) as (connection, wire):
        connection.data_received(post("1") + post("2") + post("3", "Expect: 100-continue"))
        await turns()

        assert (len(front.asked), front.by_asgi, len(wire.writes)) == (1, [], 1)


async def test_a_request_before_garbage_is_not_begun() -> None:
    """Who sends what is no HTTP behind a request learns that; the request is not carried out."""
    front = Front()
    async with connected(front) as (connection, wire):
        connection.data_received(post("{}") + b"garbage\r\n\r\n")

        with pytest.raises(ClientLeft):
            await front.asked[0][0].body(10)
        front.answer(0, Reply(status=200, body=b"{}"))
        assert len(wire.writes) == 1
        assert wire.writes[0].startswith(b"HTTP/1.1 400")
