"""Options of the isolation harness and its verdict; which files go first; cheap passphrases.

The first stand here because pytest reads no options and no summaries from folders further down.
"""

import pytest

from tenants.keys import keyring_file

SCRYPT_N_CHEAP = 2**10
ISOLATION = "isolation"
ORACLE = "oracle"
LEAK = "seeded leak"
CAUGHT = "caught"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare how long the isolation harness runs, and in what order it asks."""
    group = parser.getgroup(ISOLATION)
    group.addoption(
        "--isolation-requests",
        type=int,
        default=4_000,
        help="How many requests the isolation harness makes of the real wiring; CI makes 36,000.",
    )
    group.addoption(
        "--isolation-seed", type=int, default=2026, help="What its order of requests follows from."
    )
    oracle = parser.getgroup(ORACLE)
    oracle.addoption(
        "--oracle-documents",
        type=int,
        default=1_500,
        help="How many documents the differential suite of the executor compares; CI makes 5,000.",
    )
    oracle.addoption(
        "--oracle-seed", type=int, default=2026, help="What its documents and data follow from."
    )
    oracle.addoption(
        "--oracle-case", default=None, help="One case of it alone, as a failing run prints it."
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes seconds first, so that at the end no worker waits for one that began late."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a guess of a passphrase cost a millisecond instead of half a second.

    For tests of something else; what it costs is in test_keyring.py, and processes pay it in full.
    """
    defaults = keyring_file.passphrase_key.__kwdefaults__
    assert defaults == {"n": keyring_file._SCRYPT_N}
    monkeypatch.setitem(defaults, "n", SCRYPT_N_CHEAP)
    monkeypatch.setattr(keyring_file, "_SCRYPT_N", SCRYPT_N_CHEAP)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the isolation harness came to, though all of it passed."""
    seeded = caught = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            noted = dict(report.user_properties) if report.when == "call" else {}
            if ORACLE in noted:
                terminalreporter.write_line(f"oracle: {noted[ORACLE]}")
            if ISOLATION in noted:
                terminalreporter.write_line(f"isolation: {noted[ISOLATION]}")
            if CAUGHT in noted and terminalreporter.verbosity > 0:
                terminalreporter.write_line(f"isolation: {noted[CAUGHT]}")
            seeded += LEAK in noted
            caught += LEAK in noted and outcome == "passed"
    if seeded:
        terminalreporter.write_line(f"isolation: {caught} of {seeded} seeded leaks caught")
