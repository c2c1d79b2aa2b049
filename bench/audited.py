"""`python -m bench.audited [ROUNDS]`: what the audit of reads costs the medium query.

Two gateways answer over copies of one demo home, in turns: one as it is, one that leaves no lines
of reads. Each turn is followed by a rest in which all its lines are merged into the ledger, and
which counts. Printed are requests per second, CPU per request, and the medians of the pairs.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

from bench import load
from bench.full_path import AMPLE, CHOICE, COUNSELOR, MEDIUM, MEDIUM_LEAVES, started
from bench.load import Job, packed
from bench.machine import SERVER_CORE, cpu_seconds, end_cleanly, held_to
from bench.peers import OWN, ROOT, START_SECONDS_MAX
from bench.servers.gateway import UNAUDITED
from bench.synthetic.data import leaves
from bench.wire import connect, request_bytes
from tests.e2e.platform_process import Running, data_of, dev_environment, free_ports

ROUNDS = 20
SECONDS = 1.0
REST_SECONDS = 1.2
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Turn:
    """What one gateway did in one turn, rest included in its CPU."""

    per_second: float
    cpu_us: float


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
        turns: list[list[Turn]] = [[], []]
        for number in range(rounds + 1):  # the first is for getting warm
            for (process, port), done in zip(gateways, turns, strict=True):
                request = request_bytes(port, "/graphql", headers, body)
                done.append(_turn(process, port, packed(request)))
            print(f"round {number} of {rounds}", file=sys.stderr)
    audited, unaudited = turns[0][1:], turns[1][1:]
    for name, done in (("as it is", audited), ("no lines of reads", unaudited)):
        rate, cpu = median(one.per_second for one in done), median(one.cpu_us for one in done)
        print(f"{name:20}{rate:8.0f} requests/s {cpu:8.0f} µs CPU")
    pairs = list(zip(audited, unaudited, strict=True))
    _print("of the requests per second", [1 - a.per_second / b.per_second for a, b in pairs])
    _print("of the CPU", [1 - b.cpu_us / a.cpu_us for a, b in pairs])


def _print(what: str, shares: list[float]) -> None:
    low, _, high = quantiles(shares, n=4)
    print(f"the audit of reads takes {median(shares):.1%} {what} (quartiles {low:.1%}, {high:.1%})")


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


def _turn(process: subprocess.Popen[bytes], port: int, request: str) -> Turn:
    pids = [process.pid]
    before = cpu_seconds(pids)
    job = Job(
        port=port,
        request=request,
        pids=pids,
        connections=CONNECTIONS,
        warm_up_seconds=0,
        seconds=SECONDS,
    )
    done = subprocess.run(
        [sys.executable, "-m", load.__name__],
        cwd=ROOT,
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=True,
    )
    per_second = json.loads(done.stdout)["per_second"]
    time.sleep(REST_SECONDS)
    answered = per_second * SECONDS + CONNECTIONS  # and those on their way at the end
    return Turn(per_second, (cpu_seconds(pids) - before) * 1_000_000 / answered)


if __name__ == "__main__":
    main()
