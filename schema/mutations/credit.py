"""Mutations of credit reports."""

import strawberry

from domain.applications import Application as ApplicationRecord
from domain.credit import CreditReport as CreditReportRecord
from resolvers import (
    credit,
)
from schema.applications import Application
from schema.credit import CreditReport
from schema.declare import Info, field
from schema.inputs import (
    PullCreditReportInput,
    plain,
)
from schema.rules import (
    APPLICATION_WRITERS,
    CREDIT_PULLERS,
)


async def _pull_credit_report(info: Info, input: PullCreditReportInput) -> CreditReportRecord:
    return await credit.pull_credit_report(info.context, plain(input))


pull_credit_report = field(
    _pull_credit_report,
    CreditReport | None,
    rule=CREDIT_PULLERS,
    description="Counselors and consumers under a live consent [credit:pull]. The same "
    "idempotencyKey never pulls, or bills, twice.",
)


async def _import_debts(info: Info, credit_report_id: strawberry.ID) -> ApplicationRecord:
    return await credit.import_debts(info.context, credit_report_id)


import_debts = field(
    _import_debts,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Turns the report's open tradelines into debts, matched with those already "
    "entered [applications:write, and credit:read].",
)
