"""The root of all queries."""

import strawberry
from strawberry import UNSET

from domain.access import AccessGrant as AccessGrantRecord
from domain.access import ApiKey as ApiKeyRecord
from domain.access import Principal
from domain.agencies import Agency as AgencyRecord
from domain.agencies import Staff as StaffRecord
from domain.applications import Application as ApplicationRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.consents import ConsentPurpose
from domain.consents import ConsentText as ConsentTextRecord
from domain.consumers import Consumer as ConsumerRecord
from domain.credit import CreditReport as CreditReportRecord
from domain.plans import Plan as PlanRecord
from domain.settings import AgencySettings as AgencySettingsRecord
from resolvers import (
    access,
    applications,
    audit,
    banking,
    consents,
    consumers,
    credit,
    grants,
    keys,
    plans,
    queue,
    settings,
)
from resolvers.pages import Listing
from schema import nodes
from schema.access import AccessGrantConnection, Agency, ApiKey, Staff, Viewer
from schema.applications import (
    Application,
    ApplicationConnection,
    QueueConnection,
    StatusCount,
)
from schema.audit import AuditEventConnection
from schema.banking import BankConnection
from schema.connections import Node
from schema.consents import ConsentText
from schema.consumers import Consumer, ConsumerConnection
from schema.credit import CreditReport
from schema.declare import Info, field, object_type
from schema.inputs import ApplicationFilter, ConsumerMatch, plain
from schema.plans import Plan
from schema.rules import (
    ADMINS,
    AGENCY_READERS,
    APPLICATION_READERS,
    AUDIT_READERS,
    BANK_READERS,
    CONSUMER_FINDERS,
    CONSUMER_READERS,
    COUNSELORS,
    COUNT_READERS,
    CREDIT_READERS,
    EVERYONE,
    GRANT_READERS,
    MEMBERS,
    PLAN_READERS,
    SETTINGS_READERS,
    STAFF_READERS,
)
from schema.settings import AgencySettings


def _me(info: Info) -> Principal:
    return info.context.principal


def _agency(info: Info) -> AgencyRecord | None:
    return info.context.agency


async def _node(info: Info, id: strawberry.ID) -> object | None:
    return await nodes.node(info.context, id)


async def _consumer(info: Info, id: strawberry.ID) -> ConsumerRecord | None:
    return await info.context.guard.consumer(id)


async def _consumers(
    info: Info, match: ConsumerMatch, first: int | None = 20, after: str | None = UNSET
) -> Listing[ConsumerRecord]:
    return await consumers.consumers(info.context, plain(match), first=first, after=plain(after))


async def _application(info: Info, id: strawberry.ID) -> ApplicationRecord | None:
    return await info.context.guard.application(id)


async def _applications(
    info: Info,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
    filter: ApplicationFilter | None = UNSET,
) -> Listing[ApplicationRecord]:
    return await applications.applications(
        info.context,
        first=plain(first),
        after=plain(after),
        last=plain(last),
        before=plain(before),
        where=plain(filter),
    )


async def _queue(
    info: Info, first: int | None = 20, after: str | None = UNSET
) -> Listing[queue.QueueItem]:
    return await queue.queue(info.context, first=first, after=plain(after))


async def _application_counts(info: Info) -> list[applications.StatusCount]:
    return await applications.application_counts(info.context)


def _consent_text(info: Info, purpose: ConsentPurpose) -> ConsentTextRecord:
    return consents.consent_text(info.context, purpose)


async def _credit_report(info: Info, id: strawberry.ID) -> CreditReportRecord | None:
    return await credit.credit_report(info.context, id)


async def _bank_connection(info: Info, id: strawberry.ID) -> BankConnectionRecord | None:
    return await banking.bank_connection(info.context, id)


async def _plan(info: Info, id: strawberry.ID) -> PlanRecord | None:
    return await plans.plan_of(info.context, id)


async def _staff(info: Info) -> list[StaffRecord]:
    return await access.staff(info.context)


async def _api_keys(info: Info) -> list[ApiKeyRecord]:
    return await keys.api_keys(info.context)


