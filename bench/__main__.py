"""`make bench`: Almoner beside its peers, in one table.

Servers are held to the first core, the load to the second. The figure to trust is CPU per request,
and of that the ratio of pairs: requests per second of a short window move by half on a shared
machine. Progress goes to standard error, the table to standard output.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench import plan
from bench.figures import short
from bench.full_path import FULL_DIRECT, FULL_PATH, full_path
from bench.machine import can_measure, end_cleanly, load_average, machine_name
from bench.open_loop import allow_descriptors
from bench.peers import ALMONER, ALMONER_DIRECT, MERCURIUS, STARLETTE, STRAWBERRY, PeerFailed
from bench.report import Bar, Section, table, verdict
from bench.rounds import DEFAULT, QUICK, Pace
from bench.sections import CORE, ENGINE, RATES, Bench, Measured
from bench.synthetic.data import write_applications

PARTS = ("inprocess", "peers", "full", "connections", "plan")
CONNECTIONS, CONNECTIONS_AT_LEAST = 4_000, 500
DESCRIPTORS_FOR_THE_REST = 500
BUSY_LOAD = 0.5

BARS = (
    Bar(peer=CORE, ours=ENGINE, wanted=(40, 50, 40)),
    Bar(peer=STARLETTE, ours=ALMONER, wanted=(1.0, 1.1, 0.9)),
    Bar(peer=STARLETTE, ours=ALMONER_DIRECT, wanted=(2, 2, 1)),
    Bar(peer=MERCURIUS, ours=ALMONER, wanted=(0.9, 1.25, 1.3)),
    Bar(peer=MERCURIUS, ours=ALMONER_DIRECT, wanted=(1.5, 2, 1.5)),
    Bar(peer=STRAWBERRY, ours=ALMONER, wanted=(50, 80, 50)),
)
FULL_MEDIUM_US_MAX = 60
FLOW_P50_MS_MAX, FLOW_P99_MS_MAX, FLOW_MEMORY_MB_MAX = 1.0, 10.0, 150.0


def main() -> int:
    """Measure what was asked for and print the table; 1 where a server fails."""
    parser = argparse.ArgumentParser(prog="make bench", description="Almoner beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="this part alone; may be given several times"
    )
    given = parser.parse_args()
    if not can_measure():
        print("almoner: the bench reads /proc, which Linux alone has", file=sys.stderr)
        return 1
    end_cleanly()
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"almoner: {time.monotonic() - began:4.0f} s  {text}", file=sys.stderr, flush=True)

    pace = QUICK if given.quick else DEFAULT
    busy = load_average()
    if busy > BUSY_LOAD:
        tell(f"load average {busy:.1f}: something else is running, and the figures will suffer")
    connections = CONNECTIONS
    if not allow_descriptors(CONNECTIONS + DESCRIPTORS_FOR_THE_REST):
        connections = CONNECTIONS_AT_LEAST
        tell(f"too few open files are allowed here (ulimit -Hn): {connections} connections")
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(folder=Path(folder), pace=pace, connections=connections, tell=tell)
            parts = set(given.only or PARTS)
            sections = measured(bench, parts)
    except PeerFailed as error:
        print(f"almoner: {error}", file=sys.stderr)
        return 1
    tell("done")
    lines = verdicts(bench, sections)
    if "plan" in parts:
        tell("a plan, beside a plain loop")
        lines.append(plan.measure().text)
    print("\n\n".join((heading(pace, busy), table(sections), "\n".join(lines))))
    return 0


def measured(bench: Bench, parts: set[str]) -> list[Section]:
    """Return the sections of the table. Raises PeerFailed where a server fails."""
    data = bench.folder / "applications.json"
    write_applications(data)
    sections: list[Section] = []
    rounds, flows = "peers" in parts, "connections" in parts
    if "inprocess" in parts:
        sections.append(bench.in_process(data))
    if rounds or flows:
        section = bench.peers(data, rounds=rounds, flows=flows)
        sections += [section] if rounds else []
    if "full" in parts or flows:
        bench.tell("starting the platform and a gateway of one worker")
        with full_path(bench.folder) as path:
            if "full" in parts:
                sections.append(bench.full(path))
            if flows:
                bench.full_flows(path)
    if flows:
        sections.append(bench.flow_section())
    return sections


def heading(pace: Pace, busy: float) -> str:
    """Return what the figures come from."""
    return (
        f"{machine_name()}; Python {sys.version.split()[0]}; {datetime.now(UTC):%Y-%m-%d}; "
        f"medians of {pace.rounds} interleaved rounds of {pace.seconds:g} s; load average before: "
        f"{busy:.1f}"
    )


def verdicts(bench: Bench, sections: list[Section]) -> list[str]:
    """Return a line for each bar that was measured."""
    found = [
        verdict(section, bar)
        for section in sections
        for bar in BARS
        if section.line(bar.ours) is not None
    ]
    for name in (FULL_PATH, FULL_DIRECT):
        full = next((line for one in sections if (line := one.line(name)) is not None), None)
        if full is not None:
            reached = median(full.cpu_us("medium"))
            found.append(
                f"- {name}, medium: at most {FULL_MEDIUM_US_MAX} µs asked for, {reached:.0f} "
                f"measured: {_reached(reached <= FULL_MEDIUM_US_MAX)}"
            )
    barred = [
        one
        for one in bench.flows
        if one.name in (FULL_PATH, FULL_DIRECT) and one.flow.rate == RATES[0]
    ]
    return found + [_flow_verdict(one) for one in barred]


def _flow_verdict(measured: Measured) -> str:
    came, memory_mb = measured.flow, measured.memory_mb[0]
    good = (
        came.failed == 0
        and came.p50_ms <= FLOW_P50_MS_MAX
        and came.p99_ms <= FLOW_P99_MS_MAX
        and memory_mb <= FLOW_MEMORY_MB_MAX
    )
    return (
        f"- {measured.name}, {came.connections:,} connections, {came.rate:,.0f}/s: p50 "
        f"{FLOW_P50_MS_MAX:g} ms, p99 {FLOW_P99_MS_MAX:g} ms, {FLOW_MEMORY_MB_MAX:g} MB, no error "
        f"asked for; {short(came.p50_ms)} ms, {short(came.p99_ms)} ms, {memory_mb:.0f} MB, "
        f"{came.failed} errors measured: {_reached(good)}"
    )


def _reached(good: bool) -> str:
    return "reached" if good else "short of it"


if __name__ == "__main__":
    sys.exit(main())
