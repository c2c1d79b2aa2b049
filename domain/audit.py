"""Audit lines: who did what, to which record, why; names of fields, never their values."""

from dataclasses import dataclass
from datetime import datetime

from domain.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line. action: a mutation's or field's name, or `cli:<command>`; subject: a global id."""

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str | None = None
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    request_id: str
    source_ip: str | None = None
