"""The edge router's pages in a real browser: used by keyboard, without a script, to the end."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform_process import Running
from tests.node.chromium import chromium_or_skip
from tests.node.packages import NODE_MODULES, node_or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def visited(dev: Running, address: str, state: str) -> dict[str, Any]:
    """Return what a visitor saw who chose a state on the page at an address."""
    node, browser = node_or_skip(), chromium_or_skip()
    done = subprocess.run(
        [node, Path(__file__).with_name("visitor.cjs"), browser, dev.edge_url + address, state],
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_a_visitor_who_names_their_state_comes_to_their_agency(dev: Running) -> None:
    """The form goes where it says, campaign and all; the page's own policy stops none of it."""
    seen = visited(dev, "/?utm_source=radio", "Michigan")

    port = dev.environment["ALMONER_PORT"]
    assert seen["heading"] == "Which state do you live in?"
    assert "system-ui" in seen["font"], "its style is applied"
    assert seen["asked"][:2] == [
        f"{dev.edge_url}/?utm_source=radio&state=MI",
        f"http://harbor.localhost:{port}/?utm_source=radio&state=MI",
    ]
    assert seen["url"].startswith(f"http://harbor.localhost:{port}/")


def test_a_visitor_whom_nobody_can_take_is_not_left_alone(dev: Running) -> None:
    """A state without an agency says so, and offers a way on; so does a state that is none."""
    seen = visited(dev, "/?state=Atlantis", "Texas")

    assert seen["alert"] == "We do not know that state. Choose yours from the list."
    assert seen["heading_after"] == "No agency here is licensed in Texas yet"
    assert seen["complaints"] in ([], [COMPLAINT])


COMPLAINT = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
