"""The catalogue of events: what each is about, in which version, with which ids, and when.

No event is made that is not as it stands here (`described`), and docs/events.md is written from it.
A schema only grows: a new optional key is the same version, anything else is a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.events import EventName
from domain.ids import parse_global_id

APPLICATION, CONSUMER, CONSENT = "app", "con", "cons"
REPORT, NOTE, GRANT = "rep", "note", "grant"
BANK = "bank"
SETTINGS, DOCUMENT, INVITATION = "set", "doc", "inv"
ANALYSIS, PLAN = "ana", "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSchema:
    """One event's schema. subject, data: prefixes of global ids; optional: keys that may lack.

    mutation: that writes it. when: in which case, as a sentence without its subject.
    """

    mutation: str
    version: int = 1
    subject: str
    data: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    when: str


def _of_application(mutation: str, when: str, data: Mapping[str, str] | None = None) -> EventSchema:
    return EventSchema(mutation=mutation, subject=APPLICATION, data=data or {}, when=when)


def _of_grant(mutation: str, when: str) -> EventSchema:
    over = {"applicationId": APPLICATION, "consumerId": CONSUMER}
    return EventSchema(mutation=mutation, subject=GRANT, optional=over, when=when)


_IN_APPLICATION = {"applicationId": APPLICATION}


def _of_document(when: str) -> EventSchema:
    return EventSchema(
        mutation="createDocumentUpload", subject=DOCUMENT, data=_IN_APPLICATION, when=when
    )


def _of_bank(mutation: str, when: str) -> EventSchema:
    return EventSchema(mutation=mutation, subject=BANK, data=_IN_APPLICATION, when=when)


CATALOGUE: Mapping[EventName, EventSchema] = {
    EventName.APPLICATION_STARTED: _of_application(
        "startApplication", "an application was started; its version is 1", {"consumerId": CONSUMER}
    ),
    EventName.APPLICATION_UPDATED: _of_application(
        "updateApplication", "something of it was changed"
    ),
    EventName.APPLICATION_SUBMITTED: _of_application("submitApplication", "it was submitted"),
    EventName.APPLICATION_WITHDRAWN: _of_application(
        "withdrawApplication", "its consumer withdrew it, and a plan still open was superseded"
    ),
    EventName.APPLICATION_CLAIMED: _of_application(
        "claimApplication", "a counselor claimed it, or renewed the claim"
    ),
    EventName.APPLICATION_RELEASED: _of_application(
        "releaseApplication", "its counselor gave it back to the queue"
    ),
    EventName.APPLICATION_REASSIGNED: _of_application(
        "reassignApplication", "it was handed to another counselor"
    ),
    EventName.APPLICATION_RETURNED: _of_application(
        "returnApplication",
        "it was returned to its consumer, and a plan still open was superseded",
    ),
    EventName.APPLICATION_CLOSED: _of_application(
        "closeApplication", "it was closed, and a plan still open was superseded"
    ),
    EventName.BUDGET_SAVED: _of_application(
        "saveBudget", "its incomes, expenses or debts were saved"
    ),
    EventName.DEBTS_IMPORTED: _of_application(
        "importDebts", "a report's accounts became debts of it"
    ),
    EventName.CONSUMER_UPDATED: EventSchema(
        mutation="updateConsumer", subject=CONSUMER, when="a consumer's own data were changed"
    ),
    EventName.NOTE_ADDED: EventSchema(
        mutation="addNote",
        subject=NOTE,
        data=_IN_APPLICATION,
        when="a note was added; its version is 1",
    ),
    EventName.CONSENT_RECORDED: EventSchema(
        mutation="recordConsent",
        subject=CONSENT,
        data=_IN_APPLICATION,
        when="a consent was given; its version is 1",
    ),
    EventName.CREDIT_REPORT_REQUESTED: EventSchema(
        mutation="pullCreditReport",
        subject=CONSENT,
        data=_IN_APPLICATION,
        when="a pull began, and used the consent; the bureau has not been asked yet",
    ),
    EventName.CREDIT_REPORT_FAILED: EventSchema(
        mutation="pullCreditReport",
        subject=CONSENT,
        data=_IN_APPLICATION,
        when="the bureau gave no report; the consent's version stays where the bureau may have "
        "acted, and is one more where it is given back",
    ),
    EventName.CREDIT_REPORT_PULLED: EventSchema(
        mutation="pullCreditReport",
        subject=REPORT,
        data=_IN_APPLICATION | {"consentId": CONSENT},
        when="a report was kept; its version is 1",
    ),
    EventName.BANK_LINK_REQUESTED: EventSchema(
        mutation="connectBank",
        subject=CONSENT,
        data=_IN_APPLICATION,
        when="linking a bank began, and used the consent; the vendor has not been asked yet",
    ),
    EventName.BANK_LINK_FAILED: EventSchema(
        mutation="connectBank",
        subject=CONSENT,
        data=_IN_APPLICATION,
        when="no link was made; the consent's version stays where the vendor may have acted, and "
        "is one more where it is given back",
    ),
    EventName.BANK_CONNECTED: _of_bank("connectBank", "a bank was linked; its version is 1"),
    EventName.BANK_DISCONNECTED: _of_bank(
        "disconnectBank", "the link was ended, and its transactions are removed"
    ),
    EventName.BANK_SYNC_WANTED: _of_bank(
        "syncBank", "a sync was wished for, by somebody or by the vendor's webhook"
    ),
    EventName.BANK_SYNC_BEGUN: _of_bank("syncBank", "a sync began"),
    EventName.BANK_SYNC_PROGRESSED: _of_bank(
        "syncBank", "a sync has read more transactions; none of them counts yet"
    ),
    EventName.BANK_SYNC_FAILED: _of_bank(
        "syncBank", "a sync came to nothing; what counted before counts"
    ),
    EventName.BANK_SYNCED: _of_bank(
        "syncBank", "accounts and transactions were switched to what a sync brought"
    ),
    EventName.BANK_STATUS_CHANGED: _of_bank(
        "syncBank", "the bank or the vendor told of its status, by a webhook or at a sync"
    ),
    EventName.PROPOSALS_ACCEPTED: _of_application(
        "acceptProposals", "proposed incomes, expenses or debts were taken over"
    ),
    EventName.APPLICATION_ANALYZED: _of_application(
        "analyzeApplication", "its figures were analyzed", {"analysisId": ANALYSIS}
    ),
    EventName.PLAN_PROPOSED: EventSchema(
        mutation="proposePlan",
        subject=PLAN,
        data=_IN_APPLICATION,
        when="a plan was proposed, and those still open superseded; its version is 1",
    ),
    EventName.PLAN_ACCEPTED: EventSchema(
        mutation="acceptPlan",
        subject=PLAN,
        data=_IN_APPLICATION,
        when="its consumer signed it; it is never changed again",
    ),
    EventName.PLAN_DECLINED: EventSchema(
        mutation="declinePlan", subject=PLAN, data=_IN_APPLICATION, when="it was declined"
    ),
    EventName.ACCESS_REQUESTED: _of_grant("requestAccess", "a counselor asked for access"),
    EventName.ACCESS_APPROVED: _of_grant("approveAccess", "an admin approved it"),
    EventName.ACCESS_REVOKED: _of_grant("revokeAccess", "it was revoked, or its claim barred"),
    EventName.DOCUMENT_ANNOUNCED: _of_document("a document was announced; its version is 1"),
    EventName.DOCUMENT_UPLOADED: _of_document("its file came, was judged, and is kept"),
    EventName.DOCUMENT_REJECTED: _of_document("its file came and was refused"),
    EventName.INVITATION_CREATED: EventSchema(
        mutation="createInvitation",
        subject=INVITATION,
        data={"consumerId": CONSUMER},
        when="a code was given out for a consumer's record; its version is 1",
    ),
    EventName.INVITATION_ACCEPTED: EventSchema(
        mutation="acceptInvitation",
        subject=CONSUMER,
        when="the consumer bound their own sign-in to the record",
    ),
    EventName.SETTINGS_UPDATED: EventSchema(
        mutation="updateSettings",
        subject=SETTINGS,
        when="a version was made, to be in force from its day on; its version is 1",
    ),
}


def described(name: EventName, subject: str, data: Mapping[str, str]) -> int:
    """Return the version of an event's schema; raises ValueError for one that is not as described.

    A key that is not in the catalogue, or holds anything but an id of its kind, would carry to
    every subscriber what nobody has decided to tell them.
    """
    schema = CATALOGUE[name]
    known = {**schema.data, **schema.optional}
    if not schema.data.keys() <= data.keys() <= known.keys():
        raise ValueError(f"{name} does not carry {sorted(data)}")
    ids = [(subject, schema.subject), *((data[key], known[key]) for key in data)]
    for text, prefix in ids:
        named = parse_global_id(text)
        if named is None or named.prefix != prefix:
            raise ValueError(f"{name} carries what is no id of {prefix}")
    return schema.version
