"""Where the packages of Node are that tests run; without them a test is skipped, and says why."""

import shutil
import sys
from pathlib import Path

import pytest

NODE_MODULES = Path(sys.prefix) / "node_clients" / "node_modules"


def node_or_skip() -> str:
    """Return the path of Node; skip where there is none, or its packages are not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the path: clients of Node cannot be run")
    if not NODE_MODULES.is_dir():
        pytest.skip(f"{NODE_MODULES} is missing: `make test` installs it where there is npm")
    return node
