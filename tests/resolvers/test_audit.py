"""The ledger as its readers page through it."""

from collections.abc import Sequence
from typing import Any

import pytest

from domain.access import Principal, Scope
from domain.actors import Group
from domain.audit import AuditLine, AuditOutcome
from domain.ids import new_ulid
from resolvers import audit
from tenants.ledger.sequencer import Sequencer
from tests.resolvers.documents import READ_CONSUMER
from tests.resolvers.world import World, line, nodes

EVENTS = """query ($first: Int, $after: String, $subject: ID, $actor: ID, $action: String) {
  auditEvents(first: $first, after: $after, subject: $subject, actor: $actor, action: $action) {
    edges { cursor node { id at actor { id kind displayName } action subject consumers purpose
      fields outcome requestId sourceIp leafHash } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } }"""


@pytest.fixture
def admin(world: World) -> Principal:
    """Return an admin."""
    return world.person(Group.ADMINS)


@pytest.fixture(autouse=True)
async def _begun(world: World) -> None:
    """Take over the directory's one line, of how the agency was made: it comes first."""
    await _merge(world)


async def _merge(world: World) -> None:
    await world.store.flush_reads()
    await Sequencer(world.store.ledger, world.directory, world.agency.id).merge()


async def _write(world: World, *lines: AuditLine) -> None:
    for one in lines:
        await world.store.record_audit(one)
        await _merge(world)


def _line(world: World, action: str, **more: Any) -> AuditLine:
    actor = more.pop("actor", line(world.now).actor)
    return AuditLine(
        id=new_ulid(world.now), at=world.now, actor=actor, action=action, request_id="r", **more
    )


async def _actions(world: World, reader: Principal, **asked: Any) -> list[str]:
    page = (await world.ask(reader, EVENTS, {"first": 50} | asked))["auditEvents"]
    return [node["action"] for node in nodes(page)]


async def test_a_line_is_shown_as_it_was_written(world: World, admin: Principal) -> None:
    """Who, what, whose, which fields, why, how it ended, whence: and the leaf of the tree."""
    counselor = world.person(Group.COUNSELORS)
    consumer = await world.add_consumer("owner")
    await world.assign(await world.add_application(consumer), counselor)
    await world.ask(counselor, READ_CONSUMER, {"id": consumer.id})
    await _merge(world)
    page = (await world.ask(admin, EVENTS, {"action": "consumer"}))["auditEvents"]
    (event,) = nodes(page)
    (kept,) = await world.store.ledger.lines(
        after=int(event["id"][4:]) - 1, before=int(event["id"][4:]) + 1, limit=1
    )
    assert event == {
        "id": f"aud_{kept.index}",
        "at": "2026-01-15T12:00:00.000Z",
        "actor": {
            "id": counselor.subject,
            "kind": "COUNSELOR",
            "displayName": counselor.display_name,
        },
        "action": "consumer",
        "subject": consumer.id,
        "consumers": [consumer.id],
        "purpose": "Claimed",
        "fields": list(kept.line.fields),
        "outcome": "DONE",
        "requestId": "request-1",
        "sourceIp": "203.0.113.7",
        "leafHash": kept.leaf_hash.hex(),
    }


async def test_pages_go_from_the_newest_to_the_oldest(world: World, admin: Principal) -> None:
    """Each line is on one page, whatever is written meanwhile."""
    written = [f"cli:{number}" for number in range(7)]
    await _write(world, *(_line(world, action) for action in written))
    seen: list[str] = []
    after: str | None = None
    while True:
        asked = {"first": 3, "after": after}
        page = (await world.ask(admin, EVENTS, asked))["auditEvents"]
        seen += [node["action"] for node in nodes(page)]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        await _write(world, _line(world, "cli:meanwhile"))
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [*written[::-1], "cli:test"]
    assert await _actions(world, admin, first=0) == []


