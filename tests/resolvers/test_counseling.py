"""Claiming, giving back, handing over, returning, closing, and notes."""

import asyncio

import pytest

from domain.access import AccessGrant
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.errors import VersionConflict
from resolvers.counseling import add_note
from tests.resolvers.documents import (
    CLAIM,
    CLOSE,
    NOTE,
    QUEUE,
    READ,
    REASSIGN,
    RELEASE,
    RETURN,
    SUBMIT,
)
from tests.resolvers.world import World, nodes

GRANTS = """{ me { grants {
  id status grantee { id } scope subject reason expiresAt approvedBy { id } } } }"""


@pytest.fixture
async def submitted(world: World) -> Application:
    """Return an application that waits in the queue."""
    return await world.add_application(
        await world.add_consumer("owner"), ApplicationStatus.SUBMITTED
    )


async def test_a_claim_writes_a_time_boxed_grant(world: World, submitted: Application) -> None:
    """Claiming opens the application for 30 days, and for its counselor alone."""
    counselor = world.person(Group.COUNSELORS)
    assert (await world.ask(counselor, READ, {"id": submitted.id}))["application"] is None
    claimed = (await world.ask(counselor, CLAIM, {"id": submitted.id}))["claimApplication"]
    assert (claimed["status"], claimed["counselor"]["id"]) == ("IN_REVIEW", counselor.subject)
    (grant,) = (await world.ask(counselor, GRANTS))["me"]["grants"]
    assert (grant["status"], grant["subject"], grant["scope"]) == (
        "LIVE",
        submitted.id,
        "applications:write",
    )
    assert grant["approvedBy"] is None, "the queue gave it"
    assert grant["expiresAt"] == "2026-02-14T12:00:00.000Z"
    world.later(days=30, seconds=-1)
    assert (await world.ask(counselor, READ, {"id": submitted.id}))["application"] is not None
    world.later(seconds=1)
    assert (await world.ask(counselor, READ, {"id": submitted.id}))["application"] is None
    assert (await world.ask(counselor, GRANTS))["me"]["grants"] == []


async def test_of_two_counselors_at_once_one_gets_it(world: World, submitted: Application) -> None:
    """A race for an application has one winner; the other is told, and holds no grant."""
    rivals = [world.person(Group.COUNSELORS) for _ in range(5)]
    answers = await asyncio.gather(
        *(world.ask(rival, CLAIM, {"id": submitted.id}) for rival in rivals)
    )
    codes = sorted(answer.code or "" for answer in answers)
    assert codes[0] == ""
    assert set(codes[1:]) <= {"VERSION_CONFLICT", "NOT_FOUND"}
    assert len(await world.store.children(AccessGrant, submitted.id)) == 1


async def test_what_somebody_works_on_cannot_be_claimed(
    world: World, submitted: Application
) -> None:
    """A claimed application does not exist for another counselor, until the claim lapses."""
    first, second = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    assert (await world.ask(first, CLAIM, {"id": submitted.id})).code is None
    assert (await world.ask(second, CLAIM, {"id": submitted.id})).code == "NOT_FOUND"
    world.later(days=30)
    claimed = (await world.ask(second, CLAIM, {"id": submitted.id}))["claimApplication"]
    assert (claimed["status"], claimed["counselor"]["id"]) == ("IN_REVIEW", second.subject)
    assert (await world.ask(first, READ, {"id": submitted.id}))["application"] is None


async def test_a_release_ends_the_grant_at_once(world: World, submitted: Application) -> None:
    """What is given back is in the queue again, as it is, and closed to who gave it back."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    assert (await world.ask(counselor, RELEASE, {"id": submitted.id}))["releaseApplication"]
    assert (await world.ask(counselor, READ, {"id": submitted.id}))["application"] is None
    (item,) = nodes((await world.ask(counselor, QUEUE))["queue"])
    assert item["applicationId"] == submitted.id
    (grant,) = await world.store.children(AccessGrant, submitted.id)
    assert grant.revoked_at == world.now
    stored = await world.store.get(Application, submitted.id)
    assert stored is not None
    assert stored.status is ApplicationStatus.IN_REVIEW
    assert (await world.ask(counselor, RELEASE, {"id": submitted.id})).code == "NOT_FOUND"


async def test_reading_after_a_release_in_one_document_sees_it(
    world: World, submitted: Application
) -> None:
    """What a mutation changes, the next field of the same document sees; nothing is remembered."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    answer = await world.ask(
        counselor,
        """mutation ($id: ID!) {
          a: addNote(applicationId: $id, text: "Called") { id }
          b: releaseApplication(id: $id)
          c: addNote(applicationId: $id, text: "Again") { id } }""",
        {"id": submitted.id},
    )
    assert answer.codes == {"c": "NOT_FOUND"}


async def test_handing_over_moves_the_grant(world: World, submitted: Application) -> None:
    """The successor holds a grant of their own, and the predecessor none, from that moment."""
    first, second = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    staff = await world.add_staff(second)
    await world.ask(first, CLAIM, {"id": submitted.id})
    world.later(days=5)
    variables = {"id": submitted.id, "to": staff.id}
    assert (await world.ask(first, REASSIGN, variables))["reassignApplication"] is True
    assert (await world.ask(first, READ, {"id": submitted.id}))["application"] is None
    read = (await world.ask(second, READ, {"id": submitted.id}))["application"]
    assert read["counselor"] == {"id": second.subject, "displayName": second.display_name}
    (grant,) = (await world.ask(second, GRANTS))["me"]["grants"]
    assert grant["expiresAt"] == "2026-02-19T12:00:00.000Z"
    assert grant["approvedBy"]["id"] == first.subject


