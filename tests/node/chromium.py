"""What pages are tested with: Debian's Chromium, and the explorer's page; CI has both."""

import os
import shutil

import pytest

from gateway.local.explorer.routes import is_built

NAMES = ("chromium", "chromium-browser")


def chromium_or_skip() -> str:
    """Return the path of the browser; skip where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        _skip("no chromium on the path: on Debian `apt-get install chromium` as root")
    assert found is not None
    return found


def explorer_or_skip() -> None:
    """Skip where there is no page of the explorer's to open."""
    if not is_built():
        _skip("no explorer: `make .venv/.explorer` bundles it, as `make test` does")


def _skip(why: str) -> None:
    assert "CI" not in os.environ, why
    pytest.skip(why)
