"""Asks for facts over the realtime socket: a conversation each, on a connection of its own."""

import asyncio
import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from conformance.exchanges import told_body
from conformance.facts import Confidence, Fact, Handshake, HandshakeKind, Step
from conformance.matching import differences, shown
from conformance.servers import NotAsked, Server
from conformance.verdicts import Seen

PROTOCOL = "graphql-ws"
UNASKED = ("ka", "data")  # keep-alives, and what others on the same server have brought about
_CLOSED = "closed"

HANDSHAKES: tuple[HandshakeKind, ...] = ("subprotocol", "query", "headers")
_LET_IN = {
    kind: Fact(
        says="",
        source="",
        confidence=Confidence.CODE,
        handshake=Handshake(by=kind),
        steps=[Step(send={"type": "connection_init"}), Step(expect={"type": "connection_ack"})],
    )
    for kind in HANDSHAKES
}

Trigger = Callable[[str], Awaitable[None]]
"""Runs a mutation."""


@dataclass(slots=True)
class _Talk:
    """A conversation as far as it has come. came: each frame in a few words."""

    socket: ClientConnection
    words: Mapping[str, str]
    seconds_max: float
    came: list[str] = field(default_factory=list)

    async def next_frame(self) -> Any:
        """Return the next frame; raises ConnectionClosed."""
        text = await self.socket.recv()
        try:
            frame = json.loads(text)
        except ValueError:
            frame = text
        self.came.append(_told_frame(frame))
        return frame


async def converse(fact: Fact, server: Server, trigger: Trigger) -> Seen:
    """Hold a fact's conversation, and compare what comes; raises NotAsked."""
    assert fact.handshake is not None
    words = _words(server, fact)
    mutation = server.document("trigger") if any(one.trigger for one in fact.steps) else ""
    came: list[str] = []
    try:
        async with _opened(server, fact.handshake) as socket:
            talk = _Talk(socket, words, server.frame_seconds_max, came)
            found = [] if socket.subprotocol == PROTOCOL else [f"no subprotocol {PROTOCOL}"]
            for step in fact.steps:
                if found:
                    break
                if step.trigger:
                    await trigger(mutation)
                else:
                    found += await _take(step, talk)
    except InvalidStatus as error:
        found = [f"the handshake is answered {error.response.status_code}"]
    except (WebSocketException, OSError, TimeoutError) as error:
        found = [f"no connection ({type(error).__name__})"]
    expected = [_told_frame(one.expect) for one in fact.steps if one.expect is not None]
    expected += [_CLOSED for one in fact.steps if one.closed]
    return Seen(
        expected=shown(", ".join(expected)),
        got=shown(", ".join(came) or (found[0] if found else "nothing")),
        differences=found,
    )


async def handshake_of(server: Server) -> HandshakeKind:
    """Return how a server lets callers in; Amplify's way where it is none of the three."""
    for kind in HANDSHAKES:
        seen = await converse(_LET_IN[kind], server, _no_trigger)
        if not seen.differences:
            return kind
    return HANDSHAKES[0]


async def _no_trigger(document: str) -> None:
    raise NotAsked(document)


def _opened(server: Server, handshake: Handshake) -> connect:
    """Return the connection to be, with the credential where this kind of handshake has it."""
    credential = server.credential(handshake.credential)
    told = json.dumps({"host": server.host, **credential}).encode()
    url, protocols, headers = server.realtime_url, [PROTOCOL], {}
    match handshake.by or server.handshake:
        case "query":
            url += f"?header={base64.b64encode(told).decode()}&payload=e30="
        case "subprotocol":
            protocols.append(f"header-{base64.urlsafe_b64encode(told).decode().rstrip('=')}")
        case "headers":
            headers = credential
    return connect(
        url,
        subprotocols=protocols,  # type: ignore[arg-type] # its own type is a text as well
        additional_headers=headers,
        ssl=server.tls if url.startswith("wss:") else None,
        open_timeout=server.frame_seconds_max,
        close_timeout=1,
        ping_interval=None,
    )


async def _take(step: Step, talk: _Talk) -> list[str]:
    """Take one step; return what was not as it is to be."""
    seconds = step.seconds or talk.seconds_max
    try:
        async with asyncio.timeout(seconds):
            if step.send is not None:
                await talk.socket.send(json.dumps(_spelled(step.send, talk.words)))
            elif step.send_text is not None:
                await talk.socket.send(step.send_text)
            elif step.expect is not None:
                return await _expect(_spelled(step.expect, talk.words), talk)
            while step.closed:
                await talk.next_frame()
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else "no code"
        talk.came.append(f"{_CLOSED} ({code})")
        return [] if step.closed else [f"it is closed ({code}) instead of {_awaited(step)}"]
    except TimeoutError:
        return [f"nothing in {seconds:g} s, instead of {_awaited(step)}"]
    return []


async def _expect(pattern: Mapping[str, Any], talk: _Talk) -> list[str]:
    while True:
        frame = await talk.next_frame()
        type_ = frame.get("type") if isinstance(frame, dict) else None
        if type_ not in UNASKED or type_ == pattern["type"]:
            return list(differences(pattern, frame))
        talk.came.pop()


def _words(server: Server, fact: Fact) -> dict[str, str]:
    """Return what stands for the `$names` of a conversation; raises NotAsked."""
    steps = json.dumps([one.send for one in fact.steps])
    words = {
        "$id": str(uuid.uuid4()),
        "$authorization": json.dumps({"host": server.host, **server.credential("good")}),
        "$wrong_authorization": json.dumps(
            {
                "host": server.host,
                **server.credential("wrong_token" if server.token else "wrong_key"),
            }
        ),
    }
    if "$subscription" in steps:
        words["$subscription"] = json.dumps({"query": server.document("subscription")})
    return words


def _spelled(value: Any, words: Mapping[str, str]) -> Any:
    """Return a frame with its `$names` replaced; those of an authorization become objects."""
    if isinstance(value, str) and value in words:
        text = words[value]
        return json.loads(text) if value.endswith("authorization") else text
    if isinstance(value, Mapping):
        return {name: _spelled(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner, words) for inner in value]
    return value


def _awaited(step: Step) -> str:
    if step.closed:
        return f"being {_CLOSED}"
    return "taking a frame" if step.expect is None else _told_frame(step.expect)


def _told_frame(frame: Any) -> str:
    """Return a frame in a few words: its type, and its first error."""
    if not isinstance(frame, dict):
        return f"no JSON object: {shown(frame)}"
    error = told_body(frame.get("payload") or {}) if "error" in str(frame.get("type")) else ""
    return f"{frame.get('type')} {error}".rstrip()
