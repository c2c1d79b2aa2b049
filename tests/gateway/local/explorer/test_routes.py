"""What the explorer serves, and that `almoner dev` alone serves it."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.actors import Group
from gateway.local.demo_world import AGENCIES, CLIENT_ID, OPERATOR_POOL, users_of
from gateway.local.explorer.routes import TOKEN_PATH
from gateway.local.identity_provider.users import find_user, update_user
from gateway.local.issuer import LocalIssuer
from tests.gateway.local.explorer.conftest import ADDRESS
from tests.gateway.small_gateway import World, client_of, small_app

AT = datetime(2026, 6, 1, tzinfo=UTC)
PATHS = ["/", "/explorer/world", "/explorer/page/explorer.js", TOKEN_PATH]


@pytest.mark.parametrize("path", ["/", "/explorer/page/explorer.js", "/explorer/world"])
async def test_nothing_of_the_page_may_come_from_elsewhere(
    page: httpx.AsyncClient, path: str
) -> None:
    """Its policy names this origin, its realtime and the sign-in, and no script within the page."""
    answer = await page.get(path)

    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert answer.status_code == 200
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8000 http://127.0.0.1:8001"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_parts_are_those_of_the_folder(page: httpx.AsyncClient, built: Path) -> None:
    """A part is answered with its type; what is not there, or lies elsewhere, is not found."""
    (built.parent / "secret").write_text("not the page's")
    script = await page.get("/explorer/page/explorer.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for name in ("", "other.js", "..", "../secret", "..%2fsecret", "%2e%2e%2fsecret", ".%2f"):
        assert (await page.get(f"/explorer/page/{name}")).status_code == 404


async def test_without_a_page_it_is_said_what_to_do(page: httpx.AsyncClient, built: Path) -> None:
    """Where set-up could not make it; and once it has, the page is there without a restart."""
    index = (built / "index.html").rename(built / "kept.html")
    missing = await page.get("/")
    index.rename(built / "index.html")
    found = await page.get("/")

    assert missing.status_code == 503
    assert missing.headers["content-type"].startswith("text/html")
    assert "make run" in missing.text
    assert (found.status_code, "the page" in found.text) == (200, True)


async def test_the_world_is_that_of_the_sign_in(
    page: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    """Every pool with the demo's people in it: an agency that was added has none, and is there."""
    issuer.ensure_pool("us-east-1_Lakeside1", "web", agency="lakeside")
    issuer.ensure_pool(OPERATOR_POOL, CLIENT_ID, agency=None)
    world = (await page.get("/explorer/world")).json()

    harbor, lakeside, operators = world["agencies"]
    told = {person["email"] for person in harbor["people"]}
    assert told == {user.email for user in users_of(AGENCIES[0]).values()}
    assert (harbor["name"], harbor["clientId"]) == ("Harbor Credit Counseling", CLIENT_ID)
    assert (lakeside["slug"], lakeside["clientId"], lakeside["people"]) == ("lakeside", "web", [])
    assert (operators["slug"], operators["people"][0]["group"]) == (None, Group.OPERATORS)
    assert world["issuer"] == "http://127.0.0.1:8001"


async def test_nobody_who_was_disabled_is_given_a_token(
    page: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    """As at the sign-in itself."""
    whom = "analyst@harbor.test"
    with issuer.file.unit() as connection:
        user = find_user(connection, AGENCIES[0].pool_id, whom)
        assert user is not None
        update_user(connection, user, AT, enabled=0)
    answer = await page.post(TOKEN_PATH, json={"user": whom}, headers={"Origin": ADDRESS})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_of_it_is_served_otherwise(world: World, path: str) -> None:
    """The gateway that `almoner serve` runs has no page, and gives no tokens."""
    async with client_of(small_app(world)) as client:
        assert (await client.get(path)).status_code == 404
        posted = await client.post(path, json={"user": "admin@harbor.test"})
        assert posted.status_code == 404
