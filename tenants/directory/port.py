"""The directory port: agencies, pools, staff, keys, operators' grants, revocations and epochs.

It is the control plane: it knows which agencies there are and who speaks for them, and nothing of
their consumers. Every change writes its audit line in the same transaction. Caches elsewhere hold
what they read here together with `epoch(agency)` and compare it before each use.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from domain.access import AccessGrant, ApiKey
from domain.agencies import Agency, Pool, Staff
from domain.audit import AuditLine
from tenants.backend import Once

SLUG_PATTERN = r"[a-z][a-z0-9-]{1,30}"
AUDIT_LINES_PER_PAGE_MAX = 1000

KeyPurpose = Literal["store", "index", "data"]
RevocationKind = Literal["jti", "origin_jti", "sub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """One of an agency's keys as the directory keeps it: only the keyring can unwrap it.

    purpose: `store` opens the agency's store, `index` makes blind indexes, `data` seals fields.
    """

    purpose: KeyPurpose
    key_id: str
    wrapped: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Tokens that no longer hold, named by what they carry and never by their text.

    kind: `jti` is one token, `origin_jti` one sign-in with all its tokens, `sub` everything that
    the subject was issued until `at`. expires_at: from when no such token can be alive, so that
    the revocation may be forgotten.
    """

    kind: RevocationKind
    value: str
    at: datetime
    expires_at: datetime


