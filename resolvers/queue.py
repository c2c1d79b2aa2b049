"""The queue: submitted applications that nobody works on, oldest first, without personal data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.applications import Application
from domain.ids import GlobalId, parse_global_id
from resolvers.context import RequestContext, store_of
from resolvers.counseling import is_waiting
from resolvers.inputs import Maybe
from resolvers.pages import Cut, Listing, read_forward
from tenants.records.indexes import sort_time

LAPSED_AT_ONCE = 500
_LISTING = "queue"
_INSTANT = timedelta(microseconds=1)
_Place = tuple[str, str]
"""When it was submitted, and its global id: what the queue is ordered by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """What a counselor sees of an application before they claim it."""

    id: str
    application_id: str
    submitted_at: datetime
    state: str | None
    household_size: int | None
    unsecured_balance: Decimal


async def queue(
    context: RequestContext, *, first: Maybe[int], after: Maybe[str]
) -> Listing[QueueItem]:
    """Return who waits, oldest first: never claimed, given back, or left by a claim that lapsed."""
    window = read_forward(first, after)
    store = store_of(context)
    come_from = None if window.after is None else _place(store.open_cursor(_LISTING, window.after))
    waiting = [
        *await _unassigned(context, come_from, window.size + 1),
        *await _lapsed(context, come_from),
    ]
    found = sorted(waiting, key=_place_of)[: window.size + 1]
    shown = found[: window.size]
    return Cut(
        items=tuple(item_of(context, application) for application in shown),
        positions=tuple("|".join(_place_of(application)) for application in shown),
        has_next=len(found) > window.size,
        has_previous=come_from is not None,
        seal=lambda position: store.seal_cursor(_LISTING, position),
    )


async def queue_item(context: RequestContext, global_id: str) -> QueueItem | None:
    """Return the item of that id while it waits in the queue, or None."""
    parsed = parse_global_id(global_id)
    if parsed is None or parsed.prefix != "queue":
        return None
    application_id = str(GlobalId("app", parsed.root, parsed.id))
    application = await context.loaders.applications.load(application_id)
    if application is None or not is_waiting(application, context):
        return None
    return item_of(context, application)


async def _unassigned(
    context: RequestContext, come_from: _Place | None, count: int
) -> tuple[Application, ...]:
    page = await store_of(context).query(
        Application,
        "application_queue",
        "",
        first=count,
        lo=None if come_from is None else come_from[0],
        keep=lambda application: come_from is None or _place_of(application) > come_from,
    )
    return page.items


async def _lapsed(context: RequestContext, come_from: _Place | None) -> list[Application]:
    """Return all whose claim has lapsed: few, since whoever works on one claims it again."""
    store = store_of(context)
    lapsed: list[Application] = []
    after: str | None = None
    while True:
        page = await store.query(
            Application,
            "application_lapse",
            "",
            first=LAPSED_AT_ONCE,
            after=after,
            hi=sort_time(context.request.at + _INSTANT),
        )
        lapsed.extend(
            application
            for application in page.items
            if is_waiting(application, context)
            and (come_from is None or _place_of(application) > come_from)
        )
        if not page.has_next:
            return lapsed
        after = page.end_cursor


def _place_of(application: Application) -> _Place:
    return sort_time(_submitted_at(application)), application.id


def _place(position: str) -> _Place:
    submitted_at, _, application_id = position.partition("|")
    return submitted_at, application_id


def _submitted_at(application: Application) -> datetime:
    return application.submitted_at or application.created_at


def item_of(context: RequestContext, application: Application) -> QueueItem:
    """Return what counselors see of an application before they claim it."""
    parsed = parse_global_id(application.id)
    assert parsed is not None, "applications are named by us"
    context.guard.reads.learn(application)
    return QueueItem(
        id=str(GlobalId("queue", parsed.root, parsed.id)),
        application_id=application.id,
        submitted_at=_submitted_at(application),
        state=application.state,
        household_size=application.household_size,
        unsecured_balance=application.totals.unsecured_balance,
    )
