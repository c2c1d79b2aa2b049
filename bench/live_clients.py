"""Thousands of WebSocket clients in one process, each of as little weight as can be."""

import asyncio
import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

_LENGTH_16, _LENGTH_64 = 126, 127
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class LiveClient(asyncio.Protocol):
    """One connection with one subscription. ready: set once that is acknowledged. ended: why."""

    def __init__(self, number: int, speech: "Speech", told: Callable[[int, Any], None]) -> None:
        """Take what it says, and who hears what it is told."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: str | None = None
        self._number = number
        self._speech = speech
        self._told = told
        self._buffer = b""
        self._upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        headers = "".join(f"{name}: {text}\r\n" for name, text in self._speech.headers.items())
        transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self._speech.subprotocol}\r\n{headers}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(head.decode())
                return
            self._upgraded, self._buffer = True, rest
            self._say(self._speech.init)
        while (frame := self._next_frame()) is not None:
            opcode, payload = frame
            if opcode == _TEXT:
                self._hear(payload)
            elif opcode == _PING:
                self._send(_PONG, payload)
            elif opcode == _CLOSE:
                self._fail(f"closed: {payload!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._fail(f"lost: {exc}")

    def _hear(self, payload: bytes) -> None:
        message = json.loads(payload)
        kind = message["type"]
        if kind == "connection_ack":
            self._say(self._speech.start(self._number))
            if self._speech.marks_ready is None:
                self._say({"type": "ping"})
        elif kind in (self._speech.marks_ready or "pong", "pong"):
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == self._speech.event:
            self._told(self._number, message["payload"])
        elif kind == "error":
            self._fail(payload.decode())

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, begin = buffer[1] & 127, 2
        if length == _LENGTH_16:
            length, begin = int.from_bytes(buffer[2:4], "big"), 4
        elif length == _LENGTH_64:
            length, begin = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < begin + length:
            return None
        self._buffer = buffer[begin + length :]
        return buffer[0] & 15, buffer[begin : begin + length]

    def _say(self, message: Mapping[str, object]) -> None:
        self._send(_TEXT, json.dumps(message).encode())

    def _send(self, opcode: int, payload: bytes) -> None:
        size, first = len(payload), 0x80 | opcode
        head = bytes([first, 0x80 | min(size, _LENGTH_16)])
        head += size.to_bytes(2, "big") if size >= _LENGTH_16 else b""
        self._transport.write(head + b"\0\0\0\0" + payload)  # a mask of zeros masks nothing

    def _fail(self, why: str) -> None:
        self.ended = self.ended or why
        if not self.ready.done():
            self.ready.set_exception(RuntimeError(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What clients of one protocol say. marks_ready: what acknowledges, if anything does."""

    subprotocol: str
    headers: Mapping[str, str]
    init: Mapping[str, object]
    start: Callable[[int], Mapping[str, object]]
    event: str
    marks_ready: str | None = None


async def connected(
    port: int, count: int, speech: Speech, told: Callable[[int, Any], None]
) -> list[LiveClient]:
    """Return that many clients, each with its subscription acknowledged."""
    loop, clients = asyncio.get_running_loop(), list[LiveClient]()
    for begin in range(0, count, 100):
        numbers = range(begin, min(begin + 100, count))
        some = [LiveClient(number, speech, told) for number in numbers]
        for client in some:
            await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
        await asyncio.gather(*(client.ready for client in some))
        clients += some
    return clients


def _itself(client: LiveClient) -> LiveClient:
    return client
