"""Plans: proposed by a counselor, signed or declined by the consumer, never changed afterwards."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from domain.access import Scope
from domain.agreement import Parties
from domain.analysis import FinancialAnalysis
from domain.applications import Application, Step, next_status
from domain.consents import Consent, ConsentPurpose
from domain.consumers import PersonName
from domain.errors import InvalidTransition, NotFound, StoreUnavailable
from domain.events import EventName
from domain.ids import new_child_id
from domain.licenses import check_licensed
from domain.planning import Basis, draw_up
from domain.plans import (
    Acceptance,
    Plan,
    ScheduledPayment,
    accepted,
    declined,
    schedule,
)
from domain.signatures import bears_name
from domain.validation import (
    REASON_CHARACTERS_MAX,
    Faults,
    clean_amount,
    clean_optional_text,
    clean_text,
)
from resolvers.access import named_actor
from resolvers.analysis import latest_analysis, superseding
from resolvers.applications import application_named, children_within, grounds_for, residing
from resolvers.context import RequestContext, agency_of, store_of
from resolvers.inputs import AcceptPlanInput, Maybe, ProposePlanInput, given
from resolvers.once import Attempt, once
from resolvers.pages import Cut, Listing, read_forward
from resolvers.settings import settings_in_force
from resolvers.trail import audited, commit, happened

SIGNATURE_CHARACTERS_MAX = 200


async def plan_of(context: RequestContext, id: str) -> Plan | None:
    """Return the plan, or None where there is none within reach."""
    return await context.guard.child(Plan, id)


async def plans_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[list[Plan] | None]:
    """Return the plans of each application, oldest first; None where they are out of reach."""
    return await children_within(context, Plan, applications, Scope.PLANS_READ)


def schedule_of(
    context: RequestContext, plan: Plan, *, first: Maybe[int], after: Maybe[str]
) -> Listing[ScheduledPayment]:
    """Return part of a plan's payments, by month and creditor."""
    window = read_forward(first, after)
    rows, store, name = schedule(plan), store_of(context), f"schedule:{plan.id}"
    start = 0
    if window.after is not None:
        start = int(store.open_cursor(name, window.after, path="after")) + 1
    end = min(start + window.size, len(rows))
    return Cut(
        items=rows[start:end],
        positions=tuple(str(number) for number in range(start, end)),
        has_next=end < len(rows),
        has_previous=start > 0,
        seal=lambda position: store.seal_cursor(name, position),
    )


async def propose_plan(context: RequestContext, input: ProposePlanInput) -> Plan:
    """Propose a plan from the last analysis; proposals still open are superseded.

    Whatever the analysis recommends, a counselor may propose; where they differ, a warning says so.
    Raises InvalidInput, InvalidTransition before an analysis, and PlanNotPossible with its reasons,
    also where the agency is not licensed in the consumer's state.
    """

    async def perform(attempt: Attempt) -> Plan:
        application = await application_named(context, input.application_id)
        status = next_status(application.status, Step.PROPOSE)
        deposit = _clean_deposit(given(input.monthly_deposit))
        analysis = await latest_analysis(context, application)
        if analysis is None:
            raise InvalidTransition("Analyze the application first: a plan rests on an analysis.")
        application = await residing(context, application)
        check_licensed(agency_of(context).states, application.state)
        plan = await _plan(context, application, analysis, input, deposit)
        return await commit(
            context,
            plan,
            replace(application, status=status, updated_at=context.request.at),
            *await superseding(context, application),
            check=await grounds_for(context, application),
            event=happened(
                context, EventName.PLAN_PROPOSED, plan.id, 1, applicationId=application.id
            ),
            audit=audited(
                context,
                "proposePlan",
                plan.id,
                consumers=(application.consumer_id,),
                fields=("Consumer.name", "Application.debts", "Plan.agreement"),
            ),
            begin=attempt.done(plan.id),
        )

    return await once(
        context,
        "proposePlan",
        input,
        key=given(input.idempotency_key),
        perform=perform,
        replay=_replaying(context),
    )


async def accept_plan(context: RequestContext, input: AcceptPlanInput) -> Plan:
    """Sign a plan: the very text that was shown, by the name typed; then nothing changes it.

    Raises NotFound, InvalidTransition for a plan that is not open any more, InvalidInput for
    another hash or name than the consumer's, and StoreUnavailable where the text kept is not the
    one proposed.
    """

    async def perform(attempt: Attempt) -> Plan:
        plan, application = await _named(context, input.id)
        status = next_status(application.status, Step.ACCEPT)
        signed = accepted(plan, await _acceptance(context, plan, application, input))
        return await commit(
            context,
            signed,
            replace(application, status=status, updated_at=context.request.at),
            event=happened(
                context,
                EventName.PLAN_ACCEPTED,
                plan.id,
                plan.version + 1,
                applicationId=application.id,
            ),
            audit=audited(
                context,
                "acceptPlan",
                plan.id,
                consumers=(application.consumer_id,),
                fields=("Plan.acceptance",),
            ),
            begin=attempt.done(plan.id),
        )

    return await once(context, "acceptPlan", input, perform=perform, replay=_replaying(context))


