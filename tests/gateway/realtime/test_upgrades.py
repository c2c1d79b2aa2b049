"""Requests for a WebSocket that no honest client makes: refused, bounded, and nothing smuggled."""

import json

import pytest
from websockets.frames import Opcode

from tests.gateway.realtime.house import House
from tests.gateway.realtime.raw import asking, connected, framed, said

HEADS = {
    "a body that was announced": asking(Content_Length="1000000000"),
    "a body without end": asking(Transfer_Encoding="chunked"),
    "HTTP/1.0": asking().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "frames before the answer": asking() + said({"type": "connection_init"}),
    "a request behind it": asking() + b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two hosts": asking().replace(b"Host: localhost", b"Host: localhost\r\nHost: elsewhere"),
}


@pytest.mark.parametrize("name", HEADS)
async def test_what_is_more_than_a_request_for_a_websocket_is_refused(
    house: House, name: str
) -> None:
    """There is one answer of HTTP, and the connection is closed: nothing behind it is read."""
    async with connected(house) as raw:
        raw.writer.write(HEADS[name])
        head, body = (await raw.rest()).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-amzn-requestid: " in head
    assert json.loads(body)["errors"][0]["errorType"] == "MalformedHttpRequestException"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (asking(**{f"X_{number}": "x" for number in range(500)}), b"431"),
        (asking(X_Large="x" * 100_000), b"431"),
        (asking("/graphql/realtime?" + "&".join(f"header={n}" for n in range(3_000))), b"414"),
    ],
)
async def test_the_head_is_bounded_as_others_are(house: House, head: bytes, status: bytes) -> None:
    """Neither headers nor the address are read any further: base64 in them stays as it is."""
    async with connected(house) as raw:
        raw.writer.write(head)
        assert (await raw.rest()).startswith(b"HTTP/1.1 " + status)


async def test_no_websocket_begins_while_an_answer_is_on_its_way(house: House) -> None:
    """An answer's bytes never stand among frames: the connection ends with the answer."""
    body = b'{"query": "{ me { subject } }"}'
    asked = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"x-api-key: {house.keys['harbor']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    async with connected(house) as raw:
        raw.writer.write(asked + body + asking())
        answered = await raw.rest()
    assert answered.count(b"HTTP/1.1 ") == 1
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert b"101 Switching" not in answered


async def test_an_upgrade_while_the_gateway_drains_is_let_go_at_once(house: House) -> None:
    """Its client is told to come again, and does not hold up the end."""
    house.app.state.drain.begun = True
    async with connected(house) as raw:
        raw.writer.write(asking(x_api_key=house.keys["harbor"]))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        frame = await raw.reader.readexactly(4)
        raw.writer.write(framed(Opcode.CLOSE, frame[2:4]))
        await raw.rest()
    assert int.from_bytes(frame[2:4], "big") == 1012
