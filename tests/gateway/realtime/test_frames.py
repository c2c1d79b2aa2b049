"""What clients say wrongly, and what comes of it: one close code each, and one line in the log."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from websockets.exceptions import InvalidStatus

from gateway.logs import configure_logs
from tests.gateway.realtime.house import EVERYTHING, House, Live, headers_of, open_house
from tests.gateway.realtime.wires import (
    appsync_connection,
    header_subprotocol,
    start_frame,
    transport,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give one gateway to all the tests here: none of them changes who may what."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


BAD_TEXT = "not UTF-8"
DEEP = '{"type":"START","id":"1","payload":' + '{"a":' * 200 + "1" + "}" * 200 + "}"
MALFORMED: dict[str, tuple[str | bytes, int]] = {
    "no JSON": ("meow", 4400),
    "a list": ("[]", 4400),
    "a type that is a number": ('{"type": 7}', 4400),
    "no type": ('{"id": "1"}', 4400),
    "an unknown type": ('{"type": "dance"}', 4400),
    "a start without id": ('{"type": "START", "payload": {}}', 4400),
    "an id that is a number": ('{"type": "START", "id": 1, "payload": {}}', 4400),
    "an id without end": ('{"type": "START", "id": "' + "x" * 500 + '"}', 4400),
    "a payload that is a list": ('{"type": "START", "id": "1", "payload": []}', 4400),
    "text that is not UTF-8": (BAD_TEXT, 1007),
    "JSON nested too deeply": (DEEP, 4400),
    "a second connection_init": ('{"type": "connection_init"}', 4429),
    "binary": (b'{"type": "stop", "id": "1"}', 1003),
    "ten megabytes": ("x" * 10_000_000, 1009),
}


async def _send(live: Live, frame: str | bytes, start: str) -> None:
    """Send a frame; `start` is what the protocol calls it."""
    if frame is BAD_TEXT:
        await live.socket.send(b"\xff\xfe", text=True)
    else:
        await live.socket.send(frame.replace("START", start) if isinstance(frame, str) else frame)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what the process logs."""
    stream = io.StringIO()
    configure_logs("info", "json", stream)
    yield stream
    structlog.reset_defaults()


def lines_of(log: io.StringIO) -> list[Any]:
    """Return the lines that were logged, without what is written at the start."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def until_logged(log: io.StringIO) -> list[Any]:
    """Return the lines, once there is one."""
    for _ in range(500):
        if lines_of(log):
            break
        await asyncio.sleep(0.01)
    return lines_of(log)


@pytest.mark.parametrize("name", MALFORMED)
async def test_appsync_closes_over_malformed_frames(
    house: House, log: io.StringIO, name: str
) -> None:
    """Each kind of malformed frame has its close code, and leaves one line without what it said."""
    frame, code = MALFORMED[name]
    async with appsync_connection(house, house.keys["harbor"]) as live:
        await _send(live, frame, "start")
        assert (await live.closed())[0] == code
    (line,) = await until_logged(log)
    assert line["event"] == "realtime connection refused"
    assert line["code"] == code
    assert "meow" not in str(line)


@pytest.mark.parametrize("name", [name for name in MALFORMED if "without end" not in name])
async def test_graphql_transport_ws_closes_over_malformed_frames(house: House, name: str) -> None:
    """The same frames close with the same codes, which are those of graphql-ws."""
    frame, code = MALFORMED[name]
    async with transport(house, house.keys["harbor"], EVERYTHING) as told:
        live: Live = told.live  # type: ignore[attr-defined]
        await _send(live, frame, "subscribe")
        assert (await live.closed())[0] == code


@pytest.mark.parametrize("subprotocol", ["graphql-ws", "graphql-transport-ws"])
async def test_nothing_is_done_before_the_client_is_let_in(
    house: House, log: io.StringIO, subprotocol: str
) -> None:
    """A subscription before `connection_init` closes the connection."""
    live = await Live.open(
        house, subprotocol, path="/graphql", headers=headers_of(house.keys["harbor"])
    )
    kind = "start" if subprotocol == "graphql-ws" else "subscribe"
    await live.say(type=kind, id="1", payload={"query": EVERYTHING})
    assert (await live.closed())[0] == 4401
    assert len(await until_logged(log)) == 1


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    """A connection without `connection_init` is closed after its time."""
    async with open_house(tmp_path, realtime__init_seconds=1) as house:
        live = await Live.open(house, "graphql-ws")
        assert await live.closed() == (4408, "Connection initialisation timeout")


async def test_a_subscription_of_an_id_that_runs_is_refused_alone(house: House) -> None:
    """In AppSync's protocol the connection and the first subscription go on."""
    key = house.keys["harbor"]
    async with appsync_connection(house, key) as live:
        await live.say(**start_frame(key, EVERYTHING))
        assert await live.hear() == {"type": "start_ack", "id": "1"}
        await live.say(**start_frame(key, EVERYTHING))
        frame = await live.hear()
        assert frame["id"] == "1"
        assert frame["payload"]["errors"][0]["errorType"] == "DuplicatedOperationError"
        application = await house.start(key)
        told = await live.hear()
    assert told["payload"]["data"]["onApplicationUpdated"]["id"] == application


