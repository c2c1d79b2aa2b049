"""The browser that pages are tested in: Debian's Chromium, which set-up installs where it can."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser")


def chromium_or_skip() -> str:
    """Return the path of the browser; skip where there is none, but never where CI runs."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = "no chromium on the path: on Debian `apt-get install chromium` as root"
        assert "CI" not in os.environ, why
        pytest.skip(why)
    return found