async def test_only_active_counselors_are_handed_to(world: World, submitted: Application) -> None:
    """Nobody but another active counselor of the agency can be handed an application."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    candidates = [
        (await world.add_staff(counselor)).id,
        (await world.add_staff(world.person(Group.ADMINS))).id,
        (await world.add_staff(world.person(Group.COUNSELORS), active=False)).id,
        "staff_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ]
    for candidate in candidates:
        answer = await world.ask(counselor, REASSIGN, {"id": submitted.id, "to": candidate})
        assert answer.faults == {"to": "INVALID"}


async def test_what_has_ended_is_not_handed_over(world: World, submitted: Application) -> None:
    """A closed application stays with who closed it, who may still give it back."""
    counselor = world.person(Group.COUNSELORS)
    staff = await world.add_staff(world.person(Group.COUNSELORS))
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    await world.ask(counselor, CLOSE, {"id": submitted.id, "reason": "Done"})
    answer = await world.ask(counselor, REASSIGN, {"id": submitted.id, "to": staff.id})
    assert answer.code == "INVALID_TRANSITION"
    assert (await world.ask(counselor, RELEASE, {"id": submitted.id}))["releaseApplication"]
    for document in (RELEASE, CLOSE):
        variables = {"id": submitted.id, "reason": "Again"}
        answer = await world.ask(counselor, document, variables)
        assert answer.code == "NOT_FOUND"


async def test_a_returned_application_comes_back_to_its_counselor(
    world: World, submitted: Application
) -> None:
    """Returned, changed and submitted again, it goes on with whom it was, without a new grant."""
    counselor = world.person(Group.COUNSELORS)
    owner = world.person(Group.CONSUMERS, subject="owner")
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    returned = await world.ask(counselor, RETURN, {"id": submitted.id, "reason": "Rent is missing"})
    assert returned["returnApplication"]["status"] == "RETURNED"
    assert (await world.ask(counselor, READ, {"id": submitted.id}))["application"] is not None
    await world.ask(owner, SUBMIT, {"id": submitted.id})
    assert nodes((await world.ask(counselor, QUEUE))["queue"]) == []
    claimed = (await world.ask(counselor, CLAIM, {"id": submitted.id}))["claimApplication"]
    assert claimed["status"] == "IN_REVIEW"
    assert len(await world.store.children(AccessGrant, submitted.id)) == 1


@pytest.mark.parametrize(("document", "name"), [(RETURN, "return"), (CLOSE, "close")])
async def test_a_reason_is_demanded_and_bounded(
    world: World, submitted: Application, document: str, name: str
) -> None:
    """Returning and closing want a reason of 1 to 500 characters."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    for reason, code in (("  ", "REQUIRED"), ("x" * 501, "TOO_LONG"), ("a\u202eb", "INVALID")):
        answer = await world.ask(counselor, document, {"id": submitted.id, "reason": reason})
        assert answer.faults == {"reason": code}, name


async def test_notes_are_counselors_own(world: World, submitted: Application) -> None:
    """A note is seen by the counselor with a grant and refused to consumer and machine."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    text = "Line one\nLine two"
    note = (await world.ask(counselor, NOTE, {"id": submitted.id, "text": text}))["addNote"]
    assert (note["text"], note["author"]["id"]) == (text, counselor.subject)
    document = "query ($id: ID!) { application(id: $id) { id version notes { id text } } }"
    read = (await world.ask(counselor, document, {"id": submitted.id}))["application"]
    assert [one["id"] for one in read["notes"]] == [note["id"]]
    assert read["version"] == 2, "a note is no change of the application"
    for other in (world.person(Group.CONSUMERS, subject="owner"), world.key()):
        answer = await world.ask(other, document, {"id": submitted.id})
        assert answer.codes == {"application.notes": "FORBIDDEN"}
        assert answer.data is not None
        assert answer.data["application"]["id"] == submitted.id
        assert answer.errors[0].message == "Not Authorized to access notes on type Application"


async def test_a_note_is_bounded(world: World, submitted: Application) -> None:
    """A note has 1 to 10,000 characters."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    for text, code in (("", "REQUIRED"), ("x" * 10_001, "TOO_LONG")):
        answer = await world.ask(counselor, NOTE, {"id": submitted.id, "text": text})
        assert answer.faults == {"text": code}


async def test_a_grant_revoked_meanwhile_refuses_the_note(
    world: World, submitted: Application
) -> None:
    """What the guard has let pass is refused at the commit where the grant has ended since."""
    counselor = world.person(Group.COUNSELORS)
    await world.ask(counselor, CLAIM, {"id": submitted.id})
    context = world.context(counselor)
    await context.guard.grants()
    await world.ask(counselor, RELEASE, {"id": submitted.id})
    with pytest.raises(VersionConflict):
        await add_note(context, submitted.id, "Too late")
