"""Operators' grants: their access to an agency, asked for, approved and ended."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from domain.access import AccessGrant
from domain.audit import AuditLine
from domain.errors import VersionConflict
from tenants.backend import Once
from tenants.directory import changes, rows
from tenants.directory.file import DirectoryFile, ask
from tenants.sqlite.moments import micros

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection


class DirectoryGrants(DirectoryFile):
    """The operators' grants in the directory's file; see Directory for what each method does."""

    async def access_grants(self, agency_id: str) -> list[AccessGrant]:
        """Return the operators' grants in the agency, newest first."""
        return [_read(body) for (body,) in await self._read(rows.GRANTS, agency_id)]

    async def open_access_grants(
        self, agency_id: str, grantee_id: str, at: datetime
    ) -> list[AccessGrant]:
        """Return an operator's grants there that have not ended."""
        found = await self._read(rows.OPEN_GRANTS, agency_id, grantee_id, micros(at))
        return [_read(body) for (body,) in found]

    async def access_grant(self, agency_id: str, grant_id: str) -> AccessGrant | None:
        """Return the operator's grant, or None."""
        found = await self._read(rows.GRANT_BY_ID, agency_id, grant_id)
        return _read(found[0][0]) if found else None

    async def put_access_grant(
        self, agency_id: str, grant: AccessGrant, audit: AuditLine, once: Once | None = None
    ) -> AccessGrant:
        """Write an operator's grant over the version that was read."""
        written = replace(grant, version=grant.version + 1)

        def change(connection: Connection) -> None:
            changes.demand_agency(connection, agency_id)
            changes.begin_once(connection, agency_id, once, audit.at)
            _put(connection, agency_id, written)
            changes.finish(connection, agency_id, audit)

        await self._write(change)
        return written

    async def forget_access_grants(
        self, agency_id: str, subjects: Collection[str], audit: AuditLine
    ) -> int:
        """Remove the operators' grants over what is erased, without a trace in the file."""
        gone: list[str] = []

        def change(connection: Connection) -> None:
            grants = (_read(body) for (body,) in ask(connection, rows.GRANTS, agency_id))
            gone[:] = [grant.id for grant in grants if grant.subject in subjects]
            for grant_id in gone:
                connection.execute(rows.FORGET_GRANT, (agency_id, grant_id))
            if gone:
                changes.finish(connection, agency_id, audit)

        await self._write(change)
        if gone:
            await self._empty_log()
        return len(gone)


def _read(body: bytes) -> AccessGrant:
    return msgspec.json.decode(body, type=AccessGrant)


def _put(connection: Connection, agency_id: str, grant: AccessGrant) -> None:
    """Write a grant in place of the version before it; raises VersionConflict."""
    found = ask(connection, rows.GRANT_BY_ID, agency_id, grant.id)
    current = _read(found[0][0]).version if found else 0
    if current != grant.version - 1:
        raise VersionConflict(current_version=current or None)
    connection.execute(
        "INSERT INTO access_grant (agency_id, id, grantee_id, expires_at, revoked_at, body)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (agency_id, id) DO UPDATE SET"
        " expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,"
        " body = excluded.body",
        (
            agency_id,
            grant.id,
            grant.grantee.id,
            micros(grant.expires_at),
            None if grant.revoked_at is None else micros(grant.revoked_at),
            msgspec.json.encode(grant),
        ),
    )
