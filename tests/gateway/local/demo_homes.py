"""The demo world in an opened home folder, as its tests have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from domain.agencies import Agency
from gateway.local.demo import seed_demo
from gateway.local.demo_world import DemoAgency
from gateway.local.issuer import LocalIssuer
from gateway.workspace import ISSUER_FILE, Workspace, open_workspace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ISSUER = "http://127.0.0.1:8001"


@asynccontextmanager
async def seeded(home: Path) -> AsyncIterator[Workspace]:
    """Give an opened home folder with the demo world in it."""
    async with open_workspace(home, create=True) as workspace:
        key = workspace.keys.derive("issuer")
        issuer = LocalIssuer.open(workspace.home / ISSUER_FILE, key, create=True)
        await seed_demo(workspace, issuer, issuer_url=ISSUER, gateway_port=8000, at=NOW)
        issuer.close()
        yield workspace


async def agency_of(workspace: Workspace, demo: DemoAgency) -> Agency:
    """Return one of the demo's agencies as the directory has it."""
    found = await workspace.directory.agency_by_slug(demo.slug)
    assert found is not None
    return found
