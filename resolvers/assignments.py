"""Assignments: who works on an application, and the grant that lets them, until when."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.access import (
    CLAIM_DAYS,
    CLAIM_DAYS_MAX,
    AccessGrant,
    Scope,
    claim_end,
    claim_limit,
)
from domain.actors import Actor
from domain.applications import Application, Assignment
from domain.errors import InvalidTransition, VersionConflict
from domain.ids import new_child_id
from resolvers.context import RequestContext, store_of
from resolvers.settings import settings_in_force
from tenants.holdings import applications_of


def new_assignment(
    context: RequestContext,
    application_id: str,
    *,
    to: Actor | None = None,
    reason: str,
    ends: datetime | None = None,
    limit: datetime | None = None,
    days: int = CLAIM_DAYS,
) -> tuple[Assignment, AccessGrant]:
    """Return an assignment from now on and its grant; to the principal, where `to` is None.

    ends: when it ends, where that is before a claim made now would. limit: until when it can be
    renewed, where the counselor had it before. days: how long a claim lasts by the settings.

    The assignment names the one claim that there is over the application, and both end together,
    so that whether it is in the queue can be told from the application alone.
    """
    at = context.request.at
    counselor = to or context.principal.actor
    renewable_until = limit or claim_limit((), at)
    expires_at = min(claim_end(at, renewable_until, days=days), ends or renewable_until)
    grant = AccessGrant(
        id=new_child_id("grant", application_id, at),
        grantee=counselor,
        scope=Scope.APPLICATIONS_WRITE,
        subject=application_id,
        reason=reason,
        requested_at=at,
        minutes=(expires_at - at) // timedelta(minutes=1),
        renewable_until=renewable_until,
        approved_by=None if to is None else context.principal.actor,
        approved_at=None if to is None else at,
        expires_at=expires_at,
    )
    assignment = Assignment(counselor=counselor, grant_id=grant.id, expires_at=grant.expires_at)
    return assignment, grant


async def assign(
    context: RequestContext,
    application: Application,
    *,
    to: Actor | None = None,
    reason: str,
    handed_on: AccessGrant | None = None,
) -> tuple[Assignment, AccessGrant]:
    """Return a counselor's claim of an application; raises InvalidTransition beyond its limit.

    handed_on: the claim that it comes from, whose limit goes with it: two counselors who pass an
    application to and fro have it no longer than one.
    """
    counselor = to or context.principal.actor
    limit = await _limit(context, application, counselor, handed_on)
    check_limit(context, limit)
    days = await claim_days(context)
    return new_assignment(context, application.id, to=to, reason=reason, limit=limit, days=days)


async def renew(
    context: RequestContext, application: Application, assignment: Assignment
) -> tuple[Assignment, AccessGrant]:
    """Return the principal's assignment and its grant, with a claim's days from now.

    Raises InvalidTransition where the grant lasts as long as it can without a fresh approval.
    """
    grant = await claim_of(context, assignment)
    limit = await _limit(context, application, assignment.counselor)
    end = claim_end(context.request.at, limit, days=await claim_days(context))
    if grant.expires_at >= limit:
        raise _limit_reached()
    renewed = replace(grant, expires_at=max(end, grant.expires_at), renewable_until=limit)
    return replace(assignment, expires_at=renewed.expires_at), renewed


async def claim_days(context: RequestContext) -> int:
    """Return how long a claim lasts by the settings of the day."""
    return (await settings_in_force(context, context.request.at.date())).grant_days


async def claim_of(context: RequestContext, assignment: Assignment) -> AccessGrant:
    """Return the grant of an assignment; raises VersionConflict where it was taken back since."""
    grant = await store_of(context).get(AccessGrant, assignment.grant_id)
    if grant is None or grant.revoked_at is not None:
        raise VersionConflict
    return grant


def check_limit(context: RequestContext, limit: datetime) -> None:
    """Raise InvalidTransition where the limit has been reached."""
    if limit <= context.request.at:
        raise _limit_reached()


async def limit_over(
    context: RequestContext,
    consumer_id: str,
    counselor: Actor,
    *others: AccessGrant,
    approved_over: str | None = None,
) -> datetime:
    """Return until when the counselor may have an application, by all that they had before.

    Claims count over every application of the consumer, whose data each of them opens; an approval
    counts for the application that it is over. others: claims of other people that count too.
    """
    store = store_of(context)
    applications = await applications_of(store, consumer_id)
    grants = await store.children_many(AccessGrant, [one.id for one in applications])
    held = [
        grant
        for over in grants.values()
        for grant in over
        if grant.grantee.id == counselor.id and (grant.claimed or grant.subject == approved_over)
    ]
    return claim_limit([*held, *others], context.request.at)


async def _limit(
    context: RequestContext,
    application: Application,
    counselor: Actor,
    handed_on: AccessGrant | None = None,
) -> datetime:
    others = () if handed_on is None else (handed_on,)
    return await limit_over(
        context, application.consumer_id, counselor, *others, approved_over=application.id
    )


def _limit_reached() -> InvalidTransition:
    return InvalidTransition(
        f"Without a fresh approval a consumer's applications stay with a counselor for "
        f"{CLAIM_DAYS_MAX} days at most, and not beyond the day when an admin took one back. Ask "
        "an admin by requestAccess, with the scope applications:write and the application as "
        "subject."
    )
