"""A wiring with a leak in it is found out, by the campaign that the real wiring passes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import strawberry

from tests.conftest import CAUGHT, LEAK
from tests.isolation.campaign import Campaign, Draw
from tests.isolation.gateway_run import running
from tests.isolation.leaks.table import LEAKS
from tests.isolation.world import World

pytestmark = pytest.mark.slow
LEAK_REQUESTS_MAX = 9_000
LEAK_DRAWS_PER_TURN = 50
LEAK_TURNS_PER_SEARCH = 3
FEWEST_LEAKS = 20


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LEAKS)
async def test_a_seeded_leak_is_caught(
    name: str,
    planted_world: World,
    served_schema: strawberry.Schema,
    draws: list[Draw],
    isolation_seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """The same campaign, over a wiring with this one mistake in it, does not pass."""
    record_property(LEAK, name)
    world = planted_world.copy_to(tmp_path / "home")
    (tmp_path / "temporary").mkdir()
    rewire = LEAKS[name].seed(monkeypatch) or (lambda parts: parts)
    async with running(
        world, served_schema, tmp_path / "temporary", monkeypatch, rewire=rewire
    ) as gateway:
        campaign = Campaign(
            world,
            gateway,
            draws,
            isolation_seed,
            stop_at_first=True,
            draws_per_turn=LEAK_DRAWS_PER_TURN,
            turns_per_search=LEAK_TURNS_PER_SEARCH,
        )
        score = await campaign.run(LEAK_REQUESTS_MAX)

    assert score.findings, f"{LEAKS[name].stands_for}: {score.requests} requests found nothing"
    record_property(CAUGHT, f"{name}: {score.findings[0]} (after {score.requests} requests)")


def test_there_are_leaks_enough() -> None:
    """At least twenty mistakes are tried, each with a word for what it stands for."""
    assert len(LEAKS) >= FEWEST_LEAKS
    assert all(leak.stands_for for leak in LEAKS.values())
