"""Setting up the explorer: once, whole or not at all, and never in the way of anything else."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = "gateway/local/explorer/page"
SCRIPT = "scripts/setup_explorer.sh"
NODE = """#!/bin/sh
# A Node that is new enough, and bundles a page that says no more than that.
case "$1" in
-e) exit 0 ;;
*build.mjs) test ! -e breaks && mkdir -p "$2" && echo page >"$2/index.html" ;;
esac
"""
NPM = """#!/bin/sh
echo "$@" >>npm_calls
test ! -e unreachable
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with the explorer's sources, and a Node that answers at once."""

    folder: Path

    def set_up(self) -> str:
        """Run the script and return what it says; it never fails."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", SCRIPT],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def installs(self) -> int:
        """Return how often packages were installed, or tried to be."""
        calls = self.folder / "npm_calls"
        return calls.read_text().count("ci ") if calls.exists() else 0

    def has(self, name: str) -> bool:
        """Say whether something is in the virtual environment."""
        return (self.folder / ".venv" / name).exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Give a checkout that nothing was set up in."""
    shutil.copytree(ROOT / PAGE, tmp_path / PAGE)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "bin").mkdir()
    for name, program in (("node", NODE), ("npm", NPM)):
        (tmp_path / "bin" / name).write_text(program)
        (tmp_path / "bin" / name).chmod(0o755)
    return Checkout(tmp_path)


def test_packages_are_installed_once_for_a_lock(checkout: Checkout) -> None:
    """A source that changed is bundled anew without npm; another lock is installed."""
    assert checkout.set_up() == ""
    assert checkout.has("explorer/index.html")
    assert checkout.has(".explorer")
    checkout.set_up()
    assert checkout.installs() == 1

    lock = checkout.folder / PAGE / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    checkout.set_up()
    assert checkout.installs() == 2


@pytest.mark.parametrize("trouble", ["unreachable", "breaks"])
def test_without_it_a_line_is_said_and_all_goes_on(checkout: Checkout, trouble: str) -> None:
    """Neither page nor stamp is left half-made: the next start tries again, and succeeds."""
    (checkout.folder / trouble).touch()
    said = checkout.set_up()
    assert said.startswith("almoner: no explorer at / (")
    assert said.count("\n") == 1
    assert not checkout.has("explorer")
    assert not checkout.has(".explorer")

    (checkout.folder / trouble).unlink()
    assert checkout.set_up() == ""
    assert checkout.has(".explorer")


def test_a_page_that_was_there_stays_until_the_next_is_whole(checkout: Checkout) -> None:
    """A change that cannot be bundled takes nothing away."""
    checkout.set_up()
    (checkout.folder / "breaks").touch()
    assert checkout.set_up() != ""
    assert checkout.has("explorer/index.html")
