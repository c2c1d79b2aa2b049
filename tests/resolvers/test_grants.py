"""Access is asked for, approved by somebody else, ends to the second, and is taken back at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.access import (
    AccessGrant,
    Principal,
)
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from tests.isolation.operations import MUTATIONS, Ids
from tests.resolvers.documents import (
    APPROVE,
    CLAIM,
    GRANTS,
    NOTE,
    QUEUE,
    READ,
    READ_CONSUMER,
    REQUEST,
    REVOKE,
)
from tests.resolvers.test_guard import Things, things
from tests.resolvers.world import World, nodes

__all__ = ["things"]

HARBOR = "harbor"
ABSENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
async def consumer(world: World) -> Consumer:
    """Return a consumer."""
    return await world.add_consumer("owner")


@pytest.fixture
async def application(world: World, consumer: Consumer) -> Application:
    """Return an application of the consumer's that nobody works on."""
    return await world.add_application(consumer, ApplicationStatus.SUBMITTED)


def wish(subject: str | None, scope: str = "applications:read", **more: Any) -> dict[str, Any]:
    """Return the variables of a request for access."""
    said = {"scope": scope, "subject": subject, "reason": "A complaint", "minutes": 30}
    return {"input": said | more}


async def asked(world: World, who: Principal, subject: str | None, **more: Any) -> str:
    """Ask for access, and return the request's id."""
    hint = HARBOR if who.agency_id is None else None
    answer = await world.ask(who, REQUEST, wish(subject, **more), hint=hint)
    requested: str = answer["requestAccess"]["id"]
    return requested


async def granted(world: World, who: Principal, subject: str | None, **more: Any) -> str:
    """Ask for access, have an admin approve it, and return the grant's id."""
    grant = await asked(world, who, subject, **more)
    await approved(world, grant)
    return grant


async def approved(world: World, grant: str) -> dict[str, Any]:
    """Have an admin approve a request."""
    answer = await world.ask(world.person(Group.ADMINS), APPROVE, {"id": grant})
    result: dict[str, Any] = answer["approveAccess"]
    return result


def ids_of(things: Things) -> Ids:
    """Return the things as the table of operations names them."""
    found = things.ids
    return Ids(
        account=found["BankAccount"],
        agency=found["Agency"],
        analysis=found["FinancialAnalysis"],
        application=found["Application"],
        bank=found["BankConnection"],
        transaction=found["Transaction"],
        consumer=found["Consumer"],
        consent=found["Consent"],
        debt=found["Debt"],
        document=found["Document"],
        grant=found["AccessGrant"],
        key=found["ApiKey"],
        note=found["Note"],
        plan=found["Plan"],
        queue=found["QueueItem"],
        report=found["CreditReport"],
        request=f"grant_{ABSENT}",
        settings=found["AgencySettings"],
        staff=found["Staff"],
    )


def everybody(world: World) -> dict[str, Principal]:
    """Return a principal of each kind; an operator, one who names the agency."""
    people = {group.value: world.person(group) for group in Group}
    return {**people, "a machine": world.key()}


OPERATION_CODES: dict[str, dict[str, str | None]] = {
    # What answers each kind of principal: an error's code, or None where it is done.
    "requestAccess": {"counselors": None, "operators": None},
    "approveAccess": {"admins": None},
    "revokeAccess": {"admins": None, "counselors": "NOT_FOUND", "operators": "FORBIDDEN"},
    "accessGrants": {"admins": None, "counselors": None, "operators": "FORBIDDEN"},
}


@pytest.mark.parametrize("operation", OPERATION_CODES)
async def test_who_may_do_what_with_grants(
    world: World, application: Application, operation: str
) -> None:
    """The whole table: whoever is not in it is refused, and nobody sees or ends another's."""
    for kind, principal in everybody(world).items():
        grant = await asked(world, world.person(Group.COUNSELORS), application.id)
        document, variables = {
            "requestAccess": (REQUEST, wish(application.id)),
            "approveAccess": (APPROVE, {"id": grant}),
            "revokeAccess": (REVOKE, {"id": grant}),
            "accessGrants": (GRANTS, {}),
        }[operation]
        hint = HARBOR if principal.agency_id is None else None
        answer = await world.ask(principal, document, variables, hint=hint)
        assert answer.code == OPERATION_CODES[operation].get(kind, "FORBIDDEN"), kind


