"""The one table that the bench prints, and what it says about the bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.figures import short, times_faster
from bench.load import Window

COLUMNS = ("small", "medium", "large")
HEADER = (
    "",
    *(f"{name}, CPU µs" for name in COLUMNS),
    "× ours",
    "× ours, directly",
    *(f"{name}, p50 / p99 ms" for name in COLUMNS),
    "RSS MB",
)
PROTOCOL = HEADER.index("× ours, directly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row.

    windows: by column, round by round. memory_mb: of each process, the largest first. missing: why
    there are no windows.
    """

    name: str
    windows: Mapping[str, Sequence[Window]] = field(default_factory=dict)
    memory_mb: tuple[float, ...] = ()
    missing: str | None = None

    def cpu_us(self, column: str) -> list[float]:
        """Return the rounds' CPU microseconds; none where the column was not measured."""
        return [window.cpu_us for window in self.windows.get(column, ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows that are compared with one or two of them: ours, and ours past ASGI."""

    name: str
    lines: Sequence[Line]
    ours: str | None = None
    ours_directly: str | None = None

    def line(self, name: str | None) -> Line | None:
        """Return the row of that name."""
        return next((line for line in self.lines if line.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What is wanted: of a peer, so many times its CPU for small, medium and large."""

    peer: str
    ours: str
    wanted: tuple[float, float, float]


def table(sections: Sequence[Section]) -> str:
    """Return the table in Markdown."""
    rows = [HEADER, ("---", *("---:" for _ in HEADER[1:]))]
    for section in sections:
        rows.append((f"**{section.name}**", *("" for _ in HEADER[1:])))
        rows += [_cells(section, line) for line in section.lines]
    if not any(section.line(section.ours_directly) for section in sections):
        rows = [(*row[:PROTOCOL], *row[PROTOCOL + 1 :]) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def verdict(section: Section, bar: Bar) -> str:
    """Return in one line what a bar asks for and what was reached."""
    ours, theirs = section.line(bar.ours), section.line(bar.peer)
    asked = " / ".join(f"{wanted:g}" for wanted in bar.wanted)
    start = f"- {bar.ours} against {bar.peer}: {asked} times asked for"
    if ours is None or theirs is None or not (ours.windows and theirs.windows):
        return f"{start}, not measured here"
    reached = ratios(ours, theirs)
    short_of = [
        name
        for name, got, wanted in zip(COLUMNS, reached, bar.wanted, strict=True)
        if got is None or got < wanted
    ]
    end = f"short of it: {', '.join(short_of)}" if short_of else "reached"
    return f"{start}, {_joined(reached)} measured: {end}"


def ratios(ours: Line, theirs: Line) -> list[float | None]:
    """Return how many times our CPU another needs, by column."""
    found: list[float | None] = []
    for column in COLUMNS:
        a, b = ours.cpu_us(column), theirs.cpu_us(column)
        found.append(times_faster(a, b) if a and b else None)
    return found


def _cells(section: Section, line: Line) -> tuple[str, ...]:
    if line.missing is not None:
        return (line.name, f"not measured: {line.missing}", *("" for _ in HEADER[2:]))
    return (
        line.name,
        *(short(median(cpu)) if (cpu := line.cpu_us(name)) else "" for name in COLUMNS),
        _against(section.line(section.ours), line),
        _against(section.line(section.ours_directly), line),
        *(_latency(line.windows.get(name, ())) for name in COLUMNS),
        " + ".join(f"{one:.0f}" for one in line.memory_mb),
    )


def _against(ours: Line | None, line: Line) -> str:
    if ours is None or ours is line or not ours.windows:
        return ""
    return _joined(ratios(ours, line))


def _joined(values: Sequence[float | None]) -> str:
    return " / ".join("–" if value is None else short(value) for value in values)


def _latency(windows: Sequence[Window]) -> str:
    if not windows or windows[0].p50_ms <= 0:
        return ""
    p50, p99 = (median(getattr(one, name) for one in windows) for name in ("p50_ms", "p99_ms"))
    return f"{short(p50)} / {short(p99)}"
