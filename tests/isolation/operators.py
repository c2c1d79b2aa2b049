"""Operators' grants: approved, ended and asked for, under the same ids in every agency.

They are planted in the directory, as an admin's approval leaves them, and kept: an operator's grant
lasts an hour at most, and what is asked during a turn may end or open one.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from domain.access import (
    MINUTES_MAX_OPERATOR,
    REQUEST_LAPSES_HOURS,
    AccessGrant,
    GrantStatus,
    Scope,
)
from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency
from domain.errors import VersionConflict
from domain.ids import new_ulid
from gateway.provisioning import cli_audit
from tenants.directory.port import Directory
from tests.isolation.canaries import Canary
from tests.isolation.people import AGENCIES, operator_in
from tests.isolation.planting import (
    ADMIN,
    AGENCY_OPERATOR,
    FILE_OPERATOR,
    LOOSE,
    NOBODY,
    VISITOR,
    Planter,
)
from tests.isolation.targets import OWN, QUEUED, TWIN
from tests.tenants.record_samples import AT

REASON = "operator_grant.reason"
"""Where the canaries of these grants stand: in the directory, and in no store."""

FILE_SCOPES = (Scope.APPLICATIONS_READ, Scope.CONSUMERS_READ)
AGENCY_SCOPES = (
    Scope.AGENCY_READ,
    Scope.APPLICATIONS_READ,
    Scope.AUDIT_READ,
    Scope.BANKING_READ,
    Scope.CONSUMERS_READ,
    Scope.CREDIT_READ,
    Scope.DOCUMENTS_READ,
    Scope.PLANS_READ,
)
VISITED_SCOPE = Scope.APPLICATIONS_READ

_RENEWED_BEFORE = timedelta(minutes=MINUTES_MAX_OPERATOR / 2)
_LIVE, _REVOKED = GrantStatus.LIVE, GrantStatus.REVOKED
_EXPIRED, _REQUESTED = GrantStatus.EXPIRED, GrantStatus.REQUESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A grant, and the status that it shall have whenever a turn begins."""

    grant: AccessGrant
    status: GrantStatus
    approver: Actor

    def at(self, now: datetime, version: int) -> AccessGrant:
        """Return the grant in its status at that moment, in place of that version of it."""
        asked = now - timedelta(hours=2) if self.status is _EXPIRED else now
        asked_for = replace(
            self.grant,
            version=version,
            requested_at=asked,
            expires_at=asked + timedelta(hours=REQUEST_LAPSES_HOURS),
        )
        if self.status is _REQUESTED:
            return asked_for
        return replace(
            asked_for,
            approved_by=self.approver,
            approved_at=asked,
            expires_at=asked + timedelta(minutes=self.grant.minutes),
            revoked_at=now if self.status is _REVOKED else None,
        )


def request_id(target: str, slug: str) -> str:
    """Return the id of the request that waits over TWIN, QUEUED or OWN, which each has its own."""
    return _id({TWIN: 430, QUEUED: 431, OWN: 440 + AGENCIES.index(slug)}[target])


def shared_request_id(turn: int) -> str:
    """Return the id of the request that waits over a turn's shared application."""
    return _id(20_000 + turn)


def keepsakes(planter: Planter, twin: str, queued: str, own: str) -> tuple[Kept, ...]:
    """Return the grants and requests of an agency; twin, queued, own: applications.

    The request over the queued application is approved by nobody who may.
    """
    live = [
        *((n, FILE_OPERATOR, scope, twin, _LIVE) for n, scope in enumerate(FILE_SCOPES, 400)),
        *((n, AGENCY_OPERATOR, scope, None, _LIVE) for n, scope in enumerate(AGENCY_SCOPES, 410)),
    ]
    ended = [
        (420, VISITOR, Scope.APPLICATIONS_READ, None, _REVOKED),
        (421, VISITOR, Scope.CONSUMERS_READ, None, _EXPIRED),
    ]
    kept = [
        _kept(planter, _id(number), role, scope, subject, status)
        for number, role, scope, subject, status in (*live, *ended)
    ]
    kept += [
        _kept(planter, request_id(target, planter.agency), FILE_OPERATOR, FILE_SCOPES[0], one)
        for target, one in ((TWIN, twin), (QUEUED, queued), (OWN, own))
    ]
    return tuple(kept)


def shared_request(planter: Planter, application: str, turn: int) -> Kept:
    """Return the request over a turn's shared application, which an admin may approve."""
    return _kept(planter, shared_request_id(turn), VISITOR, VISITED_SCOPE, application)


async def keep(directory: Directory, agency: Agency, kept: Iterable[Kept]) -> None:
    """Write the grants that are not there, or not as they shall be, or soon will not be."""
    now = datetime.now(UTC)
    held = {grant.id: grant for grant in await directory.access_grants(agency.id)}
    for one in kept:
        current = held.get(one.grant.id)
        if current is not None and _is_well(current, one.status, now):
            continue
        grant = one.at(now, 0 if current is None else current.version)
        audit = cli_audit("access", subject=grant.id, reason="isolation")
        with suppress(VersionConflict):  # somebody is at it; the next turn finds it
            await directory.put_access_grant(agency.id, grant, audit)


def _is_well(grant: AccessGrant, status: GrantStatus, now: datetime) -> bool:
    lasts = grant.expires_at - now >= _RENEWED_BEFORE or status is _EXPIRED
    return grant.status_at(now) is status and (lasts or status is _REVOKED)


def _kept(
    planter: Planter,
    grant_id: str,
    role: str,
    scope: Scope,
    subject: str | None,
    status: GrantStatus = _REQUESTED,
) -> Kept:
    holder = operator_in(role, planter.agency)
    may = frozenset({ADMIN, role})
    reason = planter.canaries.add(
        Canary(
            value=planter.canaries.text(),
            agency=planter.agency,
            path=REASON,
            subject=f"{status.value.lower()} {scope.value} of an {role}",
            may=may,
            must=may - LOOSE if status is _LIVE else NOBODY,
        )
    )
    grant = AccessGrant(
        id=grant_id,
        grantee=Actor(id=holder, kind=PrincipalKind.OPERATOR, display_name=holder),
        scope=scope,
        subject=subject,
        reason=reason,
        requested_at=planter.now,
        minutes=MINUTES_MAX_OPERATOR,
        expires_at=planter.now,
    )
    return Kept(grant=grant, status=status, approver=planter.actors[PrincipalKind.ADMIN.value])


def _id(number: int) -> str:
    return f"grant_{new_ulid(AT, randomness=number)}"
