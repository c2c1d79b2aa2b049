"""Consumers: finding them, changing what is known of them, reading the one number kept closest."""

from domain.access import Scope
from domain.consumers import Consumer
from domain.errors import Forbidden, NotFound
from domain.events import EventName
from domain.validation import (
    Faults,
    clean_email,
    clean_phone,
    clean_ssn,
)
from resolvers.applications import READ_ONLY, check_version
from resolvers.context import RequestContext, store_of
from resolvers.inputs import ConsumerMatch, Maybe, UpdateConsumerInput, given, stated_purpose
from resolvers.once import Attempt, once
from resolvers.pages import Listing, read_forward
from resolvers.people import changed, clean_person
from resolvers.trail import audited, commit, happened
from tenants.records.indexes import normalize


async def consumers(
    context: RequestContext, match: ConsumerMatch, *, first: Maybe[int], after: Maybe[str]
) -> Listing[Consumer]:
    """Return whom all given values match exactly, as far as the principal reaches them."""
    window = read_forward(first, after)
    wanted = _wanted(match)
    within = await context.guard.consumer_ids()

    def keep(consumer: Consumer) -> bool:
        matches = all(
            value is not None and normalize(name, value) == wanted[name]
            for name, value in _held(consumer).items()
            if name in wanted
        )
        if matches and within is not None and consumer.id not in within:
            context.guard.reads.refuse(None, consumer.id)
            return False
        return matches

    store = store_of(context)
    name = next(name for name in ("ssn", "email", "phone") if name in wanted)
    part = store.blind(name, wanted[name])
    page = await store.query(
        Consumer, f"consumer_by_{name}", part, first=window.size, after=window.after, keep=keep
    )
    for one in page.items:
        await context.guard.reaches_consumer(one)  # which notes by what
    return page


async def update_consumer(context: RequestContext, input: UpdateConsumerInput) -> Consumer:
    """Change what is given; what is given as null is cleared, a name excepted."""

    async def perform(attempt: Attempt) -> Consumer:
        consumer = await consumer_named(context, input.id)
        check_version(consumer.version, given(input.expected_version))
        faults = Faults()
        clean = clean_person(context, faults, input)
        faults.raise_any()
        updated, names = changed(context, consumer, clean)
        return await commit(
            context,
            updated,
            event=happened(context, EventName.CONSUMER_UPDATED, consumer.id, consumer.version + 1),
            audit=audited(context, "updateConsumer", consumer.id, fields=names),
            begin=attempt.done(consumer.id),
        )

    async def replay(reference: str) -> Consumer:
        return await consumer_named(context, reference)

    return await once(context, "updateConsumer", input, perform=perform, replay=replay)


async def read_ssn(context: RequestContext, consumer: Consumer, purpose: str) -> str | None:
    """Return the whole Social Security number; it leaves when its audit line is on the disk."""
    why = stated_purpose(purpose)
    context.guard.reads.state(consumer.id, "Consumer.ssn", why)
    return consumer.ssn


async def consumer_named(context: RequestContext, global_id: str) -> Consumer:
    """Return the consumer that a mutation names; raises NotFound, Forbidden as for applications."""
    consumer = await context.guard.consumer(global_id)
    if consumer is None:
        raise NotFound
    if await context.guard.consumer(global_id, Scope.CONSUMERS_WRITE) is None:
        raise Forbidden(READ_ONLY)
    return consumer


def _held(consumer: Consumer) -> dict[str, str | None]:
    return {"ssn": consumer.ssn, "email": consumer.email, "phone": consumer.phone}


def _wanted(match: ConsumerMatch) -> dict[str, str]:
    faults = Faults()
    wanted: dict[str, str] = {}
    if (ssn := given(match.ssn)) is not None:
        wanted["ssn"] = clean_ssn(faults, "match.ssn", ssn, allow_test=True)
    if (email := given(match.email)) is not None:
        wanted["email"] = clean_email(faults, "match.email", email)
    if (phone := given(match.phone)) is not None:
        wanted["phone"] = clean_phone(faults, "match.phone", phone)
    if not wanted:
        faults.add("match", "REQUIRED", "Give at least one of email, phone and ssn.")
    faults.raise_any()
    return {name: normalize(name, value) for name, value in wanted.items()}