async def decline_plan(context: RequestContext, id: str, reason: Maybe[str]) -> Plan:
    """Decline a plan: the application is where it was before, and another may be proposed."""

    async def perform(attempt: Attempt) -> Plan:
        plan, application = await _named(context, id)
        status = next_status(application.status, Step.DECLINE)
        faults = Faults()
        why = clean_optional_text(
            faults,
            "reason",
            given(reason),
            characters_max=REASON_CHARACTERS_MAX,
            line_breaks=True,
        )
        faults.raise_any()
        return await commit(
            context,
            declined(plan, why),
            replace(application, status=status, updated_at=context.request.at),
            check=await grounds_for(context, application),
            event=happened(
                context,
                EventName.PLAN_DECLINED,
                plan.id,
                plan.version + 1,
                applicationId=application.id,
            ),
            audit=audited(context, "declinePlan", plan.id, consumers=(application.consumer_id,)),
            begin=attempt.done(plan.id),
        )

    body = {"id": id, "reason": given(reason)}
    return await once(context, "declinePlan", body, perform=perform, replay=_replaying(context))


def _replaying(context: RequestContext) -> Callable[[str], Awaitable[Plan]]:
    """Return what answers a repeated mutation: its plan as it is now, to who may change it yet."""

    async def replay(reference: str) -> Plan:
        plan, _ = await _named(context, reference)
        return plan

    return replay


async def _named(context: RequestContext, id: str) -> tuple[Plan, Application]:
    """Return the plan that a mutation names, and its application; raises NotFound, Forbidden."""
    plan = await store_of(context).get(Plan, id)
    if plan is None:
        raise NotFound
    return plan, await application_named(context, plan.application_id)


def _clean_deposit(typed: Decimal | None) -> Decimal | None:
    faults = Faults()
    deposit = None if typed is None else clean_amount(faults, "input.monthlyDeposit", typed)
    faults.raise_any()
    return deposit


async def _plan(
    context: RequestContext,
    application: Application,
    analysis: FinancialAnalysis,
    input: ProposePlanInput,
    deposit: Decimal | None,
) -> Plan:
    at = context.request.at
    basis = Basis(
        application=application,
        analysis=analysis,
        settings=await settings_in_force(context, at.date()),
        parties=await _parties(context, application),
    )
    return draw_up(
        basis,
        id=new_child_id("plan", application.id, at),
        strategy=input.strategy,
        deposit=deposit,
        proposed_by=await named_actor(context),
        at=at,
    )


async def _parties(context: RequestContext, application: Application) -> Parties:
    agency, name = agency_of(context), await _name_of(context, application)
    return Parties(agency=agency.name, website=agency.website, consumer=name.display)


async def _name_of(context: RequestContext, application: Application) -> PersonName:
    """Return the consumer's name as it is on file."""
    consumer = await context.loaders.consumers.load(application.consumer_id)
    if consumer is None:
        raise NotFound
    return consumer.name


async def _acceptance(
    context: RequestContext, plan: Plan, application: Application, input: AcceptPlanInput
) -> Acceptance:
    kept = hashlib.sha256(plan.agreement.html.encode()).hexdigest()
    if kept != plan.agreement.sha256:
        raise StoreUnavailable("The agreement is not the one that was proposed.")
    faults = Faults()
    signature = clean_text(
        faults,
        "input.signature",
        input.signature,
        characters_max=SIGNATURE_CHARACTERS_MAX,
        worded=True,
    )
    if not faults.found and not bears_name(signature, await _name_of(context, application)):
        faults.add(
            "input.signature",
            "INVALID",
            "Type the full name on file, given and family name. If it is wrong there, correct it "
            "first, and have the plan proposed anew.",
        )
    if input.agreement_sha256 != plan.agreement.sha256:
        faults.add(
            "input.agreementSha256",
            "INVALID",
            "This is not the agreement to be signed. Show it again, and repeat its hash.",
        )
    faults.raise_any()
    return Acceptance(
        signature=signature,
        signed_by=await named_actor(context),
        at=context.request.at,
        source_ip=context.request.source_ip,
        agreement_sha256=plan.agreement.sha256,
        consent_id=await _electronic_consent(context, plan),
    )


async def _electronic_consent(context: RequestContext, plan: Plan) -> str | None:
    """Return the consumer's live consent to electronic records; None where they gave none."""
    purpose, at = ConsentPurpose.ELECTRONIC_RECORDS, context.request.at
    consents = await store_of(context).children(Consent, plan.application_id)
    return next((one.id for one in reversed(consents) if one.is_usable(purpose, at)), None)
