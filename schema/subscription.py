"""The root of all subscriptions.

The value that a subscription is executed on is the record that an event is about, found and judged
for the subscriber beforehand (`resolvers/subscriptions.py`): what is selected of it is the
subscriber's own selection, under the rules of the fields selected.
"""

from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.schema_directive import Location

from domain.applications import Application as ApplicationRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.credit import CreditReport as CreditReportRecord
from domain.plans import Plan as PlanRecord
from resolvers.queue import QueueItem as QueueItemRecord
from resolvers.subscriptions import TOPICS
from schema.applications import Application, QueueItem
from schema.banking import BankConnection
from schema.credit import CreditReport
from schema.declare import field, object_type
from schema.plans import Plan
from schema.rules import (
    APPLICATION_READERS,
    BANK_READERS,
    COUNSELORS,
    CREDIT_READERS,
    PLAN_READERS,
    Rule,
)


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="aws_subscribe")
class AwsSubscribe:
    """Mutations after which subscribers are told."""

    mutations: list[str]


def _application(root: Any, id: strawberry.ID | None = UNSET) -> ApplicationRecord | None:
    del id  # it chooses the events, before anything is executed
    return root  # type: ignore[no-any-return]  # what the topic found


def _queue_item(root: Any) -> QueueItemRecord | None:
    return root  # type: ignore[no-any-return]  # as above


def _credit_report(
    root: Any, application_id: strawberry.ID | None = UNSET
) -> CreditReportRecord | None:
    del application_id
    return root  # type: ignore[no-any-return]  # as above


def _bank_connection(root: Any, id: strawberry.ID | None = UNSET) -> BankConnectionRecord | None:
    del id
    return root  # type: ignore[no-any-return]  # as above


def _plan(root: Any, application_id: strawberry.ID | None = UNSET) -> PlanRecord | None:
    del application_id
    return root  # type: ignore[no-any-return]  # as above


def _told(name: str, resolver: Any, graphql_type: Any, rule: Rule, description: str) -> Any:
    declared = field(resolver, graphql_type, rule=rule, name=name, description=description)
    declared.directives = [*declared.directives, AwsSubscribe(mutations=[*TOPICS[name].mutations])]
    return declared


@object_type(rule=None)
class Subscription:
    """What clients are told of as it happens. Nobody is told what they may not read."""

    on_application_updated = _told(
        "onApplicationUpdated",
        _application,
        Application | None,
        APPLICATION_READERS,
        "An application, or each within reach, after it was changed. Consumers (own), counselors "
        "(by grant) [applications:read].",
    )
    on_queue_changed = _told(
        "onQueueChanged",
        _queue_item,
        QueueItem | None,
        COUNSELORS,
        "An application that came into the queue or has left it. Counselors.",
    )
    on_credit_report_pulled = _told(
        "onCreditReportPulled",
        _credit_report,
        CreditReport | None,
        CREDIT_READERS,
        "A report that was kept. Consumers (own), counselors (by grant) [credit:read].",
    )
    on_bank_connection_updated = _told(
        "onBankConnectionUpdated",
        _bank_connection,
        BankConnection | None,
        BANK_READERS,
        "A bank link, or each within reach, after it was changed, and while a sync goes on. "
        "Consumers (own), counselors (by grant) [banking:read].",
    )
    on_plan_updated = _told(
        "onPlanUpdated",
        _plan,
        Plan | None,
        PLAN_READERS,
        "A plan that was proposed, signed or declined. Consumers (own), counselors (by grant) "
        "[plans:read].",
    )
