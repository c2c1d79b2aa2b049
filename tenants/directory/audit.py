"""The directory's audit lines, written with every change and alone; checkpoints that it witnesses.

Lines about an agency wait here until the agency's own ledger has taken them over; they stay in the
directory all the same. The checkpoints of agencies' ledgers are kept here, under another key and in
another file than the ledgers, so that a ledger rewritten or cut off does not go unnoticed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from tenants.directory import changes, rows
from tenants.directory.file import DirectoryFile
from tenants.directory.port import AUDIT_LINES_PER_PAGE_MAX
from tenants.directory.rows import OPERATORS

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection


class DirectoryLedger(DirectoryFile):
    """The audit lines in the directory's file; see Directory for what each method promises."""

    async def record_audit(self, agency_id: str | None, line: AuditLine) -> None:
        """Write an audit line alone."""
        scope = agency_id or OPERATORS
        await self._write(lambda connection: changes.write_audit(connection, scope, line))

    async def audit_lines(
        self, agency_id: str | None, after: str | None, limit: int
    ) -> list[AuditLine]:
        """Return audit lines by id, oldest first, strictly after `after`."""
        bounded = max(0, min(limit, AUDIT_LINES_PER_PAGE_MAX))
        found = await self._read(rows.AUDIT_LINES, agency_id or OPERATORS, after or "", bounded)
        return [_line(body) for (body,) in found]

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Return lines about the agency that its ledger has not taken over, oldest first."""
        found = await self._read(rows.AUDIT_UNMERGED, agency_id, limit)
        return [_line(body) for (body,) in found]

    async def audit_merged(self, agency_id: str, line_ids: Sequence[str]) -> None:
        """Record that the agency's ledger has taken these lines over; no epoch rises."""

        def change(connection: Connection) -> None:
            for line_id in line_ids:
                connection.execute(rows.AUDIT_MERGED, (agency_id, line_id))

        await self._write(change)

    async def witness(self, agency_id: str, size: int, checkpoint: str) -> None:
        """Keep a checkpoint of the agency's ledger: the newest of each day; no epoch rises."""
        day = self._clock().date().isoformat()

        def change(connection: Connection) -> None:
            connection.execute(rows.WITNESS, (agency_id, day, size, checkpoint))

        await self._write(change)

    async def witnessed(self, agency_id: str) -> list[str]:
        """Return the checkpoints kept of the agency's ledger, the smallest first."""
        return [note for (note,) in await self._read(rows.WITNESSED, agency_id)]


def _line(body: bytes) -> AuditLine:
    try:
        return msgspec.json.decode(body, type=AuditLine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StoreUnavailable("An audit line of the directory is damaged.") from error
