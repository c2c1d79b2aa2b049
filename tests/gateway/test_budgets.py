"""What may be spent: charged before anything runs, told in every answer, refused where enforced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
import strawberry

from domain.errors import ConsentRequired, UpstreamTimeout
from gateway.budgets import opening
from gateway.budgets.buckets import LocalBuckets
from gateway.config import ConfigFault
from gateway.metrics import new_metrics
from tests.gateway.small_gateway import (
    COUNSELOR,
    MACHINE,
    OPERATOR,
    OTHER_COUNSELOR,
    World,
    client_of,
    small_app,
    small_config,
)

NODES = "{ node { child { child { name } } } }"  # four points
PULL = "mutation { pullCreditReport }"


class SetClock:
    """A clock that stands still until it is set on, however long a test takes."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the moment in nanoseconds."""
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return the clock that all buckets go by."""
    made = SetClock()

    class SetBuckets(LocalBuckets):
        def __init__(self, *, share: int = 1) -> None:
            super().__init__(share=share, clock=made)

    monkeypatch.setattr(opening, "LocalBuckets", SetBuckets)
    return made


@strawberry.type
class Query:
    """Something to read."""

    @strawberry.field
    def hello(self) -> str:
        """Return a greeting."""
        return "hello"


@strawberry.type
class Mutation:
    """What costs money, by how it ends."""

    @strawberry.mutation
    def pull_credit_report(self, ends: str = "well") -> str | None:
        """End so."""
        if ends == "without consent":
            raise ConsentRequired
        if ends == "unknown":
            raise UpstreamTimeout(vendor="transunion", retryable=True)
        return "pulled"


def pulling(**settings: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """Give a client of a gateway where something costs money."""
    schema = strawberry.Schema(query=Query, mutation=Mutation)
    return gateway(schema=schema, **settings)


@asynccontextmanager
async def gateway(
    schema: strawberry.Schema | None = None, token: str = COUNSELOR, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a gateway whose budgets are set so; nothing comes back meanwhile."""
    slow: dict[str, Any] = {
        f"budgets__{who}_points_per_second": 1 for who in ("agency", "key", "person")
    }
    config = small_config(**slow | {f"budgets__{name}": value for name, value in settings.items()})
    async with client_of(small_app(World(), config, schema=schema), token) as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, token: str = COUNSELOR) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers={"Authorization": token})


def left(answer: httpx.Response) -> dict[str, int]:
    """Return what the header says is left, by who may spend it."""
    items = (item.split(";") for item in answer.headers["ratelimit"].split(", "))
    return {name.strip('"'): int(rest[0].removeprefix("r=")) for name, *rest in items}


async def test_every_answer_says_what_is_left() -> None:
    """Each operation is charged its points, to its agency and to who asks; the policy is told."""
    async with gateway(agency_points=1000, person_points=100) as client:
        first, second = await ask(client, NODES), await ask(client, "{ hello }")

    assert left(first) == {"agency": 996, "person": 96}
    assert left(second) == {"agency": 995, "person": 95}
    assert first.headers["ratelimit-policy"] == (
        '"agency";q=1000;w=1000;almoner-unit="points", "person";q=100;w=100;almoner-unit="points"'
    )


async def test_people_and_machines_of_an_agency_have_budgets_of_their_own() -> None:
    """One who spends everything leaves the others theirs, within what the agency has."""
    async with gateway(
        mode="enforce", agency_points=1000, person_points=8, key_points=50
    ) as client:
        for _ in range(2):
            assert (await ask(client, NODES)).status_code == 200
        refused = await ask(client, NODES)
        other = await ask(client, NODES, OTHER_COUNSELOR)
        machine = await ask(client, NODES, MACHINE)

    assert refused.status_code == 429
    assert left(other) == {"agency": 988, "person": 4}
    assert left(machine) == {"agency": 984, "key": 46}


async def test_what_no_budget_covers_is_refused_before_it_runs() -> None:
    """429, LimitExceededError and how long to wait; nothing ran, and nothing was spent."""
    world = World()
    config = small_config(
        budgets__mode="enforce", budgets__person_points=5, budgets__person_points_per_second=1
    )
    async with client_of(small_app(world, config)) as client:
        await ask(client, NODES)
        refused = await ask(client, "mutation { a: change b: change }")
        smaller = await ask(client, "{ hello }")

    body = refused.json()
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-amzn-errortype"] == body["__type"] == "LimitExceededError"
    assert body["errors"][0]["errorInfo"]["code"] == "RATE_LIMITED"
    assert body["errors"][0]["errorInfo"]["retryAfter"] == 1
    assert body["errors"][0]["extensions"]["errorType"] == "LimitExceededError"
    assert "(person)" in body["message"]
    assert refused.headers["ratelimit"].endswith('"person";r=1;t=1')
    assert world.begun == []
    assert smaller.status_code == 200
    assert left(smaller)["person"] == 0


