"""The directory's audit lines: written with every change, and alone."""

import msgspec

from domain.audit import AuditLine
from tenants import directory_changes as changes
from tenants import directory_rows as rows
from tenants.directory import AUDIT_LINES_PER_PAGE_MAX
from tenants.directory_file import DirectoryFile
from tenants.directory_rows import OPERATORS


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
        return [msgspec.json.decode(body, type=AuditLine) for (body,) in found]
