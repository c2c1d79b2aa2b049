"""`Query.node`: any object by its global id, under the very rule and guard of its own field.

What a principal may not read directly is not to be had by this way either: it is null, as if it
were not there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from domain.agencies import Agency
from domain.analysis import FinancialAnalysis
from domain.applications import Debt, Expense, Income, Note
from domain.bank_connections import BankConnection
from domain.consents import Consent
from domain.credit import CreditReport
from domain.documents import Document
from domain.ids import GlobalId, parse_global_id
from domain.plans import Plan
from resolvers import access, audit, banking, grants, keys, queue, settings
from resolvers.audit_lines import known_owner
from resolvers.context import RequestContext
from schema.rules import (
    ADMINS,
    AGENCY_READERS,
    APPLICATION_READERS,
    AUDIT_READERS,
    BANK_READERS,
    CONSUMER_READERS,
    COUNSELORS,
    CREDIT_READERS,
    DOCUMENT_READERS,
    GRANT_READERS,
    PLAN_READERS,
    SETTINGS_READERS,
    STAFF_READERS,
    Rule,
)


@dataclass(frozen=True, slots=True)
class NodeKind:
    """How objects of a kind are read, and under which rule: that of their own field."""

    rule: Rule
    read: Callable[[RequestContext, str], Awaitable[object | None]]


async def node(context: RequestContext, global_id: str) -> object | None:
    """Return the object, or None for everything that the principal may not read."""
    kind = NODE_KINDS.get(global_id.partition("_")[0])
    if kind is None:
        return None
    if kind.rule.refusal(context.principal, context.request.at, "Query", "node") is not None:
        context.guard.reads.refuse("Query.node", await known_owner(context, global_id))
        return None
    return await kind.read(context, global_id)


async def _agency(context: RequestContext, global_id: str) -> Agency | None:
    agency = context.agency
    return agency if agency is not None and global_id == f"agency_{agency.id}" else None


async def _application(context: RequestContext, global_id: str) -> object | None:
    return await context.guard.application(global_id)


async def _consumer(context: RequestContext, global_id: str) -> object | None:
    return await context.guard.consumer(global_id)


def _child(record_type: type[Any]) -> Callable[[RequestContext, str], Awaitable[object | None]]:
    async def read(context: RequestContext, global_id: str) -> object | None:
        found: object | None = await context.guard.child(record_type, global_id)
        return found

    return read


async def _line(context: RequestContext, global_id: str) -> Income | Expense | Debt | None:
    parsed = parse_global_id(global_id)
    if parsed is None:
        return None
    application = await context.guard.application(str(GlobalId("app", parsed.root, parsed.root)))
    if application is None:
        return None
    lines: tuple[Income | Expense | Debt, ...] = (
        *application.incomes,
        *application.expenses,
        *application.debts,
    )
    return next((line for line in lines if line.id == global_id), None)


NODE_KINDS: dict[str, NodeKind] = {
    "acct": NodeKind(BANK_READERS, banking.bank_account),
    "agency": NodeKind(AGENCY_READERS, _agency),
    "ana": NodeKind(PLAN_READERS, _child(FinancialAnalysis)),
    "app": NodeKind(APPLICATION_READERS, _application),
    "aud": NodeKind(AUDIT_READERS, audit.audit_event),
    "bank": NodeKind(BANK_READERS, _child(BankConnection)),
    "con": NodeKind(CONSUMER_READERS, _consumer),
    "cons": NodeKind(APPLICATION_READERS, _child(Consent)),
    "debt": NodeKind(APPLICATION_READERS, _line),
    "doc": NodeKind(DOCUMENT_READERS, _child(Document)),
    "exp": NodeKind(APPLICATION_READERS, _line),
    "grant": NodeKind(GRANT_READERS, grants.access_grant),
    "inc": NodeKind(APPLICATION_READERS, _line),
    "key": NodeKind(ADMINS, keys.api_key),
    "note": NodeKind(COUNSELORS, _child(Note)),
    "plan": NodeKind(PLAN_READERS, _child(Plan)),
    "queue": NodeKind(COUNSELORS, queue.queue_item),
    "rep": NodeKind(CREDIT_READERS, _child(CreditReport)),
    "set": NodeKind(SETTINGS_READERS, settings.settings_version),
    "staff": NodeKind(STAFF_READERS, access.staff_member),
    "txn": NodeKind(BANK_READERS, banking.transaction),
}
"""By the prefix of their global ids, all kinds of object that have one."""
