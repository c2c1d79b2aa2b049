"""Stage 3: which agency a principal acts for. Issuer, key and grant must agree, or it is refused.

After this stage nobody passes an agency's id: the store is the agency.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.access import READ_SCOPES, AccessGrant, Principal
from domain.actors import PrincipalKind
from domain.agencies import Agency, AgencyStatus
from domain.errors import AgencySuspended, Unauthenticated
from tenants.directory.port import AgencyDirectory, Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """For which agency the principal acts, and by what right.

    principal: as authenticated; an operator with the live grants there. agency: None for an
    operator without any. named: the agency that an operator without one may ask for access to.
    """

    principal: Principal
    agency: Agency | None
    named: Agency | None = None

    def directory_in(self, directory: Directory) -> AgencyDirectory | None:
        """Return the directory of the agency acted for, or else of the one that may be asked."""
        agency = self.agency or self.named
        return None if agency is None else AgencyDirectory(directory, agency)


class FindsAgencies(Protocol):
    """What this stage needs of the directory."""

    async def agency(self, agency_id: str) -> Agency | None:
        """Return the agency, or None."""
        ...

    async def agency_by_slug(self, slug: str) -> Agency | None:
        """Return the agency of that slug, or None."""
        ...

    async def open_access_grants(
        self, agency_id: str, grantee_id: str, at: datetime
    ) -> Sequence[AccessGrant]:
        """Return an operator's grants and requests that have not ended."""
        ...


async def settle_agency(
    principal: Principal,
    hint: str | None,
    directory: FindsAgencies,
    *,
    at: datetime,
    only: str | None = None,
) -> Settled:
    """Return the agency that the principal acts for.

    hint: the `x-agency` header, which must agree with the credential. From an operator it names the
    agency to act in, which takes a live grant there; without one it is as if there were no such
    agency. only: the slug of the one agency that this process serves.

    Raises Unauthenticated where they do not agree, AgencySuspended for an agency that is suspended.
    """
    if principal.kind is PrincipalKind.OPERATOR:
        if principal.agency_id is not None:
            raise Unauthenticated
        return await _settle_operator(principal, hint, directory, at=at, only=only)
    if principal.agency_id is None:
        raise Unauthenticated
    agency = await directory.agency(principal.agency_id)
    if agency is None or (only is not None and agency.slug != only):
        raise Unauthenticated
    if hint is not None and hint != agency.slug:
        raise Unauthenticated
    if agency.status is not AgencyStatus.ACTIVE:
        raise AgencySuspended
    return Settled(principal=principal, agency=agency)


async def _settle_operator(
    principal: Principal,
    hint: str | None,
    directory: FindsAgencies,
    *,
    at: datetime,
    only: str | None,
) -> Settled:
    """Return the agency where the operator has live grants, read anew for every request."""
    nowhere = Settled(principal=principal, agency=None)
    if hint is None or (only is not None and hint != only):
        return nowhere
    agency = await directory.agency_by_slug(hint)
    if agency is None or agency.status is not AgencyStatus.ACTIVE:
        return nowhere
    held = await directory.open_access_grants(agency.id, principal.subject, at)
    live = tuple(grant for grant in held if grant.is_live(at) and grant.scope in READ_SCOPES)
    if not live:
        return replace(nowhere, named=agency)
    scopes = frozenset(grant.scope for grant in live)
    acting = replace(principal, grants=live, scopes=scopes)
    return Settled(principal=acting, agency=agency)
