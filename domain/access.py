"""Who may what: principals, scopes, grants and API keys. Every permission has an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.actors import Actor, Group, PrincipalKind

CLAIM_DAYS = 30
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking, after authentication.

    subject: the token's `sub`, or the API key's id. agency_id: None for operators alone.
    group: None for API keys alone. scopes: of an API key; empty for people.
    authenticated_at: the sign-in (`auth_time`), None for keys. expires_at: of the credential.
    """

    kind: PrincipalKind
    subject: str
    display_name: str
    agency_id: str | None
    group: Group | None
    scopes: frozenset[Scope] = frozenset()
    authenticated_at: datetime | None = None
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """Return the trace this principal leaves in records and audit lines."""
        return Actor(id=self.subject, kind=self.kind, display_name=self.display_name)


class GrantScope(StrEnum):
    """What a grant opens."""

    APPLICATION = "application"


class GrantStatus(StrEnum):
    """Where a grant stands."""

    REQUESTED = "REQUESTED"
    LIVE = "LIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """A scope over a subject, given to somebody for a reason, with an end.

    subject: global id of what it opens. It lives under that object's root.
    """

    id: str
    version: int = 0
    grantee: Actor
    scope: GrantScope
    subject: str
    reason: str
    requested_at: datetime
    approved_by: Actor | None
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_live(self, at: datetime) -> bool:
        """Say whether the grant opens anything at that moment."""
        return self.approved_by is not None and self.revoked_at is None and at < self.expires_at

    def status_at(self, at: datetime) -> GrantStatus:
        """Return where the grant stands at that moment."""
        if self.revoked_at is not None:
            return GrantStatus.REVOKED
        if at >= self.expires_at:
            return GrantStatus.EXPIRED
        return GrantStatus.LIVE if self.approved_by is not None else GrantStatus.REQUESTED


def claim_end(at: datetime) -> datetime:
    """Return when a counselor's claim made at `at` ends."""
    return at + timedelta(days=CLAIM_DAYS)


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
