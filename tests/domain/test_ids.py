"""ULIDs tell when they were made."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import new_ulid, ulid_time


@given(at=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- the zone is given beside it
def test_a_ulid_tells_its_moment(at: datetime) -> None:
    """To the millisecond, which is all that it holds."""
    assert abs(at - ulid_time(new_ulid(at))) <= timedelta(milliseconds=1)