async def test_after_the_wait_it_is_granted(clock: SetClock) -> None:
    """A client that does what Retry-After says is served."""
    async with gateway(mode="enforce", person_points=4, person_points_per_second=4) as client:
        await ask(client, NODES)
        refused = await ask(client, NODES)
        clock.now += int(refused.headers["retry-after"]) * 1_000_000_000
        granted = await ask(client, NODES)

    assert (refused.status_code, granted.status_code) == (429, 200)


async def test_measured_budgets_refuse_nothing_and_are_counted() -> None:
    """What enforcing would refuse is run, spends nothing, and shows in the counters."""
    metrics = new_metrics()
    config = small_config(budgets__person_points=4, budgets__person_points_per_second=1)
    async with client_of(small_app(World(), config, metrics=metrics)) as client:
        answers = [await ask(client, NODES) for _ in range(3)]

    counted = {
        (sample.name, sample.labels["agency"], sample.labels.get("result")): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name.startswith("almoner_budget") and "agency" in sample.labels
    }
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [left(answer)["person"] for answer in answers] == [0, 0, 0]
    assert counted["almoner_budget_charges_total", "harbor", "covered"] == 1
    assert counted["almoner_budget_charges_total", "harbor", "short"] == 2
    assert counted["almoner_budget_points_total", "harbor", None] == 4


async def test_budgets_that_are_off_say_nothing() -> None:
    """Without budgets no answer speaks of one."""
    async with gateway(mode="off", person_points=1) as client:
        answers = [await ask(client, NODES) for _ in range(3)]

    assert all(answer.status_code == 200 for answer in answers)
    assert not any("ratelimit" in answer.headers for answer in answers)


async def test_an_agency_may_have_other_budgets() -> None:
    """A percentage makes all of one agency's budgets larger or smaller."""
    async with gateway(
        agency_points=1000, person_points=100, agencies=("harbor=250", "other=1")
    ) as client:
        answer = await ask(client, NODES)

    assert left(answer) == {"agency": 2496, "person": 246}
    with pytest.raises(ConfigFault, match="harbor=250"):
        small_config(budgets__agencies=("harbor=much",))
    with pytest.raises(ConfigFault):
        small_config(budgets__agencies=("harbor",))


async def test_an_operator_without_an_agency_has_a_budget_too() -> None:
    """Who acts for no agency spends from their own alone."""
    async with gateway(person_points=100) as client:
        answer = await ask(client, NODES, OPERATOR)

    assert left(answer) == {"person": 96}


async def test_what_a_vendor_bills_is_charged_in_cents() -> None:
    """A pull costs money as well as points; beyond the day's money it is refused, reads are not."""
    async with pulling(mode="enforce", person_cents=500) as client:
        first, second = await ask(client, PULL), await ask(client, PULL)
        refused = await ask(client, PULL)
        read = await ask(client, "{ hello }")

    assert left(first)["person-cents"] == 300
    assert left(second)["person-cents"] == 100
    assert refused.status_code == 429
    assert "(person-cents)" in refused.json()["message"]
    assert int(refused.headers["retry-after"]) > 10_000, "a hundred cents take hours to come back"
    assert read.status_code == 200
    assert "person-cents" not in left(read)


async def test_several_pulls_in_one_request_are_charged_each() -> None:
    """Aliases hide nothing."""
    async with pulling(mode="enforce", person_cents=500) as client:
        three = await ask(client, "mutation { a: pullCreditReport b: pullCreditReport }")
        refused = await ask(client, "mutation { a: pullCreditReport b: pullCreditReport }")

    assert left(three)["person-cents"] == 100
    assert refused.status_code == 429


@pytest.mark.parametrize(
    ("query", "remaining"),
    [
        ('mutation { pullCreditReport(ends: "without consent") }', 700),
        ('mutation { pullCreditReport(ends: "unknown") }', 500),
        ('mutation { a: pullCreditReport b: pullCreditReport(ends: "without consent") }', 300),
        ("mutation ($n: String!) { pullCreditReport(ends: $n) }", 700),
    ],
)
async def test_money_that_nobody_asked_for_is_given_back(query: str, remaining: int) -> None:
    """Where the answer proves that no vendor was asked, money comes back; else it stays spent."""
    async with pulling(mode="enforce", person_cents=700) as client:
        await ask(client, query)
        nothing = await ask(client, "mutation { pullCreditReport }")

    assert left(nothing)["person-cents"] == remaining - 200


async def test_many_at_once_spend_no_more_than_there_is() -> None:
    """Of a hundred requests at the same moment just so many are granted as the budget covers."""
    async with gateway(mode="enforce", person_points=40) as client:
        answers = await asyncio.gather(*(ask(client, NODES) for _ in range(100)))

    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) in {10, 11}, "one may have come back meanwhile"
    assert statuses.count(429) == 100 - statuses.count(200)