async def _access_grants(
    info: Info, first: int | None = 20, after: str | None = UNSET, live: bool | None = UNSET
) -> Listing[AccessGrantRecord]:
    return await grants.access_grants(
        info.context, first=first, after=plain(after), live=plain(live)
    )


async def _audit_events(
    info: Info,
    first: int | None = 50,
    after: str | None = UNSET,
    subject: strawberry.ID | None = UNSET,
    actor: strawberry.ID | None = UNSET,
    action: str | None = UNSET,
) -> Listing[audit.AuditEvent]:
    return await audit.audit_events(
        info.context,
        first=first,
        after=plain(after),
        subject=plain(subject),
        actor=plain(actor),
        action=plain(action),
    )


async def _settings(info: Info) -> AgencySettingsRecord:
    return await settings.current_settings(info.context)


@object_type(rule=None)
class Query:
    """All that can be read."""

    me = field(
        _me,
        Viewer,
        rule=EVERYONE,
        description="Who is asking, for which agency, and until when. Everyone.",
    )
    agency = field(
        _agency,
        Agency | None,
        rule=AGENCY_READERS,
        description="The caller's agency. Everyone who has one [agency:read].",
    )
    node = field(
        _node,
        Node | None,
        rule=MEMBERS,
        description="Any object that the caller may read; null for everything else, existing or "
        "not.",
    )
    consumer = field(
        _consumer,
        Consumer | None,
        rule=CONSUMER_READERS,
        description="Consumers (self), counselors (by grant) [consumers:read].",
    )
    consumers = field(
        _consumers,
        ConsumerConnection | None,
        rule=CONSUMER_FINDERS,
        description="Exact match on what is given; counselors find whom they hold a grant for, "
        "keys all [consumers:read].",
    )
    application = field(
        _application,
        Application | None,
        rule=APPLICATION_READERS,
        description="Consumers (own), counselors (by grant) [applications:read].",
    )
    applications = field(
        _applications,
        ApplicationConnection | None,
        rule=APPLICATION_READERS,
        description="What the caller may read in full, newest first. Consumers (own), counselors "
        "(by grant) [applications:read].",
    )
    queue = field(
        _queue,
        QueueConnection | None,
        rule=COUNSELORS,
        description="Submitted and unassigned, oldest first, without personal data. Counselors.",
    )
    application_counts = field(
        _application_counts,
        list[StatusCount] | None,
        rule=COUNT_READERS,
        description="How many applications per status. Counselors, admins, analysts "
        "[applications:read].",
    )
    consent_text = field(
        _consent_text,
        ConsentText | None,
        rule=MEMBERS,
        description="The current wording to show before recording a consent. Everyone.",
    )
    credit_report = field(
        _credit_report,
        CreditReport | None,
        rule=CREDIT_READERS,
        description="Consumers (own), counselors (by grant) [credit:read].",
    )
    bank_connection = field(
        _bank_connection,
        BankConnection | None,
        rule=BANK_READERS,
        description="Consumers (own), counselors (by grant) [banking:read].",
    )
    plan = field(
        _plan,
        Plan | None,
        rule=PLAN_READERS,
        description="Consumers (own), counselors (by grant) [plans:read].",
    )
    staff = field(_staff, list[Staff] | None, rule=STAFF_READERS, description="Admins; counselors.")
    api_keys = field(
        _api_keys,
        list[ApiKey] | None,
        rule=ADMINS,
        description="Ended ones included. Admins.",
    )
    access_grants = field(
        _access_grants,
        AccessGrantConnection | None,
        rule=GRANT_READERS,
        description="Grants and requests, newest first; live: only those that open something now, "
        "or only the others. Admins (all), counselors and operators (own).",
    )
    audit_events = field(
        _audit_events,
        AuditEventConnection | None,
        rule=AUDIT_READERS,
        description="The agency's audit ledger, newest first. A page may come short while there is "
        "more: go on from its end cursor. Admins [audit:read].",
    )
    settings = field(
        _settings,
        AgencySettings | None,
        rule=SETTINGS_READERS,
        description="What analysis, fees and plans are computed from today. Admins, counselors.",
    )
