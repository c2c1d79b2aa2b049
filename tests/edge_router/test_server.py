"""The local front, as a client of HTTP meets it."""

import time

import httpx
import pytest

from edge_router.decision import Decision
from edge_router.server import edge_application
from edge_router.table import RoutingTable
from tests.edge_router.edge_samples import a_table

SEEN: list[Decision] = []


def client(table: RoutingTable) -> httpx.AsyncClient:
    async def current() -> RoutingTable:
        return table

    application = edge_application(current, lambda decision, _table: SEEN.append(decision))
    transport = httpx.ASGITransport(app=application)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


@pytest.fixture
def table() -> RoutingTable:
    return a_table(at=int(time.time()))


async def test_a_visitor_is_redirected_and_recognized(table: RoutingTable) -> None:
    """The cookie of the first redirect, which plain HTTP may carry, decides the second."""
    async with client(table) as visitor:
        first = await visitor.get("/start?state=MI")
        assert first.status_code == httpx.codes.FOUND
        assert "secure" not in first.headers["set-cookie"].lower()
        assert "HttpOnly; SameSite=Lax" in first.headers["set-cookie"]
        again = [(await visitor.get("/start")).headers["location"] for _ in range(5)]
    assert set(again) == {first.headers["location"]}
    assert SEEN[-1].reason == "STICKY"


async def test_the_page_may_run_nothing(table: RoutingTable) -> None:
    """It comes with a policy that allows its own style alone, and is kept by nobody."""
    async with client(table) as visitor:
        page = await visitor.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_path_that_is_escaped_stays_behind(table: RoutingTable) -> None:
    """Escapes are not undone: what they hide never reaches a redirect."""
    async with client(table) as visitor:
        for path in ("/%2f%2fevil.example", "/a%0d%0aSet-Cookie:%20a=b", "//evil.example"):
            answer = await visitor.get(httpx.URL("http://127.0.0.1:8080" + path + "?state=OH"))
            assert answer.headers["location"] == "https://harbor.almoner.example/?state=OH"


async def test_head_is_answered_without_a_body(table: RoutingTable) -> None:
    """HEAD is answered as GET is, its length included, and nothing follows."""
    async with client(table) as visitor:
        head, page = await visitor.head("/"), await visitor.get("/")
    assert head.content == b""
    assert head.headers["content-length"] == page.headers["content-length"]


async def test_health_says_by_which_table(table: RoutingTable) -> None:
    """`/health/live` is fine while the table holds, and 503 once it has ended."""
    async with client(table) as visitor:
        fine = await visitor.get("/health/live")
    assert (fine.status_code, fine.json()) == (200, {"status": "ok", "version": table.version})
    async with client(a_table(at=1_000_000)) as visitor:
        assert (await visitor.get("/health/live")).status_code == 503
