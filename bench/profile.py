"""`python -m bench.profile`: where the time of a server goes, by samples of its stacks under load.

With py-spy, which `make bench` installs, the server is watched from outside while it answers; or
the engine alone, in a process without HTTP. Without py-spy the engine is run under cProfile, whose
own cost makes small functions look larger than they are.
"""

import argparse
import asyncio
import cProfile
import pstats
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import inprocess
from bench.full_path import full_path
from bench.machine import end_cleanly
from bench.peers import OWN, PEERS, ROOT, VENV, PeerFailed, Started, running
from bench.rounds import Pace, measure
from bench.synthetic.data import QUERIES, Query, write_applications

PY_SPY = VENV / "bin" / "py-spy"
FULL, ENGINE = "full", "engine"
# By their place among the full path's operations.
FULL_QUERIES = ("small", "medium", "everything", "large")
SAMPLES_PER_SECOND = 500
ROWS = 30
_START_SECONDS = 0.5
# Where threads wait: py-spy cannot always tell that from work.
IDLE = frozenset(
    {
        "_worker (concurrent/futures/thread.py)",
        "watch_parent.<locals>.watch (gateway/worker.py)",
        "ThreadedChildWatcher._do_waitpid (asyncio/unix_events.py)",
        "EpollSelector.select (selectors.py)",
        "Condition.wait (threading.py)",
    }
)
# "Engine.execute (gateway/engine/execute.py:97)"; some frames have no file, and some no line
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^():]+)(?::(?P<line>\d+))?\)$")
_INSTALLED = re.compile(r"^.*/lib/python3\.\d+/(site-packages/)?")


@dataclass(frozen=True, slots=True)
class Target:
    """A process to watch. work: keeps it busy for so many seconds."""

    name: str
    pid: int
    work: Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Frame:
    """A call on a stack. line: with its line's number."""

    function: str
    file: str
    line: str

    @classmethod
    def read(cls, text: str) -> "Frame":
        """Return the frame as py-spy writes it, its path from the checkout or the package on."""
        found = _FRAME.match(text)
        if found is None:
            return cls(text, text, text)
        file = _INSTALLED.sub("", found["file"]).removeprefix(f"{ROOT}/")
        function = f"{found['function']} ({file})"
        return cls(function, file, f"{function}:{found['line']}")


def main() -> int:
    """Watch one process while it answers one query, and print the shares of its time."""
    peers = [peer.program.rpartition(".")[2] for peer in PEERS if peer.python is not None]
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("server", nargs="?", default=FULL, choices=(FULL, ENGINE, *peers))
    parser.add_argument("query", nargs="?", default="medium", choices=FULL_QUERIES)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--native", action="store_true", help="frames of C extensions too")
    given = parser.parse_args()
    end_cleanly()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if not PY_SPY.exists():
            print("almoner: no py-spy (`make bench` installs it): the engine alone, under cProfile")
            _under_cprofile(folder, _synthetic(given.query), given.seconds)
            return 0
        try:
            with _target(given.server, given.query, folder) as target:
                lines = _sampled(target, given.seconds, folder, native=given.native)
        except PeerFailed as error:
            print(f"almoner: {error}", file=sys.stderr)
            return 1
    _print(f"{target.name}, {given.query}", lines)
    return 0


def _print(name: str, lines: list[str]) -> None:
    own: dict[str, Counter[str]] = {"file": Counter(), "function": Counter(), "line": Counter()}
    within: Counter[str] = Counter()
    total = 0
    for text in lines:
        stack, _, samples = text.rpartition(" ")
        frames, count = [Frame.read(one) for one in stack.split(";")], int(samples)
        if frames[-1].function in IDLE:
            continue
        total += count
        for kind, shares in own.items():
            shares[getattr(frames[-1], kind)] += count
        for function in {frame.function for frame in frames}:
            within[function] += count
    print(f"\n{total:,} samples of {name}")
    shown = {f"own time, by {kind}": shares for kind, shares in own.items()}
    for title, shares in {**shown, "with all that they call, by function": within}.items():
        print(f"\n{title}")
        for what, count in shares.most_common(ROWS):
            if count < total:
                print(f"{count / total:7.1%}  {what}")


@contextmanager
def _target(server: str, query: str, folder: Path) -> Iterator[Target]:
    if server == FULL:
        with full_path(folder) as path:
            one = path.operations[FULL_QUERIES.index(query)]
            yield _loaded(path.gateways[0], one.query, one.headers)
        return
    data = folder / "applications.json"
    write_applications(data)
    if server == ENGINE:
        with _engine_process(data, query) as process:
            yield Target(ENGINE, process.pid, lambda seconds: _let_run(process, seconds))
        return
    peer = next(peer for peer in PEERS if peer.program.endswith(server))
    with running(peer, data, folder / "peer.log") as started:
        yield _loaded(started, _synthetic(query), {})


def _loaded(server: Started, query: Query, headers: Mapping[str, str]) -> Target:
    """Return a server that is kept busy by the closed loop."""

    def work(seconds: float) -> None:
        pace = Pace(
            rounds=1,
            settle_seconds=_START_SECONDS,
            warm_up_seconds=0,
            seconds=seconds,
            flow_warm_up_seconds=0,
            flow_seconds=0,
        )
        measure([server], query, pace, tell=print, headers=headers)

    return Target(server.name, server.pid, work)


@contextmanager
def _engine_process(data: Path, query: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(OWN), "-m", inprocess.__name__, str(data), _synthetic(query).name]
    with subprocess.Popen([*command, "600"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield process
        finally:
            process.terminate()


def _let_run(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return
    raise PeerFailed(f"the engine's process ended with status {process.returncode}")


def _sampled(target: Target, seconds: float, folder: Path, *, native: bool) -> list[str]:
    """Return folded stacks with their counts, taken while the process is busy."""
    file = folder / "stacks.txt"
    command = [
        str(PY_SPY),
        "record",
        *("--pid", str(target.pid)),
        *("--rate", str(SAMPLES_PER_SECOND)),
        *("--duration", str(max(1, int(seconds)))),
        *("--format", "raw"),
        *("--output", str(file)),
        "--subprocesses",
        "--full-filenames",
        *(["--native"] if native else []),
    ]
    target.work(2 * _START_SECONDS)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as watching:
        target.work(seconds + 2 * _START_SECONDS)
        said, _ = watching.communicate(timeout=60)
    if watching.returncode != 0 or not file.exists():
        raise PeerFailed(f"py-spy: {said.decode(errors='replace')[-1000:]}")
    return file.read_text().splitlines()


def _under_cprofile(folder: Path, query: Query, seconds: float) -> None:
    """Print cProfile's view of the engine over the synthetic schema."""
    data = folder / "applications.json"
    write_applications(data)
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, inprocess.repeat(data, query.name, seconds))
    pstats.Stats(profile).sort_stats("tottime").print_stats(ROWS)


def _synthetic(name: str) -> Query:
    return next((query for query in QUERIES if query.name == name), QUERIES[1])


if __name__ == "__main__":
    sys.exit(main())
