"""The financial analysis: run over what an application holds now, kept, and read.

It proposes; a counselor decides. It asks for nothing to be complete.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.access import Scope
from domain.analysis import FinancialAnalysis, analyze
from domain.applications import ENDED, Application, ApplicationStatus, Step, next_status
from domain.errors import NotFound
from domain.events import EventName
from domain.fees import fee_terms
from domain.ids import new_child_id
from domain.plans import Plan, PlanStatus, superseded
from resolvers.applications import application_named, children_within, grounds_for, residing
from resolvers.context import RequestContext, store_of
from resolvers.once import Attempt, once
from resolvers.settings import settings_in_force
from resolvers.trail import audited, commit, happened

_CURRENT = ENDED | {
    ApplicationStatus.ANALYZED,
    ApplicationStatus.PLAN_PROPOSED,
    ApplicationStatus.ENROLLED,
}
"""Where an application's last analysis is of its figures: an edit leads out of these."""


async def financial_analysis(context: RequestContext, id: str) -> FinancialAnalysis | None:
    """Return the analysis, or None where there is none within reach."""
    return await context.guard.child(FinancialAnalysis, id)


async def analyze_application(context: RequestContext, id: str) -> FinancialAnalysis:
    """Analyze an application and keep what came of it; proposals still open are superseded.

    Fees are within the caps of the consumer's state of that day; settings are those in force.
    """

    async def perform(attempt: Attempt) -> FinancialAnalysis:
        application = await residing(context, await application_named(context, id))
        status = next_status(application.status, Step.ANALYZE)
        at = context.request.at
        settings = await settings_in_force(context, at.date())
        terms = fee_terms(settings, application.state, at.date())
        found = analyze(
            application, settings, terms, id=new_child_id("ana", application.id, at), at=at
        )
        return await commit(
            context,
            found,
            replace(application, status=status, updated_at=at),
            *await superseding(context, application),
            check=await grounds_for(context, application),
            event=happened(
                context,
                EventName.APPLICATION_ANALYZED,
                application.id,
                application.version + 1,
                analysisId=found.id,
            ),
            audit=audited(
                context,
                "analyzeApplication",
                found.id,
                consumers=(application.consumer_id,),
                fields=("Application.incomes", "Application.expenses", "Application.debts"),
            ),
            begin=attempt.done(found.id),
        )

    async def replay(reference: str) -> FinancialAnalysis:
        # Whose key writes alone gets its own answer again, and no more of it than at first.
        found = await store_of(context).get(FinancialAnalysis, reference)
        if found is None:
            raise NotFound
        await application_named(context, found.application_id)
        return found

    return await once(context, "analyzeApplication", {"id": id}, perform=perform, replay=replay)


async def latest_analysis(
    context: RequestContext, application: Application
) -> FinancialAnalysis | None:
    """Return the last analysis of an application, None where it has none."""
    found = await store_of(context).children(FinancialAnalysis, application.id)
    return _latest(found)


async def analyses_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[FinancialAnalysis | None]:
    """Return each application's analysis; None where there is none of its figures as they are."""
    found = await children_within(context, FinancialAnalysis, applications, Scope.PLANS_READ)
    return [
        _latest(analyses or ()) if application.status in _CURRENT else None
        for application, analyses in zip(applications, found, strict=True)
    ]


def _latest(analyses: Sequence[FinancialAnalysis]) -> FinancialAnalysis | None:
    """Return the last: each is of a later version of its application, whatever the clock says."""
    return max(analyses, key=lambda one: one.application_version, default=None)


async def superseding(context: RequestContext, application: Application) -> tuple[Plan, ...]:
    """Return the application's open plans as superseded.

    Written by whatever leads away from them: a new analysis or proposal, and an application that is
    sent back, withdrawn or closed. Nobody is shown a plan as open that cannot be signed any more.
    """
    plans = await store_of(context).children(Plan, application.id)
    return tuple(superseded(plan) for plan in plans if plan.status is PlanStatus.PROPOSED)
