"""The three protocols as a client speaks them, under one roof, for tests that hold for all."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import httpx

from tests.gateway.realtime.house import PATIENCE, House, Live, Serves, headers_of


class Refused(Exception):
    """A subscription was refused or ended; `errors` as the client was told."""

    def __init__(self, errors: list[dict[str, Any]], *, at_once: bool = False) -> None:
        super().__init__(json.dumps(errors))
        self.errors = errors
        self.at_once = at_once

    @property
    def code(self) -> str:
        """Return the code of the first error."""
        found: str = self.errors[0]["errorInfo"]["code"]
        return found


class Subscribed(Protocol):
    """A running subscription."""

    async def next(self) -> dict[str, Any]:
        """Return the next result; raises Refused where it has ended."""
        ...


async def until_the_end(told: Subscribed) -> tuple[list[dict[str, Any]], Refused]:
    """Return all that a subscription tells, and how it ends."""
    results: list[dict[str, Any]] = []
    try:
        while True:
            results.append(await told.next())
    except Refused as ended:
        return results, ended


Subscribe = Callable[..., AbstractAsyncContextManager[Subscribed]]


class _Socket:
    def __init__(self, live: Live, kind: str) -> None:
        self.live = live
        self._kind = kind

    async def next(self) -> dict[str, Any]:
        frame = await self.live.hear(passing=("ka", "ping"))
        if frame["type"] == "error":
            payload = frame["payload"]
            raise Refused(payload if isinstance(payload, list) else payload["errors"])
        if frame["type"] == "complete":
            raise Refused([{"errorInfo": {"code": "COMPLETE"}}])
        assert frame["type"] == self._kind, frame
        payload = frame["payload"]
        assert isinstance(payload, dict)
        return payload


def header_subprotocol(credential: str) -> str:
    """Return the credential as Amplify for JavaScript puts it."""
    text = json.dumps({"host": "localhost", **headers_of(credential)})
    return "header-" + base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@asynccontextmanager
async def appsync_connection(house: House, credential: str) -> AsyncIterator[Live]:
    """Connect as Amplify does, and be let in."""
    live = await Live.open(house, "graphql-ws", header_subprotocol(credential))
    async with live.socket:
        await live.say(type="connection_init")
        frame = await live.hear()
        if frame["type"] == "connection_error":
            raise Refused(frame["payload"]["errors"])
        assert frame["type"] == "connection_ack", frame
        yield live


def start_frame(
    credential: str | None,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    id: str = "1",
    **extensions: Any,
) -> dict[str, Any]:
    """Return AppSync's frame that starts a subscription."""
    data = json.dumps({"query": document, "variables": dict(variables or {})})
    if credential is not None:
        extensions["authorization"] = {"host": "localhost", **headers_of(credential)}
    return {"id": id, "type": "start", "payload": {"data": data, "extensions": extensions}}


@asynccontextmanager
async def appsync(
    house: House,
    credential: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    **extensions: Any,
) -> AsyncIterator[Subscribed]:
    """Subscribe as Amplify does."""
    async with appsync_connection(house, credential) as live:
        await live.say(**start_frame(credential, document, variables, **extensions))
        frame = await live.hear()
        if frame["type"] == "error":
            raise Refused(frame["payload"]["errors"])
        assert frame == {"type": "start_ack", "id": "1"}
        yield _Socket(live, "data")


@asynccontextmanager
async def transport(
    house: House,
    credential: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    **extensions: Any,
) -> AsyncIterator[Subscribed]:
    """Subscribe as graphql-ws does, which knows no acknowledgement: a ping shows the same."""
    live = await Live.open(house, "graphql-transport-ws", path="/graphql")
    async with live.socket:
        await live.say(type="connection_init", payload=headers_of(credential))
        try:
            assert await live.hear() == {"type": "connection_ack"}
        except Exception as error:
            code, reason = await live.closed()
            entry = {"errorInfo": {"code": "UNAUTHENTICATED"}, "close": code, "message": reason}
            raise Refused([entry]) from error
        payload = {"query": document, "variables": variables or {}, "extensions": extensions}
        await live.say(id="1", type="subscribe", payload=payload)
        await live.say(type="ping")
        frame = await live.hear()
        if frame["type"] == "error":
            raise Refused(frame["payload"])
        assert frame == {"type": "pong"}
        yield _Socket(live, "next")


CUT = {"event": "cut"}
"""What stands for the end of a stream that does not say that it is over."""


class _Stream:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.ids: list[str] = []

    async def next(self) -> dict[str, Any]:
        while True:
            event = await self.event()
            if event.get("event") == "next":
                payload: dict[str, Any] = json.loads(event["data"])
                if "id" not in event and "errors" in payload:
                    raise Refused(payload["errors"])
                return payload
            if event.get("event") in ("complete", "cut"):
                raise Refused([{"errorInfo": {"code": str(event["event"]).upper()}}])

    async def event(self) -> dict[str, str]:
        """Return the fields of the next event; a comment has none."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(": ")
                if name != ":":
                    fields[name] = value
        return CUT


@asynccontextmanager
async def sse(
    house: Serves,
    credential: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    **extensions: Any,
) -> AsyncIterator[_Stream]:
    """Subscribe as graphql-sse does, in distinct connections mode."""
    headers = {"accept": "text/event-stream", **headers_of(credential)}
    last = extensions.pop("last_event_id", None)
    if last is not None:
        headers["last-event-id"] = last
    body = {"query": document, "variables": variables or {}, "extensions": extensions}
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("POST", f"{house.url}/graphql", json=body, headers=headers) as answer,
    ):
        if answer.status_code != 200:
            await answer.aread()
            raise Refused(answer.json()["errors"])
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        stream = _Stream(answer.aiter_lines())
        assert await stream.event() == {}, "a comment says that it has begun"
        yield stream


WIRES: Mapping[str, Subscribe] = {"appsync": appsync, "graphql-ws": transport, "sse": sse}
