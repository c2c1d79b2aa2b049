"""What the bench asks of the machine: its name, a core to run on, what processes have used of it.

All of it comes from Linux's /proc; elsewhere the bench says so and ends.
"""

import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def end_cleanly() -> None:
    """Have SIGTERM end this process as an exception does, so that what it has started ends too."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def can_measure() -> bool:
    """Say whether this system tells what a process has used."""
    return (_PROC / "self" / "stat").exists() and hasattr(os, "sched_setaffinity")


def machine_name() -> str:
    """Return processor, cores and system in one line."""
    names = [
        line.partition(": ")[2]
        for line in (_PROC / "cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def load_average() -> float:
    """Return how many processes wanted to run over the last minute."""
    return os.getloadavg()[0]


@contextmanager
def held_to(core: int) -> Iterator[None]:
    """Have what is started within run on this core alone, where there is more than one."""
    before = os.sched_getaffinity(0)
    if core in before and len(before) > 1:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def process_tree(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    found = [pid]
    for task in (_PROC / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            found += process_tree(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return the user and system time that processes have used, all their threads together."""
    ticks = 0
    for pid in pids:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_SECOND


def loop_seconds(pid: int) -> float:
    """Return the user and system time of a process's first thread, which runs its event loop."""
    stat = (_PROC / str(pid) / "task" / str(pid) / "stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def memory_mb(pids: list[int]) -> list[float]:
    """Return the resident memory of each process."""
    return [
        int(line.split()[1]) / 1024
        for pid in pids
        for line in (_PROC / str(pid) / "status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
