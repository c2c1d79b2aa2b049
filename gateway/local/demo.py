"""Writes the demo world into a home folder, and keeps its grants, consents and plans fresh.

Records are dated from the seed date; grants, consents and plans that wait for a signature from now,
renewed at every start of `almoner dev`, so that the demo never goes stale.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from domain.access import (
    CLAIM_DAYS,
    MINUTES_MAX_OPERATOR,
    REQUEST_LAPSES_HOURS,
    AccessGrant,
    Scope,
    claim_end,
    claim_limit,
)
from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency, AgencyStatus, Pool, Staff
from domain.applications import Application, ApplicationStatus, Assignment, Note
from domain.consents import Consent, ConsentPurpose, consent_end, current_text
from domain.ids import GlobalId, new_ulid, parse_global_id
from gateway.local.demo_example import demo_settings
from gateway.local.demo_plans import renew_plans, seed_plans
from gateway.local.demo_world import (
    AGENCIES,
    CLIENT_ID,
    OPERATOR,
    OPERATOR_POOL,
    PASSWORD,
    SEED_DATE,
    Applicant,
    DemoAgency,
    DemoUser,
    plan_applicants,
    users_of,
)
from gateway.local.issuer import LocalIssuer
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import Workspace
from tenants.records.kinds import Record
from tenants.store import AgencyStore, Change

_RENEW_BEFORE = timedelta(days=25)
_APPLICANTS_PER_UNIT = 20
_REASON = "the demo world"

T = TypeVar("T")


async def seed_demo(
    workspace: Workspace,
    issuer: LocalIssuer,
    *,
    issuer_url: str,
    gateway_port: int,
    at: datetime,
) -> None:
    """Write agencies, pools, users, staff and applications into an empty home."""
    issuer.ensure_pool(OPERATOR_POOL, CLIENT_ID, agency=None)
    _put_user(issuer, OPERATOR)
    await workspace.directory.set_operator_pool(
        _pool(issuer_url, OPERATOR_POOL),
        cli_audit("dev seed", subject=None, reason=_REASON),
    )
    for demo in AGENCIES:
        issuer.ensure_pool(demo.pool_id, CLIENT_ID, agency=demo.slug)
        agency = await add_agency(
            workspace,
            slug=demo.slug,
            name=demo.name,
            states=demo.states,
            website=f"http://{demo.slug}.localhost:{gateway_port}/",
            pools=(_pool(issuer_url, demo.pool_id),),
            reason=_REASON,
        )
        await _seed_people(workspace, issuer, demo, agency)
        async with workspace.registry.lease(agency) as store:
            await _seed_settings(store, agency)
            applicants = plan_applicants(demo)
            await _seed_applications(store, applicants, users_of(demo), agency, at)
            await seed_plans(store, agency, applicants, at)


async def renew_demo(workspace: Workspace, *, issuer_url: str, at: datetime) -> None:
    """Give the demo's grants, consents and waiting plans a fresh end, unless they were taken away.

    Pools follow the issuer to the port that it has this time.
    """
    directory = workspace.directory
    operators = _pool(issuer_url, OPERATOR_POOL)
    if await directory.operator_pool() != operators:
        audit = cli_audit("dev renew", subject=None, reason=_REASON)
        await directory.set_operator_pool(operators, audit)
    for demo in AGENCIES:
        agency = await directory.agency_by_slug(demo.slug)
        if agency is None or agency.status is not AgencyStatus.ACTIVE:
            continue
        pools = (_pool(issuer_url, demo.pool_id),)
        if agency.pools != pools:
            agency = replace(agency, pools=pools)
            audit = cli_audit("dev renew", subject=f"agency_{agency.id}", reason=_REASON)
            await directory.update_agency(agency, audit)
        held = [applicant for applicant in plan_applicants(demo) if applicant.role.counselor]
        async with workspace.registry.lease(agency) as store:
            await _renew_grants(store, held, at)
            consented = [applicant for applicant in held if applicant.role.consented]
            await _renew_consents(store, agency, consented, at)
            await renew_plans(store, agency, [one.application.id for one in held], at)
    agency = await directory.agency_by_slug(AGENCIES[0].slug)
    if agency is not None:
        await _renew_request(workspace, agency, at)


def renew_passwords(issuer: LocalIssuer) -> None:
    """Give the demo's users their password where they have none: a home of an earlier release.

    One that somebody chose since stays.
    """
    for user in (OPERATOR, *(user for demo in AGENCIES for user in users_of(demo).values())):
        issuer.ensure_password(user.pool_id, user.email, PASSWORD)


def _pool(issuer_url: str, pool_id: str) -> Pool:
    return Pool(issuer=f"{issuer_url}/{pool_id}", client_ids=(CLIENT_ID,))


async def _seed_people(
    workspace: Workspace, issuer: LocalIssuer, demo: DemoAgency, agency: Agency
) -> None:
    for user in users_of(demo).values():
        _put_user(issuer, user)
        if user.email.startswith("consumer"):
            continue
        staff = Staff(
            id=f"staff_{new_ulid()}",
            subject=user.subject,
            display_name=user.display_name,
            email=user.email,
            group=user.group,
        )
        audit = cli_audit("dev seed", subject=staff.id, reason=_REASON)
        await workspace.directory.put_staff(agency.id, staff, audit)


def _put_user(issuer: LocalIssuer, user: DemoUser) -> None:
    issuer.put_user(
        email=user.email,
        subject=user.subject,
        display_name=user.display_name,
        group=user.group,
        pool_id=user.pool_id,
    )
    issuer.ensure_password(user.pool_id, user.email, PASSWORD)


async def _seed_settings(store: AgencyStore, agency: Agency) -> None:
    settings = demo_settings(agency.retention_years, SEED_DATE)
    audit = cli_audit("dev seed", subject=settings.id, reason=_REASON)
    await store.commit(Change(put=(settings,), audit=audit))


async def _seed_applications(
    store: AgencyStore,
    applicants: Sequence[Applicant],
    users: dict[str, DemoUser],
    agency: Agency,
    at: datetime,
) -> None:
    for some in _in_parts(applicants, _APPLICANTS_PER_UNIT):
        records = tuple(
            record
            for applicant in some
            for record in _records_of(store, applicant, users, agency, at)
        )
        audit = cli_audit("dev seed", subject=None, reason=_REASON)
        await store.commit(Change(put=records, audit=audit))


def _records_of(
    store: AgencyStore,
    applicant: Applicant,
    users: dict[str, DemoUser],
    agency: Agency,
    at: datetime,
) -> Iterator[Record]:
    yield applicant.consumer
    role, application = applicant.role, applicant.application
    if role.counselor is None:
        yield application
        return
    counselor = users[role.counselor].actor
    end = claim_end(at)
    yield replace(
        application,
        assignment=Assignment(counselor=counselor, grant_id=applicant.grant_id, expires_at=end),
    )
    yield AccessGrant(
        id=applicant.grant_id,
        grantee=counselor,
        scope=Scope.APPLICATIONS_WRITE,
        subject=application.id,
        reason="claimed from the queue",
        requested_at=at,
        minutes=CLAIM_DAYS * 24 * 60,
        renewable_until=claim_limit((), at),
        expires_at=end,
    )
    if role.status is ApplicationStatus.RETURNED:
        yield Note(
            id=applicant.note_id,
            application_id=application.id,
            text="Asked for the missing pay stubs.",
            author=counselor,
            created_at=application.updated_at,
        )
    if role.consented:
        yield _consent(store, applicant.consent_id, applicant, agency, at)


def _consent(
    store: AgencyStore, consent_id: str, applicant: Applicant, agency: Agency, at: datetime
) -> Consent:
    text = current_text(ConsentPurpose.SOFT_CREDIT_PULL, agency.name)
    consumer = applicant.consumer
    return Consent(
        id=consent_id,
        application_id=applicant.application.id,
        purpose=text.purpose,
        text_version=text.version,
        text_sha256=text.sha256,
        given_by=Actor(
            id=consumer.subject or consumer.id,
            kind=PrincipalKind.CONSUMER,
            display_name=consumer.name.display,
        ),
        given_at=at,
        expires_at=consent_end(at),
        source_ip="127.0.0.1",
        ssn_index=store.blind("ssn", consumer.ssn) if consumer.ssn else None,
    )


async def _renew_grants(store: AgencyStore, applicants: Sequence[Applicant], at: datetime) -> None:
    grants = await store.get_many(AccessGrant, [item.grant_id for item in applicants])
    applications = await store.get_many(Application, [item.application.id for item in applicants])
    stale: list[Record] = []
    for applicant in applicants:
        grant = grants.get(applicant.grant_id)
        application = applications.get(applicant.application.id)
        if grant is None or application is None or application.assignment is None:
            continue
        if grant.revoked_at is not None or grant.expires_at - at > _RENEW_BEFORE:
            continue
        if application.assignment.grant_id != grant.id:
            continue
        end = claim_end(at)
        assignment = replace(application.assignment, expires_at=end)
        stale.append(replace(grant, expires_at=end, renewable_until=claim_limit((), at)))
        stale.append(replace(application, assignment=assignment))
    for part in _in_parts(stale, _APPLICANTS_PER_UNIT):
        audit = cli_audit("dev renew", subject=None, reason=_REASON)
        await store.commit(Change(put=tuple(part), audit=audit))


async def _renew_request(workspace: Workspace, agency: Agency, at: datetime) -> None:
    """Let the operator wait for an approval, where they neither wait nor have one.

    No grant of an operator is live in the demo before an admin approves it, as everywhere.
    """
    directory, operator = workspace.directory, OPERATOR.actor
    if await directory.open_access_grants(agency.id, operator.id, at):
        return
    request = AccessGrant(
        id=f"grant_{new_ulid(at)}",
        grantee=operator,
        scope=Scope.APPLICATIONS_READ,
        subject=None,
        reason="looking into a complaint",
        requested_at=at,
        minutes=MINUTES_MAX_OPERATOR,
        expires_at=at + timedelta(hours=REQUEST_LAPSES_HOURS),
    )
    audit = cli_audit("dev renew", subject=request.id, reason=_REASON)
    await directory.put_access_grant(agency.id, request, audit)


async def _renew_consents(
    store: AgencyStore,
    agency: Agency,
    applicants: Sequence[Applicant],
    at: datetime,
) -> None:
    by_root = await store.children_many(Consent, [item.application.id for item in applicants])
    for applicant in applicants:
        consents = by_root[applicant.application.id]
        later = at + _RENEW_BEFORE
        if any(consent.is_usable(ConsentPurpose.SOFT_CREDIT_PULL, later) for consent in consents):
            continue
        parsed = parse_global_id(applicant.application.id)
        assert parsed is not None
        identifier = str(GlobalId("cons", parsed.root, new_ulid(at)))
        consent = _consent(store, identifier, applicant, agency, at)
        audit = cli_audit("dev renew", subject=consent.id, reason=_REASON)
        await store.commit(Change(put=(consent,), audit=audit))


def _in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
