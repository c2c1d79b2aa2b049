"""Credit reports: pulled once under a consent, kept, read, and turned into debts.

A pull is two units with the bureau between them. The first marks the consent as used and begins
the attempt; the second keeps the report and completes it. Whatever happens in between (a crash,
a time-out, a lost store) leaves an open attempt and a used consent: a retry is answered
OUTCOME_UNKNOWN and does not pull again, and neither does a new key under the same consent.
"""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace

from domain.access import Scope
from domain.actors import PrincipalKind
from domain.applications import ENDED, LINES_PER_KIND_MAX, Application
from domain.consents import Consent, ConsentPurpose
from domain.consumers import Consumer
from domain.credit import (
    BlobRef,
    CreditBureau,
    CreditReport,
    CreditSubject,
    PulledFile,
    PullKind,
)
from domain.errors import (
    ConsentRequired,
    InvalidTransition,
    NotFound,
    OutcomeUnknown,
    StoreUnavailable,
    TooLarge,
    Upstream,
    UpstreamUnavailable,
    VersionConflict,
)
from domain.events import EventName
from domain.ids import new_child_id, new_ulid
from domain.validation import (
    Faults,
)
from resolvers.applications import application_named, grounds_for, status_after_edit
from resolvers.budget import with_lines
from resolvers.consents import ssn_index
from resolvers.context import RequestContext, store_of
from resolvers.inputs import PullCreditReportInput, stated_purpose
from resolvers.once import Attempt, once
from resolvers.steps import Intent, Moved, take_step
from resolvers.tradelines import import_debts as debts_of
from resolvers.trail import audited, commit, happened, leave_trail

KEEP_ATTEMPTS_MAX = 3
KEEP_WAIT_SECONDS = 0.2
_PURPOSES = {
    PullKind.SOFT: ConsentPurpose.SOFT_CREDIT_PULL,
    PullKind.HARD: ConsentPurpose.HARD_CREDIT_PULL,
}
_REFERENCE_CHARACTERS = 24
_SENT_TO_BUREAU = ("Consumer.name", "Consumer.ssn", "Consumer.dateOfBirth", "Consumer.address")


async def credit_report(context: RequestContext, id: str) -> CreditReport | None:
    """Return the report, or None where there is none within reach."""
    return await context.guard.child(CreditReport, id)


async def pull_credit_report(context: RequestContext, input: PullCreditReportInput) -> CreditReport:
    """Pull a report under a live, unused, matching consent, and keep it.

    Raises ConsentRequired, InvalidInput for a consumer of whom too little is known, and Upstream
    for the bureau's troubles; where it certainly did nothing, consent and key can be used again.
    """

    async def perform(attempt: Attempt) -> CreditReport:
        application = await application_named(context, input.application_id)
        if application.status in ENDED:
            raise InvalidTransition(f"An application that is {application.status} has ended.")
        consent = await _usable_consent(context, application, input)
        consumer = await context.loaders.consumers.load(application.consumer_id)
        _check_person(context, consent, consumer)
        subject = _subject(consumer)
        bureau = context.vendors.credit
        if bureau is None:
            raise UpstreamUnavailable(
                "This agency has no credit bureau.",
                vendor="credit bureau",
                retryable=False,
                may_have_acted=False,
            )
        pull = _Pull(context, application, input.kind, attempt, bureau)
        return await _pull(pull, subject, consent)

    async def replay(reference: str) -> CreditReport:
        report = await context.guard.child(CreditReport, reference)
        if report is None:
            raise NotFound
        return report

    return await once(
        context,
        "pullCreditReport",
        input,
        key=input.idempotency_key,
        perform=perform,
        replay=replay,
    )


async def read_raw(context: RequestContext, report: CreditReport, purpose: str) -> str | None:
    """Return the bureau's answer as it came; it leaves when its audit line is on the disk.

    None where it was not kept. Raises InvalidInput for a purpose that says nothing, and
    StoreUnavailable where what is kept is not what was pulled.
    """
    why = stated_purpose(purpose)
    context.guard.reads.state(report.application_id, "CreditReport.raw", why)
    if report.raw is None:
        return None
    raw = await store_of(context).blobs.get(report.raw.id)
    if raw is None or hashlib.sha256(raw).hexdigest() != report.raw.sha256:
        raise StoreUnavailable("The bureau's answer is not the one that was kept.")
    return raw.decode("utf-8", "replace")


