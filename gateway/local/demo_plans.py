"""What the demo has behind a review: analyses, plans that wait for a signature, and signed ones.

All of it comes from the domain's own functions. Analyses and signed plans are dated from the seed
date; a plan that waits is dated from now, and proposed anew at a later start before it is too late
to sign it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency
from domain.agreement import Parties
from domain.analysis import FinancialAnalysis, Recommendation, analyze
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from domain.errors import PlanNotPossible
from domain.fees import fee_terms
from domain.ids import new_child_id, new_ulid, root_of
from domain.money import ZERO
from domain.payoff import PayoffStrategy
from domain.planning import Basis, draw_up
from domain.plans import Acceptance, Plan, PlanStatus, accepted, superseded
from domain.proposal import propose, terms_of
from domain.settings import AgencySettings
from gateway.local.demo_example import demo_settings
from gateway.local.demo_world import SEED_DATE, Applicant
from gateway.provisioning import cli_audit
from tenants.records.kinds import Record
from tenants.settings import settings_in_force
from tenants.store import AgencyStore, Change

_ANALYZED, _PROPOSED, _ENROLLED = (
    ApplicationStatus.ANALYZED,
    ApplicationStatus.PLAN_PROPOSED,
    ApplicationStatus.ENROLLED,
)
_GOALS = (_PROPOSED, _ENROLLED, _ANALYZED, _PROPOSED, _ENROLLED, _ANALYZED, _ANALYZED)
"""Of each counselor's applications, those with the longest plans first."""

_COUNSELORS = ("counselor", "counselor2")
_ANALYZED_AT = SEED_DATE + timedelta(days=1)
_PROPOSED_AT = SEED_DATE + timedelta(days=2)
_SIGNED_AT = SEED_DATE + timedelta(days=3)
_RENEW_BEFORE = timedelta(days=14)
_PLANS = (Recommendation.PLAN_STANDARD, Recommendation.PLAN_HARDSHIP)
_REASON = "the demo world"


async def seed_plans(
    store: AgencyStore, agency: Agency, applicants: Sequence[Applicant], at: datetime
) -> None:
    """Take some applications that are written already on to where plans are; a unit for each."""
    goals = plan_goals(applicants, demo_settings(agency.retention_years, SEED_DATE))
    written = await store.get_many(Application, list(goals))
    consumers = {one.application.id: one.consumer for one in applicants}
    for identifier, goal in goals.items():
        application = written[identifier]
        records = await _taken_on(store, agency, application, consumers[identifier], goal, at)
        audit = cli_audit("dev seed", subject=identifier, reason=_REASON)
        await store.commit(Change(put=records, audit=audit))


def plan_goals(
    applicants: Iterable[Applicant], settings: AgencySettings
) -> dict[str, ApplicationStatus]:
    """Return by id which applications are ANALYZED, PLAN_PROPOSED and ENROLLED in the demo.

    The worked example waits for its consumer. The others are of those in review that the demo has
    for nothing else, where a plan is possible: first those for whom the analysis recommends one,
    then the longest plans.
    """
    everybody = list(applicants)
    goals = {one.application.id: _PROPOSED for one in everybody if one.role.example}
    for counselor in _COUNSELORS:
        ranked = sorted(
            (
                (rank, applicant.application.id)
                for applicant in everybody
                if applicant.role.counselor == counselor
                and _is_plain(applicant)
                and (rank := _rank(applicant.application, settings)) is not None
            ),
            reverse=True,
        )
        goals.update(zip((identifier for _, identifier in ranked), _GOALS, strict=False))
    return goals


async def renew_plans(
    store: AgencyStore, agency: Agency, applications: Sequence[str], at: datetime
) -> None:
    """Propose anew, on the same terms, what waits and could soon not be signed any more.

    As a counselor would: the open plan is superseded, and never changed. Where settings that were
    made since rule the plan out, it stays as it is.
    """
    for application in (await store.get_many(Application, applications)).values():
        if application.status is not _PROPOSED:
            continue
        for plan in await store.children(Plan, application.id):
            if plan.status is PlanStatus.PROPOSED and plan.first_due_on - at.date() < _RENEW_BEFORE:
                await _renew(store, agency, application, plan, at)


