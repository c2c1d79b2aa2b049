"""Applications: finding and listing them, and what every change to one begins with."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import TypeVar

from domain.access import AccessGrant, Scope
from domain.actors import PrincipalKind
from domain.analysis import FinancialAnalysis
from domain.applications import (
    EDITED_BY_CONSUMER,
    EDITED_BY_COUNSELOR,
    Application,
    ApplicationStatus,
    Note,
    Step,
    next_status,
)
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.documents import Document
from domain.errors import Forbidden, InvalidTransition, NotFound, VersionConflict
from domain.ids import parse_global_id
from domain.plans import Plan
from resolvers.context import RequestContext, store_of
from resolvers.inputs import ApplicationFilter, Maybe, given
from resolvers.pages import Cut, Listing, Window, read_forward, read_window

READ_ONLY = "Your access to this file is for reading. Ask for applications:write by requestAccess."
READ_AT_ONCE_MAX = 100
_GRANTED = "applications:granted"
_NOTHING: Listing[Application] = Cut(
    items=(), positions=(), has_next=False, has_previous=False, seal=str
)

Keep = Callable[[Application], bool]
R = TypeVar("R", Note, Consent, CreditReport, Document, FinancialAnalysis, Plan)


async def applications(
    context: RequestContext,
    *,
    first: Maybe[int],
    after: Maybe[str],
    last: Maybe[int],
    before: Maybe[str],
    where: Maybe[ApplicationFilter],
) -> Listing[Application]:
    """Return what the principal may read in full, newest first.

    Consumers: their own. Counselors and operators: those they hold a live grant for. Machines, and
    operators whose grant is over the whole agency: all.
    """
    page = await _within_reach(context, read_window(first, after, last, before), given(where))
    await _note_reach(context, page)
    return page


async def _within_reach(
    context: RequestContext, window: Window, where: ApplicationFilter | None
) -> Listing[Application]:
    wanted = where or ApplicationFilter()
    keep = _keeps(wanted)
    if (granted := await context.guard.application_ids()) is not None:
        return await _granted(context, granted, window, keep)
    if context.principal.kind is PrincipalKind.CONSUMER:
        own = await context.guard.own_consumer()
        return _NOTHING if own is None else await _of_consumer(context, own.id, window, keep)
    if (consumer_id := given(wanted.consumer_id)) is not None:
        return await _of_consumer(context, consumer_id, window, keep)
    statuses = frozenset(given(wanted.statuses) or ())
    if len(statuses) == 1:
        (status,) = statuses
        return await _listed(context, "application_by_status", status.value, window, keep)
    return await _listed(context, "application_all", "", window, keep)


async def applications_of(
    context: RequestContext, consumer: Consumer, *, first: Maybe[int], after: Maybe[str]
) -> Listing[Application]:
    """Return the consumer's applications that the principal may read, newest first."""
    window = read_forward(first, after)
    if (granted := await context.guard.application_ids()) is not None:
        page = await _granted(context, granted, window, lambda one: one.consumer_id == consumer.id)
    else:
        page = await _of_consumer(context, consumer.id, window, lambda one: True)  # noqa: ARG005
    await _note_reach(context, page)
    return page


async def _note_reach(context: RequestContext, page: Listing[Application]) -> None:
    """Have the guard note by which grant each of them is read."""
    if context.principal.kind in (PrincipalKind.COUNSELOR, PrincipalKind.OPERATOR):
        for application in page.items:
            await context.guard.reaches(application)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """How many applications are of a status."""

    status: ApplicationStatus
    count: int


async def application_counts(context: RequestContext) -> list[StatusCount]:
    """Return how many applications there are of each status, in the order of the statuses.

    Raises Forbidden for an operator whose grants are over single files.
    """
    store = store_of(context)
    operator = context.principal.kind is PrincipalKind.OPERATOR
    if operator and await context.guard.application_ids() is not None:
        raise Forbidden
    return [
        StatusCount(status=status, count=await store.count("application_by_status", status.value))
        for status in ApplicationStatus
    ]


async def consumers_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[Consumer | None]:
    """Return whose applications they are, None where the principal does not reach them.

    Whoever reaches the one reaches the other, but for an operator, who needs a grant for each.
    """
    ids = [one.consumer_id for one in applications]
    if context.principal.kind is PrincipalKind.OPERATOR:
        return list(await asyncio.gather(*map(context.guard.consumer, ids)))
    excerpt = context.loaders.excerpts.get(Consumer)
    found = await store_of(context).get_many(Consumer, ids, excerpt)
    return [found.get(one) for one in ids]


async def notes_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[list[Note]]:
    """Return the notes of each application, oldest first."""
    return await _children_of(context, Note, [one.id for one in applications])


async def consents_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[list[Consent]]:
    """Return the consents of each application, oldest first."""
    return await _children_of(context, Consent, [one.id for one in applications])


async def credit_reports_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[list[CreditReport] | None]:
    """Return the reports of each application, oldest first; None where they are out of reach."""
    return await children_within(context, CreditReport, applications, Scope.CREDIT_READ)


async def children_within(
    context: RequestContext, record_type: type[R], applications: Sequence[Application], scope: Scope
) -> list[list[R] | None]:
    """Return what lies under each application, oldest first; None where `scope` does not reach."""
    guard = context.guard
    reached = [await guard.reaches(one, scope) for one in applications]
    ids = [one.id for one, within in zip(applications, reached, strict=True) if within]
    found = iter(await _children_of(context, record_type, ids))
    return [next(found) if within else None for within in reached]


