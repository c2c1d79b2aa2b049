"""`python -m bench.audited [ROUNDS]`: what the audit of reads costs the medium query.

Two gateways answer at the same time on one core, over copies of one demo home: one as it is, one
that leaves no lines of reads. So whatever else the machine does meets both. Each round is followed
by a rest in which all lines are merged into the ledger, and which counts. What a request costs of
the event loop's thread bounds how many a worker answers in a second; a store's thread writes beside
it, on whatever core is free.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from statistics import median, quantiles

from bench import load
from bench.full_path import AMPLE, CHOICE, COUNSELOR, MEDIUM, MEDIUM_LEAVES, started
from bench.load import Job, packed
from bench.machine import cpu_seconds, end_cleanly, loop_seconds
from bench.peers import OWN, Peer, Started, running
from bench.rounds import run_apart
from bench.servers.gateway import UNAUDITED
from bench.synthetic.data import Query, leaves
from tests.e2e.platform_process import Running, data_of, dev_environment

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
        query = Query(name="medium", text=MEDIUM, variables={"id": chosen}, leaves=0)
        jobs = [
            Job(
                port=one.port,
                request=packed(one.request(query, {"Authorization": token})),
                pids=[one.pid],
                connections=CONNECTIONS,
                warm_up_seconds=0,
                seconds=SECONDS,
            )
            for one in gateways
        ]
        found = []
        for number in range(rounds + 1):  # the first is for getting warm
            found.append(_round(gateways, jobs))
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


def _gateway(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> AbstractContextManager[Started]:
    """Run a gateway over a copy of the home folder: another's sequencer would do its work."""
    name = arguments[0] if arguments else "audited"
    home = folder / name
    shutil.copytree(folder / "home", home)
    settings = {
        **environment,
        **AMPLE,
        "ALMONER_HOME": str(home),
        "ALMONER_CONFIG": str(folder / "home" / "serve.toml"),
    }
    peer = Peer(name=name, program="bench.servers.gateway", python=OWN, arguments=arguments)
    return running(peer, home, folder / f"{name}.log", settings)


def _round(gateways: Sequence[Started], jobs: Sequence[Job]) -> list[Used]:
    """Have all gateways answer at once; return the CPU microseconds of a request of each."""
    before = [_used(one) for one in gateways]
    with ThreadPoolExecutor() as beside:
        told = list(beside.map(run_apart, repeat(load.__name__), map(asdict, jobs), gateways))
    time.sleep(REST_SECONDS)
    after = [_used(one) for one in gateways]
    # What was on its way at the end was answered too.
    answered = [one["per_second"] * SECONDS + CONNECTIONS for one in told]
    return [
        ((now[0] - then[0]) * 1_000_000 / count, (now[1] - then[1]) * 1_000_000 / count)
        for then, now, count in zip(before, after, answered, strict=True)
    ]


def _used(gateway: Started) -> Used:
    return loop_seconds(gateway.pid), cpu_seconds([gateway.pid])


if __name__ == "__main__":
    main()
