"""Audit lines: who did what, to which record, why; names of fields, never their values."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.actors import Actor, PrincipalKind

CONSUMER_NAME = "Consumer"


class AuditOutcome(StrEnum):
    """How it ended: it was done, or it was refused."""

    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of an agency's audit ledger.

    action: a mutation's or field's name, or `cli:<command>`. subject: the global id of the one
    object named. consumers: global ids of those whose data it is about. fields: names such as
    `Consumer.ssn`, never values. Lines written before a field was added have its default. The logs
    are never sealed: no line holds a consumer's name, whichever of them it goes to.
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

    def __post_init__(self) -> None:
        """Call a consumer no name, whoever made the line: their id says who it was."""
        if self.actor.kind is PrincipalKind.CONSUMER and self.actor.display_name != CONSUMER_NAME:
            object.__setattr__(self, "actor", replace(self.actor, display_name=CONSUMER_NAME))

    def is_about(self, ids: AbstractSet[str]) -> bool:
        """Say whether it names one of these records, or is about the data of such a consumer."""
        return self.subject in ids or not ids.isdisjoint(self.consumers)
