"""Audit lines: who did what, to which record, why; names of fields, never their values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.actors import Actor


class AuditOutcome(StrEnum):
    """How it ended: it was done, or it was refused."""

    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of an agency's audit ledger.

    action: a mutation's or field's name, or `cli:<command>`. subject: the global id of the one
    object named. consumers: global ids of those whose data it is about. fields: names such as
    `Consumer.ssn`, never values. Lines written before a field was added have its default.
    """

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str | None = None
    consumers: tuple[str, ...] = ()
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    outcome: AuditOutcome = AuditOutcome.DONE
    request_id: str
    source_ip: str | None = None
