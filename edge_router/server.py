"""The local front: the same decisions as at the edge, as an ASGI application of its own."""

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from edge_router.answer import HEALTH_PATH, Answer, answer, health
from edge_router.decision import Decision, Visit, decide
from edge_router.table import RoutingTable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Observe = Callable[[Decision, RoutingTable], None]


def edge_application(table: Callable[[], Awaitable[RoutingTable]], observe: Observe) -> Application:
    """Return the application. table: gives the one that is in force now."""

    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close"})
        assert scope["type"] == "http", "there is nothing to open before"
        current, at = await table(), int(time.time())
        if scope["path"] == HEALTH_PATH:
            return await _send(send, health(current, at), scope["method"])
        decision = decide(current, _visit(scope), at)
        observe(decision, current)
        answered = answer(decision, current, method=scope["method"], secure=False, at=at)
        return await _send(send, answered, scope["method"])

    return application


def _visit(scope: Message) -> Visit:
    # The path as it was sent: decoding would hide what was escaped in it.
    path = scope.get("raw_path") or scope["path"].encode()
    headers = scope["headers"]
    return Visit(
        path=path.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        cookies=[value.decode("latin-1") for name, value in headers if name == b"cookie"],
        fresh_visitor=secrets.token_hex(8),
        secure=False,
    )


async def _send(send: Send, given: Answer, method: str) -> None:
    body = given.body.encode()
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in given.headers]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": given.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
