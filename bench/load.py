"""A closed-loop load: so many keep-alive connections, each asking again once it is answered.

A program in a process of its own, on a core of its own: it reads one JSON job on standard input and
prints one JSON result. It speaks to its sockets directly, because a client that costs as much as
the server would measure itself.
"""

import json
import select
import sys
from base64 import b64decode, b64encode
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from socket import socket
from time import perf_counter

from bench.figures import percentile
from bench.machine import LOAD_CORE, cpu_seconds, held_to
from bench.wire import RECEIVE_BYTES, ask_once, connect, is_whole

SILENCE_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to ask, of whom, how long. request: base64 of its bytes; pids: whose time to count."""

    port: int
    request: str
    pids: list[int]
    connections: int
    warm_up_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one server did in one stretch of time. cpu_us: CPU microseconds a request."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float


class ServerSilent(Exception):
    """No answer came for a long time."""


def run(job: Job) -> Window:
    """Ask until the time is over and return the figures of what came after the warm-up.

    Raises AnswerDiffers, ConnectionError and ServerSilent: a server that fails is not measured.
    """
    request = b64decode(job.request)
    tail = ask_once(job.port, request).tail
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        connections: dict[int, socket] = {}
        for _ in range(job.connections):
            connection = stack.enter_context(connect(job.port))
            connections[connection.fileno()] = connection
            poll.register(connection.fileno(), select.EPOLLIN)
        return _loop(job, connections, poll, request, tail)


def _loop(
    job: Job, connections: dict[int, socket], poll: select.epoll, request: bytes, tail: bytes
) -> Window:
    unfinished: dict[int, bytes] = {}
    started: dict[int, float] = {}
    for descriptor, connection in connections.items():
        connection.sendall(request)
        started[descriptor] = perf_counter()
    seconds: list[float] = []
    begin = now = perf_counter()
    measured_from, ends = begin + job.warm_up_seconds, begin + job.warm_up_seconds + job.seconds
    used = 0.0
    measuring = False
    # A slow server has the time that it needs for as many answers as there are connections.
    while now < ends or not measuring or len(seconds) < job.connections:
        if not measuring and now >= measured_from:
            measuring, measured_from, used = True, now, cpu_seconds(job.pids)
            seconds.clear()
        ready = poll.poll(SILENCE_SECONDS_MAX)
        if not ready:
            raise ServerSilent(f"no answer for {SILENCE_SECONDS_MAX:g} s")
        for descriptor, _ in ready:
            connection = connections[descriptor]
            data = connection.recv(RECEIVE_BYTES)
            if descriptor in unfinished and data:
                data = unfinished.pop(descriptor) + data
            if not is_whole(data, tail):
                unfinished[descriptor] = data
                continue
            now = perf_counter()
            seconds.append(now - started[descriptor])
            started[descriptor] = now
            connection.sendall(request)
    used = cpu_seconds(job.pids) - used
    return Window(
        cpu_us=used * 1_000_000 / len(seconds),
        per_second=len(seconds) / (now - measured_from),
        p50_ms=percentile(seconds, 50) * 1000,
        p99_ms=percentile(seconds, 99) * 1000,
    )


def packed(request: bytes) -> str:
    """Return a request as a job holds it."""
    return b64encode(request).decode()


def main() -> None:
    """Read a job, run it, print the result."""
    with held_to(LOAD_CORE):
        print(json.dumps(asdict(run(Job(**json.loads(sys.stdin.read()))))))


if __name__ == "__main__":
    main()
