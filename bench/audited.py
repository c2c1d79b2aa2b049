"""`python -m bench.audited [ROUNDS]`: what the audit of reads costs the medium query.

Two gateways answer at the same time on one core, over copies of one demo home: one as it is, one
that leaves no lines of reads. So whatever else the machine does meets both. Each round is followed
by a rest in which all lines are merged into the ledger, and which counts. What a request costs of
the event loop's thread bounds how many a worker answers in a second; a store's thread writes beside
it, on whatever core is free.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles

from bench import load
from bench.full_path import AMPLE, CHOICE, COUNSELOR, MEDIUM, MEDIUM_LEAVES, started
from bench.load import Job, packed
from bench.machine import SERVER_CORE, cpu_seconds, end_cleanly, held_to, loop_seconds
from bench.peers import OWN, ROOT, START_SECONDS_MAX
from bench.servers.gateway import UNAUDITED
from bench.synthetic.data import leaves
from bench.wire import connect, request_bytes
from tests.e2e.platform_process import Running, data_of, dev_environment, free_ports

ROUNDS = 10
SECONDS = 4.0
REST_SECONDS = 1.2
CONNECTIONS = 16

Used = tuple[float, float]
"""Of the event loop's thread, and of all threads."""


def main() -> None:
    """Measure, and print."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    end_cleanly()
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        environment = dev_environment(folder / "home")
        dev = stack.enter_context(started(["dev"], environment, folder / "dev.log"))
        token = dev.token(COUNSELOR)
        chosen = _application(dev, token)
        gateways = [
            stack.enter_context(_gateway(folder, environment, *more)) for more in ((), (UNAUDITED,))
        ]
        body = json.dumps({"query": MEDIUM, "variables": {"id": chosen}}).encode()
        headers = {"Authorization": token}
        jobs = [
            Job(
                port=port,
                request=packed(request_bytes(port, "/graphql", headers, body)),
                pids=[process.pid],
                connections=CONNECTIONS,
                warm_up_seconds=0,
                seconds=SECONDS,
            )
            for process, port in gateways
        ]
        found = []
        for number in range(rounds + 1):  # the first is for getting warm
            found.append(_round(jobs))
            print(f"round {number} of {rounds}", file=sys.stderr)
    for what, measured in (("of the event loop", 0), ("with the writing thread", 1)):
        audited = [one[measured] for one, _ in found[1:]]
        unaudited = [other[measured] for _, other in found[1:]]
        shares = [1 - b / a for a, b in zip(audited, unaudited, strict=True)]
        low, middle, high = quantiles(shares, n=4)
        print(
            f"{what:24}{median(audited):6.0f} µs a request, {median(unaudited):.0f} without lines "
            f"of reads: they take {middle:.1%} (quartiles {low:.1%}, {high:.1%})"
        )


def _application(dev: Running, token: str) -> str:
    """Return the application whose answer is nearest to the bench's medium one."""
    answer = dev.ask(CHOICE, {"first": 40}, token=token)
    ids: list[str] = [edge["node"]["id"] for edge in data_of(answer)["applications"]["edges"]]

    def distance(chosen: str) -> int:
        return abs(leaves(data_of(dev.ask(MEDIUM, {"id": chosen}, token=token))) - MEDIUM_LEAVES)

    return min(ids, key=distance)


@contextmanager
def _gateway(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a gateway over a copy of the home folder: another's sequencer would do its work."""
    name = arguments[0] if arguments else "audited"
    home = folder / name
    shutil.copytree(folder / "home", home)
    port, operations = free_ports(2)
    own = {
        **os.environ,
        **environment,
        **AMPLE,
        "ALMONER_HOME": str(home),
        "ALMONER_CONFIG": str(folder / "home" / "serve.toml"),
        "ALMONER_PORT": str(port),
        "ALMONER_OPERATIONS_PORT": str(operations),
    }
    with (folder / f"{name}.log").open("wb") as log, held_to(SERVER_CORE):
        process = subprocess.Popen(
            [str(OWN), "-m", "bench.servers.gateway", *arguments],
            cwd=ROOT,
            env=own,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(port)
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int) -> None:
    ends = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            connect(port).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
        else:
            return


def _round(jobs: list[Job]) -> list[Used]:
    """Have all gateways answer at once; return the CPU microseconds of a request of each."""
    before = [_used(job) for job in jobs]
    loads = [
        subprocess.Popen(
            [sys.executable, "-m", load.__name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in jobs
    ]
    for one, job in zip(loads, jobs, strict=True):
        assert one.stdin is not None
        one.stdin.write(json.dumps(asdict(job)))
        one.stdin.close()
    told = [one.stdout.read() if one.stdout is not None else "" for one in loads]
    for one in loads:
        one.wait()
    time.sleep(REST_SECONDS)
    after = [_used(job) for job in jobs]
    # What was on its way at the end was answered too.
    answered = [json.loads(text)["per_second"] * SECONDS + CONNECTIONS for text in told]
    return [
        ((now[0] - then[0]) * 1_000_000 / count, (now[1] - then[1]) * 1_000_000 / count)
        for then, now, count in zip(before, after, answered, strict=True)
    ]


def _used(job: Job) -> Used:
    return loop_seconds(job.pids[0]), cpu_seconds(job.pids)


if __name__ == "__main__":
    main()
