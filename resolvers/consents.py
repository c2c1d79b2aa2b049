"""Consents: the wording to show, and the record that it was agreed to."""

from dataclasses import replace

from domain.actors import Actor
from domain.applications import ENDED, Application
from domain.consents import Consent, ConsentPurpose, ConsentText, consent_end, current_text
from domain.consumers import Consumer
from domain.errors import InvalidTransition, NotFound
from domain.events import EventName
from domain.ids import new_child_id
from domain.validation import Faults
from resolvers.access import named_actor
from resolvers.applications import application_named
from resolvers.context import RequestContext, agency_of, store_of
from resolvers.inputs import RecordConsentInput
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened


def consent_text(context: RequestContext, purpose: ConsentPurpose) -> ConsentText:
    """Return the wording in force, with the agency's name in it."""
    return current_text(purpose, agency_of(context).name)


async def record_consent(context: RequestContext, input: RecordConsentInput) -> Consent:
    """Record that the consumer agreed to the wording in force, from where, and until when."""

    async def perform(attempt: Attempt) -> Consent:
        application = await application_named(context, input.application_id)
        if application.status in ENDED:
            raise InvalidTransition(f"An application that is {application.status} has ended.")
        _check_wording(context, input)
        consumer = await context.loaders.consumers.load(application.consumer_id)
        consent = replace(
            _consent(context, application, input, await named_actor(context)),
            ssn_index=ssn_index(context, consumer),
        )
        return await commit(
            context,
            consent,
            event=happened(
                context,
                EventName.CONSENT_RECORDED,
                consent.id,
                1,
                applicationId=application.id,
            ),
            audit=audited(
                context,
                "recordConsent",
                consent.id,
                consumers=(application.consumer_id,),
                purpose=input.purpose.value,
            ),
            begin=attempt.done(consent.id),
        )

    async def replay(reference: str) -> Consent:
        consent = await context.guard.child(Consent, reference)
        if consent is None:
            raise NotFound
        return consent

    return await once(context, "recordConsent", input, perform=perform, replay=replay)


def ssn_index(context: RequestContext, consumer: Consumer | None) -> str | None:
    """Return the blind index of the consumer's Social Security number; None where none is known."""
    if consumer is None or consumer.ssn is None:
        return None
    return store_of(context).blind("ssn", consumer.ssn)


def _check_wording(context: RequestContext, input: RecordConsentInput) -> None:
    current = consent_text(context, input.purpose)
    faults = Faults()
    shown_anew = "This is not the wording in force. Show consentText again, and repeat."
    if input.text_version != current.version:
        faults.add("input.textVersion", "INVALID", shown_anew)
    if input.text_sha256 != current.sha256:
        faults.add("input.textSha256", "INVALID", shown_anew)
    faults.raise_any()


def _consent(
    context: RequestContext, application: Application, input: RecordConsentInput, giver: Actor
) -> Consent:
    at = context.request.at
    return Consent(
        id=new_child_id("cons", application.id, at),
        application_id=application.id,
        purpose=input.purpose,
        text_version=input.text_version,
        text_sha256=input.text_sha256,
        given_by=giver,
        given_at=at,
        expires_at=consent_end(at),
        source_ip=context.request.source_ip,
    )
