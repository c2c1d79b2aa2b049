"""Options of the isolation harness, and its verdict at the end of the run, whoever ran it.

They stand here because pytest reads no options and no summaries from folders further down.
"""

import pytest

ISOLATION = "isolation"
LEAK = "seeded leak"
CAUGHT = "caught"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare how long the isolation harness runs, and in what order it asks."""
    group = parser.getgroup(ISOLATION)
    group.addoption(
        "--isolation-requests",
        type=int,
        default=4_000,
        help="How many requests the isolation harness makes of the real wiring; CI makes 30,000.",
    )
    group.addoption(
        "--isolation-seed", type=int, default=2026, help="What its order of requests follows from."
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the isolation harness came to, though all of it passed."""
    seeded = caught = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            noted = dict(report.user_properties) if report.when == "call" else {}
            if ISOLATION in noted:
                terminalreporter.write_line(f"isolation: {noted[ISOLATION]}")
            if CAUGHT in noted and terminalreporter.verbosity > 0:
                terminalreporter.write_line(f"isolation: {noted[CAUGHT]}")
            seeded += LEAK in noted
            caught += LEAK in noted and outcome == "passed"
    if seeded:
        terminalreporter.write_line(f"isolation: {caught} of {seeded} seeded leaks caught")
