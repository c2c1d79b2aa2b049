"""Who asks, over what, and who else works for the agency."""

from domain.access import AccessGrant
from domain.agencies import Staff
from resolvers.context import RequestContext, directory_of, store_of


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
