"""Grants: access is asked for, approved by an admin, listed, and taken back.

A counselor's grant is over a file, and a record beside it in the agency's store; an operator's is
in the directory, which knows operators and no files. Nobody approves their own, and every grant has
an end that the approval sets and nothing moves.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from domain.access import (
    AGENCY_WIDE_SCOPES,
    MINUTES_MAX_COUNSELOR,
    MINUTES_MAX_OPERATOR,
    READ_SCOPES,
    REQUEST_LAPSES_HOURS,
    REQUESTS_OPEN_MAX,
    AccessGrant,
    GrantStatus,
    Scope,
)
from domain.actors import PrincipalKind
from domain.applications import Application
from domain.consumers import Consumer
from domain.errors import Forbidden, InvalidTransition, NotFound, TooLarge, VersionConflict
from domain.events import EventName
from domain.ids import new_child_id, new_ulid, parse_global_id
from domain.validation import (
    Faults,
    clean_integer,
    clean_purpose,
)
from resolvers.context import RequestContext, directory_of, directory_to_ask, store_of
from resolvers.inputs import Maybe, RequestAccessInput, given
from resolvers.once import Attempt, Attempts, once
from resolvers.pages import Cut, Listing, read_forward
from resolvers.trail import audited, commit, happened
from tenants.records.indexes import sort_time
from tenants.records.kinds import Record

_Perform = Callable[[Attempt], Awaitable[AccessGrant]]
COUNSELOR_SCOPES = frozenset({Scope.APPLICATIONS_READ, Scope.APPLICATIONS_WRITE})
REVOKE_ATTEMPTS_MAX = 5
_LISTING = "accessGrants"
_SUBJECTS: dict[str, type[Application | Consumer]] = {"app": Application, "con": Consumer}


async def request_access(context: RequestContext, input: RequestAccessInput) -> AccessGrant:
    """Ask for access: an operator to the agency named, a counselor to a file. It opens nothing yet.

    Raises InvalidInput, NotFound for an agency or a file that is not there, TooLarge where too many
    requests of the principal's wait.
    """
    operator = context.principal.kind is PrincipalKind.OPERATOR
    book: Attempts = directory_to_ask(context) if operator else store_of(context)

    async def perform(attempt: Attempt) -> AccessGrant:
        grant = _requested(context, input)
        if not operator:
            await _demand_file(context, grant)
        if await _count_open(context, REQUESTS_OPEN_MAX) >= REQUESTS_OPEN_MAX:
            raise _too_many()
        requested = await _write(
            context, grant, "requestAccess", EventName.ACCESS_REQUESTED, attempt
        )
        # Of requests at the very same moment each counts all: the last to count sees every one
        # that stays.
        if await _count_open(context, REQUESTS_OPEN_MAX + 1) > REQUESTS_OPEN_MAX:
            await _revoke(context, requested.id, replace(attempt, key=None))
            raise _too_many()
        return requested

    async def replay(reference: str) -> AccessGrant:
        return await _named(context, reference)

    return await once(
        context, "requestAccess", input, attempts=book, perform=perform, replay=replay
    )


async def approve_access(context: RequestContext, id: str) -> AccessGrant:
    """Open what was asked for, from now on and for the minutes asked for; never to oneself.

    Raises NotFound, Forbidden for one's own request, InvalidTransition for what is no request that
    waits.
    """

    async def perform(attempt: Attempt) -> AccessGrant:
        grant = await _named(context, id)
        at = context.request.at
        if grant.grantee.id == context.principal.subject:
            raise Forbidden("Nobody approves their own access. Ask another admin.")
        if (status := grant.status_at(at)) is not GrantStatus.REQUESTED:
            raise InvalidTransition(f"Access that is {status} is not approved. Request it anew.")
        approved = replace(
            grant,
            approved_by=context.principal.actor,
            approved_at=at,
            expires_at=at + timedelta(minutes=grant.minutes),
        )
        return await _write(context, approved, "approveAccess", EventName.ACCESS_APPROVED, attempt)

    return await _once(context, "approveAccess", id, perform)


async def revoke_access(context: RequestContext, id: str) -> AccessGrant:
    """End a grant or a request at once: admins any, everybody else their own.

    What somebody works on under it goes back to the queue. A claim that an admin takes back, even
    one that had ended, is not made again without an approval. All else that has ended stays as it
    is: a repetition is harmless.
    Whatever is written beside it, ending is tried again, so that it does not lose. Raises NotFound.
    """

    async def perform(attempt: Attempt) -> AccessGrant:
        for _ in range(REVOKE_ATTEMPTS_MAX - 1):
            with suppress(VersionConflict):
                return await _revoke(context, id, attempt)
        return await _revoke(context, id, attempt)

    return await _once(context, "revokeAccess", id, perform)


async def _revoke(context: RequestContext, id: str, attempt: Attempt) -> AccessGrant:
    grant = await _named(context, id)
    at = context.request.at
    by_admin = context.principal.kind is PrincipalKind.ADMIN
    if at >= grant.ended_at:
        barred = grant.barred(at) if by_admin else grant
        if barred == grant:
            return grant
        return await _write(context, barred, "revokeAccess", EventName.ACCESS_REVOKED, attempt)
    revoked, freed = grant.revoked(at, by_admin=by_admin), await _freed(context, grant)
    return await _write(context, revoked, "revokeAccess", EventName.ACCESS_REVOKED, attempt, *freed)


async def access_grants(
    context: RequestContext, *, first: Maybe[int], after: Maybe[str], live: Maybe[bool]
) -> Listing[AccessGrant]:
    """Return grants and requests, newest first: admins see all, everybody else their own.

    live: only those that open something now, or only those that do not.
    """
    window = read_forward(first, after)
    store, wanted, at = store_of(context), given(live), context.request.at
    before = None if window.after is None else store.open_cursor(_LISTING, window.after)
    admin = context.principal.kind is PrincipalKind.ADMIN

    def keep(grant: AccessGrant) -> bool:
        return wanted is None or grant.is_live(at) is wanted

    page = await store.query(
        AccessGrant,
        "grant_all" if admin else "grant_of_grantee",
        "" if admin else context.principal.subject,
        first=window.size + 1,
        hi=before,
        desc=True,
        keep=keep,
    )
    # Where the store has more to tell, what is older than it told of belongs to a later page.
    told = page.positions[-1].sort if page.positions and page.has_next else ""
    told = told if page.stopped_at is None else page.stopped_at.sort
    found = [
        *page.items,
        *(
            grant
            for grant in await _of_operators(context)
            if keep(grant) and told < _own_id(grant) and (before is None or _own_id(grant) < before)
        ),
    ]
    found.sort(key=_own_id, reverse=True)
    shown = tuple(found[: window.size])
    full = len(found) > window.size
    return Cut(
        items=shown,
        positions=tuple(map(_own_id, shown)),
        has_next=full or page.has_next,
        has_previous=before is not None,
        seal=lambda position: store.seal_cursor(_LISTING, position),
        stopped_at=told if page.has_next and not full else None,
    )


async def access_grant(context: RequestContext, id: str) -> AccessGrant | None:
    """Return the grant, or None where there is none of the principal's own; admins see all."""
    grant: AccessGrant | None
    if _is_operators(id):
        grant = await directory_to_ask(context).access_grant(id)
    else:
        grant = await store_of(context).get(AccessGrant, id)
    admin = context.principal.kind is PrincipalKind.ADMIN
    if grant is None or not (admin or grant.grantee.id == context.principal.subject):
        return None
    return grant


