"""Assignments: who works on an application, and the grant that lets them."""

from datetime import datetime

from domain.access import AccessGrant, GrantScope, claim_end
from domain.actors import Actor
from domain.applications import Assignment
from domain.ids import new_child_id
from resolvers.context import RequestContext


def new_assignment(
    context: RequestContext,
    application_id: str,
    *,
    to: Actor | None = None,
    reason: str,
    ends: datetime | None = None,
) -> tuple[Assignment, AccessGrant]:
    """Return an assignment from now on and its grant; to the principal, where `to` is None.

    ends: when it ends, where that is before a claim made now would.

    The assignment names the one grant that a counselor has over the application, and both end
    together, so that whether it is in the queue can be told from the application alone.
    """
    at = context.request.at
    counselor = to or context.principal.actor
    grant = AccessGrant(
        id=new_child_id("grant", application_id, at),
        grantee=counselor,
        scope=GrantScope.APPLICATION,
        subject=application_id,
        reason=reason,
        requested_at=at,
        approved_by=context.principal.actor,
        expires_at=min(claim_end(at), ends or claim_end(at)),
    )
    assignment = Assignment(counselor=counselor, grant_id=grant.id, expires_at=grant.expires_at)
    return assignment, grant
