"""What one commit to an agency's store does, in records."""

from dataclasses import dataclass

from domain.audit import AuditLine
from domain.events import Event
from tenants.backend import Once
from tenants.records.kinds import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one commit does: records as they shall be, each with the version it was read with."""

    put: tuple[Record, ...] = ()
    delete: tuple[Record, ...] = ()
    check: tuple[Record, ...] = ()
    event: Event | None = None
    audit: AuditLine | tuple[AuditLine, ...] | None = None
    begin: Once | None = None
    finish: Once | None = None
