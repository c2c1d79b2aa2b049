"""Stage 3: which agency a principal acts for. Issuer, key and grant must agree, or it is refused.

After this stage nobody passes an agency's id: the store is the agency.
"""

from typing import Protocol

from domain.access import Principal
from domain.actors import PrincipalKind
from domain.agencies import Agency, AgencyStatus
from domain.errors import AgencySuspended, Unauthenticated


class FindsAgencies(Protocol):
    """What this stage needs of the directory."""

    async def agency(self, agency_id: str) -> Agency | None:
        """Return the agency, or None."""
        ...


async def settle_agency(
    principal: Principal,
    hint: str | None,
    directory: FindsAgencies,
    *,
    only: str | None = None,
) -> Agency | None:
    """Return the agency that the principal acts for; None for an operator, who belongs to none.

    hint: the `x-agency` header, which must agree with the credential. From an operator it names the
    agency to act in, which takes a live grant there; without one it is as if there were no such
    agency. only: the slug of the one agency that this process serves.

    Raises Unauthenticated where they do not agree, AgencySuspended for an agency that is suspended.
    """
    if principal.kind is PrincipalKind.OPERATOR:
        if principal.agency_id is not None:
            raise Unauthenticated
        return None
    if principal.agency_id is None:
        raise Unauthenticated
    agency = await directory.agency(principal.agency_id)
    if agency is None or (only is not None and agency.slug != only):
        raise Unauthenticated
    if hint is not None and hint != agency.slug:
        raise Unauthenticated
    if agency.status is not AgencyStatus.ACTIVE:
        raise AgencySuspended
    return agency