async def test_a_request_opens_nothing_until_it_is_approved(
    world: World, application: Application
) -> None:
    """Asked for, it lapses after a day; approved, it lasts the minutes asked for, to the second."""
    counselor = world.person(Group.COUNSELORS)
    requested = (await world.ask(counselor, REQUEST, wish(application.id)))["requestAccess"]
    assert (requested["status"], requested["approvedBy"], requested["subject"]) == (
        "REQUESTED",
        None,
        application.id,
    )
    assert requested["expiresAt"] == "2026-01-16T12:00:00.000Z"
    assert (await world.ask(counselor, READ, {"id": application.id}))["application"] is None
    world.later(hours=24, seconds=-1)
    admin = world.person(Group.ADMINS)
    live = (await world.ask(admin, APPROVE, {"id": requested["id"]}))["approveAccess"]
    assert (live["status"], live["approvedBy"]["id"]) == ("LIVE", admin.subject)
    assert live["expiresAt"] == "2026-01-16T12:29:59.000Z"
    for seconds, opens in ((1, True), (30 * 60 - 2, True), (1, False)):
        world.later(seconds=seconds)
        read = (await world.ask(counselor, READ, {"id": application.id}))["application"]
        assert (read is not None) is opens
    (told,) = nodes((await world.ask(counselor, GRANTS))["accessGrants"])
    assert told["status"] == "EXPIRED"


async def test_a_request_lapses_after_a_day(world: World, application: Application) -> None:
    """What nobody approved within 24 hours is approved no more."""
    grant = await asked(world, world.person(Group.COUNSELORS), application.id)
    world.later(hours=24)
    answer = await world.ask(world.person(Group.ADMINS), APPROVE, {"id": grant})
    assert answer.code == "INVALID_TRANSITION"


async def test_nobody_approves_their_own(world: World, application: Application) -> None:
    """Not even who has become an admin since they asked."""
    counselor = world.person(Group.COUNSELORS)
    grant = await asked(world, counselor, application.id)
    promoted = world.person(Group.ADMINS, subject=counselor.subject)
    assert (await world.ask(promoted, APPROVE, {"id": grant})).code == "FORBIDDEN"
    assert (await approved(world, grant))["status"] == "LIVE"


async def test_only_a_request_that_waits_is_approved(
    world: World, application: Application
) -> None:
    """What is live, ended or taken back is not approved again: no end moves."""
    admin = world.person(Group.ADMINS)
    grant = await granted(world, world.person(Group.COUNSELORS), application.id)
    assert (await world.ask(admin, APPROVE, {"id": grant})).code == "INVALID_TRANSITION"
    await world.ask(admin, REVOKE, {"id": grant})
    assert (await world.ask(admin, APPROVE, {"id": grant})).code == "INVALID_TRANSITION"
    for absent in ("grant", f"grant_{ABSENT}", f"grant_{ABSENT}_{ABSENT}", application.id, ""):
        for document in (APPROVE, REVOKE):
            assert (await world.ask(admin, document, {"id": absent})).code == "NOT_FOUND", absent


async def test_of_two_admins_at_once_one_approves(world: World, application: Application) -> None:
    """A race to approve and to revoke has one outcome, and the loser is told."""
    for who in (world.person(Group.COUNSELORS), world.person(Group.OPERATORS)):
        subject = None if who.agency_id is None else application.id
        scope = "agency:read" if subject is None else "applications:read"
        grant = await asked(world, who, subject, scope=scope)
        answers = await asyncio.gather(
            *(world.ask(world.person(Group.ADMINS), APPROVE, {"id": grant}) for _ in range(4))
        )
        codes = sorted(answer.code or "" for answer in answers)
        assert codes[0] == ""
        assert set(codes[1:]) <= {"VERSION_CONFLICT", "INVALID_TRANSITION"}


async def test_an_end_does_not_lose_to_what_is_written_beside_it(
    world: World, application: Application
) -> None:
    """A claim that its counselor renews at the very same moment is revoked all the same."""
    for number in range(5):
        counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
        await world.ask(counselor, CLAIM, {"id": application.id})
        stored = await world.store.get(Application, application.id)
        assert stored is not None
        assert stored.assignment is not None
        grant = stored.assignment.grant_id
        renewals = (world.ask(counselor, CLAIM, {"id": application.id}) for _ in range(number))
        ends = (world.ask(admin, REVOKE, {"id": grant}) for _ in range(2))
        answers = await asyncio.gather(*renewals, *ends)
        assert [one.code for one in answers[number:]] == [None, None]
        ended = await world.store.get(AccessGrant, grant)
        assert ended is not None
        assert ended.revoked_at is not None
        world.later(minutes=1)