async def test_each_filter_keeps_what_it_names(world: World, admin: Principal) -> None:
    """By object or consumer, by actor, by action alone or among several; all given ones count."""
    nora = world.person(Group.COUNSELORS).actor
    await _write(
        world,
        _line(world, "consumer,me", consumers=("con_1", "con_2"), actor=nora),
        _line(world, "addNote", subject="note_1", consumers=("con_1",)),
        _line(world, "signIn", actor=nora, outcome=AuditOutcome.REFUSED),
    )
    for asked, expected in (
        ({"subject": "con_1"}, ["addNote", "consumer,me"]),
        ({"subject": "con_2"}, ["consumer,me"]),
        ({"subject": "note_1"}, ["addNote"]),
        ({"actor": nora.id}, ["signIn", "consumer,me"]),
        ({"action": "me"}, ["consumer,me"]),
        ({"action": "consumer,me"}, ["consumer,me"]),
        ({"actor": nora.id, "subject": "con_1"}, ["consumer,me"]),
        ({"action": "m"}, []),
    ):
        assert await _actions(world, admin, **asked) == expected, asked


async def test_a_search_that_finds_little_comes_short_with_a_cursor(
    world: World, admin: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page looks at a bounded number of lines, and says where to go on."""
    monkeypatch.setattr(audit, "EVENTS_SCANNED_MAX", 4)
    monkeypatch.setattr(audit, "_EVENTS_PER_READ", 2)
    await _write(
        world,
        _line(world, "cli:wanted"),
        *(_line(world, "cli:other") for _ in range(6)),
    )
    found: Sequence[str] = ()
    pages, after = 0, None
    while True:
        asked = {"first": 5, "after": after, "action": "cli:wanted"}
        page = (await world.ask(admin, EVENTS, asked))["auditEvents"]
        found = [*found, *(node["action"] for node in nodes(page))]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert (found, pages) == (["cli:wanted"], 3)


async def test_a_line_is_had_by_its_id(world: World, admin: Principal) -> None:
    """An id names one line, spelled in one way; any other is null."""
    await _write(world, _line(world, "cli:first"))
    document = "query ($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }"
    found = (await world.ask(admin, document, {"id": "aud_1"}))["node"]
    assert found == {"id": "aud_1", "action": "cli:first"}
    for absent in ("aud_2", "aud_01", "aud_-1", "aud_", "aud_٣", "aud_1_1", f"aud_{9**30}"):
        assert (await world.ask(admin, document, {"id": absent}))["node"] is None, absent


async def test_the_ledger_is_for_admins_and_auditing_machines(world: World) -> None:
    """Nobody else reads it, by listing or by id; whoever asks is told of."""
    await _write(world, _line(world, "cli:first"))
    assert await _actions(world, world.key(Scope.AUDIT_READ)) == ["cli:first", "cli:test"]
    others = (Group.CONSUMERS, Group.COUNSELORS, Group.ANALYSTS)
    machine = world.key(*(frozenset(Scope) - {Scope.AUDIT_READ}))
    for other in (*map(world.person, others), machine):
        assert (await world.ask(other, EVENTS)).code == "FORBIDDEN"
        assert (await world.ask(other, 'query { node(id: "aud_0") { id } }'))["node"] is None
    refused = [one for one in await world.audit() if one.outcome is AuditOutcome.REFUSED]
    assert [one.fields for one in refused].count(("Query.auditEvents",)) == len(others) + 1


async def test_whoever_reads_the_ledger_is_in_it(world: World, admin: Principal) -> None:
    """Looking up what was done with somebody's file is told beside it."""
    consumer = await world.add_consumer()
    await world.ask(admin, EVENTS, {"subject": consumer.id})
    (told,) = await world.audit()
    assert (told.action, told.subject, told.consumers, told.fields) == (
        "auditEvents",
        consumer.id,
        (consumer.id,),
        ("Query.auditEvents",),
    )
    for typed in ("x" * 5000, "con_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        await world.ask(admin, EVENTS, {"subject": typed})
    others = [one for one in await world.audit() if one.id != told.id]
    made_up = {(one.subject, one.consumers) for one in others}
    assert made_up == {(None, ())}, "what a caller makes up is not written"


async def test_cursors_are_the_listings_own(world: World, admin: Principal) -> None:
    """A made-up cursor is refused."""
    assert (await world.ask(admin, EVENTS, {"after": "MTIz"})).faults == {"after": "INVALID"}
