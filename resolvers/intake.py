"""Intake: an application is started, changed, submitted, or withdrawn by its consumer."""

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from domain.access import AccessGrant, Scope
from domain.actors import PrincipalKind
from domain.applications import Application, Step, next_status
from domain.consumers import Consumer
from domain.errors import Duplicate, NotFound
from domain.events import EventName
from domain.ids import new_ulid
from domain.validation import (
    HARDSHIP_CHARACTERS_MAX,
    HOUSEHOLD_SIZE_MAX,
    REASON_CHARACTERS_MAX,
    Faults,
    clean_integer,
    clean_optional_text,
)
from resolvers.analysis import superseding
from resolvers.applications import application_named, status_after_edit
from resolvers.assignments import check_limit, claim_days, limit_over, new_assignment
from resolvers.consumers import consumer_named
from resolvers.context import RequestContext
from resolvers.inputs import (
    ABSENT,
    Maybe,
    PersonInput,
    StartApplicationInput,
    UpdateApplicationInput,
    given,
)
from resolvers.once import Attempt, once
from resolvers.people import changed, clean_person
from resolvers.steps import Intent, Moved, take_step
from resolvers.trail import audited, commit, happened

_SITUATION_NAMES = {
    "household_size": "Application.householdSize",
    "hardship_reason": "Application.hardshipReason",
}


async def start_application(context: RequestContext, input: StartApplicationInput) -> Application:
    """Start an application: consumers for themselves, others for whom they name or describe.

    A consumer's first application creates their record, a later one updates it with what is given.
    A counselor who starts one is assigned to it at once, so that they can read what they wrote.
    """

    async def perform(attempt: Attempt) -> Application:
        try:
            return await _start(context, input, attempt)
        except Duplicate:
            if context.principal.kind is not PrincipalKind.CONSUMER:
                raise
            # Their record was created meanwhile, by another request of theirs.
            return await _start(context, input, attempt)

    async def replay(reference: str) -> Application:
        return await application_named(context, reference)

    key = given(input.idempotency_key)
    return await once(context, "startApplication", input, key=key, perform=perform, replay=replay)


async def update_application(context: RequestContext, input: UpdateApplicationInput) -> Application:
    """Change what is given; what is given as null is cleared."""

    async def move(application: Application) -> Moved:
        status = status_after_edit(context, application)
        faults = Faults()
        clean = _clean_situation(faults, input.household_size, input.hardship_reason)
        faults.raise_any()
        updated = replace(application, **clean, status=status)
        return Moved(application=updated, fields=tuple(_SITUATION_NAMES[name] for name in clean))

    intent = Intent(
        action="updateApplication",
        event=EventName.APPLICATION_UPDATED,
        id=input.id,
        body=input,
        expected_version=given(input.expected_version),
    )
    return await take_step(context, intent, move)


async def submit_application(
    context: RequestContext, id: str, expected_version: Maybe[int]
) -> Application:
    """Hand the application in. It waits in the queue, or stays with the counselor assigned to it.

    Counseling never waits for a complete application (a form that gates a session is a screening
    that the standards of the field forbid): all that is asked for is a name, the state of
    residence, which decides whose law applies, and one way to reach the consumer.
    """

    async def move(application: Application) -> Moved:
        status = next_status(application.status, Step.SUBMIT)
        consumer = await context.loaders.consumers.load(application.consumer_id)
        at = context.request.at
        submitted = replace(
            application,
            status=status,
            state=_state_of_reachable(consumer),
            submitted_at=at,
            assignment=application.assignment if application.counselor_at(at) else None,
            status_reason=None,
        )
        return Moved(application=submitted)

    intent = Intent(
        action="submitApplication",
        event=EventName.APPLICATION_SUBMITTED,
        id=id,
        body={"id": id, "expectedVersion": given(expected_version)},
        expected_version=given(expected_version),
    )
    return await take_step(context, intent, move)


async def withdraw_application(context: RequestContext, id: str, reason: Maybe[str]) -> Application:
    """Take the application back; the consumer's right from anywhere before a plan is enrolled."""

    async def move(application: Application) -> Moved:
        status = next_status(application.status, Step.WITHDRAW)
        faults = Faults()
        why = clean_optional_text(
            faults, "reason", given(reason), characters_max=REASON_CHARACTERS_MAX, line_breaks=True
        )
        faults.raise_any()
        moved = replace(application, status=status, status_reason=why)
        return Moved(application=moved, others=await superseding(context, application))

    intent = Intent(
        action="withdrawApplication",
        event=EventName.APPLICATION_WITHDRAWN,
        id=id,
        body={"id": id, "reason": given(reason)},
    )
    return await take_step(context, intent, move)