async def test_graphql_transport_ws_closes_over_an_id_that_runs(house: House) -> None:
    """As its protocol demands."""
    async with transport(house, house.keys["harbor"], EVERYTHING) as told:
        live: Live = told.live  # type: ignore[attr-defined]
        await live.say(id="1", type="subscribe", payload={"query": EVERYTHING})
        assert (await live.closed())[0] == 4409


async def test_stopping_is_confirmed_and_frees_the_id(house: House) -> None:
    """`stop` is answered by `complete`, whether anything ran or not; the id can be used again."""
    key = house.keys["harbor"]
    async with appsync_connection(house, key) as live:
        for _ in range(2):
            await live.say(**start_frame(key, EVERYTHING))
            assert (await live.hear())["type"] == "start_ack"
            await live.say(type="stop", id="1")
            assert await live.hear() == {"type": "complete", "id": "1"}
        await live.say(type="stop", id="never")
        assert await live.hear() == {"type": "complete", "id": "never"}
        await house.start(key)
        await live.say(type="stop", id="last")
        assert await live.hear() == {"type": "complete", "id": "last"}, "nobody is told any more"


BAD_STARTS: dict[str, tuple[str, Any, str]] = {
    "a query": ("{ me { kind } }", {}, "UnsupportedOperation"),
    "no GraphQL": ("subscription {", {}, "ValidationError"),
    "an unknown field": ("subscription { onNothing { id } }", {}, "ValidationError"),
    "two root fields": (
        "subscription { onApplicationUpdated { id } onCreditReportPulled { id } }",
        {},
        "ValidationError",
    ),
    "a variable of the wrong type": (
        "subscription ($id: ID) { onApplicationUpdated(id: $id) { id } }",
        {"id": {"a": 1}},
        "BadRequest",
    ),
    "null where a name belongs": (
        "subscription ($id: ID) { onApplicationUpdated(id: $id) { id } }",
        {"id": None},
        "BadRequest",
    ),
    "a field for others": ("subscription { onQueueChanged { id } }", {}, "Forbidden"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
async def test_a_subscription_that_cannot_be_is_refused_alone(house: House, name: str) -> None:
    """Its `error` frame has id, list and type, and the connection goes on."""
    key = house.keys["harbor"]
    document, variables, error_type = BAD_STARTS[name]
    async with appsync_connection(house, key) as live:
        await live.say(**start_frame(key, document, variables))
        frame = await live.hear()
        assert (frame["type"], frame["id"]) == ("error", "1")
        assert frame["payload"]["errors"][0]["errorType"] == error_type
        await live.say(**start_frame(key, EVERYTHING))
        assert (await live.hear())["type"] == "start_ack"


async def test_each_subscription_has_a_credential_of_its_own(house: House) -> None:
    """What one may be told of follows its own `authorization`, not the connection's."""
    key, token = house.keys["harbor"], house.token("sub-ada", "consumers")
    mine = await house.start(token)
    async with appsync_connection(house, key) as live:
        await live.say(**start_frame(token, EVERYTHING))
        assert (await live.hear())["type"] == "start_ack"
        await house.start(key)
        await house.change(token, mine, "Mine.")
        told = await live.hear()
        await live.say(**start_frame("forged.by.somebody", EVERYTHING, id="2"))
        refused = await live.hear()
    assert told["payload"]["data"]["onApplicationUpdated"]["id"] == mine
    assert refused["payload"]["errors"][0]["errorType"] == "UnauthorizedException"
    assert refused["payload"]["errors"][0]["errorCode"] == 401


HANDSHAKES = ("subprotocol", "query", "headers")


def handshake(form: str, key: str) -> tuple[tuple[str, ...], str, dict[str, str]]:
    """Return subprotocols, query string and headers of one form of AppSync's handshake."""
    if form == "subprotocol":
        return ("graphql-ws", header_subprotocol(key)), "", {}
    if form == "query":
        return ("graphql-ws",), _query(key), {}
    return ("graphql-ws",), "", headers_of(key)


def _query(key: str) -> str:
    encoded = header_subprotocol(key).removeprefix("header-")
    return f"?header={encoded}&payload=e30="


@pytest.mark.parametrize("form", HANDSHAKES)
@pytest.mark.parametrize("path", ["/graphql/realtime", "/graphql"])
async def test_the_three_handshakes_let_in(house: House, form: str, path: str) -> None:
    """Each form of AppSync's handshake is acknowledged, with what its clients read."""
    subprotocols, query, headers = handshake(form, house.keys["harbor"])
    live = await Live.open(house, *subprotocols, path=path + query, headers=headers)
    assert live.socket.subprotocol == "graphql-ws"
    await live.say(type="connection_init")
    assert await live.hear() == {
        "type": "connection_ack",
        "payload": {"connectionTimeoutMs": 300_000},
    }
    assert await live.hear(passing=()) == {"type": "ka"}
    await live.socket.close()


@pytest.mark.parametrize("form", [*HANDSHAKES, "none", "two"])
async def test_a_wrong_credential_is_told_as_appsync_does(
    house: House, log: io.StringIO, form: str
) -> None:
    """The frame that Amplify takes as final, then a close; no word of the credential in the log."""
    if form in HANDSHAKES:
        subprotocols, query, headers = handshake(form, "da2-" + "a" * 26)
    else:
        key = house.keys["harbor"]
        query = _query(key) if form == "two" else ""
        subprotocols, headers = ("graphql-ws",), headers_of(key) if form == "two" else {}
    live = await Live.open(house, *subprotocols, path=f"/graphql/realtime{query}", headers=headers)
    await live.say(type="connection_init")
    frame = await live.hear()
    assert frame["type"] == "connection_error"
    (error,) = frame["payload"]["errors"]
    assert (error["errorType"], error["errorCode"]) == ("UnauthorizedException", 401)
    assert (await live.closed())[0] == 4401
    (line,) = await until_logged(log)
    assert line["error"] == "UNAUTHENTICATED"
    assert "da2-" not in log.getvalue()
    assert "header" not in log.getvalue()


@pytest.mark.parametrize(
    ("path", "subprotocols", "status"),
    [
        ("/graphql/realtime", (), 400),
        ("/graphql/realtime", ("soap",), 400),
        ("/health/live", ("graphql-ws",), 404),
        ("/graphql/", ("graphql-ws",), 404),
    ],
)
async def test_other_websockets_are_refused_by_http(
    house: House, path: str, subprotocols: tuple[str, ...], status: int
) -> None:
    """Where no protocol of ours is offered, or nothing is served, there is an ordinary answer."""
    with pytest.raises(InvalidStatus) as refused:
        await Live.open(house, *subprotocols, path=path)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["errors"][0]["message"]
