"""Nothing of one agency reaches another by any way."""

from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
import strawberry

from resolvers.subscriptions import TOPICS
from schema.build import core_schema
from tenants.records.kinds import KINDS
from tests.conftest import ISOLATION
from tests.isolation.campaign import Campaign, Draw, order_of, requests_in
from tests.isolation.gateway_run import running
from tests.isolation.listening import Listening
from tests.isolation.operations import MUTATIONS, QUERIES
from tests.isolation.people import AGENCIES
from tests.isolation.planting import (
    AGENCY_OPERATOR,
    AUDIENCES,
    COUNSELOR,
    GRANTED,
    KEY,
    MEMBERS,
    NEVER_SHOWN,
    NOT_PLANTED,
    OTHER_COUNSELOR,
    SHARING_CONSUMER,
)
from tests.isolation.world import World
from tests.tenants.record_samples import SAMPLES

pytestmark = pytest.mark.slow
WHOLE_RUN_REQUESTS = 40_000
LIVE = {SHARING_CONSUMER, COUNSELOR, OTHER_COUNSELOR, KEY, AGENCY_OPERATOR}
"""Who has to be told something live in a whole run, or it has proved nothing of subscriptions."""
UNTOLD = {"onBankConnectionUpdated", "onPlanUpdated"}
"""Of what nothing happens in a run: a link takes a vendor, and a plan an application that is worked
on. Who is told of them: gateway/realtime/test_topics.py, resolvers/test_bank_webhooks.py."""


def test_every_operation_and_every_record_kind_takes_part(
    served_schema: strawberry.Schema,
) -> None:
    """A field without a row, or a kind of record without canaries, is refused."""
    core = core_schema(served_schema)

    assert core.query_type is not None
    assert core.mutation_type is not None
    assert set(core.query_type.fields) == set(QUERIES)
    assert set(core.mutation_type.fields) == set(MUTATIONS)
    kinds = {spec.kind for spec in KINDS}
    assert kinds == set(AUDIENCES) | set(NOT_PLANTED)
    assert set(AUDIENCES) <= set(SAMPLES)


def test_agencies_differ_in_their_canaries_alone(planted_world: World) -> None:
    """Every kind is planted in every agency, with as many canaries under the same ids."""
    paths = {
        slug: sorted(
            (one.path, one.subject) for one in planted_world.canaries if one.agency == slug
        )
        for slug in AGENCIES
    }

    assert paths["harbor"] == paths["summit"] == paths["cedar"]
    planted = {path.partition(".")[0] for path, _ in paths["harbor"]}
    assert set(AUDIENCES) <= planted
    assert {path for path, _ in paths["harbor"]} >= NEVER_SHOWN - {
        path for path in NEVER_SHOWN if path.endswith("original_creditor")
    }


@pytest.mark.timeout(24 * 3600)
async def test_the_real_wiring_lets_nothing_out(
    planted_world: World,
    served_schema: strawberry.Schema,
    draws: list[Draw],
    isolation_seed: int,
    isolation_requests: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Nobody sees what is not theirs, nothing personal is left behind, all see what they may."""
    began = process_time()
    world = planted_world.copy_to(tmp_path / "home")
    (tmp_path / "temporary").mkdir()
    async with running(world, served_schema, tmp_path / "temporary", monkeypatch) as gateway:
        core = core_schema(served_schema)
        listening = Listening(world, gateway, core, isolation_seed)
        campaign = Campaign(world, gateway, draws, isolation_seed, listening=listening)
        score = await campaign.run(isolation_requests)

    record_property(
        ISOLATION,
        f"{score.requests} requests, seed {isolation_seed}, {len(draws)} draws in {len(AGENCIES)} "
        f"agencies; own canaries seen {sum(score.sightings.values())} times; "
        f"told live {listening.heard.total()} times; "
        f"{len(score.findings)} findings; {process_time() - began:.0f} s of processor",
    )
    assert not score.findings, "\n".join(sorted({str(one) for one in score.findings})[:40])
    assert score.requests >= isolation_requests
    if requests_in(draws) <= score.requests:
        assert not score.unexecuted(draws), score.unexecuted(draws)
        unseen = {f"{role} never saw {canary}" for role, canary in score.unseen(world)}
        assert not unseen, "\n".join(sorted(unseen)[:40])
        assert {role for role, _ in score.sightings} == MEMBERS | GRANTED
        assert {topic for topic, _ in listening.heard} == set(TOPICS) - UNTOLD
        assert {role for _, role in listening.heard} >= LIVE


def test_a_whole_run_makes_every_draw(draws: list[Draw]) -> None:
    """CI's run asks everything there is, so that it can tell who saw what they have to see.

    Where this fails, CI has to ask more (scripts/run_tests.py).
    """
    assert requests_in(draws) <= WHOLE_RUN_REQUESTS


def test_the_seed_alone_decides_what_is_asked_when(draws: list[Draw]) -> None:
    """The same seed draws in the same order, another one in another, and no draw is left out."""
    first, again, other = (
        [next(order) for _ in draws]
        for order in (order_of(draws, 1), order_of(draws, 1), order_of(draws, 2))
    )

    assert first == again != other
    assert set(first) == set(draws)