async def _start(
    context: RequestContext, input: StartApplicationInput, attempt: Attempt
) -> Application:
    known = await _known_consumer(context, input)
    faults = Faults()
    person = clean_person(context, faults, _said(input))
    situation = _clean_situation(faults, input.household_size, input.hardship_reason)
    if known is None and given(input.name) is None:
        faults.add("input.name", "REQUIRED", "Give the name of the person who applies.")
    if person and given(input.consumer_id) is not None and not _is_consumer(context):
        faults.add("input.consumerId", "INVALID", "Name a consumer or describe one, not both.")
    faults.raise_any()
    consumer, names = _described(context, known, person)
    at = context.request.at
    application = Application(
        id=f"app_{new_ulid(at)}",
        consumer_id=consumer.id,
        state=consumer.address.state if consumer.address else None,
        created_at=at,
        updated_at=at,
        **situation,
    )
    others: tuple[Consumer | AccessGrant, ...] = (consumer,) if known is None or names else ()
    if context.principal.kind is PrincipalKind.COUNSELOR:
        ends, limit = (None, None) if known is None else await _reach_ends(context, known)
        assignment, grant = new_assignment(
            context,
            application.id,
            reason="Started by them",
            ends=ends,
            limit=limit,
            days=await claim_days(context),
        )
        application = replace(application, assignment=assignment)
        others = (*others, grant)
    return await commit(
        context,
        application,
        *others,
        event=happened(
            context, EventName.APPLICATION_STARTED, application.id, 1, consumerId=consumer.id
        ),
        audit=audited(
            context,
            "startApplication",
            application.id,
            consumers=(consumer.id,),
            fields=(*names, *(_SITUATION_NAMES[name] for name in situation)),
        ),
        begin=attempt.done(application.id),
    )


async def _reach_ends(
    context: RequestContext, consumer: Consumer
) -> tuple[datetime | None, datetime | None]:
    """Return when the counselor's reach over a consumer ends, and until when it can be renewed.

    Starting another application for somebody must not prolong either. Raises InvalidTransition
    where an admin took one of the consumer's applications back.
    """
    grant = await context.guard.grant_over_consumer(consumer, Scope.APPLICATIONS_WRITE)
    if grant is None:
        return None, None
    if grant.renewable_until is None:
        return grant.expires_at, grant.expires_at
    actor = context.principal.actor
    limit = await limit_over(context, consumer.id, actor, approved_over=grant.subject)
    check_limit(context, limit)
    return grant.expires_at, min(limit, grant.renewable_until)


async def _known_consumer(context: RequestContext, input: StartApplicationInput) -> Consumer | None:
    """Return the record that the application is for, None where one has to be created."""
    named = given(input.consumer_id)
    if _is_consumer(context):
        own = await context.guard.own_consumer()
        if named is not None and (own is None or own.id != named):
            raise NotFound
        return own
    if named is None:
        return None
    return await consumer_named(context, named)


def _described(
    context: RequestContext, known: Consumer | None, person: dict[str, Any]
) -> tuple[Consumer, tuple[str, ...]]:
    """Return the consumer as described, and the names of the fields that are new."""
    if known is not None:
        return changed(context, known, person)
    at = context.request.at
    subject = context.principal.subject if _is_consumer(context) else None
    created = Consumer(
        id=f"con_{new_ulid(at)}",
        created_at=at,
        updated_at=at,
        subject=subject,
        name=person["name"],
    )
    _, names = changed(context, created, {name: person[name] for name in person if name != "name"})
    return replace(created, **person), ("Consumer.name", *names)


def _said(input: StartApplicationInput) -> PersonInput:
    """Return what was said about the person; a null says nothing here."""
    said = {item.name: getattr(input, item.name) for item in fields(PersonInput)}
    return PersonInput(**{name: value for name, value in said.items() if value is not None})


def _is_consumer(context: RequestContext) -> bool:
    return context.principal.kind is PrincipalKind.CONSUMER


def _clean_situation(
    faults: Faults, household_size: Maybe[int], hardship_reason: Maybe[str]
) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    if household_size is not ABSENT:
        clean["household_size"] = (
            None
            if household_size is None
            else clean_integer(
                faults, "input.householdSize", household_size, least=1, greatest=HOUSEHOLD_SIZE_MAX
            )
        )
    if hardship_reason is not ABSENT:
        clean["hardship_reason"] = clean_optional_text(
            faults,
            "input.hardshipReason",
            hardship_reason,
            characters_max=HARDSHIP_CHARACTERS_MAX,
            line_breaks=True,
        )
    return clean


def _state_of_reachable(consumer: Consumer | None) -> str:
    faults = Faults()
    state = consumer.address.state if consumer and consumer.address else None
    if state is None:
        faults.add(
            "application.consumer.address", "REQUIRED", "Give an address: its state is needed."
        )
    if consumer is None or not (consumer.email or consumer.phone):
        faults.add(
            "application.consumer.email", "REQUIRED", "Give an e-mail address or a phone number."
        )
    faults.raise_any()
    return state or ""
