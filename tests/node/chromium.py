"""What the explorer is tested with: its page, and Debian's Chromium; CI has both."""

import os
import shutil

import pytest

from gateway.local.explorer.routes import is_built

NAMES = ("chromium", "chromium-browser")


def chromium_or_skip() -> str:
    """Return the path of the browser; skip where there is none, or no page to open in it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        _skip("no chromium on the path: on Debian `apt-get install chromium` as root")
    if not is_built():
        _skip("no explorer: `make .venv/.explorer` bundles it, as `make test` does")
    assert found is not None
    return found


def _skip(why: str) -> None:
    assert "CI" not in os.environ, why
    pytest.skip(why)
