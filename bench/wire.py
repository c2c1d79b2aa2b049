"""HTTP/1.1 as the load generators speak it: one request written out, one answer learned by heart.

A server answers a query with the same bytes every time. They are read with care once; afterwards an
answer is complete and right when it ends with them, which one comparison tells.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES_MAX = 16_384
RECEIVE_BYTES = 262_144
_STATUS_OK = b"HTTP/1.1 200"


class AnswerDiffers(Exception):
    """A server answered something else than it did at first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. tail: all that came after the head, as it came; body: what it says."""

    status: int
    tail: bytes
    body: bytes


def request_bytes(port: int, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a POST request."""
    every = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in every.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def connect(port: int) -> socket.socket:
    """Return a connection to a server on this machine that sends at once."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(None)  # with one, every call would first ask the kernel by poll
    return connection


def ask_once(port: int, request: bytes) -> Answer:
    """Return the answer to one request, read to its end by length or by chunks."""
    with connect(port) as connection:
        connection.sendall(request)
        received = bytearray()
        while b"\r\n\r\n" not in received:
            _receive(connection, received)
        head, _, _ = bytes(received).partition(b"\r\n\r\n")
        begin = len(head) + 4
        length = _content_length(head)
        if length is not None:
            while len(received) < begin + length:
                _receive(connection, received)
            body = bytes(received[begin:])
        else:
            while not received.endswith(b"\r\n0\r\n\r\n"):
                _receive(connection, received)
            body = _joined(bytes(received[begin:]))
        return Answer(int(head[9:12]), bytes(received[begin:]), body)


def is_whole(received: bytes, tail: bytes) -> bool:
    """Say whether an answer has come as a whole. Raises AnswerDiffers where it is another one."""
    if received.startswith(_STATUS_OK) and len(received) < len(tail) + HEAD_BYTES_MAX:
        return received.endswith(tail)
    if 0 < len(received) < len(_STATUS_OK):
        return False
    if not received:
        raise ConnectionError("the server closed the connection")
    raise AnswerDiffers(received[:300].decode(errors="replace"))


def _receive(connection: socket.socket, received: bytearray) -> None:
    data = connection.recv(RECEIVE_BYTES)
    if not data:
        raise ConnectionError("the server closed the connection")
    received += data


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def _joined(chunks: bytes) -> bytes:
    """Return the body that was sent in chunks."""
    parts: list[bytes] = []
    while True:
        size, _, rest = chunks.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if count == 0:
            return b"".join(parts)
        parts.append(rest[:count])
        chunks = rest[count + 2 :]
