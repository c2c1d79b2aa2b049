"""Who asks, over what, and who else works for the agency."""

from dataclasses import replace

from domain.access import AccessGrant
from domain.actors import Actor
from domain.agencies import Staff
from resolvers.context import RequestContext, directory_of, store_of


async def display_name(context: RequestContext) -> str:
    """Return what to call the principal: a consumer as their own record does.

    Pools that sign in by e-mail know no name but the subject, which tells nobody anything: in its
    place stands what the principal is.
    """
    own = await context.guard.own_consumer()
    if own is not None:
        return own.name.display
    principal = context.principal
    if principal.display_name == principal.subject:
        return principal.kind.capitalize()
    return principal.display_name


async def named_actor(context: RequestContext) -> Actor:
    """Return the trace that the principal leaves in a record that people read."""
    return replace(context.principal.actor, display_name=await display_name(context))


async def live_grants(context: RequestContext) -> list[AccessGrant]:
    """Return the principal's live grants, oldest application first."""
    grants = await context.guard.grants()
    return [grants[application_id] for application_id in sorted(grants)]


async def own_grant(context: RequestContext, global_id: str) -> AccessGrant | None:
    """Return a grant that the principal holds, or held; None for any other id."""
    grant = await store_of(context).get(AccessGrant, global_id)
    if grant is None or grant.grantee.id != context.principal.subject:
        return None
    return grant


async def staff(context: RequestContext) -> list[Staff]:
    """Return everybody who works for the agency, inactive ones included."""
    return await directory_of(context).staff()


async def staff_member(context: RequestContext, id: str) -> Staff | None:
    """Return who has that id, or None."""
    return await directory_of(context).staff_member(id)
