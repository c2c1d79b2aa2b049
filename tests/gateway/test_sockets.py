"""Promises that only real sockets can test: framing, slow and lying clients, disconnects."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from gateway.listening import bind
from gateway.server import Server, gateway_server
from gateway.settings import CannotStart
from tests.gateway.small_gateway import COUNSELOR, World, small_app, small_config
from tests.gateway.test_deadlines import until

PROTOCOLS = ("asgi", "direct")


@pytest.fixture(params=PROTOCOLS, autouse=True)
def http_protocol(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have every promise of this module held by both ways a request may take."""
    chosen: str = request.param
    CHOSEN.append(chosen)
    yield chosen
    CHOSEN.clear()


CHOSEN: list[str] = []


@asynccontextmanager
async def running(world: World, **settings: Any) -> AsyncIterator[Server]:
    given = {"linger_ms": 0, "limits__deadline_seconds": 1, "http_protocol": CHOSEN[-1], **settings}
    config = small_config("serve", **given)
    listener = bind("127.0.0.1", 0)
    async with gateway_server(small_app(world, config), listener, config) as server:
        yield server


@pytest.fixture
async def server(world: World) -> AsyncIterator[Server]:
    async with running(world) as given:
        yield given


def request_bytes(query: str, *more: str, length: int | None = None) -> bytes:
    body = json.dumps({"query": query}).encode()
    lines = [
        "POST /graphql HTTP/1.1",
        "Host: gateway.test",
        f"Authorization: {COUNSELOR}",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def talk(server: Server, sent: bytes, *, read_seconds: float = 3) -> bytes:
    """Return all that comes back on a connection until it is closed or nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    with suppress(ConnectionError):
        await writer.drain()
    came = b""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(read_seconds):
            while chunk := await reader.read(65_536):
                came += chunk
    writer.close()
    return came


def status_of(came: bytes) -> int:
    return int(came.split(b" ", 2)[1])


async def test_a_request_is_answered_over_a_real_socket(server: Server) -> None:
    """Two requests on one connection, each answered; no server is named."""
    one = request_bytes("{ hello }")
    two = request_bytes("{ hello }", "Connection: close")

    came = await talk(server, one + two)

    assert came.count(b'{"data":{"hello":"hello world"}}') == 2
    assert b"server:" not in came.lower()


async def test_a_body_that_is_announced_too_large_is_refused_at_once(server: Server) -> None:
    """Nothing of a body of 5 GB needs to be sent to be told 413."""
    came = await talk(server, request_bytes("", length=5_000_000_000), read_seconds=1.5)

    assert status_of(came) == 413
    assert b"larger than 1048576 bytes" in came


async def test_a_chunked_body_is_bounded_while_it_is_read(server: Server, world: World) -> None:
    """A body without a length is cut off at the limit, and its client can read why."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b"x" * 65_536

    async with httpx.AsyncClient(headers={"Authorization": COUNSELOR}) as client:
        response = await client.post(
            server.url + "/graphql",
            content=endless(),
            headers={"Content-Type": "application/json"},
            timeout=20,
        )

    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert world.begun == []


async def test_a_length_that_is_too_short_is_believed_and_the_rest_refused(server: Server) -> None:
    """What comes after the announced length is another request, and not a valid one."""
    came = await talk(server, request_bytes("{ hello }", length=5))

    assert status_of(came) == 400
    assert b"hello world" not in came


async def test_a_body_that_never_comes_is_given_up(server: Server) -> None:
    """A body that is announced and not sent is answered 408 at the deadline."""
    began = time.monotonic()

    came = await talk(server, request_bytes("{ hello }", length=5000), read_seconds=10)

    assert status_of(came) == 408
    assert b"too long to arrive" in came
    assert time.monotonic() - began > 0.7


async def test_a_client_that_leaves_while_sending_costs_nothing(
    server: Server, world: World
) -> None:
    """Half a body and a hang-up: nothing runs, and the next client is served."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_bytes("{ wait }", length=5000))
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.1)

    came = await talk(server, request_bytes("{ hello }", "Connection: close"))

    assert (status_of(came), world.begun) == (200, [])


@pytest.mark.parametrize(
    ("query", "cancelled", "done"),
    [("{ wait }", ["query"], []), ("mutation { change(seconds: 1) }", [], ["mutation"])],
)
async def test_a_query_ends_when_its_client_hangs_up(
    world: World, query: str, cancelled: list[str], done: list[str]
) -> None:
    """A hang-up cancels a query at once; a mutation is made to its end."""
    async with running(world, limits__deadline_seconds=60) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes(query))
        await until(lambda: bool(world.begun))
        writer.close()

        await until(lambda: bool(world.cancelled or world.done), seconds=10)

    assert (world.cancelled, world.done) == (cancelled, done)


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ("Host: other.test", 400),
        ("Transfer-Encoding: chunked", 400),
        ("Content-Length: 3", 400),
        ("X: " + "y" * 70_000, 431),
        ("\r\n".join(f"X-{i}: 1" for i in range(120)), 431),
        ("Content-Encoding: gzip", 415),
    ],
)
async def test_requests_that_two_servers_would_read_differently_are_refused(
    server: Server, extra: str, status: int
) -> None:
    """Two hosts, two lengths, both framings, and headers beyond the limits never reach a stage."""
    came = await talk(server, request_bytes("{ hello }", extra), read_seconds=0.3)

    assert status_of(came) == status
    assert b"hello world" not in came


async def test_a_header_that_never_ends_is_cut_off(server: Server) -> None:
    """A head beyond the limits is refused while it comes, whatever is still to follow."""
    endless = b"POST /graphql HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 2_000_000

    came = await talk(server, endless, read_seconds=2)

    assert status_of(came) == 431
    assert b"x-amzn-requestid" in came


@pytest.mark.parametrize(
    "sent", [b"", b"POST /graphql HTT", b"POST /graphql HTTP/1.1\r\nHost: a\r\n"]
)
async def test_a_silent_client_is_let_go(server: Server, sent: bytes) -> None:
    """Who connects and does not finish the head of a request in time is closed."""
    began = time.monotonic()

    assert await talk(server, sent, read_seconds=10) == b""
    assert time.monotonic() - began > 0.7


async def test_a_large_body_in_the_first_packet_is_no_large_head(server: Server) -> None:
    """What counts as head ends where the body begins."""
    body = json.dumps({"query": "{ hello }", "variables": {"x": "y" * 900_000}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: {COUNSELOR}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()

    assert status_of(await talk(server, head + body)) == 200


async def test_what_is_no_http_is_refused_in_the_same_shape(server: Server) -> None:
    """Garbage gets AppSync's body and a request id like everything else."""
    came = await talk(server, b"\x16\x03\x01 hello\r\n\r\n")

    head, _, body = came.partition(b"\r\n\r\n")
    assert status_of(came) == 400
    assert b"x-amzn-requestid: " in head
    assert json.loads(body)["errors"][0]["errorType"] == "MalformedHttpRequestException"


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9"), ("10.0.0.1", "127.0.0.1")],
)
async def test_forwarded_addresses_are_believed_from_trusted_proxies_alone(
    world: World, trusted: str, seen: str
) -> None:
    """X-Forwarded-For counts where the connection comes from a proxy that is configured."""
    proxies = tuple(filter(None, [trusted]))
    async with running(world, trusted_proxies=proxies) as server:
        forwarded = "X-Forwarded-For: 203.0.113.9"
        sent = request_bytes("{ sourceIp }", forwarded, "Connection: close")
        came = await talk(server, sent)

    assert json.loads(came.split(b"\r\n\r\n", 1)[1]) == {"data": {"sourceIp": seen}}


