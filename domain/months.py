"""Months of the calendar: the same day so many months later, where a month has that day."""

from calendar import monthrange
from datetime import date

_MONTHS = 12


def add_months(day: date, months: int) -> date:
    """Return the same day of the month so many months later; a shorter month's last day.

    Count from the first day of a schedule and never from the day before: from the 31st, February's
    is the 28th or 29th and March's the 31st again.
    """
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    last = monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))
