"""Invitations: a counselor gives a code out, and the consumer binds their own sign-in by it.

Whatever is wrong with a code, the answer is the same; an attempt is counted before the code is
looked at, so that no number of requests at once has more of them.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from domain.access import Scope
from domain.audit import AuditOutcome
from domain.consumers import Consumer
from domain.errors import (
    Duplicate,
    IdempotencyMismatch,
    InvalidTransition,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    VersionConflict,
)
from domain.events import EventName
from domain.ids import new_child_id
from domain.invitations import (
    ATTEMPTS_AN_HOUR_MAX,
    ATTEMPTS_OF_ALL_MAX,
    FAILURES_MAX,
    MADE_A_DAY_MAX,
    Invitation,
    is_same_person,
    new_code,
    shown_code,
    typed_code,
)
from domain.validation import refuse
from resolvers.consumers import consumer_named
from resolvers.context import RequestContext, store_of
from resolvers.inputs import Maybe, given
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened
from tenants.backend import Once, Replayed
from tenants.store import Change

_HOUR = timedelta(hours=1)
_RETRY_SECONDS = 3600
_INDEX = "invitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedInvitation:
    """An invitation just made; code is None when an idempotent retry is answered."""

    consumer_id: str
    expires_at: datetime
    code: str | None = field(repr=False)


async def create_invitation(context: RequestContext, consumer_id: str) -> CreatedInvitation:
    """Give out a code for a consumer within reach who has no sign-in; it ends the one before.

    Raises NotFound, Forbidden, InvalidTransition for who has a sign-in already, RateLimited where
    too many were made in a day.
    """

    async def perform(attempt: Attempt) -> CreatedInvitation:
        consumer = await consumer_named(context, consumer_id)
        if consumer.subject is not None:
            raise InvalidTransition("This consumer signs in already: nobody has to be invited.")
        at, store = context.request.at, store_of(context)
        earlier = await store.children(Invitation, consumer.id)
        if sum(one.made_at > at - 24 * _HOUR for one in earlier) >= MADE_A_DAY_MAX:
            raise RateLimited(retry_after_seconds=_RETRY_SECONDS)
        code = new_code()
        invitation = Invitation(
            id=new_child_id("inv", consumer.id, at),
            consumer_id=consumer.id,
            code_index=store.blind(_INDEX, code),
            made_by=context.principal.actor,
            made_at=at,
            expires_at=at + context.request.invitation_hours * _HOUR,
        )
        grant = await context.guard.grant_over_consumer(consumer, Scope.APPLICATIONS_WRITE)
        assert grant is not None, "consumer_named has seen it"
        invitation = await commit(
            context,
            invitation,
            *(replace(one, ended_at=at) for one in earlier if one.is_open),
            check=(grant, consumer),  # one who bound a sign-in meanwhile needs no code
            event=happened(
                context, EventName.INVITATION_CREATED, invitation.id, 1, consumerId=consumer.id
            ),
            audit=audited(context, "createInvitation", invitation.id, consumers=(consumer.id,)),
            begin=attempt.done(invitation.id),
        )
        return _created(invitation, shown_code(code))

    async def replay(reference: str) -> CreatedInvitation:
        await consumer_named(context, consumer_id)
        invitation = await store_of(context).get(Invitation, reference)
        if invitation is None:
            raise NotFound
        return _created(invitation, None)

    body = {"consumerId": consumer_id}
    return await once(context, "createInvitation", body, perform=perform, replay=replay)


async def accept_invitation(
    context: RequestContext, code: str, date_of_birth: Maybe[date]
) -> Consumer:
    """Bind the principal's sign-in to the record that the code was given out for.

    Raises NotFound for whatever does not fit, InvalidTransition where the principal has a record of
    their own, RateLimited after too many attempts.
    """

    async def perform(attempt: Attempt) -> Consumer:
        if await context.guard.own_consumer() is not None:
            raise InvalidTransition(
                "There is a record under this sign-in already. Ask your counselor to go on with "
                "that one, or sign in with another account to accept the invitation."
            )
        typed = typed_code(code)
        if typed is None:
            raise refuse("code", "INVALID", "Give the ten letters and digits that you were told.")
        await _count_attempt(context)
        invitation = await _held(context, typed, given(date_of_birth))
        return await _bind(context, invitation, attempt)

    async def replay(reference: str) -> Consumer:
        consumer = await context.guard.consumer(reference)
        if consumer is None:
            raise NotFound
        return consumer

    body = {"code": code, "dateOfBirth": given(date_of_birth)}
    return await once(context, "acceptInvitation", body, perform=perform, replay=replay)


async def _bind(context: RequestContext, invitation: Invitation, attempt: Attempt) -> Consumer:
    at, subject = context.request.at, context.principal.subject
    consumer = await store_of(context).get(Consumer, invitation.consumer_id)
    if consumer is None or consumer.subject is not None:
        raise await _refused(context, None)
    try:
        return await commit(
            context,
            replace(consumer, subject=subject, updated_at=at),
            replace(invitation, used_at=at),
            event=happened(
                context, EventName.INVITATION_ACCEPTED, consumer.id, consumer.version + 1
            ),
            audit=audited(
                context,
                "acceptInvitation",
                consumer.id,
                consumers=(consumer.id,),
                fields=("Consumer.subject",),
            ),
            begin=attempt.done(consumer.id),
        )
    except Duplicate as taken:
        raise InvalidTransition("There is a record under this sign-in already.") from taken
    except VersionConflict as conflict:  # somebody else used it, or the record was changed
        raise NotFound(_NOT_HELD) from conflict


async def _held(context: RequestContext, code: str, born: date | None) -> Invitation:
    """Return the invitation that the code is of and that holds; all else is refused alike."""
    store, at = store_of(context), context.request.at
    index = store.blind(_INDEX, code)  # keyed: what is compared tells nothing of the code
    invitation = await store.find(Invitation, "invitation_code", index)
    consumer = None if invitation is None else await store.get(Consumer, invitation.consumer_id)
    if invitation is None or consumer is None or not invitation.holds(at):
        raise await _refused(context, None)
    try:  # of the code's own few attempts: guesses at once have no more of them than one by one
        await _take(context, f"code {invitation.id}", FAILURES_MAX)
    except RateLimited:
        raise await _refused(context, None) from None
    if not is_same_person(consumer.date_of_birth, born):
        raise await _refused(context, invitation)
    return invitation


async def _refused(context: RequestContext, guessed: Invitation | None) -> NotFound:
    """Leave a line of an attempt that failed, and the failure where it was a code's."""
    about = () if guessed is None else (guessed.consumer_id,)
    line = audited(
        context,
        "acceptInvitation",
        None if guessed is None else guessed.id,
        consumers=about,
        outcome=AuditOutcome.REFUSED,
    )
    store = store_of(context)
    while guessed is not None and guessed.is_open:
        try:
            await store.commit(Change(put=(guessed.failed(context.request.at),), audit=line))
        except VersionConflict:  # another attempt failed at the same moment: both count
            guessed = await store.get(Invitation, guessed.id)
        else:
            return NotFound(_NOT_HELD)
    await store.record_audit(line)
    return NotFound(_NOT_HELD)