async def import_debts(context: RequestContext, credit_report_id: str) -> Application:
    """Make the report's open accounts debts of its application, matched with those there are."""
    report = await credit_report(context, credit_report_id)
    if report is None or not _reads_credit(context):
        raise NotFound

    async def move(application: Application) -> Moved:
        status = status_after_edit(context, application)
        debts = debts_of(application.debts, report.file, application.id)
        if len(debts) > LINES_PER_KIND_MAX:
            raise TooLarge(f"An application holds at most {LINES_PER_KIND_MAX} debts.")
        return Moved(application=replace(with_lines(application, debts=debts), status=status))

    intent = Intent(
        action="importDebts",
        event=EventName.DEBTS_IMPORTED,
        id=report.application_id,
        body={"creditReportId": credit_report_id},
    )
    return await take_step(context, intent, move)


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull: for which application, of which kind, under which attempt, from whom."""

    context: RequestContext
    application: Application
    kind: PullKind
    attempt: Attempt
    bureau: CreditBureau


async def _pull(pull: _Pull, subject: CreditSubject, consent: Consent) -> CreditReport:
    used = await _begin(pull, consent)
    # What the bureau sees of us: enough to find the attempt again, nothing of the consumer.
    reference = (pull.attempt.key or "")[:_REFERENCE_CHARACTERS]
    try:
        pulled = await pull.bureau.pull(subject, pull.kind, reference=reference)
    except Upstream as trouble:
        with suppress(StoreUnavailable, VersionConflict):  # the bureau's trouble is the answer
            await _fail(pull, used, trouble)
        raise
    return await _keep(pull, used, pulled)


async def _begin(pull: _Pull, consent: Consent) -> Consent:
    """Mark the consent as used and begin the attempt; of two pulls at once, one gets through."""
    context = pull.context
    try:
        return await commit(
            context,
            replace(consent, used_at=context.request.at),
            check=await grounds_for(context, pull.application),
            event=happened(
                context,
                EventName.CREDIT_REPORT_REQUESTED,
                consent.id,
                consent.version + 1,
                applicationId=pull.application.id,
            ),
            audit=audited(
                context,
                "pullCreditReport",
                consent.id,
                consumers=(pull.application.consumer_id,),
                purpose=consent.purpose.value,
                fields=_SENT_TO_BUREAU,
            ),
            begin=pull.attempt.begun(),
        )
    except VersionConflict as conflict:
        raise ConsentRequired from conflict


async def _fail(pull: _Pull, used: Consent, trouble: Upstream) -> None:
    """Record the failure; where the bureau certainly did nothing, undo what the pull began."""
    context = pull.context
    event = happened(
        context,
        EventName.CREDIT_REPORT_FAILED,
        used.id,
        used.version if trouble.may_have_acted else used.version + 1,
        applicationId=pull.application.id,
    )
    audit = audited(context, "pullCreditReport.failed", used.id, purpose=trouble.code)
    if trouble.may_have_acted:
        await leave_trail(context, event, audit)
        return
    await commit(
        context,
        replace(used, used_at=None),
        event=event,
        audit=audit,
        finish=pull.attempt.begun(),
    )


async def _keep(pull: _Pull, used: Consent, pulled: PulledFile) -> CreditReport:
    """Keep what the bureau answered and complete the attempt.

    It was asked for and paid for, so a store that is busy is tried again; after that, only the open
    attempt tells of it. The answer itself is kept first, so that no report names one that is not
    there; an answer whose report was lost is swept later.
    """
    context = pull.context
    report = CreditReport(
        id=new_child_id("rep", pull.application.id, context.request.at),
        application_id=pull.application.id,
        bureau=pull.bureau.name,
        kind=pull.kind,
        pulled_at=context.request.at,
        consent_id=used.id,
        file=pulled.file,
        raw=await _keep_raw(context, pulled),
    )
    event = happened(
        context,
        EventName.CREDIT_REPORT_PULLED,
        report.id,
        1,
        applicationId=pull.application.id,
        consentId=used.id,
    )
    audit = audited(context, "pullCreditReport.answered", report.id, purpose=report.file.hit.value)
    for number in range(KEEP_ATTEMPTS_MAX):
        await asyncio.sleep(number * KEEP_WAIT_SECONDS)
        with suppress(StoreUnavailable):
            finish = pull.attempt.done(report.id)
            return await commit(context, report, event=event, audit=audit, finish=finish)
    raise OutcomeUnknown


async def _keep_raw(context: RequestContext, pulled: PulledFile) -> BlobRef | None:
    """Keep the bureau's answer byte for byte; None where that cannot be done.

    The report made of it was paid for, and is not given up for this.
    """
    kept = BlobRef(
        id=new_ulid(context.request.at),
        sha256=hashlib.sha256(pulled.raw).hexdigest(),
        bytes=len(pulled.raw),
        media_type=pulled.media_type,
    )
    for number in range(KEEP_ATTEMPTS_MAX):
        await asyncio.sleep(number * KEEP_WAIT_SECONDS)
        with suppress(StoreUnavailable):
            await store_of(context).blobs.put(kept.id, pulled.raw)
            return kept
    return None


async def _usable_consent(
    context: RequestContext, application: Application, input: PullCreditReportInput
) -> Consent:
    consent = await context.guard.child(Consent, input.consent_id)
    if consent is None:
        raise NotFound
    matches = consent.application_id == application.id
    if not matches or not consent.is_usable(_PURPOSES[input.kind], context.request.at):
        raise ConsentRequired
    return consent


def _check_person(context: RequestContext, consent: Consent, consumer: Consumer | None) -> None:
    """Raise ConsentRequired where the consumer's number is not the one that the consent was for.

    Otherwise a consent given as oneself would open the file of whoever one claims to be afterwards.
    """
    if consent.ssn_index is not None and consent.ssn_index != ssn_index(context, consumer):
        raise ConsentRequired(
            "The Social Security number has changed since the consent was given. Record a new one."
        )


def _subject(consumer: Consumer | None) -> CreditSubject:
    """Return whom the report is about; raises InvalidInput naming all that is not known yet."""
    if consumer is None:
        raise NotFound
    faults = Faults()
    known = {
        "ssn": consumer.ssn,
        "dateOfBirth": consumer.date_of_birth,
        "address": consumer.address,
    }
    for name, value in known.items():
        if value is None:
            faults.add(f"application.consumer.{name}", "REQUIRED", "A report cannot be asked for.")
    faults.raise_any()
    assert consumer.ssn is not None
    assert consumer.date_of_birth is not None
    assert consumer.address is not None
    return CreditSubject(
        name=consumer.name,
        ssn=consumer.ssn,
        date_of_birth=consumer.date_of_birth,
        address=consumer.address,
    )


def _reads_credit(context: RequestContext) -> bool:
    """Say whether the principal may read reports; a machine needs `credit:read`, come what way."""
    principal = context.principal
    return principal.kind is not PrincipalKind.INTEGRATION or Scope.CREDIT_READ in principal.scopes
