"""A wiring with a leak in it is found out, by the campaign that the real wiring passes."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import strawberry

from schema.build import core_schema
from tests.conftest import CAUGHT, LEAK
from tests.isolation.campaign import Campaign, Draw, Score
from tests.isolation.gateway_run import Rewire, running
from tests.isolation.leaks.table import LEAKS
from tests.isolation.listening import Listening
from tests.isolation.world import World

pytestmark = pytest.mark.slow
LEAK_REQUESTS_MAX = 9_000
LEAK_DRAWS_PER_TURN = 50
LEAK_TURNS_PER_SEARCH = 1
CLEAN_REQUESTS = 300
FEWEST_LEAKS = 20


Trial = Callable[..., Awaitable[Score]]


@pytest.fixture
def trial(
    planted_world: World,
    served_schema: strawberry.Schema,
    draws: list[Draw],
    isolation_seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trial:
    """Return what runs a campaign over a wiring until it finds something."""

    async def run(requests: int, rewire: Rewire | None, near: Sequence[Draw]) -> Score:
        world = planted_world.copy_to(tmp_path / "home")
        (tmp_path / "temporary").mkdir()
        async with running(
            world,
            served_schema,
            tmp_path / "temporary",
            monkeypatch,
            rewire=rewire or (lambda parts: parts),
        ) as gateway:
            core = core_schema(served_schema)
            campaign = Campaign(
                world,
                gateway,
                draws,
                isolation_seed,
                listening=Listening(world, gateway, core, isolation_seed),
                stop_at_first=True,
                draws_per_turn=LEAK_DRAWS_PER_TURN,
                turns_per_search=LEAK_TURNS_PER_SEARCH,
                near=near,
            )
            return await campaign.run(requests)

    return run


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LEAKS)
async def test_a_seeded_leak_is_caught(
    name: str,
    trial: Trial,
    draws: list[Draw],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """The same campaign, over a wiring with this one mistake in it, does not pass."""
    record_property(LEAK, name)
    leak = LEAKS[name]
    near = [draw for draw in draws if draw.is_about(leak.fields, leak.roles)]
    score = await trial(LEAK_REQUESTS_MAX, leak.seed(monkeypatch), near)

    assert score.findings, f"{leak.stands_for}: {score.requests} requests found nothing"
    record_property(CAUGHT, f"{name}: {score.findings[0]} (after {score.requests} requests)")


async def test_nothing_is_caught_where_there_is_no_leak(trial: Trial, draws: list[Draw]) -> None:
    """What the wirings before it have left in memory is not held against a sound one."""
    score = await trial(CLEAN_REQUESTS, None, draws[:100])

    assert score.findings == []
    assert score.requests >= CLEAN_REQUESTS


def test_there_are_leaks_enough(draws: list[Draw]) -> None:
    """At least twenty mistakes are tried, and what each is about is asked for."""
    assert len(LEAKS) >= FEWEST_LEAKS
    assert all(leak.stands_for for leak in LEAKS.values())
    for leak in LEAKS.values():
        assert leak.fields <= {draw.form.name for draw in draws}
        assert leak.roles <= {draw.role for draw in draws}
