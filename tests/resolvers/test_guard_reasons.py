"""By which grant something is reached: what the audit lines of a request will name."""

from domain.access import Principal, Scope
from domain.actors import Group
from domain.consumers import Consumer
from resolvers.guard import Guard
from tests.resolvers.test_guard_reach import acting, give, guard_of
from tests.resolvers.world import World


def reasons(guard: Guard) -> list[str | None]:
    """Return the purposes that were noted, one for each consumer whose data was handed out."""
    return [purpose for _, purpose in guard.reads.alike(0)]


async def _reach(guard: Guard, consumer: Consumer) -> None:
    found = await guard.consumer(consumer.id)
    assert isinstance(found, Consumer)
    assert found.id == consumer.id


async def test_a_consumer_is_reached_by_the_grant_over_an_application(world: World) -> None:
    """Of the several that a counselor holds, by the one over this consumer's own."""
    counselor = world.person(Group.COUNSELORS)
    for subject in ("first", "second"):
        consumer = await world.add_consumer(subject)
        application = await world.add_application(consumer)
        grant = await give(world, counselor, application.id)
        guard = guard_of(world, counselor)
        await _reach(guard, consumer)
        assert reasons(guard) == [grant.id]
        guard = guard_of(world, counselor)
        assert await guard.application(application.id) is not None
        assert reasons(guard) == [grant.id]


async def test_a_grant_over_a_consumer_opens_them_and_their_applications(world: World) -> None:
    """It is named for both; one over another consumer never is."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    application = await world.add_application(consumer)
    await give(world, counselor, (await world.add_consumer("other")).id)
    grant = await give(world, counselor, consumer.id)
    guard = guard_of(world, counselor)
    await _reach(guard, consumer)
    assert reasons(guard) == [grant.id]
    guard = guard_of(world, counselor)
    assert await guard.application(application.id) is not None
    assert reasons(guard) == [grant.id]


async def test_an_operator_names_the_grant_of_the_scope(world: World) -> None:
    """Over the agency, or over the file itself; never one of another scope."""
    consumer = await world.add_consumer("owner")
    application = await world.add_application(consumer)
    both = ((Scope.APPLICATIONS_READ, None), (Scope.CONSUMERS_READ, None))
    operator: Principal = acting(world, *both)
    over_applications, over_consumers = operator.grants
    guard = guard_of(world, operator)
    await guard.grants(Scope.APPLICATIONS_READ)
    await _reach(guard, consumer)
    assert reasons(guard) == [over_consumers.id]
    guard = guard_of(world, operator)
    await guard.grants(Scope.CONSUMERS_READ)
    assert await guard.application(application.id) is not None
    assert reasons(guard) == [over_applications.id]
    own = acting(world, (Scope.CONSUMERS_READ, consumer.id))
    guard = guard_of(world, own)
    await _reach(guard, consumer)
    assert reasons(guard) == [own.grants[0].id]


async def test_machines_and_consumers_need_no_reason(world: World) -> None:
    """They read within their scopes, or their own: no grant is named."""
    consumer = await world.add_consumer("owner")
    for who in (world.key(), world.person(Group.CONSUMERS, subject="owner")):
        guard = guard_of(world, who)
        await _reach(guard, consumer)
        assert reasons(guard) == [None]


async def test_a_grant_to_read_opens_no_consumer_to_write(world: World) -> None:
    """To change a consumer takes a grant to write, over them or over an application of theirs."""
    counselor, consumer = world.person(Group.COUNSELORS), await world.add_consumer("owner")
    application = await world.add_application(consumer)
    await give(world, counselor, consumer.id)
    guard = guard_of(world, counselor)
    assert await guard.consumer(consumer.id) is not None
    assert await guard.consumer(consumer.id, Scope.CONSUMERS_WRITE) is None
    await give(world, counselor, application.id, scope=Scope.APPLICATIONS_WRITE)
    guard.forget()
    assert await guard.consumer(consumer.id, Scope.CONSUMERS_WRITE) is not None