async def test_a_revoked_grant_opens_nothing_more(
    world: World, application: Application, consumer: Consumer
) -> None:
    """From the very next request; the grantee may end their own, and nobody else's."""
    counselor, stranger = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    for revoker in (world.person(Group.ADMINS), counselor):
        grant = await granted(world, counselor, application.id)
        assert (await world.ask(counselor, READ_CONSUMER, {"id": consumer.id}))["consumer"]
        assert (await world.ask(stranger, REVOKE, {"id": grant})).code == "NOT_FOUND"
        revoked = (await world.ask(revoker, REVOKE, {"id": grant}))["revokeAccess"]
        assert revoked["status"] == "REVOKED"
        assert (await world.ask(counselor, READ, {"id": application.id}))["application"] is None
        assert (await world.ask(counselor, READ_CONSUMER, {"id": consumer.id}))["consumer"] is None
        world.later(minutes=1)
        again = (await world.ask(revoker, REVOKE, {"id": grant}))["revokeAccess"]
        assert again == revoked, "a repetition is harmless"


async def test_revoking_a_claim_puts_the_application_back_into_the_queue(
    world: World, application: Application
) -> None:
    """An admin takes an application from its counselor: it waits again, for others and for them."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": application.id})
    (claim,) = await world.store.children(AccessGrant, application.id)
    assert nodes((await world.ask(counselor, QUEUE))["queue"]) == []
    await world.ask(world.person(Group.ADMINS), REVOKE, {"id": claim.id})
    (item,) = nodes((await world.ask(counselor, QUEUE))["queue"])
    assert item["applicationId"] == application.id
    assert (await world.ask(counselor, READ, {"id": application.id}))["application"] is None
    stored = await world.store.get(Application, application.id)
    assert stored is not None
    assert (stored.status, stored.assignment) == (ApplicationStatus.IN_REVIEW, None)
    claimed = await world.ask(world.person(Group.COUNSELORS), CLAIM, {"id": application.id})
    assert claimed.code is None


async def test_a_grant_over_a_consumer_opens_all_of_their_applications(
    world: World, application: Application, consumer: Consumer
) -> None:
    """Also those started after it was given; those of others stay closed."""
    counselor = world.person(Group.COUNSELORS)
    await granted(world, counselor, consumer.id, scope="applications:write")
    later = await world.add_application(consumer, ApplicationStatus.IN_REVIEW)
    other = await world.add_application(await world.add_consumer("other"))
    for one, opens in ((application, True), (later, True), (other, False)):
        read = (await world.ask(counselor, READ, {"id": one.id}))["application"]
        assert (read is not None) is opens
    assert (await world.ask(counselor, NOTE, {"id": later.id, "text": "Called"})).code is None
    document = """query ($id: ID!) { applications { edges { node { id } } }
      consumer(id: $id) { applications { edges { node { id } } } } }"""
    answer = await world.ask(counselor, document, {"id": consumer.id})
    assert answer.data is not None
    for listed in (answer.data["applications"], answer.data["consumer"]["applications"]):
        assert {one["id"] for one in nodes(listed)} == {application.id, later.id}


# What is said to a counselor who may read a file and no more, in place of the mutation.
READ_ONLY = {
    **dict.fromkeys(MUTATIONS, "FORBIDDEN"),
    "requestAccess": None,
    "revokeAccess": "NOT_FOUND",
}


@pytest.mark.parametrize("over", ["Application", "Consumer"])
@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_grant_to_read_opens_no_mutation(
    world: World, things: Things, over: str, mutation: str
) -> None:
    """Of a file that a counselor reads, each mutation is refused as what it is: not theirs."""
    reader = world.person(Group.COUNSELORS)
    await granted(world, reader, things.ids[over])
    read = (await world.ask(reader, READ, {"id": things.ids["Application"]}))["application"]
    assert read is not None
    for operation in MUTATIONS[mutation]:
        variables = operation.variables(ids_of(things))
        answer = await world.ask(reader, operation.document, variables)
        assert answer.code == READ_ONLY[mutation], mutation
    after = (await world.ask(reader, READ, {"id": things.ids["Application"]}))["application"]
    assert after == read


@pytest.mark.parametrize("over", ["Application", "Consumer"])
async def test_a_grant_to_write_opens_what_a_claim_opens(
    world: World, things: Things, over: str
) -> None:
    """With it the same file is worked on: the walk above can fail."""
    worker = world.person(Group.COUNSELORS)
    await granted(world, worker, things.ids[over], scope="applications:write")
    stored = await world.store.get(Application, things.ids["Application"])
    assert stored is not None
    await world.put(replace(stored, status=ApplicationStatus.IN_REVIEW))
    done = []
    for mutation in ("updateApplication", "updateConsumer", "saveBudget", "addNote"):
        (operation,) = MUTATIONS[mutation]
        answer = await world.ask(worker, operation.document, operation.variables(ids_of(things)))
        done.append(answer.code)
    assert done == [None] * 4
