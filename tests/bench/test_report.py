"""The bench's table, and what it says about the bar."""

from bench.load import Window
from bench.report import COLUMNS, HEADER, Bar, Line, Section, table, verdict

BAR = Bar(peer="theirs", ours="ours", wanted=(2, 3, 4))


def windows(*cpu_us: float) -> list[Window]:
    """Return windows with these CPU times and one latency."""
    return [Window(cpu_us=one, per_second=1000, p50_ms=1.5, p99_ms=12.0) for one in cpu_us]


def section(*theirs: float, protocol: bool = True) -> Section:
    """Return ours at 10, 20 and 30 µs, beside a peer at these, one of half, and a missing one."""
    own = {"small": windows(10, 10), "medium": windows(20, 20), "large": windows(30, 30)}
    other = {name: windows(one, one) for name, one in zip(COLUMNS, theirs, strict=True)}
    return Section(
        name="peers",
        lines=(
            Line(name="ours", windows=own, memory_mb=(80.4, 60.2)),
            Line(name="theirs", windows=other),
            Line(name="protocol", windows={"small": windows(5, 5)}),
            Line(name="absent", missing="Node is not installed"),
        ),
        ours="ours",
        ours_directly="protocol" if protocol else None,
    )


def cells(text: str, name: str) -> list[str]:
    """Return the cells of a row of the table."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_row_has_the_medians_and_the_ratio_to_ours() -> None:
    """CPU by column, how many times ours it is, latencies, and each process's memory."""
    text = table([section(20, 60, 90)])

    assert cells(text, "ours")[1:4] == ["10.0", "20.0", "30.0"]
    assert cells(text, "ours")[4] == ""
    assert cells(text, "ours")[-1] == "80 + 60"
    assert cells(text, "theirs")[4] == "2.00 / 3.00 / 3.00"
    assert cells(text, "theirs")[5] == "4.00 / – / –"
    assert cells(text, "theirs")[6] == "1.50 / 12.0"


def test_every_row_is_as_wide_as_the_head() -> None:
    """The table is one table, whatever is missing."""
    rows = table([section(20, 60, 90)]).splitlines()

    assert {row.count("|") for row in rows} == {len(HEADER) + 1}


def test_what_is_not_served_directly_is_not_compared_with_it() -> None:
    """The column for it is there where it was measured, and only there."""
    with_it, without_it = (table([section(1, 1, 1, protocol=one)]) for one in (True, False))

    assert "× ours, directly" in with_it
    assert "× ours, directly" not in without_it
    assert {row.count("|") for row in without_it.splitlines()} == {len(HEADER)}


def test_a_peer_that_cannot_be_had_says_why() -> None:
    """A row without figures gives the reason in their place."""
    assert cells(table([section(1, 1, 1)]), "absent")[1] == "not measured: Node is not installed"


def test_a_bar_names_what_falls_short_of_it() -> None:
    """Only the columns below what is asked for are named."""
    assert verdict(section(20, 60, 90), BAR).endswith("measured: short of it: large")
    assert verdict(section(20, 60, 120), BAR).endswith("measured: reached")


def test_a_bar_without_its_peer_is_not_reached() -> None:
    """What was not measured is said to be not measured."""
    absent = Bar(peer="absent", ours="ours", wanted=(1, 1, 1))

    assert verdict(section(1, 1, 1), absent).endswith("not measured here")
