"""The demo world is what the documentation says, and the same on every machine."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.access import AccessGrant, GrantStatus
from domain.analysis import Recommendation, analyze
from domain.applications import Application, ApplicationStatus, compute_totals
from domain.consents import Consent, ConsentPurpose
from domain.consumers import Consumer
from domain.fees import fee_terms
from domain.payoff import PayoffStrategy
from domain.proposal import propose, terms_of
from gateway.local.demo import renew_demo, renew_passwords
from gateway.local.demo_example import demo_settings
from gateway.local.demo_world import (
    AGENCIES,
    PASSWORD,
    SEED_DATE,
    DemoAgency,
    plan_applicants,
    users_of,
)
from gateway.local.identity_provider.srp import is_password
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    secrets_of,
    set_password,
    update_user,
)
from gateway.local.issuer import LocalIssuer
from gateway.workspace import ISSUER_FILE, Workspace
from tenants.records.indexes import sort_time
from tenants.store import Change
from tests.gateway.local.demo_homes import NOW, agency_of, seeded


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Give an opened home folder with the demo world in it."""
    async with seeded(tmp_path / "home") as workspace:
        yield workspace


@pytest.mark.parametrize("demo", AGENCIES, ids=lambda demo: demo.slug)
async def test_the_world_holds_what_is_promised(world: Workspace, demo: DemoAgency) -> None:
    """200 applications, 40 grants for each counselor, 30 in the queue, one draft of consumer@."""
    users = users_of(demo)
    agency = await agency_of(world, demo)
    async with world.registry.lease(agency) as store:
        everything = [one async for one in store.scan(Application)]
        grants = {
            name: await store.query(
                AccessGrant, "grant_by_grantee", users[name].subject, first=100, lo=sort_time(NOW)
            )
            for name in ("counselor", "counselor2")
        }
        queue = await store.count("application_queue", "")
        own = await store.find(Consumer, "consumer_subject", users["consumer"].subject)

    assert agency.states == demo.states
    assert len(everything) == 200
    assert {name: len(page.items) for name, page in grants.items()} == {
        "counselor": 40,
        "counselor2": 40,
    }
    assert queue == 30
    assert own is not None
    assert own.name.display == users["consumer"].display_name
    owned = [one.status for one in everything if one.consumer_id == own.id]
    assert owned == [ApplicationStatus.DRAFT]
    statuses = Counter(one.status for one in everything)
    assert set(statuses) == set(ApplicationStatus)
    assert statuses[ApplicationStatus.ANALYZED] == 6
    assert statuses[ApplicationStatus.PLAN_PROPOSED] == 4 + 1, "and the worked example's"
    assert statuses[ApplicationStatus.ENROLLED] == 4


@pytest.mark.parametrize("demo", AGENCIES, ids=lambda demo: demo.slug)
def test_the_worked_example_comes_out_to_the_cent(demo: DemoAgency) -> None:
    """425 a month pays four debts off in 49 months, with 2,607.17 of interest and 1,600 of fees."""
    (example,) = [one.application for one in plan_applicants(demo) if one.role.example]
    settings = demo_settings(7, SEED_DATE)
    fees = fee_terms(settings, example.state, NOW.date())

    analysis = analyze(example, settings, fees, id="ana", at=NOW)
    plan = propose(
        terms_of(example.debts, settings, hardship=False),
        fees,
        strategy=PayoffStrategy.AVALANCHE,
        deposit=analysis.disposable,
        proposed_on=NOW.date(),
    )

    assert analysis.recommendation is Recommendation.PLAN_STANDARD
    assert analysis.disposable == Decimal("425.00")
    assert (plan.months, plan.total_interest, plan.total_fees) == (
        49,
        Decimal("2607.17"),
        Decimal("1600.00"),
    )


@pytest.mark.parametrize("demo", AGENCIES, ids=lambda demo: demo.slug)
def test_the_plan_is_the_same_every_time(demo: DemoAgency) -> None:
    """Ids, people and figures come out alike, and no Social Security number is anybody's."""
    plan = plan_applicants(demo)

    assert plan == plan_applicants(demo)
    assert len({applicant.application.id for applicant in plan}) == 200
    for applicant in plan:
        ssn = applicant.consumer.ssn
        assert ssn is not None
        assert ssn.startswith(("9", "666"))
        assert applicant.consumer.address is not None
        assert applicant.consumer.address.state in demo.states
        application = applicant.application
        assert application.totals == compute_totals(
            application.incomes, application.expenses, application.debts
        )


async def test_grants_and_consents_are_fresh_a_year_later(world: Workspace) -> None:
    """A start long after the first renews them all, except a grant that was taken away."""
    later = NOW + timedelta(days=400)
    demo = AGENCIES[0]
    agency = await agency_of(world, demo)
    held = [one for one in plan_applicants(demo) if one.role.counselor]
    consented = [one.application.id for one in held if one.role.consented]
    async with world.registry.lease(agency) as store:
        taken = await store.get(AccessGrant, held[0].grant_id)
        assert taken is not None
        await store.commit(Change(put=(replace(taken, revoked_at=NOW),)))

    await renew_demo(world, issuer_url="http://127.0.0.1:9999", at=later)

    async with world.registry.lease(agency) as store:
        grants = await store.get_many(AccessGrant, [one.grant_id for one in held])
        consents = await store.children_many(Consent, consented)
    live = [grant for grant in grants.values() if grant.is_live(later)]
    assert len(live) == len(held) - 1
    purpose = ConsentPurpose.SOFT_CREDIT_PULL
    assert all(
        any(consent.is_usable(purpose, later) for consent in consents[root]) for root in consented
    )
    (request,) = await world.directory.access_grants(agency.id)
    assert request.status_at(later) is GrantStatus.REQUESTED, "there is something to approve"
    assert request.expires_at == later + timedelta(hours=24)
    moved = await agency_of(world, demo)
    assert [pool.issuer for pool in moved.pools] == [f"http://127.0.0.1:9999/{demo.pool_id}"]


async def test_the_demos_users_have_the_published_password(world: Workspace) -> None:
    """All of them; who chose another keeps it, and who has none is given it at the next start."""
    key = world.keys.derive("issuer")
    issuer = LocalIssuer.open(world.home / ISSUER_FILE, key, create=False)
    assert len(issuer.users()) == 15
    for user in issuer.users():
        assert has_password(issuer, user, PASSWORD)
    first, second, *_ = issuer.users()
    with issuer.file.unit() as connection:
        set_password(connection, first, "Chosen-Password-2", UserStatus.CONFIRMED, NOW)
        update_user(connection, second, NOW, verifier=None, salt=None)
    renew_passwords(issuer)

    assert has_password(issuer, first, "Chosen-Password-2")
    assert has_password(issuer, second, PASSWORD)
    issuer.close()


def has_password(issuer: LocalIssuer, user: User, password: str) -> bool:
    with issuer.file.reading() as connection:
        kept = secrets_of(connection, user).verifier
    return kept is not None and is_password(user.pool_id, user.subject, password, kept)
