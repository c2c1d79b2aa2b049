"""Who has come in, and who was turned away: a line each in the audit ledger, once each.

A sign-in is told when this process first sees it, whoever comes in without one once an hour, as API
keys do, and a refused
credential of a known agency once a minute for each reason and address; anybody can send any number
of those, so that an agency's are bounded beside. What authenticates people by another way than
their tokens tells of it by `sign_in_line`.
"""

from collections.abc import Hashable
from datetime import datetime, timedelta

import structlog
from cachetools import LRUCache

from domain.access import Principal
from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine, AuditOutcome
from domain.errors import AgencySuspended, GatewayError, Unauthenticated
from domain.ids import new_ulid
from gateway.identity.refusals import Refusal
from resolvers.context import RequestMeta
from tenants.directory.port import Directory
from tenants.store import AgencyStore

SIGN_IN = "signIn"
KEY_USE = "useApiKey"
KEY_USE_TOLD_EACH = timedelta(hours=1)
REFUSAL_TOLD_EACH = timedelta(minutes=1)
REFUSALS_PER_AGENCY_MAX = 60
"""Lines about an agency's refused credentials, each REFUSAL_TOLD_EACH."""
SIGHTINGS_KEPT_MAX = 20_000

# Who presents what does not hold is nobody that we know.
_UNKNOWN = Actor(id="unknown", kind=PrincipalKind.INTEGRATION, display_name="Unknown")

_log = structlog.get_logger(__name__)


class Sightings:
    """Remembers what this process has told already; the least recent is forgotten first."""

    def __init__(self) -> None:
        self._told: LRUCache[Hashable, datetime] = LRUCache(maxsize=SIGHTINGS_KEPT_MAX)
        self._refusals: LRUCache[str | None, list[datetime]] = LRUCache(maxsize=SIGHTINGS_KEPT_MAX)

    async def arrived(
        self,
        principal: Principal,
        meta: RequestMeta,
        store: AgencyStore | None,
        directory: Directory,
    ) -> None:
        """Tell of a sign-in, or of a key's first use in an hour, where it was not told before.

        Raises StoreUnavailable where it cannot be told: nobody is let in without a line.
        """
        agency_id = principal.agency_id if store is None else store.agency_id
        key: Hashable = (agency_id, principal.subject, principal.authenticated_at)
        told = self._told.get(key)
        known = principal.authenticated_at is not None
        if told is not None and (known or meta.at - told < KEY_USE_TOLD_EACH):
            return
        line = sign_in_line(principal, meta)
        if store is None:
            await directory.record_audit(agency_id, line)
        else:
            store.record_reads(line)
        self._told[key] = meta.at

    async def turned_away(
        self,
        error: Unauthenticated,
        principal: Principal | None,
        meta: RequestMeta,
        directory: Directory,
    ) -> None:
        """Tell of a refused credential of a known agency, as often as may be; never raises."""
        cause = error.__cause__
        refusal = cause if isinstance(cause, Refusal) else None
        if principal is None and (refusal is None or not refusal.is_attributed):
            return
        agency_id = refusal.agency_id if principal is None and refusal else None
        if principal is not None:
            agency_id = principal.agency_id
        reason = refusal.reason.value if refusal is not None else _reason(error)
        if not self._may_tell(agency_id, reason, meta):
            return
        line = AuditLine(
            id=new_ulid(meta.at),
            at=meta.at,
            actor=_UNKNOWN if principal is None else principal.actor,
            action=SIGN_IN,
            purpose=reason,
            outcome=AuditOutcome.REFUSED,
            request_id=meta.id,
            source_ip=meta.source_ip,
        )
        try:
            await directory.record_audit(agency_id, line)
        except GatewayError as trouble:
            # The caller gets nothing, so that nothing is kept from the ledger but the attempt.
            _log.warning("a refused credential not recorded", reason=reason, why=trouble.code)

    def _may_tell(self, agency_id: str | None, reason: str, meta: RequestMeta) -> bool:
        since = meta.at - REFUSAL_TOLD_EACH
        key: Hashable = (agency_id, reason, meta.source_ip)
        told = self._told.get(key)
        recent = [at for at in self._refusals.get(agency_id, ()) if at > since]
        if (told is not None and told > since) or len(recent) >= REFUSALS_PER_AGENCY_MAX:
            return False
        self._told[key] = meta.at
        self._refusals[agency_id] = [*recent, meta.at]
        return True


def sign_in_line(principal: Principal, meta: RequestMeta) -> AuditLine:
    """Return the line of a person's sign-in, or of an API key's use."""
    is_key = principal.group is None
    return AuditLine(
        id=new_ulid(meta.at),
        at=meta.at,
        actor=principal.actor,
        action=KEY_USE if is_key else SIGN_IN,
        subject=principal.subject if is_key else None,
        request_id=meta.id,
        source_ip=meta.source_ip,
    )


def _reason(error: Unauthenticated) -> str:
    return "suspended-agency" if isinstance(error, AgencySuspended) else "another-agency"
