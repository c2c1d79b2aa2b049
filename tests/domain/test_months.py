"""The same day so many months later."""

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.months import add_months


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-31", 2, "2026-03-31"),
        ("2026-01-30", 1, "2026-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2100-01-31", 1, "2100-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2026-01-15", 0, "2026-01-15"),
    ],
)
def test_a_shorter_month_gives_its_last_day(day: str, months: int, expected: str) -> None:
    """The 31st becomes the 30th, 29th or 28th where a month ends so, leap years included."""
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


@settings(deadline=None)
@given(day=st.dates(date(1900, 1, 1), date(2900, 1, 1)), months=st.integers(0, 1_200))
def test_months_are_never_skipped(day: date, months: int) -> None:
    """It is always that many months later, on the same day unless the month is shorter."""
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == min(day.day, monthrange(later.year, later.month)[1])
