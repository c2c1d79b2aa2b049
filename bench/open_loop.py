"""An open-loop load: thousands of keep-alive connections, requests at a rate of their own.

Requests arrive as a Poisson process whether or not earlier ones have been answered, and each one's
latency counts from the moment at which it was meant to be sent: a server that stalls cannot hide it
by keeping its clients from asking. A program like `bench.load`; it never sleeps, because waking up
late would be taken for the server's latency.
"""

import json
import math
import resource
import select
import sys
import time
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from random import Random
from socket import socket
from time import perf_counter

from bench.figures import percentile
from bench.machine import LOAD_CORE, cpu_seconds, held_to
from bench.wire import RECEIVE_BYTES, AnswerDiffers, ask_once, connect, is_whole

CONNECTED_AT_ONCE = 100
ANSWER_SECONDS_MAX = 10.0
SEED = 20260115
_SPARE_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to ask, of whom, how often. request: base64 of its bytes; rate: requests a second."""

    port: int
    request: str
    pids: list[int]
    connections: int
    rate: float
    warm_up_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What came of it.

    failed: refused, answered wrongly, lost or not answered in time, of all that were asked; and
    connections that the server closed while they were idle.
    """

    asked: int
    failed: int
    cpu_us: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    connections: int
    rate: float


class Connections:
    """The connections, which of them are free, and what is on its way on the others."""

    def __init__(self, job: Job) -> None:
        """Open them all, in parts, so that the server has time to accept them."""
        self._request = b64decode(job.request)
        self._tail = ask_once(job.port, self._request).tail
        self._poll = select.epoll()
        self._open: dict[int, socket] = {}
        self._unfinished: dict[int, bytes] = {}
        self.meant: dict[int, float] = {}
        self.free: deque[int] = deque()
        self.idle_lost = 0
        for number in range(job.connections):
            connection = connect(job.port)
            self._open[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)
            if number % CONNECTED_AT_ONCE == 0:
                time.sleep(0.01)
        self.free.extend(self._open)

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def close(self) -> None:
        """Close them all."""
        self._poll.close()
        for connection in self._open.values():
            connection.close()

    def send(self, meant: float) -> None:
        """Send a request that was meant for that moment on the connection idle the longest."""
        descriptor = self.free.popleft()
        self.meant[descriptor] = meant
        try:
            self._open[descriptor].sendall(self._request)
        except OSError:
            self._lose(descriptor)

    def receive(self) -> Iterator[float]:
        """Take what has come, without waiting; yield when each answered request was meant."""
        for descriptor, _ in self._poll.poll(0):
            try:
                data = self._open[descriptor].recv(RECEIVE_BYTES)
                if data:
                    data = self._unfinished.pop(descriptor, b"") + data
                whole = is_whole(data, self._tail)
            except (OSError, AnswerDiffers):
                self._lose(descriptor)
                continue
            if whole:
                yield self.meant.pop(descriptor)
                self.free.append(descriptor)
            else:
                self._unfinished[descriptor] = data

    def _lose(self, descriptor: int) -> None:
        """Close a connection; the request that was on it, if any, has failed."""
        self._poll.unregister(descriptor)
        self._open.pop(descriptor).close()
        self._unfinished.pop(descriptor, None)
        if self.meant.pop(descriptor, None) is None:
            self.free.remove(descriptor)
            self.idle_lost += 1


def run(job: Job) -> Flow:
    """Ask at the rate until the time is over, wait for the last answers, return the figures."""
    with closing(Connections(job)) as connections:
        return _flow(job, connections)


def _flow(job: Job, connections: Connections) -> Flow:
    random = Random(SEED)  # the same arrivals every time
    begin = perf_counter()
    measured_from = begin + job.warm_up_seconds
    ends = measured_from + job.seconds
    arrivals: deque[float] = deque()
    moment = begin
    while (moment := moment + random.expovariate(job.rate)) < ends:
        arrivals.append(moment)
    measured = sum(1 for one in arrivals if one >= measured_from)
    seconds: list[float] = []
    used: float | None = None
    while (arrivals or connections.meant) and len(connections):
        now = perf_counter()
        if used is None and now >= measured_from:
            used = cpu_seconds(job.pids)
        if now > ends + ANSWER_SECONDS_MAX:
            break
        while arrivals and arrivals[0] <= now and connections.free:
            connections.send(arrivals.popleft())
        came = connections.receive()
        seconds.extend(perf_counter() - meant for meant in came if meant >= measured_from)
    cpu = cpu_seconds(job.pids) - (used or 0.0)
    answered = len(seconds)
    if not answered:  # the server is so far behind that nothing came in time
        seconds.append(math.nan)
    return Flow(
        asked=measured,
        failed=measured - answered + connections.idle_lost,
        cpu_us=cpu * 1_000_000 / answered if answered else math.nan,
        p50_ms=percentile(seconds, 50) * 1000,
        p99_ms=percentile(seconds, 99) * 1000,
        max_ms=max(seconds) * 1000,
        connections=job.connections,
        rate=job.rate,
    )


def allow_descriptors(count: int) -> bool:
    """Raise the number of files that this process may hold; say whether it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_DESCRIPTORS
    if soft >= wanted:
        return True
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


def main() -> None:
    """Read a job, run it, print the result."""
    job = Job(**json.loads(sys.stdin.read()))
    allow_descriptors(job.connections)
    with held_to(LOAD_CORE):
        print(json.dumps(asdict(run(job))))


if __name__ == "__main__":
    main()
