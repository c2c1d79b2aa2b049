"""Whose the things read are, is found out in one read however many they are."""

from datetime import timedelta

from domain.access import AccessGrant, Scope
from domain.actors import Group
from domain.ids import new_child_id
from tests.resolvers.world import World, nodes

GRANTS = """query ($first: Int) { accessGrants(first: $first) {
  edges { node { subject reason } } } }"""


async def test_grants_over_many_applications_cost_what_one_costs(world: World) -> None:
    """An admin who reads fifty grants makes as many reads as for one, and all owners are named."""
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    owners = set()
    for number in range(50):
        consumer = await world.add_consumer(f"subject-{number}")
        application = await world.add_application(consumer)
        owners.add(consumer.id)
        grant = AccessGrant(
            id=new_child_id("grant", application.id, world.now),
            grantee=counselor.actor,
            scope=Scope.APPLICATIONS_READ,
            subject=application.id,
            reason="A complaint",
            requested_at=world.now,
            minutes=30,
            expires_at=world.now + timedelta(hours=24),
        )
        await world.put(grant)
    calls = []
    for first in (1, 50):
        world.backend.calls.clear()
        answer = await world.ask(admin, GRANTS, {"first": first})
        assert len(nodes(answer["accessGrants"])) == first
        calls.append(dict(world.backend.reads))

    assert calls[0] == calls[1]
    lines = [line for line in await world.audit() if line.actor.id == admin.subject]
    assert set().union(*(line.consumers for line in lines)) == owners
