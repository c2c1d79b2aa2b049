"""The directory in one encrypted SQLite file, for any number of processes on one machine.

Its methods stand in groups: audit lines in `audit.py`, operators' grants in `grants.py`, all others
here. How the file is read, written and cached is said in `file.py`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlcipher3 import dbapi2 as driver

from domain.access import ApiKey
from domain.agencies import Agency, Pool, Staff
from domain.audit import AuditLine
from domain.clock import utc_now
from tenants.backend import Once
from tenants.directory import changes, rows
from tenants.directory.audit import DirectoryLedger
from tenants.directory.file import transact
from tenants.directory.grants import DirectoryGrants
from tenants.directory.port import Directory, Revocation, WrappedKey
from tenants.directory.rows import OPERATORS
from tenants.sqlite.moments import micros
from tenants.sqlite.sqlcipher import open_encrypted, translate

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection

DIRECTORY_FILE = "directory.db"  # in a home folder
APPLICATION_ID = int.from_bytes(b"AlDr", "big")
READ_BUSY_TIMEOUT_MS = 20  # on the event loop; a read that would wait longer goes to the thread

_AGENCY_TAKEN = "The slug or an issuer belongs to another agency or to the operators."


def open_directory(
    path: Path, key: bytes, *, create: bool, clock: Callable[[], datetime] = utc_now
) -> "SqliteDirectory":
    """Open the directory in a file; with `create`, a new one where there is no file.

    Raises StoreUnavailable where the file is missing, foreign, damaged or of a newer format.
    """
    writing = open_encrypted(path, key, application_id=APPLICATION_ID, create=create)
    try:
        # What is removed leaves no trace in the file, even for somebody who has the key.
        writing.execute("PRAGMA secure_delete = ON").fetchall()
        transact(writing, changes.set_up)
        reading = open_encrypted(
            path,
            key,
            application_id=APPLICATION_ID,
            create=False,
            read_only=True,
            busy_timeout_ms=READ_BUSY_TIMEOUT_MS,
        )
    except driver.Error as error:
        writing.close()
        raise translate(error) from error
    except BaseException:
        writing.close()
        raise
    return SqliteDirectory(path, reading, writing, clock)


class SqliteDirectory(DirectoryGrants, DirectoryLedger, Directory):
    """The directory in a file; see Directory for what each method promises."""

    async def agencies(self) -> list[Agency]:
        """Return all agencies by slug."""
        found = await self._read(rows.AGENCIES)
        return [msgspec.json.decode(body, type=Agency) for (body,) in found]

    async def agency(self, agency_id: str) -> Agency | None:
        """Return the agency, or None."""
        return await self._recall(Agency, rows.AGENCY_BY_ID, agency_id)

    async def agency_by_slug(self, slug: str) -> Agency | None:
        """Return the agency of that slug, or None."""
        return await self._recall(Agency, rows.AGENCY_BY_SLUG, slug)

    async def agency_by_issuer(self, issuer: str) -> Agency | None:
        """Return the agency with a pool of that issuer, or None."""
        return await self._recall(Agency, rows.AGENCY_BY_ISSUER, issuer)

    async def operator_pool(self) -> Pool | None:
        """Return the operators' pool, or None."""
        return await self._recall(Pool, rows.OPERATOR_POOL)

    async def set_operator_pool(self, pool: Pool, audit: AuditLine) -> None:
        """Make this the operators' pool."""

        def change(connection: Connection) -> None:
            changes.put_operator_pool(connection, pool)
            changes.finish(connection, OPERATORS, audit)

        await self._write(change, taken="An agency has this issuer.")

    async def add_agency(
        self, agency: Agency, wrapped: Sequence[WrappedKey], audit: AuditLine
    ) -> None:
        """Add an agency with its keys."""

        def change(connection: Connection) -> None:
            changes.insert_agency(connection, agency)
            changes.insert_wrapped(connection, agency.id, wrapped)
            changes.finish(connection, agency.id, audit)

        await self._write(change, taken=_AGENCY_TAKEN)

    async def update_agency(self, agency: Agency, audit: AuditLine) -> None:
        """Replace what is known of the agency."""

        def change(connection: Connection) -> None:
            changes.replace_agency(connection, agency)
            changes.finish(connection, agency.id, audit)

        await self._write(change, taken=_AGENCY_TAKEN)

    async def remove_agency(self, agency_id: str, audit: AuditLine) -> None:
        """Forget the agency with all that hangs on it; its audit lines and its epoch stay."""

        def change(connection: Connection) -> None:
            changes.delete_agency(connection, agency_id)
            changes.finish(connection, agency_id, audit)

        await self._write(change)
        await self._empty_log()

    async def wrapped_keys(self, agency_id: str) -> list[WrappedKey]:
        """Return the agency's wrapped keys, oldest first."""
        return [rows.read_wrapped(row) for row in await self._read(rows.WRAPPED_KEYS, agency_id)]

    async def add_wrapped_keys(
        self, agency_id: str, wrapped: Sequence[WrappedKey], audit: AuditLine
    ) -> None:
        """Add further keys."""

        def change(connection: Connection) -> None:
            changes.demand_agency(connection, agency_id)
            changes.insert_wrapped(connection, agency_id, wrapped)
            changes.finish(connection, agency_id, audit)

        await self._write(change, taken="The agency has a key of that purpose and id.")

    async def destroy_data_keys(
        self, agency_id: str, key_ids: Sequence[str], audit: AuditLine
    ) -> None:
        """Remove data keys, without a trace in the file."""

        def change(connection: Connection) -> None:
            changes.delete_data_keys(connection, agency_id, key_ids)
            changes.finish(connection, agency_id, audit)

        await self._write(change)
        await self._empty_log()

    async def staff(self, agency_id: str) -> list[Staff]:
        """Return everybody who works for the agency, by id."""
        found = await self._read(rows.STAFF, agency_id)
        return [msgspec.json.decode(body, type=Staff) for (body,) in found]

    async def staff_by_subject(self, agency_id: str, subject: str) -> Staff | None:
        """Return who has that `sub`, or None."""
        found = await self._read(rows.STAFF_BY_SUBJECT, agency_id, subject)
        return msgspec.json.decode(found[0][0], type=Staff) if found else None

    async def put_staff(self, agency_id: str, staff: Staff, audit: AuditLine) -> None:
        """Add or replace a member of staff."""

        def change(connection: Connection) -> None:
            changes.demand_agency(connection, agency_id)
            changes.put_staff(connection, agency_id, staff)
            changes.finish(connection, agency_id, audit)

        await self._write(change, taken="The subject belongs to another member of staff.")

    async def api_keys(self, agency_id: str) -> list[ApiKey]:
        """Return the agency's keys, oldest first."""
        return [rows.read_key(row) for row in await self._read(rows.KEYS, agency_id)]

    async def api_key(self, agency_id: str, key_id: str) -> ApiKey | None:
        """Return the agency's key, or None."""
        found = await self._read(rows.KEY_BY_ID, agency_id, key_id)
        return rows.read_key(found[0]) if found else None

    async def api_key_by_hash(self, key_hash: str) -> tuple[str, ApiKey] | None:
        """Return whose key hashes so, and the key; None where there is none."""
        found = await self._read(rows.KEY_BY_HASH, key_hash)
        return (found[0][2], rows.read_key(found[0])) if found else None

    async def add_api_key(
        self, agency_id: str, key: ApiKey, audit: AuditLine, once: Once | None = None
    ) -> None:
        """Add a key."""

        def change(connection: Connection) -> None:
            changes.demand_agency(connection, agency_id)
            changes.begin_once(connection, agency_id, once, audit.at)
            changes.insert_key(connection, agency_id, key, audit.at)
            changes.finish(connection, agency_id, audit)

        await self._write(change)

    async def replace_api_key(self, agency_id: str, key: ApiKey, audit: AuditLine) -> None:
        """Narrow a key."""

        def change(connection: Connection) -> None:
            changes.narrow(connection, agency_id, key)
            changes.finish(connection, agency_id, audit)

        await self._write(change)

    async def rotate_api_key(
        self,
        agency_id: str,
        old: ApiKey,
        new: ApiKey,
        audit: AuditLine,
        once: Once | None = None,
    ) -> None:
        """Add `new` and narrow `old`."""

        def change(connection: Connection) -> None:
            changes.begin_once(connection, agency_id, once, audit.at)
            changes.rotate(connection, agency_id, old, new, audit.at)
            changes.finish(connection, agency_id, audit)

        await self._write(change)

    async def touch_api_key(self, agency_id: str, key_id: str, at: datetime) -> None:
        """Record the key's last use, to the minute."""
        await self._write(lambda connection: changes.touch_key(connection, agency_id, key_id, at))

    async def once(self, agency_id: str, key: str) -> Once | None:
        """Return the agency's unexpired idempotency record, or None."""
        found = await self._read(rows.ONCE, agency_id, key, micros(self._clock()))
        return rows.read_once(found[0]) if found else None

    async def revoke(self, agency_id: str | None, revocation: Revocation, audit: AuditLine) -> None:
        """Refuse from now on what the revocation names."""
        scope = agency_id or OPERATORS

        def change(connection: Connection) -> None:
            changes.insert_revocation(connection, scope, revocation)
            changes.finish(connection, scope, audit)

        await self._write(change)

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
        scope = agency_id or OPERATORS
        return bool(
            await self._read(rows.REVOKED, scope, jti, origin_jti, subject, micros(issued_at))
        )
