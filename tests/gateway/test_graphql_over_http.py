"""GraphQL over HTTP, as graphql-http audits servers: every audit is passed, either way."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.gateway.served import make_home, served
from tests.node.packages import NODE_MODULES, node_or_skip

SCRIPT = Path(__file__).parent.parent / "node" / "audits.mjs"
AUDITS = 61


@pytest.mark.parametrize("way", ["asgi", "direct"])
def test_every_audit_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Of the specification's musts, shoulds and mays, none fails and none warns."""
    node = node_or_skip()
    monkeypatch.setenv("ALMONER_HTTP_PROTOCOL", way)
    key = asyncio.run(make_home(tmp_path / "home"))
    with served(tmp_path / "home", tmp_path / "log") as running:
        done = subprocess.run(
            [node, str(SCRIPT), f"{running.url}/graphql", key],
            env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    audits = json.loads(done.stdout)
    assert [one for one in audits if one["status"] != "ok"] == []
    assert len(audits) == AUDITS
