"""Protection over real HTTP: two workers and a Redis, trusted documents, hostile documents."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.trusted_documents import hash_of
from tests.gateway.hostile_documents import hostile_documents
from tests.gateway.served import Served, make_home, served
from tests.redis_server import running_redis

KNOWN = "{ agency { slug } }"  # two points


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def key(home: Path) -> str:
    return asyncio.run(make_home(home))


def ask(running: Served, key: str, **members: object) -> httpx.Response:
    """Ask on a connection of its own, so that either worker may answer."""
    return httpx.post(
        f"{running.url}/graphql", json=members, headers={"x-api-key": key}, timeout=30
    )


@pytest.mark.slow
def test_two_workers_spend_one_budget(home: Path, key: str, tmp_path: Path) -> None:
    """With Redis both take from the same bucket; refusals, headers and counters say so."""
    with (
        running_redis() as redis,
        served(
            home,
            tmp_path / "log",
            ALMONER_WORKERS="2",
            ALMONER_BUDGETS_MODE="enforce",
            ALMONER_BUDGETS_KEY_POINTS="60",
            ALMONER_BUDGETS_KEY_POINTS_PER_SECOND="1",
            ALMONER_BUDGETS_REDIS_URL=redis.url,
            ALMONER_BUDGETS_REDIS_DEADLINE_MS="1000",
        ) as running,
    ):
        _wait_for_log(running, "budgets are shared", times=2)
        began = time.monotonic()
        answers = [ask(running, key, query=KNOWN) for _ in range(60)]
        seconds = time.monotonic() - began
        time.sleep(1.5)
        metrics = httpx.get(f"{running.operations_url}/metrics").text

    granted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(granted) + len(refused) == 60
    found = re.search(r"almoner_budget_fallbacks_total ([0-9.]+)", metrics)
    alone = float(found.group(1)) if found else 0  # a machine that is busy makes Redis late
    assert alone <= 5
    assert 30 <= len(granted) <= 30 + seconds / 2 + 1 + alone
    assert granted[0].headers["ratelimit"] == '"agency";r=599998, "key";r=58'
    assert refused[0].json()["__type"] == "LimitExceededError"
    assert int(refused[0].headers["retry-after"]) in {1, 2}
    assert _counted(metrics, "almoner_budget_charges_total", "short") == len(refused)
    assert _counted(metrics, "almoner_budget_charges_total", "covered") == len(granted)


@pytest.fixture(scope="module")
def strict(home: Path, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a gateway of one worker that runs trusted documents alone."""
    folder = home / "trusted"
    folder.mkdir()
    (folder / "harbor.json").write_text(json.dumps({hash_of(KNOWN): KNOWN}))
    with served(
        home,
        tmp_path_factory.mktemp("log") / "log",
        ALMONER_TRUSTED_DOCUMENTS_MODE="enforce",
        ALMONER_TRUSTED_DOCUMENTS_FOLDER=str(folder),
    ) as running:
        yield running


def test_a_client_sends_the_hash_alone(strict: Served, key: str, home: Path) -> None:
    """It is answered as its text is; another text is refused until the file has it."""
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hash_of(KNOWN)}}
    other = "{ agency { name } }"

    by_hash = ask(strict, key, extensions=persisted)
    refused = ask(strict, key, query=other)
    both = json.dumps({hash_of(text): text for text in (KNOWN, other)})
    (home / "trusted" / "harbor.json").write_text(both)
    ends = time.monotonic() + 15
    while (later := ask(strict, key, query=other)).status_code != 200 and time.monotonic() < ends:
        time.sleep(0.1)

    assert by_hash.json() == {"data": {"agency": {"slug": "harbor"}}}
    assert (refused.status_code, refused.json()["__type"]) == (400, "BadRequestException")
    assert later.json() == {"data": {"agency": {"name": "Harbor"}}}


@pytest.mark.slow
def test_hostile_documents_hold_nobody_up(home: Path, key: str, tmp_path: Path) -> None:
    """While they are judged one after the other, known operations are answered all along."""
    hostile = list(hostile_documents().values())
    waits: list[float] = []

    async def judged(running: Served, client: httpx.AsyncClient) -> list[int]:
        url = f"{running.url}/graphql"
        return [(await client.post(url, json={"query": text})).status_code for text in hostile]

    async def known(
        running: Served, client: httpx.AsyncClient, done: "asyncio.Task[object]"
    ) -> None:
        while not done.done():
            began = time.perf_counter()
            answer = await client.post(f"{running.url}/graphql", json={"query": KNOWN})
            waits.append(time.perf_counter() - began)
            assert answer.status_code == 200
            await asyncio.sleep(0.01)

    async def both(running: Served) -> list[int]:
        async with httpx.AsyncClient(headers={"x-api-key": key}, timeout=60) as client:
            await client.post(f"{running.url}/graphql", json={"query": KNOWN})
            judging = asyncio.create_task(judged(running, client))
            await known(running, client, judging)
            return await judging

    with served(home, tmp_path / "log") as running:
        statuses = asyncio.run(both(running))
        huge = ask(
            running,
            key,
            query="query ($i: SaveBudgetInput!) { me { kind } }",
            variables={"i": {"incomes": [{"net": "9" * 3_000} for _ in range(299)]}},
        )
        alive = ask(running, key, query=KNOWN)

    assert set(statuses) <= {200, 400, 429}
    assert len(waits) > 20
    assert sorted(waits)[len(waits) // 2] < 0.25
    assert huge.status_code == 200
    assert alive.json() == {"data": {"agency": {"slug": "harbor"}}}


def _counted(metrics: str, name: str, result: str) -> float:
    found = re.search(rf'{name}{{agency="harbor",result="{result}"}} ([0-9.]+)', metrics)
    return float(found.group(1)) if found else 0.0


def _wait_for_log(running: Served, text: str, *, times: int) -> None:
    ends = time.monotonic() + 20
    while running.log.read_text().count(text) < times:
        assert time.monotonic() < ends, running.log.read_text()[-2000:]
        time.sleep(0.05)