async def _renew(
    store: AgencyStore, agency: Agency, application: Application, plan: Plan, at: datetime
) -> None:
    analysis = await store.get(FinancialAnalysis, plan.analysis_id)
    consumer = await store.get(Consumer, application.consumer_id)
    if analysis is None or consumer is None:
        return
    settings = await settings_in_force(store, agency, at.date())
    try:
        anew = draw_up(
            _basis(application, analysis, settings, agency, consumer),
            id=new_child_id("plan", application.id, at),
            strategy=plan.strategy,
            deposit=plan.monthly_deposit,
            proposed_by=plan.proposed_by,
            at=at,
        )
    except PlanNotPossible:
        return
    audit = cli_audit("dev renew", subject=anew.id, reason=_REASON)
    records = (superseded(plan), anew, replace(application, updated_at=at))
    await store.commit(Change(put=records, audit=audit))


def _is_plain(applicant: Applicant) -> bool:
    role = applicant.role
    return role.status is ApplicationStatus.IN_REVIEW and role.owner is None and role.family is None


def _rank(application: Application, settings: AgencySettings) -> tuple[bool, int] | None:
    """Return whether the analysis recommends a plan, and its months; None where none is possible.

    The agreement is not needed for it, and takes most of the time that drawing up a plan does.
    """
    day = _PROPOSED_AT.date()
    analysis = _analysis(application, settings, "", _ANALYZED_AT)
    hardship = analysis.recommendation is Recommendation.PLAN_HARDSHIP
    try:
        terms = terms_of(application.debts, settings, hardship=hardship)
        proposal = propose(
            terms,
            fee_terms(settings, application.state, day),
            strategy=PayoffStrategy.AVALANCHE,
            deposit=max(analysis.disposable, ZERO),
            proposed_on=day,
        )
    except PlanNotPossible:
        return None
    return analysis.recommendation in _PLANS, proposal.months


async def _taken_on(
    store: AgencyStore,
    agency: Agency,
    application: Application,
    consumer: Consumer,
    goal: ApplicationStatus,
    at: datetime,
) -> tuple[Record, ...]:
    """Return the records that take an application from its review to a status."""
    ids = _ids(application)
    settings = await settings_in_force(store, agency, _ANALYZED_AT.date())
    analysis = _analysis(application, settings, next(ids), _ANALYZED_AT)
    reached = replace(application, status=goal, updated_at=_ANALYZED_AT)
    if goal is _ANALYZED:
        return reached, analysis
    assert application.assignment is not None
    proposed_at = at if goal is _PROPOSED else _PROPOSED_AT
    settings = await settings_in_force(store, agency, proposed_at.date())
    plan = draw_up(
        _basis(application, analysis, settings, agency, consumer),
        id=new_child_id("plan", application.id, at) if goal is _PROPOSED else next(ids),
        strategy=PayoffStrategy.AVALANCHE,
        deposit=None,
        proposed_by=application.assignment.counselor,
        at=proposed_at,
    )
    if goal is _PROPOSED:
        return replace(reached, updated_at=at), analysis, plan
    signed = accepted(plan, _acceptance(plan, consumer))
    return replace(reached, updated_at=_SIGNED_AT), analysis, signed


def _ids(application: Application) -> Iterator[str]:
    """Give the ids of an analysis and of a signed plan: the same on every machine."""
    root = root_of(application.id)
    rng = Random(f"almoner:{root}:plan")  # noqa: S311  the demo must come out the same each time
    for prefix, at in (("ana", _ANALYZED_AT), ("plan", _PROPOSED_AT)):
        yield f"{prefix}_{root}_{new_ulid(at, randomness=rng.getrandbits(80))}"


def _analysis(
    application: Application, settings: AgencySettings, id: str, at: datetime
) -> FinancialAnalysis:
    terms = fee_terms(settings, application.state, at.date())
    return analyze(application, settings, terms, id=id, at=at)


def _basis(
    application: Application,
    analysis: FinancialAnalysis,
    settings: AgencySettings,
    agency: Agency,
    consumer: Consumer,
) -> Basis:
    return Basis(
        application=application,
        analysis=analysis,
        settings=settings,
        parties=Parties(agency=agency.name, website=agency.website, consumer=consumer.name.display),
    )


def _acceptance(plan: Plan, consumer: Consumer) -> Acceptance:
    name = consumer.name.display
    return Acceptance(
        signature=name,
        signed_by=Actor(
            id=consumer.subject or consumer.id, kind=PrincipalKind.CONSUMER, display_name=name
        ),
        at=_SIGNED_AT,
        source_ip="127.0.0.1",
        agreement_sha256=plan.agreement.sha256,
    )
