"""A client that speaks WebSocket byte by byte, and says what no library would."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.frames import Frame, Opcode

from tests.gateway.realtime.house import PATIENCE, House

UPGRADE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-ws",
}


@dataclass(slots=True)
class Raw:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        """Return the next head of an answer."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Return all that comes until the gateway has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def until(self, mark: bytes) -> None:
        """Read until something has come."""
        async with asyncio.timeout(PATIENCE):
            await self.reader.readuntil(mark)


def asking(path: str = "/graphql/realtime", start: str = "GET", **more: str) -> bytes:
    """Return a request for a WebSocket; keywords are further headers, with `_` for `-`."""
    headers = UPGRADE | {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{start} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def framed(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame as clients send it."""
    return Frame(opcode, data, fin=fin).serialize(mask=True)


def said(frame: Mapping[str, Any]) -> bytes:
    """Return a frame of one of the protocols."""
    return framed(Opcode.TEXT, json.dumps(frame).encode())


@asynccontextmanager
async def connected(house: House) -> AsyncIterator[Raw]:
    """Connect, and say nothing yet."""
    host, port = house.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def let_in(house: House, key: str) -> AsyncIterator[Raw]:
    """Connect, and be let in with a key."""
    async with connected(house) as raw:
        raw.writer.write(asking(x_api_key=key))
        await raw.head()
        raw.writer.write(said({"type": "connection_init"}))
        await raw.until(b"connection_ack")
        yield raw
