"""What the commands leave behind and show: lines of what was read, reasons, JSON, progress."""

import asyncio
import getpass
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from domain.audit import AuditLine
from gateway.cli import COMMANDS
from gateway.workspace import open_workspace
from tests.gateway.cli.command import almoner, made

ROOT = Path(__file__).parents[3]
WHY = ("--reason", "looked at")

LISTING = {
    "agency show": ("agency", "show", "harbor"),
    "staff list": ("staff", "list", "harbor"),
    "key list": ("key", "list"),
    "key-rotation status": ("key-rotation", "status", "harbor"),
    "retention run --dry-run": ("retention", "run", "harbor", "--dry-run"),
    "retention holds": ("retention", "holds", "harbor"),
    "access review": ("access", "review", "harbor", *WHY),
}
OF_CONSUMERS = [
    ("consumer", "export", "harbor", "con_1", "--out", "nowhere"),
    ("mask", "harbor", "--out", "nowhere"),
    ("access", "review", "harbor"),
    ("audit", "tail", "harbor"),
    ("audit", "export", "harbor", "--out", "nowhere"),
    ("audit", "prove", "harbor", "con_01KF0RDQG00000000000000002", "--out", "nowhere"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


def lines_in_directory(home: Path, slug: str | None) -> list[AuditLine]:
    async def read() -> list[AuditLine]:
        async with open_workspace(home) as workspace:
            agency = None if slug is None else await workspace.directory.agency_by_slug(slug)
            agency_id = None if agency is None else agency.id
            return await workspace.directory.audit_lines(agency_id, None, 100)

    return asyncio.run(read())


@pytest.mark.parametrize("action", LISTING)
def test_what_lists_powers_leaves_a_line(home: Path, action: str) -> None:
    """Who looked, at which agency, and why where it was said."""
    done = almoner(home, *LISTING[action], "--json")
    assert done.status == 0, done.output
    (line,) = [one for one in lines_in_directory(home, "harbor") if one.action == f"cli:{action}"]

    assert line.actor.id == f"os:{getpass.getuser()}"
    assert line.subject is not None
    assert line.subject.startswith("agency_")
    assert line.purpose == ("looked at" if action == "access review" else "not given")


def test_a_reason_that_is_given_is_kept(home: Path) -> None:
    """Also where none is demanded; the list of agencies is about none of them."""
    assert almoner(home, "agency", "list", *WHY).status == 0
    (line,) = lines_in_directory(home, None)

    assert (line.action, line.subject, line.purpose) == ("cli:agency list", None, "looked at")
    assert almoner(home, "agency", "list", "--reason", " ").status == 2


@pytest.mark.parametrize("command", OF_CONSUMERS, ids=" ".join)
def test_what_shows_consumers_data_wants_a_reason(home: Path, command: tuple[str, ...]) -> None:
    """Without a terminal to ask on it is misuse to leave it out, and nothing is read."""
    before = len(lines_in_directory(home, "harbor"))
    out = home.parent / "nowhere"
    done = almoner(home, *(str(out) if part == "nowhere" else part for part in command))

    assert not out.exists()
    assert (done.status, "--reason" in done.output) == (2, True)
    assert len(lines_in_directory(home, "harbor")) == before


def test_a_removal_is_told_as_json(home: Path) -> None:
    """What was proved is a list."""
    done = almoner(home, "agency", "remove", "harbor", "--yes", "--json", *WHY)
    found = json.loads(done.output)

    assert (found["removed"], len(found["proved"])) == ("harbor", 4)


def test_every_command_is_in_the_readme() -> None:
    """The table names each of them, and an agency is called AGENCY but where it is made."""
    table = re.search(
        r"^## Commands\n(.*?)^## ",
        (ROOT / "README.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert table is not None
    named = set(re.findall(r"`almoner ([a-z-]+)", table.group(1)))

    assert sorted(set(COMMANDS) - named) == []


def test_an_agency_has_one_name_in_every_usage(home: Path) -> None:
    """AGENCY is one that there is; SLUG is the name that a new one gets."""
    for command in ("agency show", "agency remove", "key-rotation start", "mask", "retention run"):
        assert "AGENCY" in almoner(home, *command.split(), "--help").output.splitlines()[0]
    assert "SLUG" in almoner(home, "agency", "add", "--help").output.splitlines()[0]


WORKING = """
import asyncio
from gateway.cli.terminal import working

async def run():
    async with working("counting") as tell:
        tell("1,234 found")
        await asyncio.sleep(1.2)

asyncio.run(run())
print("done")
"""


def test_progress_is_shown_on_a_terminal_alone() -> None:
    """What is done, how far, for how long; the line is wiped at the end; a pipe gets nothing."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", WORKING]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, check=True)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.stdout == b"done\n"
    assert "counting: 1,234 found (1 s)" in shown
    assert shown.endswith("\r\x1b[K")
    piped = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert piped.stderr == b""
