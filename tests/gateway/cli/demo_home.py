"""A home folder with the demo world in it, made once and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from domain.agencies import Agency
from domain.audit import AuditLine
from gateway.local.demo import seed_demo
from gateway.local.issuer import LocalIssuer
from gateway.workspace import ISSUER_FILE, Workspace, open_workspace
from tenants.holdings import lines_of
from tenants.store import AgencyStore

AT = datetime(2026, 6, 1, tzinfo=UTC)


def seed(home: Path, at: datetime = AT) -> Path:
    """Write the demo world of a moment into a new home and return it."""

    async def write() -> None:
        async with open_workspace(home, create=True) as workspace:
            key = workspace.keys.derive("issuer")
            issuer = LocalIssuer.open(home / ISSUER_FILE, key, create=True)
            await seed_demo(
                workspace, issuer, issuer_url="http://127.0.0.1:8001", gateway_port=8000, at=at
            )
            issuer.close()

    asyncio.run(write())
    return home


def copy_of(home: Path, to: Path) -> Path:
    """Return a copy of a closed home."""
    shutil.copytree(home, to)
    return to


@asynccontextmanager
async def opened(
    home: Path, slug: str = "harbor"
) -> AsyncIterator[tuple[Workspace, Agency, AgencyStore]]:
    """Open a home's agency."""
    async with open_workspace(home) as workspace:
        agency = await workspace.directory.agency_by_slug(slug)
        assert agency is not None
        async with workspace.registry.lease(agency) as store:
            yield workspace, agency, store


def lines_in(home: Path, action: str) -> list[AuditLine]:
    """Return the audit lines of a command, as the agency's store has them."""

    async def read() -> list[AuditLine]:
        async with opened(home) as (_, _, store):
            return [line async for line in lines_of(store) if line.action == f"cli:{action}"]

    return asyncio.run(read())
