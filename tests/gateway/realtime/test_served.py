"""Live subscriptions of `almoner serve`: a process of its own, on the event loop that it uses."""

import asyncio
from pathlib import Path

import pytest

from domain.access import Scope
from tests.gateway.realtime.house import EVERYTHING, START, Live, headers_of
from tests.gateway.realtime.wires import CUT, sse, start_frame
from tests.gateway.served import make_home, served


@pytest.mark.parametrize("protocol", ["asgi", "direct"])
async def test_a_worker_tells_its_subscribers(tmp_path: Path, protocol: str) -> None:
    """A change that came over HTTP is told over a WebSocket, and at the end clients are let go."""
    secret = await make_home(tmp_path / "home", Scope)
    log = tmp_path / "log"
    settings = {"ALMONER_WORKERS": "1", "ALMONER_HTTP_PROTOCOL": protocol}
    with served(tmp_path / "home", log, wait=False, **settings) as gateway:
        await asyncio.to_thread(gateway.wait_ready)
        live = await Live.open(gateway, "graphql-ws", headers=headers_of(secret))
        await live.say(type="connection_init")
        assert (await live.hear())["type"] == "connection_ack"
        await live.say(**start_frame(None, EVERYTHING))
        assert (await live.hear())["type"] == "start_ack"
        started = await gateway.ask(START, headers_of(secret))
        told = await live.hear()
        gateway.process.terminate()
        code, _ = await live.closed()
    assert (
        told["payload"]["data"]["onApplicationUpdated"]["id"] == started["startApplication"]["id"]
    )
    assert code == 1012
    assert "error" not in log.read_text()


async def test_an_event_stream_is_cut_at_a_restart_and_not_completed(tmp_path: Path) -> None:
    """Its client would take `complete` for the end, and not come back."""
    secret = await make_home(tmp_path / "home", Scope)
    log = tmp_path / "log"
    with served(tmp_path / "home", log, wait=False, ALMONER_WORKERS="1") as gateway:
        await asyncio.to_thread(gateway.wait_ready)
        async with sse(gateway, secret, EVERYTHING) as told:
            await gateway.ask(START, headers_of(secret))
            assert (await told.next())["data"]["onApplicationUpdated"]["version"] == 1
            gateway.process.terminate()
            assert await told.event() == CUT
        assert await asyncio.to_thread(gateway.process.wait, 30) == 0
    assert "error" not in log.read_text()
