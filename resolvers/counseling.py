"""Counseling: applications are taken from the queue, given back, handed over, returned, closed."""

from dataclasses import replace

from domain.access import AccessGrant, Scope
from domain.actors import Actor, Group, PrincipalKind
from domain.applications import (
    ENDED,
    IN_COUNSELING,
    Application,
    Note,
    Step,
    next_status,
)
from domain.errors import InvalidTransition, NotFound
from domain.events import EventName
from domain.ids import new_child_id
from domain.validation import (
    NOTE_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    Faults,
    clean_text,
    refuse,
)
from resolvers.analysis import superseding
from resolvers.applications import application_named
from resolvers.assignments import assign, claim_of, renew
from resolvers.context import RequestContext, directory_of
from resolvers.once import Attempt, once
from resolvers.steps import Intent, Moved, take_last_step, take_step
from resolvers.trail import audited, commit, happened


async def claim_application(context: RequestContext, id: str) -> Application:
    """Take an application that nobody works on; of two who try at once, one gets it.

    Their own goes on under the same grant, which is renewed, as long as it can be without a fresh
    approval by an admin.
    """

    async def move(application: Application) -> Moved:
        status = next_status(application.status, Step.CLAIM)
        working, held = application.counselor_at(context.request.at), application.assignment
        if working is None or held is None:
            assignment, grant = await assign(context, application, reason="Claimed")
        elif working.id == context.principal.subject:
            assignment, grant = await renew(context, application, held)
        else:
            raise InvalidTransition("Another counselor works on this application.")
        claimed = replace(application, status=status, assignment=assignment)
        return Moved(application=claimed, others=(grant,))

    intent = Intent(
        action="claimApplication", event=EventName.APPLICATION_CLAIMED, id=id, body={"id": id}
    )
    return await take_step(context, intent, move, find=_claimable)


async def release_application(context: RequestContext, id: str) -> bool:
    """Give an application back: the grant ends at once, the status stays as it is."""

    async def move(application: Application) -> Moved:
        ended = await _ended_grant(context, application)
        return Moved(application=replace(application, assignment=None), others=(ended,))

    intent = Intent(
        action="releaseApplication", event=EventName.APPLICATION_RELEASED, id=id, body={"id": id}
    )
    return await take_last_step(context, intent, move)


async def reassign_application(context: RequestContext, id: str, to: str) -> bool:
    """Hand an application over to another counselor of the agency; the own grant ends at once."""

    async def move(application: Application) -> Moved:
        if application.status in ENDED:
            raise InvalidTransition(f"An application that is {application.status} is not assigned.")
        ended = await _ended_grant(context, application)
        successor = await _counselor(context, to)
        assignment, grant = await assign(
            context, application, to=successor, reason="Handed over", handed_on=ended
        )
        handed_over = replace(application, assignment=assignment)
        return Moved(application=handed_over, others=(ended, grant))

    intent = Intent(
        action="reassignApplication",
        event=EventName.APPLICATION_REASSIGNED,
        id=id,
        body={"id": id, "to": to},
    )
    return await take_last_step(context, intent, move)


async def return_application(context: RequestContext, id: str, reason: str) -> Application:
    """Send an application back to its consumer; the counselor stays assigned to it."""
    return await _end_with_reason(
        context,
        Intent(
            action="returnApplication",
            event=EventName.APPLICATION_RETURNED,
            id=id,
            body={"id": id, "reason": reason},
        ),
        Step.RETURN,
        reason,
    )


async def close_application(context: RequestContext, id: str, reason: str) -> Application:
    """Close an application; the counselor may read it until their grant ends."""
    return await _end_with_reason(
        context,
        Intent(
            action="closeApplication",
            event=EventName.APPLICATION_CLOSED,
            id=id,
            body={"id": id, "reason": reason},
        ),
        Step.CLOSE,
        reason,
    )


async def add_note(context: RequestContext, application_id: str, text: str) -> Note:
    """Write a note. Notes are no part of the application: its version stays as it is."""

    async def perform(attempt: Attempt) -> Note:
        application = await application_named(context, application_id)
        faults = Faults()
        clean = clean_text(
            faults, "text", text, characters_max=NOTE_CHARACTERS_MAX, line_breaks=True
        )
        faults.raise_any()
        at = context.request.at
        note = Note(
            id=new_child_id("note", application.id, at),
            application_id=application.id,
            text=clean,
            author=context.principal.actor,
            created_at=at,
        )
        grant = await context.guard.grant_over(application, Scope.APPLICATIONS_WRITE)
        assert grant is not None, "application_named has seen it"
        return await commit(
            context,
            note,
            check=(grant,),  # a grant revoked meanwhile refuses the note
            event=happened(context, EventName.NOTE_ADDED, note.id, 1, applicationId=application.id),
            audit=audited(
                context,
                "addNote",
                note.id,
                consumers=(application.consumer_id,),
                fields=("Note.text",),
            ),
            begin=attempt.done(note.id),
        )

    async def replay(reference: str) -> Note:
        note = await context.guard.child(Note, reference)
        if note is None:
            raise NotFound
        return note

    body = {"applicationId": application_id, "text": text}
    return await once(context, "addNote", body, perform=perform, replay=replay)


async def _end_with_reason(
    context: RequestContext, intent: Intent, step: Step, reason: str
) -> Application:
    async def move(application: Application) -> Moved:
        status = next_status(application.status, step)
        faults = Faults()
        why = clean_text(
            faults,
            "reason",
            reason,
            characters_max=REASON_CHARACTERS_MAX,
            line_breaks=True,
            worded=True,
        )
        faults.raise_any()
        moved = replace(application, status=status, status_reason=why)
        return Moved(application=moved, others=await superseding(context, application))

    return await take_step(context, intent, move)


async def _claimable(context: RequestContext, global_id: str) -> Application:
    """Return the application within reach or in the queue; raises NotFound for any other."""
    application = await context.loaders.applications.load(global_id)
    if application is None:
        raise NotFound
    if is_waiting(application, context):
        context.guard.reads.application(application)
        return application
    return await application_named(context, global_id)


def is_waiting(application: Application, context: RequestContext) -> bool:
    """Say whether the application is in the queue: in counseling, and nobody works on it."""
    unassigned = application.counselor_at(context.request.at) is None
    return unassigned and application.status in IN_COUNSELING


async def _ended_grant(context: RequestContext, application: Application) -> AccessGrant:
    """Return the principal's grant over the application, ended now."""
    assignment = application.assignment
    if assignment is None or assignment.counselor.id != context.principal.subject:
        raise NotFound
    return replace(await claim_of(context, assignment), revoked_at=context.request.at)


async def _counselor(context: RequestContext, staff_id: str) -> Actor:
    staff = await directory_of(context).staff_member(staff_id)
    if staff is None or not staff.active or staff.group is not Group.COUNSELORS:
        raise refuse("to", "INVALID", "Name an active counselor of the agency.")
    if staff.subject == context.principal.subject:
        raise refuse("to", "INVALID", "You work on this application already.")
    return Actor(id=staff.subject, kind=PrincipalKind.COUNSELOR, display_name=staff.display_name)
