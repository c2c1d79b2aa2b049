"""What a client may cost that means harm: bounded work, bounded memory, and one line in the log."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from websockets.frames import Opcode

from gateway.logs import configure_logs
from tests.gateway.budgets.waiting import until
from tests.gateway.realtime.house import EVERYTHING, House, open_house
from tests.gateway.realtime.raw import Raw, connected, framed, let_in, said
from tests.gateway.realtime.wires import Refused, appsync_connection, sse, start_frame


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what the process logs."""
    stream = io.StringIO()
    configure_logs("info", "json", stream)
    yield stream
    structlog.reset_defaults()


def refusals(log: io.StringIO) -> list[dict[str, object]]:
    """Return the lines about refused connections."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "realtime connection refused"]


FLOODS = {
    "pings": framed(Opcode.PING),
    "pongs": framed(Opcode.PONG),
    "empty fragments": framed(Opcode.CONT, fin=False),
    "frames": said({"type": "stop", "id": "never"}),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_frames_ends_its_connection(
    house: House, log: io.StringIO, kind: str
) -> None:
    """Before a tenth of it is dealt with, with one line; others are answered as ever."""
    one = FLOODS[kind]
    async with let_in(house, house.keys["harbor"]) as raw:
        if kind == "empty fragments":
            raw.writer.write(framed(Opcode.TEXT, b"{", fin=False))
        flood = asyncio.create_task(_write(raw, one * 50_000))
        answers = await raw.rest()
        flood.cancel()
    (line,) = refusals(log)
    assert line["code"] == 1008
    assert answers.count(b"\x8a\x00") + answers.count(b'"complete"') < 5_000  # pongs, and the like
    assert await house.ask("{ me { subject } }", house.keys["harbor"])


async def _write(raw: Raw, data: bytes) -> None:
    raw.writer.write(data)
    await raw.writer.drain()


async def test_what_came_behind_a_malformed_frame_is_not_looked_at(
    house: House, log: io.StringIO
) -> None:
    """A connection that closes leaves one line, and starts nothing of what is on its way."""
    key = house.keys["harbor"]
    async with let_in(house, key) as raw:
        raw.writer.write(said({"type": "dance"}) * 200 + said(start_frame(key, EVERYTHING)))
        answers = await raw.rest()
    assert answers.count(b"not supported through the realtime channel") == 2  # frame, and close
    assert b"start_ack" not in answers
    assert len(refusals(log)) == 1
    assert house.app.live._hub.metrics.subscriptions.now == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", ["documents", "variables", "filters"])
async def test_what_subscriptions_keep_is_bounded(tmp_path: Path, shape: str) -> None:
    """A person's documents, variables and filters together; what is stopped is kept no longer."""
    async with open_house(tmp_path, realtime__caller_bytes=20_000) as house:
        key = house.keys["harbor"]
        async with appsync_connection(house, key) as live:
            for number in range(3):
                await live.say(**large_start(shape, key, number))
                assert (await live.hear())["type"] == "start_ack"
            await live.say(**large_start(shape, key, 3))
            refused = await live.hear()
            await live.say(type="stop", id="0")
            await live.hear()
            await live.say(**large_start(shape, key, 4))
            accepted = await live.hear()
    assert refused["payload"]["errors"][0]["errorType"] == "MaxSubscriptionsReachedError"
    assert "20000 bytes" in refused["payload"]["errors"][0]["message"]
    assert accepted["type"] == "start_ack"


def large_start(shape: str, key: str, number: int) -> dict[str, Any]:
    """Return a frame that starts a subscription of about 6,000 bytes."""
    large = f"{number} {'x' * 5_500}"
    if shape == "documents":
        return start_frame(key, f"# {large}\n{EVERYTHING}", id=str(number))
    if shape == "variables":
        return start_frame(key, EVERYTHING, {"unused": large}, id=str(number))
    one = {"fieldName": "id", "operator": "containsAny", "value": ["x" * 250] * 20}
    return start_frame(
        key, EVERYTHING, id=str(number), filter={"filterGroup": [{"filters": [one]}]}
    )


async def test_a_start_that_never_finishes_ends_at_its_deadline(tmp_path: Path) -> None:
    """Its client is told so, and what it says next is dealt with."""
    async with open_house(tmp_path, limits__deadline_seconds=1) as house:
        key = house.keys["harbor"]
        async with appsync_connection(house, key) as live:
            hub = house.app.live._hub  # type: ignore[union-attr]
            async with hub._opening:  # as if a channel were being opened for ever
                await live.say(**start_frame(key, EVERYTHING))
                refused = await live.hear()
            await live.say(**start_frame(key, EVERYTHING))
            accepted = await live.hear()
    assert refused["payload"]["errors"][0]["errorInfo"]["code"] == "DEADLINE_EXCEEDED"
    assert accepted["type"] == "start_ack"


async def test_a_stream_whose_request_never_comes_is_refused(tmp_path: Path) -> None:
    """As a query whose body never comes is."""
    async with open_house(tmp_path, limits__deadline_seconds=1) as house, connected(house) as raw:
        raw.writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_stream_that_nobody_reads_is_let_go(tmp_path: Path) -> None:
    """Its connection counts no longer, though its client stays and takes nothing."""
    settings = {"realtime__waiting_bytes": 65_536, "limits__deadline_seconds": 2}
    async with open_house(tmp_path, **settings) as house, connected(house) as raw:
        key, body = house.keys["harbor"], json.dumps({"query": EVERYTHING}).encode()
        application = await house.start(key)
        raw.writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            b"x-api-key: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (key.encode(), len(body), body)
        )
        await raw.until(b":\n\n")
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        hub = house.app.live._hub  # type: ignore[union-attr]
        channel = next(iter(hub._channels.values()))
        (one,) = channel._subscriptions()
        one._outlet._put(b"x" * 20_000_000)  # more than the system takes for a client
        await house.change(key, application, "It is behind.")
        await until(lambda: hub.metrics.connections["sse"].now == 0)
        assert hub.metrics.subscriptions.now == 0


async def test_a_stream_that_begins_while_the_gateway_drains_ends_at_once(house: House) -> None:
    """It does not hold up the end; its client comes back to whoever serves then."""
    house.app.state.drain.begin()
    with pytest.raises(Refused) as ended:
        async with sse(house, house.keys["harbor"], EVERYTHING) as told:
            await told.next()
    assert ended.value.code == "CUT"
