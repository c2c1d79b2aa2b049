"""Who goes when, and why: clocks, holds, and what stands against erasure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import ENDED, ApplicationStatus
from domain.retention import (
    AUDIT_YEARS,
    CONSENT_YEARS,
    Duty,
    audit_cutoff,
    judge_application,
    judge_consent,
    judge_consumer,
    obstacles_to_erasure,
    years_after,
)
from tests.tenants.record_samples import AT, a_consent, a_consumer, an_application

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- the zone is given beside it
CLOSED = an_application(status=ApplicationStatus.CLOSED)


@pytest.mark.parametrize("status", ApplicationStatus)
def test_only_an_ended_application_goes(status: ApplicationStatus) -> None:
    """What is not closed and not withdrawn stays, whatever its age."""
    verdict = judge_application(
        an_application(status=status), held=False, years=1, at=AT + timedelta(days=36_500)
    )
    assert verdict.goes == (status in ENDED)
    assert verdict.duty is (None if status in ENDED else Duty.OPEN)


@given(ended=MOMENTS, years=st.integers(1, 25))
def test_an_application_goes_on_the_very_day(ended: datetime, years: int) -> None:
    """A moment before its time it stays and says until when; from then on it goes."""
    application = replace(CLOSED, updated_at=ended)
    end = years_after(ended, years)
    before = judge_application(
        application, held=False, years=years, at=end - timedelta(microseconds=1)
    )
    assert (before.duty, before.until) == (Duty.RETENTION, end)
    assert end.date().isoformat() in before.reason
    assert judge_application(application, held=False, years=years, at=end).goes


@given(at=MOMENTS)
def test_a_legal_hold_wins(at: datetime) -> None:
    """Nothing under a hold goes, however old; nobody can say until when."""
    for verdict in (
        judge_application(CLOSED, held=True, years=1, at=at),
        judge_consent(a_consent(), held=True, at=at),
    ):
        assert (verdict.duty, verdict.until) == (Duty.LEGAL_HOLD, None)


def test_a_consent_has_a_clock_of_its_own() -> None:
    """It goes seven years after its end."""
    consent = a_consent()
    end = years_after(consent.expires_at, CONSENT_YEARS)
    assert judge_consent(consent, held=False, at=end - timedelta(seconds=1)).duty is Duty.CONSENT
    assert judge_consent(consent, held=False, at=end).goes


def test_a_consumer_goes_when_nothing_of_theirs_is_left() -> None:
    """With an application they stay; without one they go once they were left alone for years."""
    late = years_after(a_consumer().updated_at, 7)
    assert judge_consumer(a_consumer(), applications=1, years=7, at=late).duty is Duty.IN_USE
    assert judge_consumer(a_consumer(), applications=0, years=7, at=late).goes
    early = judge_consumer(a_consumer(), applications=0, years=7, at=AT)
    assert (early.duty, early.until) == (Duty.RETENTION, late)


def test_every_duty_stands_against_erasure() -> None:
    """An open application, one closed too recently, one held, and a used consent are all told."""
    kept = [
        (an_application(), False, False),
        (CLOSED, False, False),
        (replace(CLOSED, updated_at=AT - timedelta(days=9000)), True, False),
    ]
    consents = [a_consent(), replace(a_consent(), used_at=None)]
    found = obstacles_to_erasure(kept, consents, years=7, at=AT)
    assert [item.verdict.duty for item in found] == [
        Duty.OPEN,
        Duty.RETENTION,
        Duty.LEGAL_HOLD,
        Duty.CONSENT,
    ]
    assert all(item.verdict.reason for item in found)


@pytest.mark.parametrize(("years", "kept"), [(1, 5), (5, 5), (7, 7)])
def test_a_signed_plan_is_kept_for_five_years_at_least(years: int, kept: int) -> None:
    """An agency with fewer years keeps what a plan was signed under for five, to the moment."""
    end = years_after(CLOSED.updated_at, kept)
    before = end - timedelta(microseconds=1)
    assert not judge_application(CLOSED, held=False, years=years, at=before, signed=True).goes
    assert judge_application(CLOSED, held=False, years=years, at=end, signed=True).goes
    found = obstacles_to_erasure([(CLOSED, False, True)], (), years=years, at=before)
    assert [item.verdict.until for item in found] == [end]


def test_what_was_never_submitted_is_not_kept_against_a_wish() -> None:
    """A draft that was withdrawn, and a consent that allowed nothing, stand against nothing."""
    withdrawn = an_application(status=ApplicationStatus.WITHDRAWN, submitted_at=None)
    unused = replace(a_consent(), used_at=None)
    assert obstacles_to_erasure([(withdrawn, False, False)], [unused], years=7, at=AT) == ()
    assert not judge_application(withdrawn, held=False, years=7, at=AT).goes


@given(moment=MOMENTS, years=st.integers(-25, 25))
def test_years_are_years_of_the_calendar(moment: datetime, years: int) -> None:
    """The same day and time; the day after where there is no 29 February."""
    later = years_after(moment, years)
    assert later.year == moment.year + years
    same = (moment.month, moment.day) == (later.month, later.day)
    assert same or ((moment.month, moment.day), (later.month, later.day)) == ((2, 29), (3, 1))
    assert later.timetz() == moment.timetz()


def test_audit_lines_are_kept_for_their_years() -> None:
    """The cutoff is seven years back."""
    assert audit_cutoff(AT) == years_after(AT, -AUDIT_YEARS)
