"""What may be asked for: each their own scopes, in bounds, and once for a key."""

import asyncio
from typing import Any

import pytest

from domain.access import (
    MINUTES_MAX_COUNSELOR,
    MINUTES_MAX_OPERATOR,
    READ_SCOPES,
    REQUESTS_OPEN_MAX,
    Principal,
    Scope,
)
from domain.actors import Group
from domain.applications import Application
from domain.consumers import Consumer
from tests.resolvers.documents import (
    APPROVE,
    GRANTS,
    REQUEST,
    REVOKE,
)
from tests.resolvers.test_grants import (
    ABSENT,
    HARBOR,
    application,
    asked,
    consumer,
    wish,
)
from tests.resolvers.world import Answer, World, nodes

__all__ = ["application", "consumer"]


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
