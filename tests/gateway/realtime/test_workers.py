"""Live subscriptions over several workers and a real Redis: told, killed, away and back."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.access import Scope
from tests.gateway.realtime.house import EVERYTHING, PATIENCE, START, Live, headers_of
from tests.gateway.realtime.wires import start_frame
from tests.gateway.served import Served, end_hard, make_home, served
from tests.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.slow
SUBSCRIBERS = 12
CHANGES = 10


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Give a Redis of the test's own, which it may stop; or skip."""
    with running_redis() as server:
        yield server


@dataclass(slots=True)
class Workers:
    """Two workers, and a key of the agency that they serve."""

    gateway: Served
    key: str
    log: Path
    opened: AsyncExitStack

    async def change(self) -> str:
        """Start an application, through whichever worker; return its id."""
        data = await self.gateway.ask(START, headers_of(self.key))
        application: str = data["startApplication"]["id"]
        return application

    async def subscribe(self, **extensions: Any) -> "Subscriber":
        """Subscribe, through whichever worker."""
        live = await Live.open(self.gateway, "graphql-ws", headers=headers_of(self.key))
        await self.opened.enter_async_context(live.socket)
        await live.say(type="connection_init")
        assert (await live.hear())["type"] == "connection_ack"
        await live.say(**start_frame(None, EVERYTHING, **extensions))
        assert (await live.hear())["type"] == "start_ack"
        port = live.socket.local_address[1]
        return Subscriber(live, next(pid for pid in self.gateway.workers() if port in ports(pid)))


@dataclass(slots=True)
class Subscriber:
    """A client, and the worker at the other end."""

    live: Live
    worker: int
    cursor: str | None = None

    async def told(self) -> str | dict[str, Any]:
        """Return the application that it is told of next, or what it has missed."""
        frame = await self.live.hear()
        assert frame["type"] == "data", frame
        payload = frame["payload"]
        if payload["data"] is None:
            missed: dict[str, Any] = payload["extensions"]["missed"]
            return missed
        self.cursor = payload["extensions"]["cursor"]
        application: str = payload["data"]["onApplicationUpdated"]["id"]
        return application


def ports(process_id: int) -> set[int]:
    """Return the far ports of the TCP connections that a process holds."""
    inodes = set()
    for entry in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes}


@asynccontextmanager
async def two_workers(path: Path, redis: RedisServer) -> AsyncIterator[Workers]:
    """Run `almoner serve` with two workers."""
    key = await make_home(path / "home", Scope)
    settings = {"ALMONER_WORKERS": "2", "ALMONER_EVENTS_REDIS_URL": redis.url}
    with served(path / "home", path / "log", wait=False, **settings) as gateway:
        await asyncio.to_thread(gateway.wait_ready)
        async with AsyncExitStack() as opened:
            yield Workers(gateway, key, path / "log", opened)


async def subscribe_to_both(workers: Workers) -> list[Subscriber]:
    """Return subscribers of whom some are at one worker and some at the other."""
    subscribers = [await workers.subscribe() for _ in range(SUBSCRIBERS)]
    while len({one.worker for one in subscribers}) == 1:
        subscribers.append(await workers.subscribe())
    return subscribers


@pytest.mark.timeout(180)
async def test_subscribers_of_each_worker_are_told_of_all_changes(
    tmp_path: Path, redis: RedisServer
) -> None:
    """Whichever worker a change came through; each once."""
    async with two_workers(tmp_path, redis) as workers:
        subscribers = await subscribe_to_both(workers)
        changed = [await workers.change() for _ in range(CHANGES)]
        for one in subscribers:
            told = Counter([await one.told() for _ in changed])
            assert told == Counter(changed)


@pytest.mark.timeout(180)
async def test_nothing_is_lost_where_a_worker_is_killed(tmp_path: Path, redis: RedisServer) -> None:
    """Who was at the other worker goes on, and who was at this one comes back for the rest."""
    async with two_workers(tmp_path, redis) as workers:
        subscribers = await subscribe_to_both(workers)
        changed = [await workers.change()]
        for one in subscribers:
            assert await one.told() == changed[0]
        killed = subscribers[0].worker
        making = [asyncio.create_task(workers.change()) for _ in range(CHANGES)]
        await asyncio.wait(making, return_when=asyncio.FIRST_COMPLETED)
        end_hard(killed)
        outcomes = await asyncio.gather(*making, return_exceptions=True)
        changed += [one for one in outcomes if isinstance(one, str)]
        last = await after_a_kill(workers)
        for one in subscribers:
            told: list[Any] = []
            if one.worker == killed:
                one = await workers.subscribe(cursor=one.cursor)  # noqa: PLW2901 -- it is the same
            while last not in told:
                told.append(await one.told())
            assert set(changed[1:]) <= set(told), "what was answered was committed, and is told"
            assert max(Counter(told).values()) == 1


async def after_a_kill(workers: Workers) -> str:
    """Return a change that was made after it; the other worker may not have been asked at once."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await workers.change()
            except Exception:  # noqa: BLE001 -- what was killed had it
                await asyncio.sleep(0.05)


@pytest.mark.timeout(180)
async def test_a_broker_that_was_away_loses_no_connection(
    tmp_path: Path, redis: RedisServer
) -> None:
    """Its subscribers are told that something may be missing, then of all that comes."""
    async with two_workers(tmp_path, redis) as workers:
        subscribers = await subscribe_to_both(workers)
        first = await workers.change()
        for one in subscribers:
            assert await one.told() == first
        redis.stop()
        meanwhile = await workers.change()
        redis.start()
        for one in subscribers:
            missed = await one.told()
            assert isinstance(missed, dict)
            assert missed["cause"] == "restarted"
        later = await workers.change()
        for one in subscribers:
            told: list[Any] = []
            while later not in told:
                told.append(await one.told())
            # What was published last may come again: the broker knows nothing of it any more.
            assert set(told) <= {first, meanwhile, later}
            assert meanwhile in told
        log = [json.loads(line) for line in workers.log.read_text().splitlines() if line[:1] == "{"]
    assert Counter(line["event"] for line in log)["events are read again"] >= 1
    assert "internal error" not in {line["event"] for line in log}
