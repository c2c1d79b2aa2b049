"""Mutations of analyses and plans."""

import strawberry
from strawberry import UNSET

from domain.analysis import FinancialAnalysis as AnalysisRecord
from domain.plans import Plan as PlanRecord
from resolvers import (
    analysis,
    plans,
)
from schema.declare import Info, field
from schema.inputs import (
    AcceptPlanInput,
    ProposePlanInput,
    plain,
)
from schema.plans import FinancialAnalysis, Plan
from schema.rules import (
    CONSUMERS,
    PLAN_DECLINERS,
    PLAN_WRITERS,
)


async def _analyze_application(info: Info, id: strawberry.ID) -> AnalysisRecord:
    return await analysis.analyze_application(info.context, id)


analyze_application = field(
    _analyze_application,
    FinancialAnalysis | None,
    rule=PLAN_WRITERS,
    description="Runs the financial analysis over what the application holds now. It proposes; "
    "the counselor decides. Counselors [plans:write].",
)


async def _propose_plan(info: Info, input: ProposePlanInput) -> PlanRecord:
    return await plans.propose_plan(info.context, plain(input))


propose_plan = field(
    _propose_plan,
    Plan | None,
    rule=PLAN_WRITERS,
    description="Makes a plan of the last analysis; one that is still open is superseded. "
    "Counselors [plans:write].",
)


async def _accept_plan(info: Info, input: AcceptPlanInput) -> PlanRecord:
    return await plans.accept_plan(info.context, plain(input))


accept_plan = field(
    _accept_plan,
    Plan | None,
    rule=CONSUMERS,
    description="The consumer signs exactly the agreement they were shown.",
)


async def _decline_plan(info: Info, id: strawberry.ID, reason: str | None = UNSET) -> PlanRecord:
    return await plans.decline_plan(info.context, id, plain(reason))


decline_plan = field(
    _decline_plan,
    Plan | None,
    rule=PLAN_DECLINERS,
    description="Consumers (own), counselors (by grant): another may be proposed then.",
)
