"""Commits, and what every unit leaves behind: its event and its audit line."""

from typing import TypeVar, cast

from domain.audit import AuditLine, AuditOutcome
from domain.event_catalogue import described
from domain.events import Event, EventName
from domain.ids import new_ulid
from resolvers.context import RequestContext, store_of
from resolvers.reads import owner_named
from tenants.backend import Once
from tenants.records.kinds import Record
from tenants.store import Change

R = TypeVar("R", bound=Record)


async def commit(
    context: RequestContext,
    record: R,
    *others: Record,
    check: tuple[Record, ...] = (),
    event: Event,
    audit: AuditLine,
    begin: Once | None = None,
    finish: Once | None = None,
) -> R:
    """Write the records as one unit with their event and audit line; return the first as written.

    What the guard and the loaders had read is forgotten, whether the unit was kept or refused.
    """
    try:
        written = await store_of(context).commit(
            Change(
                put=(record, *others),
                check=check,
                event=event,
                audit=audit,
                begin=begin,
                finish=finish,
            )
        )
    finally:
        context.guard.forget()
        context.loaders.forget()
    context.guard.reads.cover(audit.consumers)
    return cast("R", written[0])


async def leave_trail(context: RequestContext, event: Event, audit: AuditLine) -> None:
    """Write an event and an audit line by themselves: something happened, and no record changed."""
    await store_of(context).commit(Change(event=event, audit=audit))


def happened(
    context: RequestContext, name: EventName, subject: str, version: int, **ids: str
) -> Event:
    """Return the event of what has happened to `subject`, now in `version`; `ids` are ids alone.

    Raises ValueError for one that is not as the catalogue has it.
    """
    at, schema = context.request.at, described(name, subject, ids)
    return Event(
        id=new_ulid(at),
        name=name,
        schema=schema,
        at=at,
        subject=subject,
        version=version,
        data=ids,
    )


def audited(
    context: RequestContext,
    action: str,
    subject: str | None = None,
    *,
    consumers: tuple[str, ...] | None = None,
    purpose: str | None = None,
    fields: tuple[str, ...] = (),
    outcome: AuditOutcome = AuditOutcome.DONE,
) -> AuditLine:
    """Return the audit line of what the principal does now; `fields` are names, never values.

    consumers: whose data it is about; where None, whose the subject is, as far as this request has
    come across it.
    """
    at = context.request.at
    return AuditLine(
        id=new_ulid(at),
        at=at,
        actor=context.principal.actor,
        action=action,
        subject=subject,
        consumers=_whose(context, subject) if consumers is None else consumers,
        purpose=purpose,
        fields=fields,
        outcome=outcome,
        request_id=context.request.id,
        source_ip=context.request.source_ip,
    )


def _whose(context: RequestContext, subject: str | None) -> tuple[str, ...]:
    consumer = context.guard.reads.consumer_of(owner_named(subject))
    return () if consumer is None else (consumer,)
