"""Has every gateway over this home refuse what the local identity provider revoked.

The seam is the directory: its revocations are what `almoner token-revoke` writes for any pool, and
each moves the agency's epoch, which all processes compare before they believe a cached verdict.
"""

from dataclasses import dataclass
from datetime import timedelta

from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine
from domain.clock import utc_now
from domain.ids import new_ulid
from gateway.identity.claims import LIFETIME_SECONDS_MAX
from gateway.local.identity_provider.sign_ins import TokensRevoked
from tenants.directory.port import Directory, Revocation

REVOKE_TOKENS = "revokeTokens"
# A token of the revocation's second may be given the next one as its `iat`, and live from there.
_KEPT = timedelta(seconds=LIFETIME_SECONDS_MAX + 60)
_PROVIDER = Actor(
    id="local-identity-provider",
    kind=PrincipalKind.OPERATOR,
    display_name="Local identity provider",
)


@dataclass(frozen=True, slots=True)
class GatewayRevoker:
    """Writes revocations into the directory. issuer_url: what the pools' issuers begin with."""

    directory: Directory
    issuer_url: str

    async def __call__(self, revoked: TokensRevoked) -> None:
        """Have the tokens refused; nothing is to be done for a pool that no agency has."""
        issuer = f"{self.issuer_url}/{revoked.pool_id}"
        operators = await self.directory.operator_pool()
        agency_id = None
        if operators is None or operators.issuer != issuer:
            agency = await self.directory.agency_by_issuer(issuer)
            if agency is None:
                return
            agency_id = agency.id
        revocation = Revocation(
            kind=revoked.kind,
            value=revoked.value,
            at=revoked.at,
            expires_at=revoked.at + _KEPT,
        )
        now = utc_now()
        audit = AuditLine(
            id=new_ulid(now),
            at=now,
            actor=_PROVIDER,
            action=REVOKE_TOKENS,
            purpose=f"the user pool ended tokens of subject {revoked.subject}",
            request_id=new_ulid(now),
        )
        await self.directory.revoke(agency_id, revocation, audit)
