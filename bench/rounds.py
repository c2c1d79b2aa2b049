"""Interleaved rounds: every server has its turn in each round, and pairs are compared in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import Any

from bench import load, open_loop
from bench.load import Job, Window, packed
from bench.open_loop import Flow
from bench.peers import ROOT, PeerFailed, Started
from bench.synthetic.data import Query

CONNECTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long everything takes. settle_seconds: of load before the first round, for compilers."""

    rounds: int
    settle_seconds: float
    warm_up_seconds: float
    seconds: float
    flow_warm_up_seconds: float
    flow_seconds: float


DEFAULT = Pace(
    rounds=5,
    settle_seconds=1.0,
    warm_up_seconds=0.2,
    seconds=0.6,
    flow_warm_up_seconds=1.0,
    flow_seconds=5.0,
)
QUICK = Pace(
    rounds=1,
    settle_seconds=0.5,
    warm_up_seconds=0.1,
    seconds=0.4,
    flow_warm_up_seconds=0.5,
    flow_seconds=2.0,
)


def measure(
    servers: Sequence[Started],
    query: Query,
    pace: Pace,
    *,
    tell: Callable[[str], None],
    headers: Mapping[str, str] | None = None,
) -> dict[str, list[Window]]:
    """Return each server's windows, round by round."""
    windows: dict[str, list[Window]] = {server.name: [] for server in servers}
    for server in servers:
        _window(server, query, replace(pace, seconds=pace.settle_seconds), headers)
    for number in range(pace.rounds):
        for server in servers:
            windows[server.name].append(_window(server, query, pace, headers))
        tell(
            f"{query.name}, round {number + 1} of {pace.rounds}: "
            + ", ".join(f"{name} {rows[-1].cpu_us:.0f}" for name, rows in windows.items())
            + " µs"
        )
    return windows


def flow(
    server: Started,
    query: Query,
    pace: Pace,
    *,
    connections: int,
    rate: float,
    headers: Mapping[str, str] | None = None,
) -> Flow:
    """Return what came of requests at a rate over many connections."""
    job = open_loop.Job(
        port=server.port,
        request=packed(server.request(query, headers)),
        pids=server.pids(),
        connections=connections,
        rate=rate,
        warm_up_seconds=pace.flow_warm_up_seconds,
        seconds=pace.flow_seconds,
    )
    return Flow(**run_apart("bench.open_loop", asdict(job), server))


def middle(windows: Sequence[Window]) -> Window:
    """Return the medians of some windows."""
    return Window(
        **{item.name: median(getattr(one, item.name) for one in windows) for item in fields(Window)}
    )


def _window(server: Started, query: Query, pace: Pace, headers: Mapping[str, str] | None) -> Window:
    job = Job(
        port=server.port,
        request=packed(server.request(query, headers)),
        pids=server.pids(),
        connections=CONNECTIONS,
        warm_up_seconds=pace.warm_up_seconds,
        seconds=pace.seconds,
    )
    return Window(**run_apart(load.__name__, asdict(job), server))


def run_apart(module: str, job: dict[str, object], server: Started) -> dict[str, Any]:
    """Run a load generator in a process of its own. Raises PeerFailed where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PeerFailed(f"{server.name}: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
