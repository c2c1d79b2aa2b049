"""Steps: the one course that every change to an application takes.

Find it within reach, compare the expected version, decide (the caller's `move`), and commit the
application with what goes with it, its event and its audit line in one unit, once for each
idempotency key.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from domain.applications import Application
from domain.events import EventName
from resolvers.applications import application_named, check_version
from resolvers.context import RequestContext
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened
from tenants.records.kinds import Record

Find = Callable[[RequestContext, str], Awaitable[Application]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a step comes to: the application as it shall be, and records written with it.

    fields: names of the personal fields that changed, for the audit line.
    """

    application: Application
    others: tuple[Record, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a caller wants done.

    action: the mutation's name. body: its input, which an idempotency key is bound to.
    """

    action: str
    event: EventName
    id: str
    body: object
    key: str | None = None
    expected_version: int | None = None


async def take_step(
    context: RequestContext,
    intent: Intent,
    move: Callable[[Application], Awaitable[Moved]],
    *,
    find: Find = application_named,
) -> Application:
    """Take the step and return the application as written; a replay returns it as it is now."""

    async def perform(attempt: Attempt) -> Application:
        return await _perform(context, intent, move, find, attempt)

    async def replay(reference: str) -> Application:
        return await application_named(context, reference)

    return await once(
        context, intent.action, intent.body, key=intent.key, perform=perform, replay=replay
    )


async def take_last_step(
    context: RequestContext, intent: Intent, move: Callable[[Application], Awaitable[Moved]]
) -> bool:
    """Take a step after which the principal no longer reaches the application; return True."""

    async def perform(attempt: Attempt) -> bool:
        await _perform(context, intent, move, application_named, attempt)
        return True

    async def replay(reference: str) -> bool:
        context.guard.reads.read(reference, 0)  # no more of it than that it was done
        return True

    return await once(
        context, intent.action, intent.body, key=intent.key, perform=perform, replay=replay
    )


async def _perform(
    context: RequestContext,
    intent: Intent,
    move: Callable[[Application], Awaitable[Moved]],
    find: Find,
    attempt: Attempt,
) -> Application:
    application = await find(context, intent.id)
    check_version(application.version, intent.expected_version)
    moved = await move(application)
    return await commit(
        context,
        replace(moved.application, updated_at=context.request.at),
        *moved.others,
        event=happened(context, intent.event, application.id, application.version + 1),
        audit=audited(
            context,
            intent.action,
            application.id,
            consumers=(application.consumer_id,),
            fields=moved.fields,
        ),
        begin=attempt.done(application.id),
    )