class Directory(Protocol):
    """The control plane. Every method may raise domain.errors.StoreUnavailable.

    Where an agency's id may be None, None stands for the operators' pool.
    """

    def epoch(self, agency_id: str | None) -> int:
        """Return a number that rises with each change that caches must see; nearly free.

        Changes of the agency, its pools, staff, keys and revocations count, made by any process.
        An agency nobody ever heard of has epoch 0, and a removed one keeps rising.
        """
        ...

    async def agencies(self) -> list[Agency]:
        """Return all agencies by slug."""
        ...

    async def agency(self, agency_id: str) -> Agency | None:
        """Return the agency, or None."""
        ...

    async def agency_by_slug(self, slug: str) -> Agency | None:
        """Return the agency of that slug, spelled exactly so, or None."""
        ...

    async def agency_by_issuer(self, issuer: str) -> Agency | None:
        """Return the agency with a pool of that issuer, or None (the operators' pool included)."""
        ...

    async def operator_pool(self) -> Pool | None:
        """Return the pool whose tokens name operators, or None before there is one."""
        ...

    async def set_operator_pool(self, pool: Pool, audit: AuditLine) -> None:
        """Make this the operators' pool. Raises Duplicate where an agency has the issuer."""
        ...

    async def add_agency(
        self, agency: Agency, wrapped: Sequence[WrappedKey], audit: AuditLine
    ) -> None:
        """Add an agency with its keys.

        Raises Duplicate where the id, the slug or an issuer is taken, InvalidInput with all faults
        of what is spelled wrongly or beyond a limit.
        """
        ...

    async def update_agency(self, agency: Agency, audit: AuditLine) -> None:
        """Replace what is known of the agency. Raises NotFound, Duplicate, InvalidInput."""
        ...

    async def remove_agency(self, agency_id: str, audit: AuditLine) -> None:
        """Forget the agency with its wrapped keys, staff and API keys; its audit lines stay.

        Raises NotFound. Without its keys nothing of its store can be read any more.
        """
        ...

    async def wrapped_keys(self, agency_id: str) -> list[WrappedKey]:
        """Return the agency's wrapped keys, oldest first."""
        ...

    async def add_wrapped_keys(
        self, agency_id: str, wrapped: Sequence[WrappedKey], audit: AuditLine
    ) -> None:
        """Add further keys, such as a new data key. Raises Duplicate, NotFound."""
        ...

    async def destroy_data_keys(
        self, agency_id: str, key_ids: Sequence[str], audit: AuditLine
    ) -> None:
        """Remove data keys, without a trace in the file. Raises NotFound where one is not there."""
        ...

    async def staff(self, agency_id: str) -> list[Staff]:
        """Return everybody who works for the agency, inactive ones included, by id."""
        ...

    async def staff_by_subject(self, agency_id: str, subject: str) -> Staff | None:
        """Return who has that `sub` in the agency's tokens, or None."""
        ...

    async def put_staff(self, agency_id: str, staff: Staff, audit: AuditLine) -> None:
        """Add or replace a member of staff, by id.

        Raises Duplicate where the subject is somebody else's, or the e-mail address somebody's who
        is active, InvalidInput with all faults, NotFound for an unknown agency.
        """
        ...

    async def api_keys(self, agency_id: str) -> list[ApiKey]:
        """Return the agency's keys, ended ones included, oldest first."""
        ...

    async def api_key(self, agency_id: str, key_id: str) -> ApiKey | None:
        """Return the agency's key, or None."""
        ...

    async def api_key_by_hash(self, key_hash: str) -> tuple[str, ApiKey] | None:
        """Return whose key hashes so, and the key, ended or not; None where there is none."""
        ...

    async def add_api_key(
        self, agency_id: str, key: ApiKey, audit: AuditLine, once: Once | None = None
    ) -> None:
        """Add a key; `once`, where given, makes a repetition harmless.

        Raises tenants.backend.Replayed with the first key's id where `once` was used before,
        IdempotencyMismatch where it was used for another input, TooLarge beyond
        KEYS_PER_AGENCY_MAX live keys, InvalidInput for a bad name, NotFound for an unknown agency.
        """
        ...

    async def replace_api_key(self, agency_id: str, key: ApiKey, audit: AuditLine) -> None:
        """Write the key's name, scopes, end and revocation; it can only be narrowed.

        A revocation once written stays, scopes are never added and the end never moves later,
        whatever the given key says: a stale copy cannot widen. Raises NotFound.
        """
        ...

    async def rotate_api_key(
        self,
        agency_id: str,
        old: ApiKey,
        new: ApiKey,
        audit: AuditLine,
        once: Once | None = None,
    ) -> None:
        """Add `new` and narrow `old`, in one transaction.

        Raises as add_api_key does, and VersionConflict where `old` has ended meanwhile.
        """
        ...

    async def touch_api_key(self, agency_id: str, key_id: str, at: datetime) -> None:
        """Record the key's last use, to the minute; no epoch rises and no audit line is written."""
        ...

    async def access_grants(self, agency_id: str) -> list[AccessGrant]:
        """Return the operators' grants in the agency, ended ones included, newest first."""
        ...

    async def open_access_grants(
        self, agency_id: str, grantee_id: str, at: datetime
    ) -> list[AccessGrant]:
        """Return an operator's grants and requests there that have not ended at that moment."""
        ...

    async def access_grant(self, agency_id: str, grant_id: str) -> AccessGrant | None:
        """Return the operator's grant in the agency, or None."""
        ...

    async def put_access_grant(
        self, agency_id: str, grant: AccessGrant, audit: AuditLine, once: Once | None = None
    ) -> AccessGrant:
        """Write an operator's grant and return it with its new version, which is one more.

        Raises VersionConflict where the one there is has another version than the one given (0:
        there is none), Replayed and IdempotencyMismatch as add_api_key does, NotFound for an
        unknown agency.
        """
        ...

    async def forget_access_grants(
        self, agency_id: str, subjects: Collection[str], audit: AuditLine
    ) -> int:
        """Remove the operators' grants over these subjects, reasons and all, and return how many.

        Nothing of them is left in the file. Where there are none, nothing is written.
        """
        ...

    async def once(self, agency_id: str, key: str) -> Once | None:
        """Return the agency's unexpired idempotency record, or None."""
        ...

    async def revoke(self, agency_id: str | None, revocation: Revocation, audit: AuditLine) -> None:
        """Refuse from now on what the revocation names; expired revocations are forgotten."""
        ...

    async def is_revoked(
        self,
        agency_id: str | None,
        *,
        subject: str,
        issued_at: datetime,
        jti: str | None,
        origin_jti: str | None,
    ) -> bool:
        """Say whether a token with these claims has been revoked."""
        ...

    async def record_audit(self, agency_id: str | None, line: AuditLine) -> None:
        """Write an audit line alone."""
        ...

    async def audit_lines(
        self, agency_id: str | None, after: str | None, limit: int
    ) -> list[AuditLine]:
        """Return audit lines by id, oldest first, strictly after `after`."""
        ...

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Return lines about the agency that its ledger has not taken over, oldest first."""
        ...

    async def audit_merged(self, agency_id: str, line_ids: Sequence[str]) -> None:
        """Record that the agency's ledger has taken these lines over; no epoch rises."""
        ...

    async def witness(self, agency_id: str, size: int, checkpoint: str) -> None:
        """Keep a checkpoint of the agency's ledger: the newest of each day; no epoch rises.

        One over fewer lines than have been seen is not kept.
        """
        ...

    async def witnessed(self, agency_id: str) -> list[str]:
        """Return the checkpoints kept of the agency's ledger, the smallest first."""
        ...

    async def snapshot(self) -> bytes:
        """Return the whole directory at one moment, encrypted as it lies; for a backup."""
        ...

    async def aclose(self) -> None:
        """Close files and connections; further calls raise StoreUnavailable."""
        ...


