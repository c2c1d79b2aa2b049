"""Moments as SQLite's tables hold them: microseconds since 1970, in UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return a moment as a column holds it; a moment without a zone raises TypeError."""
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the moment that a column holds."""
    return _EPOCH + value * _MICROSECOND


def after(at: datetime, seconds: float) -> int:
    """Return the moment so many seconds later, as a column holds it."""
    return micros(at + timedelta(seconds=seconds))
