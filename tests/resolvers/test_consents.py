"""Who gave a consent, and to whom that is told by name."""

from dataclasses import replace

from domain.access import Scope
from domain.actors import Group
from domain.consents import ConsentPurpose, current_text
from domain.events import EventName
from tests.resolvers.documents import CONSENT
from tests.resolvers.world import World

GIVERS = """query ($id: ID!) { application(id: $id) {
  consents { givenBy { id kind displayName } } } }"""


async def test_a_consent_names_who_gave_it(world: World) -> None:
    """A counselor reads the consumer's name; a key that may not, and the trail, do not hold it."""
    me = replace(world.person(Group.CONSUMERS, subject="75337b17"), display_name="75337b17")
    counselor = world.person(Group.COUNSELORS)
    draft = await world.add_application(await world.add_consumer(me.subject))
    await world.assign(draft, counselor)
    text = current_text(ConsentPurpose.SOFT_CREDIT_PULL, world.agency.name)
    agreed = {
        "applicationId": draft.id,
        "purpose": text.purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }
    assert (await world.ask(me, CONSENT, {"input": agreed}))["recordConsent"]

    for reader, name in (
        (me, "Ada Byron"),
        (counselor, "Ada Byron"),
        (world.key(Scope.APPLICATIONS_READ, Scope.CONSUMERS_READ), "Ada Byron"),
        (world.key(Scope.APPLICATIONS_READ), "Consumer"),
    ):
        found = (await world.ask(reader, GIVERS, {"id": draft.id}))["application"]
        giver = {"id": me.subject, "kind": "CONSUMER", "displayName": name}
        assert found["consents"] == [{"givenBy": giver}]
    lines = [line for line in await world.audit() if line.action == "recordConsent"]
    assert {line.actor for line in lines} == {replace(me.actor, display_name="Consumer")}
    assert {line.consumers for line in lines} == {(draft.consumer_id,)}
    events = await world.store.outbox.pending(100)
    assert [event.name for event in events] == [EventName.CONSENT_RECORDED]
    assert "Ada" not in str(events)
