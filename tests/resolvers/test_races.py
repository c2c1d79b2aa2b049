"""What happens at the very same moment: resolvers side by side, without a pause between them."""

import asyncio
from collections.abc import Awaitable, Iterable
from decimal import Decimal
from typing import Any

from domain.access import AccessGrant, Principal
from domain.actors import Group
from domain.applications import Application, ApplicationStatus, IncomeSource
from domain.consents import ConsentPurpose
from domain.consumers import Consumer
from domain.credit import PullKind
from domain.errors import GatewayError
from domain.money import Frequency
from resolvers.budget import save_budget
from resolvers.consents import consent_text, record_consent
from resolvers.counseling import claim_application, release_application
from resolvers.credit import pull_credit_report
from resolvers.inputs import (
    CreateApiKeyInput,
    IncomeInput,
    PersonNameInput,
    PullCreditReportInput,
    RecordConsentInput,
    SaveBudgetInput,
    StartApplicationInput,
)
from resolvers.intake import start_application, submit_application
from resolvers.keys import create_api_key
from tests.resolvers.world import World

ADA = StartApplicationInput(name=PersonNameInput(given="Ada", family="Byron"))


async def _together(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Return what each call came to: its result, or its error's code."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, GatewayError):
            raise result
    return [one.code if isinstance(one, GatewayError) else one for one in results]


def _wages(application: Application, key: str | None) -> SaveBudgetInput:
    line = IncomeInput(source=IncomeSource.WAGES, net=Decimal("1.00"), frequency=Frequency.MONTHLY)
    return SaveBudgetInput(application_id=application.id, incomes=(line,), idempotency_key=key)


async def test_first_applications_are_of_one_consumer(world: World) -> None:
    """A consumer who starts several times at once has as many applications and one record."""
    me = world.person(Group.CONSUMERS)
    started = await _together(start_application(world.context(me), ADA) for _ in range(2))
    assert len({one.id for one in started}) == 2
    assert len({one.consumer_id for one in started}) == 1
    assert len([one async for one in world.store.scan(Consumer)]) == 1


async def test_one_counselor_gets_an_application(world: World) -> None:
    """Of ten who claim at once one does; the others are told of a conflict, and hold no grant."""
    consumer = await world.add_consumer()
    application = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
    rivals = [world.person(Group.COUNSELORS) for _ in range(10)]
    results = await _together(
        claim_application(world.context(rival), application.id) for rival in rivals
    )
    assert sorted(str(one) for one in results if isinstance(one, str)) == ["VERSION_CONFLICT"] * 9
    (claimed,) = [one for one in results if isinstance(one, Application)]
    (grant,) = await world.store.children(AccessGrant, application.id)
    assert claimed.assignment is not None
    assert claimed.assignment.grant_id == grant.id


async def test_twins_under_one_key_do_it_once(world: World) -> None:
    """Calls with one idempotency key all answer the one change that was made."""
    me = world.person(Group.CONSUMERS, subject="owner")
    application = await world.add_application(await world.add_consumer("owner"))
    results = await _together(
        save_budget(world.context(me), _wages(application, "k")) for _ in range(10)
    )
    assert {(one.version, len(one.incomes)) for one in results} == {(2, 1)}
    results = await _together(
        submit_application(world.context(me, idempotency_key="s"), application.id, None)
        for _ in range(10)
    )
    assert {(one.version, one.status.value) for one in results} == {(3, "SUBMITTED")}


async def test_without_a_key_only_one_of_two_edits_is_made(world: World) -> None:
    """Two edits of the same version do not overwrite each other: the second is told."""
    me = world.person(Group.CONSUMERS, subject="owner")
    application = await world.add_application(await world.add_consumer("owner"))
    results = await _together(
        save_budget(world.context(me), _wages(application, None)) for _ in range(2)
    )
    assert [one for one in results if isinstance(one, str)] == ["VERSION_CONFLICT"]


async def test_a_release_and_a_claim_leave_one_holder_or_none(world: World) -> None:
    """Whoever comes first, the assignment names a live grant or there is none."""
    counselor, other = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    consumer = await world.add_consumer()
    application = await world.add_application(consumer, ApplicationStatus.IN_REVIEW)
    application = await world.assign(application, counselor)
    await _together(
        [
            release_application(world.context(counselor), application.id),
            claim_application(world.context(other), application.id),
            release_application(world.context(counselor), application.id),
        ]
    )
    stored = await world.store.get(Application, application.id)
    assert stored is not None
    live = [
        grant.id
        for grant in await world.store.children(AccessGrant, application.id)
        if grant.is_live(world.now)
    ]
    assert live == ([] if stored.assignment is None else [stored.assignment.grant_id])


async def test_a_consent_is_used_once(world: World) -> None:
    """Ten pulls at once ask the bureau once, under one key and under ten."""
    me = world.person(Group.CONSUMERS, subject="owner")
    application = await world.add_application(await world.add_consumer("owner"))
    for keys in (["one"] * 10, [f"key-{number}" for number in range(10)]):
        world.bureau.asked.clear()
        consent_id = await _consent(world, me, application)
        results = await _together(
            pull_credit_report(
                world.context(me),
                PullCreditReportInput(
                    application_id=application.id,
                    consent_id=consent_id,
                    kind=PullKind.SOFT,
                    idempotency_key=key,
                ),
            )
            for key in keys
        )
        refused = [one for one in results if isinstance(one, str)]
        assert set(refused) <= {"CONSENT_REQUIRED", "OUTCOME_UNKNOWN"}
        assert len(world.bureau.asked) == 1
        assert len(results) - len(refused) >= 1


async def test_a_key_made_twice_at_once_is_one(world: World) -> None:
    """Ten creations under one idempotency key make one API key and show one secret."""
    admin = world.person(Group.ADMINS)
    wanted = CreateApiKeyInput(
        name="K", scopes=("agency:read",), expires_in_days=1, idempotency_key="k"
    )
    results = await _together(create_api_key(world.context(admin), wanted) for _ in range(10))
    assert len({one.api_key.id for one in results}) == 1
    assert len([one for one in results if one.secret is not None]) == 1


async def _consent(world: World, me: Principal, application: Application) -> str:
    context = world.context(me)
    text = consent_text(context, ConsentPurpose.SOFT_CREDIT_PULL)
    given = RecordConsentInput(
        application_id=application.id,
        purpose=text.purpose,
        text_version=text.version,
        text_sha256=text.sha256,
    )
    return (await record_consent(context, given)).id