def _requested(context: RequestContext, input: RequestAccessInput) -> AccessGrant:
    """Return the request as typed, clean; raises InvalidInput."""
    operator = context.principal.kind is PrincipalKind.OPERATOR
    faults = Faults()
    scope = _clean_scope(faults, input.scope, READ_SCOPES if operator else COUNSELOR_SCOPES)
    subject = _clean_subject(faults, given(input.subject), scope, demanded=not operator)
    reason = clean_purpose(faults, "input.reason", input.reason)
    most = MINUTES_MAX_OPERATOR if operator else MINUTES_MAX_COUNSELOR
    minutes = clean_integer(faults, "input.minutes", input.minutes, least=1, greatest=most)
    faults.raise_any()
    at = context.request.at
    return AccessGrant(
        id=f"grant_{new_ulid(at)}" if operator else new_child_id("grant", subject or "", at),
        grantee=context.principal.actor,
        scope=Scope(scope),
        subject=subject,
        reason=reason,
        requested_at=at,
        minutes=minutes,
        expires_at=at + timedelta(hours=REQUEST_LAPSES_HOURS),
    )


def _clean_scope(faults: Faults, scope: str, allowed: frozenset[Scope]) -> str:
    if scope not in allowed:
        known = ", ".join(sorted(allowed))
        faults.add("input.scope", "INVALID", f"Ask for one of these scopes: {known}.")
    return scope