async def test_a_taken_port_is_one_clear_line(server: Server) -> None:
    """The port and the setting to change it by are named."""
    with pytest.raises(CannotStart) as raised:
        bind("127.0.0.1", server.port, "ALMONER_PORT")

    assert raised.value.message == (
        f"port {server.port} on 127.0.0.1 is taken by another program. "
        "Choose another one by ALMONER_PORT."
    )
    with pytest.raises(CannotStart, match=r"cannot listen on 192\.0\.2\.1:0"):
        bind("192.0.2.1", 0)


async def test_draining_loses_no_request(world: World) -> None:
    """While a server stops under load, every request that was sent is answered."""
    answered: list[int] = []
    lost: list[str] = []
    closing: list[bool] = []

    async def reader(url: str) -> None:
        async with httpx.AsyncClient(headers={"Authorization": COUNSELOR}) as client:
            while True:
                try:
                    body = {"query": "{ wait(seconds: 0.02) }"}
                    response = await client.post(url, json=body)
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    lost.append(repr(error))
                    return
                answered.append(response.status_code)
                closing.append(response.headers.get("connection") == "close")

    async with running(world, linger_ms=300) as server, asyncio.TaskGroup() as readers:
        for _ in range(10):
            readers.create_task(reader(server.url + "/graphql"))
        await asyncio.sleep(0.3)
        assert not any(closing)
        stopping = asyncio.create_task(server.__aexit__(None, None, None))
        readers.create_task(_wait(stopping))

    assert lost == []
    assert set(answered) == {200}
    assert closing[-1]


async def _wait(task: asyncio.Task[Any]) -> None:
    await task


async def test_draining_lets_what_is_in_flight_finish(world: World) -> None:
    """A request that is being answered when the server stops gets its answer."""
    async with running(world) as server:
        asked = asyncio.create_task(
            talk(server, request_bytes("{ wait(seconds: 0.5) }"), read_seconds=3)
        )
        await until(lambda: bool(world.begun))

    came = await asked
    assert status_of(came) == 200
    assert b"connection: close" in came.lower()


async def test_readiness_ends_when_draining_begins(world: World) -> None:
    """While it drains the process lives, and is not ready for more."""
    async with running(world) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        world.directory_answers = False
        assert (await client.get("/health/ready")).status_code == 503
        world.directory_answers = True
        server.drain.begin()
        ready, live = await client.get("/health/ready"), await client.get("/health/live")

    assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
    assert (live.status_code, live.json()) == (200, {"status": "live"})


async def test_a_credential_behind_the_body_is_none(server: Server) -> None:
    """A trailer of a chunked body is no header, however many packets it comes in."""
    head = (
        "POST /graphql HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    body = json.dumps({"query": "{ hello }"})
    trailer = f"{len(body):x}\r\n{body}\r\n0\r\nAuthorization: {COUNSELOR}\r\n\r\n"

    came = await talk(server, (head + trailer).encode())

    assert status_of(came) == 401


async def test_what_still_runs_when_the_drain_is_over_is_answered(world: World) -> None:
    """A query that outlasts the time for draining is ended and its client told, without a hang."""
    began = time.monotonic()
    async with running(world, drain_seconds=1, limits__deadline_seconds=20) as server:
        asking = asyncio.create_task(talk(server, request_bytes("{ wait }"), read_seconds=15))
        await until(lambda: bool(world.begun))
    came = await asking

    assert world.cancelled == ["query"]
    assert status_of(came) in (200, 500)
    assert time.monotonic() - began < 6