async def _children_of(
    context: RequestContext, record_type: type[R], ids: Sequence[str]
) -> list[list[R]]:
    if not ids:
        return []
    excerpt = context.loaders.excerpts.get(record_type)
    found = await store_of(context).children_many(record_type, ids, excerpt)
    return [found.get(one) or [] for one in ids]


async def application_named(
    context: RequestContext, global_id: str, expected_version: int | None = None
) -> Application:
    """Return the application that a mutation names.

    Raises NotFound, Forbidden where the principal may read it and no more, VersionConflict.
    """
    application = await context.guard.application(global_id)
    if application is None:
        raise NotFound
    if not await context.guard.reaches(application, Scope.APPLICATIONS_WRITE):
        raise Forbidden(READ_ONLY)
    check_version(application.version, expected_version)
    return application


async def grounds_for(context: RequestContext, application: Application) -> tuple[AccessGrant, ...]:
    """Return the counselor's grant to write, for a unit to check: one revoked meanwhile refuses it.

    Empty for who writes without a grant, consumers and machines.
    """
    grant = await context.guard.grant_over(application, Scope.APPLICATIONS_WRITE)
    return () if grant is None else (grant,)


def check_version(current: int, expected: int | None) -> None:
    """Raise VersionConflict where the caller has not seen the current version."""
    if expected is not None and expected != current:
        raise VersionConflict(current_version=current)


def status_after_edit(context: RequestContext, application: Application) -> ApplicationStatus:
    """Return the status after an edit; raises InvalidTransition where the principal may not edit.

    Counselors edit while they work on it; consumers, and machines in their place, before.
    """
    counselor = context.principal.kind is PrincipalKind.COUNSELOR
    editable = EDITED_BY_COUNSELOR if counselor else EDITED_BY_CONSUMER
    if application.status not in editable:
        raise InvalidTransition(
            f"An application that is {application.status} cannot be edited by "
            f"{'a counselor' if counselor else 'its consumer'}."
        )
    return next_status(application.status, Step.EDIT)


def _keeps(wanted: ApplicationFilter) -> Keep:
    statuses = given(wanted.statuses)
    earliest, latest = given(wanted.submitted_from), given(wanted.submitted_to)
    consumer_id = given(wanted.consumer_id)

    def keep(application: Application) -> bool:
        return (
            (statuses is None or application.status in statuses)
            and (consumer_id is None or application.consumer_id == consumer_id)
            and _is_submitted_between(application, earliest, latest)
        )

    return keep


def _is_submitted_between(
    application: Application, earliest: date | None, latest: date | None
) -> bool:
    if earliest is None and latest is None:
        return True
    if application.submitted_at is None:
        return False
    day = application.submitted_at.date()
    return (earliest is None or day >= earliest) and (latest is None or day <= latest)


async def _of_consumer(
    context: RequestContext, consumer_id: str, window: Window, keep: Keep
) -> Listing[Application]:
    parsed = parse_global_id(consumer_id)
    if parsed is None:
        return _NOTHING
    return await _listed(context, "application_by_consumer", parsed.root, window, keep)


async def _listed(
    context: RequestContext, index: str, part: str, window: Window, keep: Keep
) -> Listing[Application]:
    store = store_of(context)
    return await store.query(
        Application,
        index,
        part,
        first=None if window.from_tail else window.size,
        after=window.after,
        last=window.size if window.from_tail else None,
        before=window.before,
        desc=True,
        keep=keep,
        excerpt=context.loaders.excerpts.get(Application),
    )


async def _granted(
    context: RequestContext, granted: Collection[str], window: Window, keep: Keep
) -> Listing[Application]:
    store = store_of(context)

    def seal(position: str) -> str:
        return store.seal_cursor(_GRANTED, position)

    newest_first = sorted(granted, reverse=True)
    if window.after is not None:
        after = store_of(context).open_cursor(_GRANTED, window.after, path="after")
        newest_first = [id_ for id_ in newest_first if id_ < after]
    if window.before is not None:
        before = store_of(context).open_cursor(_GRANTED, window.before, path="before")
        newest_first = [id_ for id_ in newest_first if id_ > before]
    walked = newest_first[::-1] if window.from_tail else newest_first
    found = await _first_kept(context, walked, keep, window.size + 1)
    items = found[: window.size]
    more, come_from = len(found) > window.size, (window.after or window.before) is not None
    if window.from_tail:
        items = items[::-1]
    return Cut(
        items=tuple(items),
        positions=tuple(one.id for one in items),
        has_next=come_from if window.from_tail else more,
        has_previous=more if window.from_tail else come_from,
        seal=seal,
    )


async def _first_kept(
    context: RequestContext, ids: Sequence[str], keep: Keep, count: int
) -> list[Application]:
    """Return the first `count` applications that are kept, in the order of `ids`."""
    kept: list[Application] = []
    remaining = iter(ids)
    while len(kept) < count and (chunk := list(islice(remaining, READ_AT_ONCE_MAX))):
        found = await asyncio.gather(*map(context.loaders.applications.load, chunk))
        kept.extend(one for one in found if one is not None and keep(one))
    return kept[:count]


async def residing(context: RequestContext, application: Application) -> Application:
    """Return the application with the state that its consumer lives in now.

    It took one when it was started and submitted, and people move: licenses and caps of fees go by
    where they live on the day. Without an address on file it keeps the one that it has.
    """
    consumer = await context.loaders.consumers.load(application.consumer_id)
    address = None if consumer is None else consumer.address
    return application if address is None else replace(application, state=address.state)
