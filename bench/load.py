"""A closed-loop HTTP/1.1 load: so many keep-alive connections, each asking again once answered.

Run as a program in a process of its own, so that its work is not taken for the server's; it reads
one JSON job on standard input and prints one JSON result.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to ask, of whom, how long. request: the raw bytes of one request, as text."""

    port: int
    request: str
    connections: int
    seconds: float
    core: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int


async def run(job: Job) -> Result:
    """Ask until the time is over and return the figures."""
    latencies: list[float] = []
    failures = 0
    request = job.request.encode()
    end = time.perf_counter() + job.seconds

    async def connection() -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection("127.0.0.1", job.port)
        while time.perf_counter() < end:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            latencies.append((time.perf_counter() - started) * 1000)
            if not head.startswith(b"HTTP/1.1 200"):
                failures += 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(job.connections)))
    latencies.sort()
    return Result(
        requests=len(latencies),
        seconds=time.perf_counter() - started,
        p50_ms=latencies[len(latencies) // 2],
        p99_ms=latencies[int(len(latencies) * 0.99)],
        failures=failures,
    )


def main() -> None:
    """Read a job, run it, print the result."""
    job = Job(**json.loads(sys.stdin.read()))
    if job.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {job.core})
    print(json.dumps(asdict(asyncio.run(run(job)))))


if __name__ == "__main__":
    main()
