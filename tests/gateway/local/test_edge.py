"""The table of the local router follows the directory."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.agencies import AgencyStatus
from edge_router.table import RoutingTable
from gateway.config import load_config
from gateway.edge import EDGE_FILE, terms_of
from gateway.local.edge import Following
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import Workspace, open_workspace


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with open_workspace(tmp_path, create=True) as opened:
        await add_agency(opened, slug="harbor", name="Harbor", states=("MI",), reason="test")
        yield opened


def following(workspace: Workspace) -> Following:
    environ = {"ALMONER_HOME": str(workspace.home), "ALMONER_EDGE_SITE": "https://{slug}.example"}
    config = load_config(environ, command="dev")
    return Following(workspace=workspace, terms=terms_of(config, workspace.keys, allow_shrink=True))


async def looked_again(follower: Following) -> RoutingTable:
    follower._looked_at = time.monotonic() - 2
    return await follower()


async def test_the_table_is_compiled_once_until_something_changes(workspace: Workspace) -> None:
    """The same agencies give the same table; another weight gives one of a higher version."""
    follower = following(workspace)
    first = await follower()
    assert await looked_again(follower) is first

    (agency,) = await workspace.directory.agencies()
    changed = replace(agency, routing=replace(agency.routing, weight=7))
    await workspace.directory.update_agency(changed, cli_audit("test", subject=None, reason="test"))
    second = await looked_again(follower)
    assert second.by_agency["harbor"].weight == 7
    assert second.version > first.version


async def test_the_table_outlives_the_router(workspace: Workspace) -> None:
    """Another start goes on from the file that the one before left, keys of cookies included."""
    first = await following(workspace)()
    second = await following(workspace)()
    assert second.version > first.version
    assert second.keys == first.keys
    assert (workspace.home / EDGE_FILE).stat().st_mode & 0o077 == 0


async def test_what_cannot_be_compiled_routes_nobody(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """With every agency suspended there is nobody to send visitors to, and the file stays."""
    follower = following(workspace)
    await follower()
    (agency,) = await workspace.directory.agencies()
    suspended = replace(agency, status=AgencyStatus.SUSPENDED)
    audit = cli_audit("test", subject=None, reason="test")
    await workspace.directory.update_agency(suspended, audit)

    assert (await looked_again(follower)).routes == ()
    kept = json.loads((workspace.home / EDGE_FILE).read_text("utf-8"))
    assert [item["slug"] for item in kept["table"]["agencies"]] == ["harbor"]


async def test_a_directory_that_does_not_answer_changes_nothing(workspace: Workspace) -> None:
    """While it cannot be read, visitors are routed by what it said last."""
    follower = following(workspace)
    first = await follower()
    await workspace.directory.aclose()
    assert await looked_again(follower) is first
