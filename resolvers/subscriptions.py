"""What may be subscribed to: which events concern a subscription, and what it is told of each.

An event is a name and ids. What a subscriber is told is the record as it is now, read as they may
read it now: whoever has lost their reach since they subscribed is told nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.access import Scope
from domain.applications import Application
from domain.bank_connections import BankConnection
from domain.credit import CreditReport
from domain.errors import NotFound
from domain.event_catalogue import APPLICATION, BANK, CATALOGUE, PLAN, REPORT
from domain.events import Event
from domain.ids import GlobalId, parse_global_id
from domain.plans import Plan
from resolvers.context import RequestContext, store_of
from resolvers.counseling import is_waiting
from resolvers.queue import item_of

NOTHING = object()
"""What stands for no record where there is something to tell all the same."""
Find = Callable[[RequestContext, Event], Awaitable[object | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What one field of `Subscription` tells of.

    mutations: that it tells of. about: prefix of the global ids of the events' subjects. argument:
    the field's argument that narrows it to one application, if it has one; by_subject: to one
    record of the events' own kind instead. scope: what narrowing takes. find: the record that an
    event is about, or NOTHING; None where the caller is not told.
    """

    mutations: tuple[str, ...]
    about: str
    find: Find
    argument: str | None = None
    by_subject: bool = False
    scope: Scope = Scope.APPLICATIONS_READ

    def named_by(self, event: Event) -> str | None:
        """Return what a subscription to the event has to be narrowed to, if it is narrowed."""
        return event.subject if self.by_subject else application_of(event)

    def concerns(self, event: Event) -> bool:
        """Say whether the event is one that it tells of."""
        told = CATALOGUE[event.name].mutation in self.mutations
        return told and event.subject.startswith(f"{self.about}_")


def application_of(event: Event) -> str | None:
    """Return the application that an event is about, or lies in; None for others."""
    if event.subject.startswith(f"{APPLICATION}_"):
        return event.subject
    return event.data.get("applicationId")


async def reach_of(context: RequestContext, narrowed_to: str, scope: Scope) -> datetime | None:
    """Return until when the caller reaches an application for what `scope` is about.

    narrowed_to: its id, or that of a bank link which lies under it. None: there is no end to it but
    the credential's. Raises NotFound where they do not. Nothing is noted of it: nobody was told
    anything yet.
    """
    application_id = await _root_of_link(context, narrowed_to)
    application = await context.loaders.applications.load(application_id)
    if application is None or not await context.guard.reaches(application, scope):
        raise NotFound("There is no such application within your reach.")
    grant = await context.guard.grant_over(application, scope)
    return None if grant is None else grant.ended_at


async def _root_of_link(context: RequestContext, global_id: str) -> str:
    """Return the application that a bank link lies under; every other id as it is."""
    parsed = parse_global_id(global_id)
    if parsed is None or parsed.prefix != BANK:
        return global_id
    if await store_of(context).get(BankConnection, global_id) is None:
        raise NotFound("There is no such bank link within your reach.")
    return str(GlobalId(APPLICATION, parsed.root, parsed.root))


async def _application(context: RequestContext, event: Event) -> Application | None:
    application = await context.loaders.applications.load(event.subject)
    if application is None or not await context.guard.reaches(application):
        return None
    return application


async def _queue_item(context: RequestContext, event: Event) -> object | None:
    """Return the item, as long as it says what every counselor could see of it in the queue.

    Who works on the application since it left may have changed what the item says: then the queue
    has changed, and nothing is told of why.
    """
    application = await context.loaders.applications.load(event.subject)
    if application is None:
        return None
    seen = is_waiting(application, context) or application.version == event.version
    return item_of(context, application) if seen else NOTHING


async def _credit_report(context: RequestContext, event: Event) -> CreditReport | None:
    application = await context.loaders.applications.load(event.data["applicationId"])
    if application is None or not await context.guard.reaches(application, Scope.CREDIT_READ):
        return None
    return await store_of(context).get(CreditReport, event.subject)


async def _bank_connection(context: RequestContext, event: Event) -> BankConnection | None:
    application = await context.loaders.applications.load(event.data["applicationId"])
    if application is None or not await context.guard.reaches(application, Scope.BANKING_READ):
        return None
    return await store_of(context).get(BankConnection, event.subject)


async def _plan(context: RequestContext, event: Event) -> Plan | None:
    application = await context.loaders.applications.load(event.data["applicationId"])
    if application is None or not await context.guard.reaches(application, Scope.PLANS_READ):
        return None
    return await store_of(context).get(Plan, event.subject)


TOPICS: Mapping[str, Topic] = {
    "onApplicationUpdated": Topic(
        mutations=(
            "startApplication",
            "updateApplication",
            "saveBudget",
            "submitApplication",
            "withdrawApplication",
            "claimApplication",
            "returnApplication",
            "closeApplication",
            "importDebts",
            "acceptProposals",
        ),
        about=APPLICATION,
        argument="id",
        find=_application,
    ),
    "onQueueChanged": Topic(
        mutations=(
            "submitApplication",
            "claimApplication",
            "releaseApplication",
            "withdrawApplication",
        ),
        about=APPLICATION,
        find=_queue_item,
    ),
    "onCreditReportPulled": Topic(
        mutations=("pullCreditReport",),
        about=REPORT,
        argument="applicationId",
        scope=Scope.CREDIT_READ,
        find=_credit_report,
    ),
    "onBankConnectionUpdated": Topic(
        mutations=("connectBank", "syncBank", "disconnectBank"),
        about=BANK,
        argument="id",
        by_subject=True,
        scope=Scope.BANKING_READ,
        find=_bank_connection,
    ),
    "onPlanUpdated": Topic(
        mutations=("proposePlan", "acceptPlan", "declinePlan"),
        about=PLAN,
        argument="applicationId",
        scope=Scope.PLANS_READ,
        find=_plan,
    ),
}
"""By the name of the field."""
