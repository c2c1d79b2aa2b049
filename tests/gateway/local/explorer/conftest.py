"""The explorer's routes on a small gateway, over a demo's real issuer."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from gateway.config import Config
from gateway.local.demo_world import AGENCIES, CLIENT_ID, users_of
from gateway.local.explorer.routes import explorer_routes
from gateway.local.issuer import LocalIssuer
from tests.gateway.small_gateway import World, small_app, small_config

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[LocalIssuer]:
    """Give an issuer with the people of one agency of the demo."""
    opened = LocalIssuer.open(tmp_path / "issuer.db", bytes(32), create=True)
    harbor, *_ = AGENCIES
    opened.ensure_pool(harbor.pool_id, CLIENT_ID, agency=harbor.slug)
    for user in users_of(harbor).values():
        opened.put_user(
            email=user.email,
            subject=user.subject,
            display_name=user.display_name,
            group=user.group,
            pool_id=user.pool_id,
        )
    yield opened
    opened.close()


@pytest.fixture
def config() -> Config:
    """Give the configuration of `almoner dev`."""
    return small_config("dev")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Give a folder with a page in it, as set-up would have made it."""
    folder = tmp_path / "explorer"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>the page</title>")
    (folder / "explorer.js").write_text("// the script")
    return folder


@pytest.fixture
async def page(
    config: Config, issuer: LocalIssuer, built: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that asks as the explorer's own page does, but for what a test adds."""
    app = small_app(World(), config, routes=explorer_routes(config, issuer, built=built))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client
