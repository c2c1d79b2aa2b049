"""Retention: what is disposed of when, what keeps it until then, and what stands against erasure.

16 CFR 314.4(c)(6) demands that customer information is disposed of at the latest two years after it
was last used for the customer, unless a law or a legitimate business need keeps it longer. A claim
under the Fair Credit Reporting Act may be brought for five years (15 USC 1681p), and records of
debt relief are kept for five (16 CFR 310.5): seven years leave room for a case that was begun on
the last day. An agency may choose other years; a legal hold wins over all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.actors import Actor
from domain.applications import ENDED, Application
from domain.consents import Consent
from domain.consumers import Consumer

RETENTION_YEARS_DEFAULT = 7
RETENTION_YEARS_MIN = 1
RETENTION_YEARS_MAX = 25
PLAN_YEARS = 5  # after the last payment: Uniform Debt-Management Services Act, section 27
CONSENT_YEARS = 7  # after its end: that a pull was allowed must be shown for as long as it is asked
AUDIT_YEARS = 7


class Duty(StrEnum):
    """Why something is kept."""

    OPEN = "OPEN"
    RETENTION = "RETENTION"
    CONSENT = "CONSENT"
    LEGAL_HOLD = "LEGAL_HOLD"
    IN_USE = "IN_USE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """An order to keep an application and all under it, whatever its age, until it is released.

    It lives under the application and there is at most one, so that disposing of the application
    can demand in the same unit that there is none.
    """

    id: str
    version: int = 0
    application_id: str
    reason: str
    placed_by: Actor
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether something goes. duty: what keeps it, None where nothing does.

    since: when the last duty ended. until: when the present one ends, None where nobody can say.
    """

    duty: Duty | None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def goes(self) -> bool:
        """Say whether nothing keeps it any more."""
        return self.duty is None

    @property
    def reason(self) -> str:
        """Return why it goes or stays, as a sentence."""
        text = _GOES if self.duty is None else _STAYS[self.duty]
        day = self.since if self.duty is None else self.until
        return text if day is None else f"{text} {day.date().isoformat()}"


_GOES = "the duty to keep it ended on"
_STAYS = {
    Duty.OPEN: "it is not closed and not withdrawn",
    Duty.RETENTION: "it is kept until",
    Duty.CONSENT: "it proves that a report was allowed, until",
    Duty.LEGAL_HOLD: "a legal hold lies on it",
    Duty.IN_USE: "an application of theirs is kept",
}


def judge_application(
    application: Application, *, held: bool, years: int, at: datetime, signed: bool = False
) -> Verdict:
    """Say whether an application goes: ended for so many years, and nobody holds it.

    An ended application is not changed any more, so its last change is its end. signed: a plan
    was signed under it, whose last payment is not after that end; an agency that keeps others for
    fewer years keeps this one for PLAN_YEARS.
    """
    years = max(years, PLAN_YEARS) if signed else years
    if held:
        return Verdict(duty=Duty.LEGAL_HOLD)
    if application.status not in ENDED:
        return Verdict(duty=Duty.OPEN)
    return _by_clock(Duty.RETENTION, years_after(application.updated_at, years), at)


def judge_consent(consent: Consent, *, held: bool, at: datetime) -> Verdict:
    """Say whether a consent goes: on a clock of its own, whatever becomes of the application."""
    if held:
        return Verdict(duty=Duty.LEGAL_HOLD)
    return _by_clock(Duty.CONSENT, years_after(consent.expires_at, CONSENT_YEARS), at)


def judge_consumer(consumer: Consumer, *, applications: int, years: int, at: datetime) -> Verdict:
    """Say whether a consumer goes: nothing of theirs is left, nor was changed for so many years."""
    if applications:
        return Verdict(duty=Duty.IN_USE)
    return _by_clock(Duty.RETENTION, years_after(consumer.updated_at, years), at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What stands against erasing a consumer: which record must be kept, and why."""

    subject: str
    verdict: Verdict


def obstacles_to_erasure(
    applications: Iterable[tuple[Application, bool, bool]],
    consents: Iterable[Consent],
    *,
    years: int,
    at: datetime,
) -> tuple[Obstacle, ...]:
    """Return every duty to keep that stands against erasing a consumer at their wish.

    applications: each with whether it is held, and whether a plan was signed under it. One that was
    withdrawn before it was ever submitted is no service rendered, and a consent that was never used
    allowed nothing: neither is kept against the consumer's wish. Whoever has no application may go
    at once.
    """
    found = []
    for application, held, signed in applications:
        verdict = judge_application(application, held=held, years=years, at=at, signed=signed)
        if verdict.duty is Duty.RETENTION and application.submitted_at is None:
            continue
        if not verdict.goes:
            found.append(Obstacle(subject=application.id, verdict=verdict))
    for consent in consents:
        verdict = judge_consent(consent, held=False, at=at)
        if consent.used_at is not None and not verdict.goes:
            found.append(Obstacle(subject=consent.id, verdict=verdict))
    return tuple(found)


def audit_cutoff(at: datetime) -> datetime:
    """Return the moment before which audit lines have served their time."""
    return years_after(at, -AUDIT_YEARS)


def years_after(moment: datetime, years: int) -> datetime:
    """Return the same day and time so many years later; 1 March where there is no 29 February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def _by_clock(duty: Duty, end: datetime, at: datetime) -> Verdict:
    if at < end:
        return Verdict(duty=duty, until=end)
    return Verdict(duty=None, since=end)
