"""The parts of the bench: what each of them starts and measures, as rows of the table."""

import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import inprocess
from bench.figures import short
from bench.full_path import FULL_DIRECT, FULL_PATH, FullPath
from bench.load import Window
from bench.open_loop import Flow
from bench.peers import (
    ALMONER,
    ALMONER_DIRECT,
    MERCURIUS,
    OWN,
    PEERS,
    ROOT,
    STARLETTE,
    PeerFailed,
    Started,
    demand_same_answers,
    running,
)
from bench.report import Line, Section
from bench.rounds import Pace, flow, measure
from bench.synthetic.data import MEDIUM, QUERIES, Query

Tell = Callable[[str], None]

CORE = "graphql-core, execute"
ENGINE = "Almoner's engine, to the bytes"
EVERYTHING = "the same, one application with all around it"
RATES = (1_500, 5_000)
BESIDE_IN_FLOWS = (ALMONER, ALMONER_DIRECT, STARLETTE, MERCURIUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What requests at a rate came to at one server. memory_mb: of each process, after it."""

    name: str
    flow: Flow
    memory_mb: tuple[float, ...]


@dataclass(slots=True, kw_only=True)
class Bench:
    """One run of the bench. flows: of all the servers, the full path's first."""

    folder: Path
    pace: Pace
    connections: int
    tell: Tell
    flows: list[Measured] = field(default_factory=list)

    def in_process(self, data: Path) -> Section:
        """Return the rows of execution alone. Raises PeerFailed where it fails."""
        self.tell("execution in process")
        done = subprocess.run(
            [str(OWN), "-m", inprocess.__name__, str(data)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PeerFailed(f"in process: {done.stderr[-2000:]}")
        figures = json.loads(done.stdout)

        def line(name: str, key: str) -> Line:
            windows = {
                column: [Window(cpu_us=us, per_second=0, p50_ms=0, p99_ms=0) for us in found[key]]
                for column, found in figures.items()
            }
            return Line(name=name, windows=windows)

        return Section(
            name="Execution in process, no HTTP",
            lines=(line(ENGINE, "engine"), line(CORE, "core")),
            ours=ENGINE,
        )

    def peers(self, data: Path, *, rounds: bool, flows: bool) -> Section:
        """Return the rows of all servers over the synthetic schema.

        rounds, flows: what to measure. Raises PeerFailed where one fails or answers differently.
        """
        missing: list[Line] = []
        with ExitStack() as stack:
            servers: list[Started] = []
            for number, peer in enumerate(PEERS):
                why = peer.missing()
                if why is None:
                    log = self.folder / f"peer-{number}.log"
                    servers.append(stack.enter_context(running(peer, data, log)))
                else:
                    self.tell(f"{peer.name}: {why}")
                    missing.append(Line(name=peer.name, missing=why))
            sizes = [demand_same_answers(servers, query) for query in QUERIES]
            self.tell(f"{len(servers)} servers are up and answer alike")
            windows: dict[str, dict[str, list[Window]]] = {one.name: {} for one in servers}
            for query in QUERIES if rounds else ():
                for name, rows in measure(servers, query, self.pace, tell=self.tell).items():
                    windows[name][query.name] = rows
            lines = [
                Line(name=one.name, windows=windows[one.name], memory_mb=one.memory_mb())
                for one in servers
            ]
            if flows:
                beside = [one for one in servers if one.name in BESIDE_IN_FLOWS]
                self.flows += self._flows(beside, MEDIUM)
        leaves = [query.leaves for query in QUERIES]
        return Section(
            name=f"Over HTTP, data in memory, no identity: {_extent(leaves, sizes)}",
            lines=[*lines, *missing],
            ours=ALMONER,
            ours_directly=ALMONER_DIRECT,
        )

    def full(self, path: FullPath) -> Section:
        """Return the rows of the full path and of the floor under it."""
        small, medium, everything, page = path.operations
        servers = [*path.gateways, path.floor]
        windows: dict[str, dict[str, list[Window]]] = {one.name: {} for one in servers}
        for column, one in (("small", small), ("medium", medium), ("large", page)):
            rows = measure(servers, one.query, self.pace, tell=self.tell, headers=one.headers)
            for name, found in rows.items():
                windows[name][column] = found
        rest = measure(
            [path.gateways[0]],
            everything.query,
            self.pace,
            tell=self.tell,
            headers=everything.headers,
        )
        shown = (small, medium, page)
        extent = _extent([one.query.leaves for one in shown], [one.size for one in shown])
        return Section(
            name=f"The full path, everything on: {extent}",
            lines=(
                *(
                    Line(name=one.name, windows=windows[one.name], memory_mb=one.memory_mb())
                    for one in servers
                ),
                Line(
                    name=f"{EVERYTHING}: {everything.query.leaves} leaves",
                    windows={"medium": rest[FULL_PATH]},
                ),
            ),
            ours=FULL_PATH,
            ours_directly=FULL_DIRECT,
        )

    def full_flows(self, path: FullPath) -> None:
        """Measure the full path's medium query over many connections."""
        medium = path.operations[1]
        self.flows[:0] = self._flows([*path.gateways], medium.query, medium.headers)

    def flow_section(self) -> Section:
        """Return the rows of requests at a rate."""
        lines = [
            Line(
                name=f"{one.name}, {one.flow.rate:,.0f}/s, {one.flow.failed or 'none'} failed",
                windows={"medium": [_window(one.flow)]},
                memory_mb=one.memory_mb,
            )
            for one in self.flows
        ]
        name = f"{self.flows[0].flow.connections:,} keep-alive connections, open loop"
        return Section(name=name, lines=lines)

    def _flows(
        self, servers: Sequence[Started], query: Query, headers: dict[str, str] | None = None
    ) -> list[Measured]:
        found = []
        for rate in RATES:
            for server in servers:
                came = flow(
                    server,
                    query,
                    self.pace,
                    connections=self.connections,
                    rate=rate,
                    headers=headers,
                )
                memory = server.memory_mb()
                found.append(Measured(name=server.name, flow=came, memory_mb=memory))
                self.tell(
                    f"{came.connections:,} connections, {rate:,}/s, {server.name}: p50 "
                    f"{short(came.p50_ms)}, p99 {short(came.p99_ms)} ms, {came.failed} of "
                    f"{came.asked:,} failed"
                )
        return found


def _window(came: Flow) -> Window:
    return Window(cpu_us=came.cpu_us, per_second=came.rate, p50_ms=came.p50_ms, p99_ms=came.p99_ms)


def _extent(leaves: Sequence[int], sizes: Sequence[int]) -> str:
    return (
        " / ".join(f"{count:,}" for count in leaves)
        + " leaves, "
        + " / ".join(f"{size / 1000:.1f}" for size in sizes)
        + " kB"
    )