def _clean_subject(
    faults: Faults, subject: str | None, scope: str, *, demanded: bool
) -> str | None:
    path = "input.subject"
    if subject is None:
        if demanded:
            faults.add(path, "REQUIRED", "Name the application or consumer to work on.")
        return None
    parsed = parse_global_id(subject)
    if parsed is None or parsed.prefix not in _SUBJECTS or parsed.root != parsed.id:
        faults.add(path, "INVALID", "Name an application or a consumer by its id.")
    elif scope in AGENCY_WIDE_SCOPES:
        faults.add(path, "INVALID", "This scope is about the whole agency: leave the subject out.")
    return subject


async def _demand_file(context: RequestContext, grant: AccessGrant) -> None:
    """Raise NotFound where there is no such file."""
    subject = grant.subject or ""
    if await store_of(context).get(_SUBJECTS[subject.partition("_")[0]], subject) is None:
        raise NotFound


def _too_many() -> TooLarge:
    return TooLarge(f"At most {REQUESTS_OPEN_MAX} grants and requests are open at a time.")


async def _count_open(context: RequestContext, most: int) -> int:
    """Return how many requests and approved grants of the principal's have not ended, or `most`."""
    at, subject = context.request.at, context.principal.subject
    if context.principal.kind is PrincipalKind.OPERATOR:
        return len(await directory_to_ask(context).open_access_grants(subject, at))
    page = await store_of(context).query(
        AccessGrant,
        "grant_by_grantee",
        subject,
        first=most,
        lo=sort_time(at),
        keep=lambda grant: not grant.claimed,
    )
    return len(page.items)


async def _once(context: RequestContext, action: str, id: str, perform: _Perform) -> AccessGrant:
    """Perform a change of one grant once; the attempt is remembered where the grant is."""
    book: Attempts = directory_of(context) if _is_operators(id) else store_of(context)

    async def replay(reference: str) -> AccessGrant:
        return await _named(context, reference)

    return await once(context, action, {"id": id}, attempts=book, perform=perform, replay=replay)


async def _named(context: RequestContext, id: str) -> AccessGrant:
    grant = await access_grant(context, id)
    if grant is None:
        raise NotFound
    return grant


async def _write(
    context: RequestContext,
    grant: AccessGrant,
    action: str,
    event: EventName,
    attempt: Attempt,
    *others: Record,
) -> AccessGrant:
    line = audited(
        context,
        action,
        grant.id,
        consumers=await _whose(context, grant),
        fields=(grant.scope.value,),
    )
    done = attempt.done(grant.id)
    if _is_operators(grant.id):
        return await directory_to_ask(context).put_access_grant(grant, line, done)
    return await commit(
        context,
        grant,
        *others,
        event=happened(context, event, grant.id, grant.version + 1, **_subject_of(grant)),
        audit=line,
        begin=done,
    )


def _subject_of(grant: AccessGrant) -> dict[str, str]:
    """Return what a grant is over, as events name it."""
    if grant.subject is None:
        return {}
    over_consumer = grant.subject.startswith("con_")
    return {"consumerId" if over_consumer else "applicationId": grant.subject}


async def _whose(context: RequestContext, grant: AccessGrant) -> tuple[str, ...]:
    """Return the consumer whose file a grant is over, as far as the agency has such a file."""
    for prefix, loader in (
        ("app_", context.loaders.applications),
        ("con_", context.loaders.consumers),
    ):
        if grant.subject is not None and grant.subject.startswith(prefix):
            found = await loader.load(grant.subject)
            if found is not None:
                return (found.consumer_id if isinstance(found, Application) else found.id,)
    return ()


async def _freed(context: RequestContext, grant: AccessGrant) -> tuple[Application, ...]:
    """Return the application that somebody works on under the grant, without them."""
    if not grant.claimed or grant.subject is None:
        return ()
    application = await context.loaders.applications.load(grant.subject)
    if application is None or application.assignment is None:
        return ()
    if application.assignment.grant_id != grant.id:
        return ()
    return (replace(application, assignment=None, updated_at=context.request.at),)


async def _of_operators(context: RequestContext) -> list[AccessGrant]:
    """Return the operators' grants that the principal may see, newest first."""
    principal = context.principal
    if principal.kind is PrincipalKind.COUNSELOR:
        return []
    grants = await directory_of(context).access_grants()
    if principal.kind is PrincipalKind.ADMIN:
        return grants
    return [grant for grant in grants if grant.grantee.id == principal.subject]


def _is_operators(global_id: str) -> bool:
    """Say whether an id is one of a grant in the directory: it lives under no file."""
    parsed = parse_global_id(global_id)
    return parsed is not None and parsed.prefix == "grant" and parsed.root == parsed.id


def _own_id(grant: AccessGrant) -> str:
    return grant.id.rpartition("_")[2]
