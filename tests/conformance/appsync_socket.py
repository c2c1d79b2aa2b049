"""A realtime socket that answers as AppSync's facts have it, but for one thing that it is told."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

KEY = "da2-" + 26 * "k"
SUBSCRIPTION = "subscription { changed { id } }"
REFUSAL = {
    "errorType": "UnauthorizedException",
    "message": "You are not authorized to make this call.",
    "errorCode": 401,
}
Frame = dict[str, Any]


@dataclass(eq=False)
class AppSyncSocket:
    """The server's side. deviation: what it does otherwise, in a word; None: nothing."""

    deviation: str | None = None
    url: str = ""
    subscribers: list[tuple[ServerConnection, str]] = field(default_factory=list)

    async def publish(self, mutation: str) -> None:
        """Tell all subscribers."""
        if self.deviation == "tells nobody":
            return
        for connection, id_ in self.subscribers:
            payload = {"data": {"changed": {"id": mutation}}}
            await self._send(connection, {"type": "data", "id": id_, "payload": payload})

    async def talk(self, connection: ServerConnection) -> None:
        """Talk with one client until it, or the server, hangs up."""
        let_in = _credential(connection).get("x-api-key") == KEY
        acknowledged = False
        ids: set[str] = set()
        try:
            async for text in connection:
                frame = _frame(text)
                if frame.get("type") == "connection_init":
                    if not let_in:
                        await self._refuse(connection)
                        return
                    acknowledged = True
                    await self._acknowledge(connection)
                elif acknowledged:
                    await self._answer(connection, frame, ids)
        except ConnectionClosed:
            pass
        finally:
            self.subscribers = [one for one in self.subscribers if one[0] is not connection]

    async def _refuse(self, connection: ServerConnection) -> None:
        if self.deviation != "hangs up without a word":
            refusal = {"type": "connection_error", "payload": {"errors": [REFUSAL]}}
            await self._send(connection, refusal)
        if self.deviation == "does not hang up":
            await connection.wait_closed()

    async def _acknowledge(self, connection: ServerConnection) -> None:
        payload = {"connectionTimeoutMs": 300_000}
        if self.deviation == "names no timeout":
            payload = {}
        await self._send(connection, {"type": "connection_ack", "payload": payload})
        await self._send(connection, {"type": "ka"})

    async def _answer(self, connection: ServerConnection, frame: Frame, ids: set[str]) -> None:
        id_ = frame.get("id", "")
        while self.deviation == "keeps alive and no more":
            await self._send(connection, {"type": "ka"})
            await asyncio.sleep(0.01)
        match frame.get("type"):
            case "start":
                await self._start(connection, frame, ids)
            case "stop":
                ids.discard(id_)
                self.subscribers = [one for one in self.subscribers if one != (connection, id_)]
                await self._send(connection, {"type": "complete", "id": id_})
            case other:
                message = f"{other} not supported through the realtime channel"
                error = {"errorType": "UnsupportedOperation", "message": message}
                await self._fail(connection, "", error)

    async def _start(self, connection: ServerConnection, frame: Frame, ids: set[str]) -> None:
        id_, payload = frame.get("id", ""), frame.get("payload", {})
        asked = _frame(payload.get("data", ""))
        if payload.get("extensions", {}).get("authorization", {}).get("x-api-key") != KEY:
            await self._fail(connection, id_, REFUSAL)
        elif asked.get("query") != SUBSCRIPTION:
            await self._fail(connection, id_, {"message": "Validation error"})
        elif id_ in ids and self.deviation != "takes an id twice":
            message = f"Duplicated operation with id {id_}"
            error = {"errorType": "DuplicatedOperationError", "message": message}
            await self._fail(connection, id_, error)
        else:
            ids.add(id_)
            self.subscribers.append((connection, id_))
            told = int(id_) if self.deviation == "tells numbers" and id_.isdecimal() else id_
            await self._send(connection, {"type": "start_ack", "id": told})

    async def _fail(self, connection: ServerConnection, id_: str, error: Frame) -> None:
        errors: object = error if self.deviation == "tells no list" else [error]
        frame = {"type": "error", "id": id_, "payload": {"errors": errors}}
        await self._send(connection, frame)

    async def _send(self, connection: ServerConnection, frame: Frame) -> None:
        await connection.send(json.dumps(frame))


@asynccontextmanager
async def listening(socket: AppSyncSocket) -> AsyncIterator[AppSyncSocket]:
    """Have a socket listen on this machine."""
    handler: Callable[[ServerConnection], Awaitable[None]] = socket.talk
    protocols: Any = None if socket.deviation == "names no protocol" else ["graphql-ws"]
    async with serve(handler, "127.0.0.1", 0, subprotocols=protocols) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket.url = f"ws://127.0.0.1:{port}/graphql/realtime"
        yield socket
        server.close()
        await asyncio.wait_for(server.wait_closed(), 10)


def _credential(connection: ServerConnection) -> dict[str, str]:
    """Return what a client presents, by any of the three handshakes."""
    assert connection.request is not None
    headers = connection.request.headers
    query = parse_qs(urlsplit(connection.request.path).query)
    if "header" in query:
        return dict(json.loads(base64.b64decode(query["header"][0].replace(" ", "+"))))
    for name in headers.get("Sec-WebSocket-Protocol", "").split(","):
        if name.strip().startswith("header-"):
            text = name.strip().removeprefix("header-")
            return dict(json.loads(base64.urlsafe_b64decode(text + "==")))
    return {"x-api-key": headers.get("x-api-key", "")}


def _frame(text: str | bytes) -> Frame:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