class AgencyDirectory:
    """The directory as one agency's requests see it: no method can name another agency."""

    __slots__ = ("_agency", "_directory")

    def __init__(self, directory: Directory, agency: Agency) -> None:
        self._directory = directory
        self._agency = agency

    @property
    def agency(self) -> Agency:
        """Return the agency as it was when the request began."""
        return self._agency

    async def staff(self) -> list[Staff]:
        """Return everybody who works here, inactive ones included, by id."""
        return await self._directory.staff(self._agency.id)

    async def staff_member(self, staff_id: str) -> Staff | None:
        """Return the member of staff with that id, or None."""
        return next((one for one in await self.staff() if one.id == staff_id), None)

    async def staff_by_subject(self, subject: str) -> Staff | None:
        """Return who has that `sub` in their tokens, or None."""
        return await self._directory.staff_by_subject(self._agency.id, subject)

    async def api_keys(self) -> list[ApiKey]:
        """Return the agency's keys, ended ones included, oldest first."""
        return await self._directory.api_keys(self._agency.id)

    async def api_key(self, key_id: str) -> ApiKey | None:
        """Return the key, or None."""
        return await self._directory.api_key(self._agency.id, key_id)

    async def add_api_key(self, key: ApiKey, audit: AuditLine, once: Once | None = None) -> None:
        """Add a key; raises as Directory.add_api_key does."""
        await self._directory.add_api_key(self._agency.id, key, audit, once)

    async def replace_api_key(self, key: ApiKey, audit: AuditLine) -> None:
        """Narrow a key; raises as Directory.replace_api_key does."""
        await self._directory.replace_api_key(self._agency.id, key, audit)

    async def rotate_api_key(
        self, old: ApiKey, new: ApiKey, audit: AuditLine, once: Once | None = None
    ) -> None:
        """Add a successor and narrow its predecessor; raises as Directory.rotate_api_key does."""
        await self._directory.rotate_api_key(self._agency.id, old, new, audit, once)

    async def access_grants(self) -> list[AccessGrant]:
        """Return the operators' grants here, ended ones included, newest first."""
        return await self._directory.access_grants(self._agency.id)

    async def open_access_grants(self, grantee_id: str, at: datetime) -> list[AccessGrant]:
        """Return an operator's grants and requests here that have not ended at that moment."""
        return await self._directory.open_access_grants(self._agency.id, grantee_id, at)

    async def access_grant(self, grant_id: str) -> AccessGrant | None:
        """Return the operator's grant here, or None."""
        return await self._directory.access_grant(self._agency.id, grant_id)

    async def put_access_grant(
        self, grant: AccessGrant, audit: AuditLine, once: Once | None = None
    ) -> AccessGrant:
        """Write an operator's grant; raises as Directory.put_access_grant does."""
        return await self._directory.put_access_grant(self._agency.id, grant, audit, once)

    async def once(self, key: str) -> Once | None:
        """Return the agency's unexpired idempotency record, or None."""
        return await self._directory.once(self._agency.id, key)

    async def record_audit(self, line: AuditLine) -> None:
        """Write an audit line alone."""
        await self._directory.record_audit(self._agency.id, line)
