"""Grants and requests as they are shown: listed, page by page, by id, and in the audit lines."""

from dataclasses import replace

import pytest

from domain.access import (
    AccessGrant,
    Principal,
)
from domain.actors import Group
from domain.applications import Application
from domain.consumers import Consumer
from domain.ids import new_child_id
from tests.resolvers.documents import (
    GRANTS,
    NODE,
    REVOKE,
)
from tests.resolvers.test_grants import HARBOR, application, asked, consumer, granted
from tests.resolvers.world import World, nodes

__all__ = ["application", "consumer"]


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
        hint = HARBOR if reader is operator else None
        for size, more in ((len(wanted), False), (len(wanted) - 1, True)):
            variables = {"first": size, "live": filtered}
            page = (await world.ask(reader, GRANTS, variables, hint=hint))["accessGrants"]
            assert page["pageInfo"]["hasNextPage"] is more, (size, filtered)


async def _walk(world: World, reader: Principal, size: int, live: bool | None) -> list[str]:
    hint = HARBOR if reader.agency_id is None else None
    ids: list[str] = []
    after: str | None = None
    while True:
        variables = {"first": size, "after": after, "live": live}
        page = (await world.ask(reader, GRANTS, variables, hint=hint))["accessGrants"]
        told = [one["id"] for one in nodes(page)]
        assert not set(told) & set(ids), "each is told once"
        ids += told
        info = page["pageInfo"]
        assert not info["hasNextPage"] or info["endCursor"] not in (None, after)
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
