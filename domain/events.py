"""Events: what has happened to an agency's records, written in the same unit as the fact."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventName(StrEnum):
    """Names of events, past tense; never reused."""

    APPLICATION_STARTED = "ApplicationStarted"
    APPLICATION_UPDATED = "ApplicationUpdated"
    APPLICATION_SUBMITTED = "ApplicationSubmitted"
    APPLICATION_WITHDRAWN = "ApplicationWithdrawn"
    APPLICATION_CLAIMED = "ApplicationClaimed"
    APPLICATION_RELEASED = "ApplicationReleased"
    APPLICATION_REASSIGNED = "ApplicationReassigned"
    APPLICATION_RETURNED = "ApplicationReturned"
    APPLICATION_CLOSED = "ApplicationClosed"
    BUDGET_SAVED = "BudgetSaved"
    CONSUMER_UPDATED = "ConsumerUpdated"
    NOTE_ADDED = "NoteAdded"
    CONSENT_RECORDED = "ConsentRecorded"
    CREDIT_REPORT_REQUESTED = "CreditReportRequested"
    CREDIT_REPORT_PULLED = "CreditReportPulled"
    CREDIT_REPORT_FAILED = "CreditReportFailed"
    DEBTS_IMPORTED = "DebtsImported"
    BANK_LINK_REQUESTED = "BankLinkRequested"
    BANK_LINK_FAILED = "BankLinkFailed"
    BANK_CONNECTED = "BankConnected"
    BANK_DISCONNECTED = "BankDisconnected"
    BANK_SYNC_WANTED = "BankSyncWanted"
    BANK_SYNC_BEGUN = "BankSyncBegun"
    BANK_SYNC_PROGRESSED = "BankSyncProgressed"
    BANK_SYNC_FAILED = "BankSyncFailed"
    BANK_SYNCED = "BankSynced"
    BANK_STATUS_CHANGED = "BankStatusChanged"
    PROPOSALS_ACCEPTED = "ProposalsAccepted"
    APPLICATION_ANALYZED = "ApplicationAnalyzed"
    PLAN_PROPOSED = "PlanProposed"
    PLAN_ACCEPTED = "PlanAccepted"
    PLAN_DECLINED = "PlanDeclined"
    ACCESS_REQUESTED = "AccessRequested"
    ACCESS_APPROVED = "AccessApproved"
    ACCESS_REVOKED = "AccessRevoked"
    DOCUMENT_ANNOUNCED = "DocumentAnnounced"
    DOCUMENT_UPLOADED = "DocumentUploaded"
    DOCUMENT_REJECTED = "DocumentRejected"
    INVITATION_CREATED = "InvitationCreated"
    INVITATION_ACCEPTED = "InvitationAccepted"
    SETTINGS_UPDATED = "SettingsUpdated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. subject: global id of what it is about; data: no personal data, ids alone.

    version: of the subject after the change, so that a reader can order an entity's events.
    """

    id: str
    name: EventName
    schema: int = 1
    at: datetime
    subject: str
    version: int
    data: dict[str, str] = field(default_factory=dict)
