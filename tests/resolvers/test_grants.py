"""Access is asked for, approved by somebody else, ends to the second, and is taken back at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.access import (
    MINUTES_MAX_COUNSELOR,
    MINUTES_MAX_OPERATOR,
    READ_SCOPES,
    REQUESTS_OPEN_MAX,
    AccessGrant,
    Principal,
    Scope,
)
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from domain.ids import new_child_id
from tests.isolation.operations import MUTATIONS, Ids
from tests.resolvers.documents import (
    APPROVE,
    CLAIM,
    GRANTS,
    NODE,
    NOTE,
    QUEUE,
    READ,
    READ_CONSUMER,
    REQUEST,
    REVOKE,
)
from tests.resolvers.test_guard import Things, things
from tests.resolvers.world import Answer, World, nodes

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
        agency=found["Agency"],
        application=found["Application"],
        consumer=found["Consumer"],
        consent=found["Consent"],
        debt=found["Debt"],
        grant=found["AccessGrant"],
        key=found["ApiKey"],
        note=found["Note"],
        queue=found["QueueItem"],
        report=found["CreditReport"],
        request=f"grant_{ABSENT}",
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


async def test_all_faults_of_a_request_are_told_at_once(
    world: World, application: Application
) -> None:
    """Scope, subject, reason and minutes are each bounded, for each kind of who may ask."""
    counselor, operator = world.person(Group.COUNSELORS), world.person(Group.OPERATORS)
    bad = wish(None, "consumers:read", reason=" ", minutes=MINUTES_MAX_COUNSELOR + 1)
    assert (await world.ask(counselor, REQUEST, bad)).faults == {
        "input.scope": "INVALID",
        "input.subject": "REQUIRED",
        "input.reason": "REQUIRED",
        "input.minutes": "TOO_LARGE",
    }
    bad = wish("grant_x", "consumers:write", reason="no", minutes=MINUTES_MAX_OPERATOR + 1)
    assert (await world.ask(operator, REQUEST, bad, hint=HARBOR)).faults == {
        "input.scope": "INVALID",
        "input.subject": "INVALID",
        "input.reason": "TOO_SHORT",
        "input.minutes": "TOO_LARGE",
    }
    for minutes in (0, -1):
        answer = await world.ask(counselor, REQUEST, wish(application.id, minutes=minutes))
        assert answer.faults == {"input.minutes": "TOO_SMALL"}
    for scope in (Scope.AGENCY_READ, Scope.AUDIT_READ):
        answer = await world.ask(operator, REQUEST, wish(application.id, scope), hint=HARBOR)
        assert answer.faults == {"input.subject": "INVALID"}


@pytest.mark.parametrize("group", [Group.COUNSELORS, Group.OPERATORS])
async def test_each_asks_for_their_own_scopes_alone(
    world: World, application: Application, group: Group
) -> None:
    """Operators for what reads, counselors for a file to read or to work on; to the last minute."""
    allowed = {Group.COUNSELORS: {"applications:read", "applications:write"}}.get(
        group, {scope.value for scope in READ_SCOPES}
    )
    for scope in (*(one.value for one in Scope), "application", "", "*"):
        principal = world.person(group)
        operator = group is Group.OPERATORS
        hint, subject = (HARBOR, None) if operator else (None, application.id)
        most = MINUTES_MAX_OPERATOR if operator else MINUTES_MAX_COUNSELOR
        answer = await world.ask(principal, REQUEST, wish(subject, scope, minutes=most), hint=hint)
        assert (answer.code is None) is (scope in allowed), scope


async def test_a_file_that_is_not_there_cannot_be_asked_for(
    world: World, consumer: Consumer
) -> None:
    """A counselor learns nothing by asking for ids that name nothing, or no file."""
    counselor = world.person(Group.COUNSELORS)
    for absent in (f"app_{ABSENT}", f"con_{ABSENT}"):
        assert (await world.ask(counselor, REQUEST, wish(absent))).code == "NOT_FOUND"
    for wrong in (f"note_{ABSENT}", f"app_{ABSENT}_{ABSENT}", "", "x" * 999, consumer.id[:-1]):
        answer = await world.ask(counselor, REQUEST, wish(wrong))
        assert answer.faults == {"input.subject": "INVALID"}, wrong


async def test_nobody_floods_an_agency_with_requests(
    world: World, application: Application
) -> None:
    """Twenty may be open at a time; what has ended counts no more."""
    for who, subject in (
        (world.person(Group.COUNSELORS), application.id),
        (world.person(Group.OPERATORS), None),
    ):
        hint = None if subject else HARBOR
        for _ in range(REQUESTS_OPEN_MAX):
            last = await asked(world, who, subject)
        assert (await world.ask(who, REQUEST, wish(subject), hint=hint)).code == "TOO_LARGE"
        await world.ask(world.person(Group.ADMINS), REVOKE, {"id": last})
        assert (await world.ask(who, REQUEST, wish(subject), hint=hint)).code is None


@pytest.mark.parametrize("group", [Group.COUNSELORS, Group.OPERATORS])
async def test_requests_at_once_are_no_more_either(
    world: World, application: Application, group: Group
) -> None:
    """Of thirty at the very same moment at most twenty stay open, and each refused one is ended."""
    who = world.person(group)
    subject, hint = (None, HARBOR) if group is Group.OPERATORS else (application.id, None)
    answers = await asyncio.gather(
        *(world.ask(who, REQUEST, wish(subject), hint=hint) for _ in range(REQUESTS_OPEN_MAX + 10))
    )
    assert {answer.code for answer in answers} <= {None, "TOO_LARGE"}
    admin = world.person(Group.ADMINS)
    page = (await world.ask(admin, GRANTS, {"first": 50}))["accessGrants"]
    still_open = [one for one in nodes(page) if one["status"] == "REQUESTED"]
    assert len(still_open) == len([one for one in answers if one.code is None])
    assert len(still_open) <= REQUESTS_OPEN_MAX


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


async def test_requests_approvals_and_ends_are_done_once_for_a_key(
    world: World, application: Application
) -> None:
    """Sent twice with one Idempotency-Key, each is done once and answers alike, in both places."""
    admin = world.person(Group.ADMINS)

    async def twice(who: Principal, document: str, said: dict[str, Any], key: str) -> Answer:
        hint = HARBOR if who.agency_id is None else None
        first = await world.ask(who, document, said, idempotency_key=key, hint=hint)
        again = await world.ask(who, document, said, idempotency_key=key, hint=hint)
        assert first.data == again.data, document
        return first

    for who, subject in (
        (world.person(Group.COUNSELORS), application.id),
        (world.person(Group.OPERATORS), None),
    ):
        requested = (await twice(who, REQUEST, wish(subject), "request"))["requestAccess"]["id"]
        own = [
            grant
            for grant in nodes((await world.ask(admin, GRANTS))["accessGrants"])
            if grant["grantee"]["id"] == who.subject
        ]
        assert [grant["id"] for grant in own] == [requested]
        await twice(admin, APPROVE, {"id": requested}, f"approve {subject}")
        await twice(admin, REVOKE, {"id": requested}, f"revoke {subject}")
        other = wish(subject, minutes=29)
        hint = None if subject else HARBOR
        answer = await world.ask(who, REQUEST, other, idempotency_key="request", hint=hint)
        assert answer.code == "IDEMPOTENCY_MISMATCH"


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


async def test_grants_are_listed_newest_first_page_by_page(
    world: World, application: Application
) -> None:
    """Both places in one order; admins see all, everybody else their own; live and not."""
    counselor, operator = world.person(Group.COUNSELORS), world.person(Group.OPERATORS)
    expected: list[tuple[str, str]] = []
    for number in range(9):
        who = operator if number % 3 == 0 else counselor
        subject = None if who is operator else application.id
        make = granted if number % 2 else asked
        expected.insert(0, (await make(world, who, subject, minutes=60), who.subject))
        world.later(seconds=1)
    admin = world.person(Group.ADMINS)
    live = {grant for number, (grant, _) in enumerate(expected[::-1]) if number % 2}
    for reader, filtered in [
        (who, wanted) for who in (admin, counselor, operator) for wanted in (None, True, False)
    ]:
        own = [grant for grant, who in expected if reader is admin or who == reader.subject]
        wanted = [grant for grant in own if filtered in (None, grant in live)]
        for size in (1, 2, 4, 100):
            assert await _walk(world, reader, size, filtered) == wanted, (size, filtered)


async def _walk(world: World, reader: Principal, size: int, live: bool | None) -> list[str]:
    hint = HARBOR if reader.agency_id is None else None
    ids: list[str] = []
    after: str | None = None
    while True:
        variables = {"first": size, "after": after, "live": live}
        page = (await world.ask(reader, GRANTS, variables, hint=hint))["accessGrants"]
        ids += [one["id"] for one in nodes(page)]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        if not info["hasNextPage"]:
            return ids
        after = info["endCursor"]


async def test_a_page_that_a_bounded_scan_left_short_goes_on(
    world: World, application: Application
) -> None:
    """Behind more than a thousand ended grants a live one is found, by way of an empty page."""
    counselor = world.person(Group.COUNSELORS)
    live = await granted(world, counselor, application.id)
    oldest = await granted(world, world.person(Group.OPERATORS), None)
    ended = (await world.store.children(AccessGrant, application.id))[0]
    world.later(seconds=1)
    revoked = replace(ended, version=0, revoked_at=world.now)
    for _ in range(14):
        ids = (new_child_id("grant", ended.id, world.now) for _ in range(90))
        await world.put(*(replace(revoked, id=id_) for id_ in ids))
    world.later(seconds=1)
    newest = await granted(world, world.person(Group.OPERATORS), None)
    admin = world.person(Group.ADMINS)
    page = (await world.ask(admin, GRANTS, {"first": 20, "live": True}))["accessGrants"]
    assert [one["id"] for one in nodes(page)] == [newest]
    assert page["pageInfo"]["hasNextPage"]
    assert set(await _walk(world, admin, 20, True)) == {newest, oldest, live}


@pytest.mark.parametrize("after", ["", "x", "eyJ9"])
async def test_a_cursor_of_another_listing_is_refused(world: World, after: str) -> None:
    """Only what this listing answered is a place in it."""
    answer = await world.ask(world.person(Group.ADMINS), GRANTS, {"after": after})
    assert answer.faults == {"after": "INVALID"}


async def test_every_step_is_audited(
    world: World, application: Application, consumer: Consumer
) -> None:
    """Who asked, approved and ended what, over whose file; in the store or the directory."""
    counselor, operator = world.person(Group.COUNSELORS), world.person(Group.OPERATORS)
    admin = world.person(Group.ADMINS)
    actions = ["requestAccess", "approveAccess", "revokeAccess"]
    grant = await granted(world, counselor, application.id)
    await world.ask(admin, REVOKE, {"id": grant})
    lines = [one for one in await world.audit() if one.action in actions and one.subject == grant]
    assert sorted(one.action for one in lines) == sorted(actions)
    assert all(one.consumers == (consumer.id,) for one in lines)
    assert all(one.fields == ("applications:read",) for one in lines)
    grant = await granted(world, operator, None)
    await world.ask(admin, REVOKE, {"id": grant})
    kept = await world.directory.audit_lines(world.agency.id, None, 1000)
    lines = [one for one in kept if one.action in actions]
    assert {(one.action, one.subject) for one in lines} == {(one, grant) for one in actions}
    assert "complaint" not in repr(lines), "a reason is free text, which no line holds"


async def test_a_node_shows_a_grant_as_the_list_does(
    world: World, application: Application
) -> None:
    """By id, admins see each grant, grantees their own, everybody else none."""
    counselor, operator = world.person(Group.COUNSELORS), world.person(Group.OPERATORS)
    grants = {
        counselor.subject: await granted(world, counselor, application.id),
        operator.subject: await granted(world, operator, None),
    }
    admin, stranger = world.person(Group.ADMINS), world.person(Group.COUNSELORS)
    for reader in (admin, counselor, operator, stranger):
        hint = HARBOR if reader is operator else None
        for holder, grant in grants.items():
            found = (await world.ask(reader, NODE, {"id": grant}, hint=hint))["node"]
            assert (found is not None) is (reader is admin or holder == reader.subject)


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
