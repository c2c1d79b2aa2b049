"""Who asks, over what, and who else works for the agency."""

from dataclasses import replace

from domain.access import AccessGrant
from domain.actors import Actor
from domain.agencies import Staff
from resolvers.context import RequestContext, directory_of


async def display_name(context: RequestContext) -> str:
    """Return what to call the principal: a consumer as their own record does.

    Pools that sign in by e-mail know no name but the subject, which tells nobody anything: in its
    place stands what the principal is.
    """
    own = await context.guard.own_consumer()
    if own is not None:
        context.guard.reads.consumer(own)
        return own.name.display
    principal = context.principal
    if principal.display_name == principal.subject:
        return principal.kind.capitalize()
    return principal.display_name


async def named_actor(context: RequestContext) -> Actor:
    """Return the trace that the principal leaves in a record that people read."""
    return replace(context.principal.actor, display_name=await display_name(context))


async def live_grants(context: RequestContext) -> list[AccessGrant]:
    """Return the principal's live grants, those over the oldest file first."""
    return sorted(await context.guard.live_grants(), key=lambda grant: grant.id)


async def staff(context: RequestContext) -> list[Staff]:
    """Return everybody who works for the agency, inactive ones included."""
    return await directory_of(context).staff()


async def staff_member(context: RequestContext, id: str) -> Staff | None:
    """Return who has that id, or None."""
    return await directory_of(context).staff_member(id)
