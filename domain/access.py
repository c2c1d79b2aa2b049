"""Who may what: principals, scopes, grants and API keys. Every permission has an end."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.actors import Actor, Group, PrincipalKind

CLAIM_DAYS = 30
CLAIM_DAYS_MAX = 180  # renewals included, until an admin approves anew
MINUTES_MAX_COUNSELOR = CLAIM_DAYS * 24 * 60
MINUTES_MAX_OPERATOR = 60
_LEAST_TIME = timedelta(microseconds=1)
REQUEST_LAPSES_HOURS = 24
REQUESTS_OPEN_MAX = 20  # asked for and not ended, for each person in an agency
KEY_DAYS_MIN = 1
KEY_DAYS_MAX = 365
KEYS_PER_AGENCY_MAX = 50  # as AppSync: at most 50 live keys


class Scope(StrEnum):
    """What an API key is limited to; it narrows, never widens."""

    AGENCY_READ = "agency:read"
    APPLICATIONS_READ = "applications:read"
    APPLICATIONS_WRITE = "applications:write"
    CONSUMERS_READ = "consumers:read"
    CONSUMERS_WRITE = "consumers:write"
    CREDIT_READ = "credit:read"
    CREDIT_PULL = "credit:pull"
    BANKING_READ = "banking:read"
    BANKING_WRITE = "banking:write"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    PLANS_READ = "plans:read"
    PLANS_WRITE = "plans:write"
    AUDIT_READ = "audit:read"


READ_SCOPES = frozenset(scope for scope in Scope if scope.value.endswith(":read"))
"""All that an operator can be granted: nothing that changes anything."""

AGENCY_WIDE_SCOPES = frozenset({Scope.AGENCY_READ, Scope.AUDIT_READ})
"""What is not about any one file."""


class CredentialMode(StrEnum):
    """By which of AppSync's ways somebody was authenticated."""

    USER_POOL = "user_pool"
    API_KEY = "api_key"
    OIDC = "oidc"
    AUTHORIZER = "authorizer"


class GrantStatus(StrEnum):
    """Where a grant stands."""

    REQUESTED = "REQUESTED"
    LIVE = "LIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """A scope over a subject, given to somebody for a reason, with an end.

    subject: global id of the application or consumer that it opens, under whose root a counselor's
    grant lives; None opens all of the agency, for operators alone. minutes: how long it was asked
    for. renewable_until: of a claim, which the queue's rule gives without an approval, until when
    it can be renewed or made anew, which is before its end where an admin took it back; None for
    what an admin has to approve. approved_by: the admin, or of a claim that was handed over the
    counselor who did. expires_at: of a request, when it lapses.
    """

    id: str
    version: int = 0
    grantee: Actor
    scope: Scope
    subject: str | None
    reason: str
    requested_at: datetime
    minutes: int
    renewable_until: datetime | None = None
    approved_by: Actor | None = None
    approved_at: datetime | None = None
    expires_at: datetime
    revoked_at: datetime | None = None

    @property
    def claimed(self) -> bool:
        """Say whether the queue's rule gave it: no admin's approval is needed."""
        return self.renewable_until is not None

    @property
    def taken_back(self) -> bool:
        """Say whether it is a claim that an admin ended, or barred when it had ended."""
        return self.renewable_until is not None and self.renewable_until < self.expires_at

    def revoked(self, at: datetime, *, by_admin: bool) -> "AccessGrant":
        """Return the grant ended; a claim that an admin ends is not made anew by itself."""
        ended = replace(self, revoked_at=at)
        return ended.barred(at) if by_admin else ended

    def barred(self, at: datetime) -> "AccessGrant":
        """Return a claim that is not made anew by itself from then on; what is none, as it is."""
        limit = self.renewable_until
        if limit is None or self.taken_back:
            return self
        return replace(self, renewable_until=min(limit, at, self.expires_at - _LEAST_TIME))

    @property
    def ended_at(self) -> datetime:
        """Return when it ended or will end."""
        return self.expires_at if self.revoked_at is None else min(self.revoked_at, self.expires_at)

    def is_live(self, at: datetime) -> bool:
        """Say whether the grant opens anything at that moment."""
        return self.status_at(at) is GrantStatus.LIVE

    def status_at(self, at: datetime) -> GrantStatus:
        """Return where the grant stands at that moment."""
        if self.revoked_at is not None:
            return GrantStatus.REVOKED
        if at >= self.expires_at:
            return GrantStatus.EXPIRED
        if self.claimed or self.approved_at is not None:
            return GrantStatus.LIVE
        return GrantStatus.REQUESTED


def claim_end(at: datetime, limit: datetime | None = None, *, days: int = CLAIM_DAYS) -> datetime:
    """Return when a claim made or renewed at `at` ends, which is never after `limit`.

    days: how long a claim lasts by the agency's settings.
    """
    end = at + timedelta(days=days)
    return end if limit is None else min(end, limit)


def claim_limit(held: Iterable[AccessGrant], at: datetime) -> datetime:
    """Return until when an application can be claimed and renewed, by a claim at `at`.

    held: the approvals over it and the claims of its consumer's applications that the counselor
    has or ever had. The first claim since the last approval by an admin begins the span: giving
    back and claiming again does not begin it anew.
    """
    span = timedelta(days=CLAIM_DAYS_MAX)
    grants = tuple(held)
    approvals = (grant.approved_at for grant in grants if _is_fresh_start(grant))
    approved = max((at for at in approvals if at is not None), default=None)
    limits = [
        grant.renewable_until
        if approved is None or grant.requested_at > approved or grant.taken_back
        else approved + span
        for grant in grants
        if grant.renewable_until is not None and (approved is None or _counts(grant, approved))
    ]
    return min(limits, default=at + span)


def _counts(grant: AccessGrant, approved: datetime) -> bool:
    """Say whether a claim still counts after an approval: not ended or taken back before it."""
    end = grant.renewable_until if grant.taken_back else grant.ended_at
    return end is not None and end > approved


def _is_fresh_start(grant: AccessGrant) -> bool:
    by_admin = grant.approved_by is not None and grant.approved_by.kind is PrincipalKind.ADMIN
    return by_admin and grant.scope is Scope.APPLICATIONS_WRITE and grant.revoked_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking, after authentication.

    subject: the token's `sub`, or the API key's id; of another issuer or an authorizer with that
    one's name before it. agency_id: None for operators alone. group: None for machines alone.
    scopes: of a machine; of an operator, what the live grants open in the agency that they act in;
    empty for other people. grants: an operator's, these. authenticated_at: the sign-in
    (`auth_time`), None where it is not known. expires_at: of the credential. denied_fields:
    `Type.field`, which an authorizer keeps from this one credential.
    """

    kind: PrincipalKind
    subject: str
    display_name: str
    agency_id: str | None
    group: Group | None
    scopes: frozenset[Scope] = frozenset()
    grants: tuple[AccessGrant, ...] = ()
    authenticated_at: datetime | None = None
    expires_at: datetime
    mode: CredentialMode = CredentialMode.USER_POOL
    denied_fields: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        """Return the trace this principal leaves in records and audit lines."""
        return Actor(id=self.subject, kind=self.kind, display_name=self.display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An agency's machine credential, as the directory keeps it: never the secret itself.

    prefix: the first characters of the secret, to tell keys apart. hash: its SHA-256, in hex.
    """

    id: str
    name: str
    prefix: str
    hash: str
    scopes: frozenset[Scope]
    created_by: Actor
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_from: str | None = None

    def is_live(self, at: datetime) -> bool:
        """Say whether the key authenticates at that moment."""
        return self.revoked_at is None and at < self.expires_at