async def _count_attempt(context: RequestContext) -> None:
    """Take one of the attempts that the principal, and all of the agency, have in an hour.

    Raises RateLimited where none is left.
    """
    await _take(context, context.principal.subject, ATTEMPTS_AN_HOUR_MAX)
    await _take(context, "everybody", ATTEMPTS_OF_ALL_MAX)


async def _take(context: RequestContext, whose: str, most: int) -> None:
    """Take one of so many places: each is a record that lapses by itself, and is inserted once."""
    store, ends = store_of(context), context.request.at + _HOUR
    for number in range(most):
        key = _slot(whose, number)
        if await store.once(key) is not None:
            continue
        place = Once(key=key, digest=secrets.token_hex(16), reference="taken", expires_at=ends)
        try:
            await store.commit(Change(begin=place))
        except (IdempotencyMismatch, OutcomeUnknown, Replayed):
            continue  # another request was faster
        return
    raise RateLimited(retry_after_seconds=_RETRY_SECONDS)


def _slot(whose: str, number: int) -> str:
    named = json.dumps(["acceptInvitation attempt", whose, number])
    return hashlib.sha256(named.encode()).hexdigest()


def _created(invitation: Invitation, code: str | None) -> CreatedInvitation:
    return CreatedInvitation(
        consumer_id=invitation.consumer_id, expires_at=invitation.expires_at, code=code
    )


_NOT_HELD = (
    "This code does not hold, or the date of birth does not fit. Look at both again, or ask your "
    "counselor for a new code."
)
