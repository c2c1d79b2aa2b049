"""ULIDs tell when they were made, and are nobody else's."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import new_ulid, ulid_time


@given(at=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- the zone is given beside it
def test_a_ulid_tells_its_moment(at: datetime) -> None:
    """To the millisecond, which is all that it holds."""
    assert abs(at - ulid_time(new_ulid(at))) <= timedelta(milliseconds=1)


FORKING = """
import os
from domain.ids import new_ulid
made = [new_ulid()]
child = os.fork()
made += [new_ulid() for _ in range(200)]
os.write(1, ("\\n".join(made[1:] if child else made) + "\\n").encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_process_that_forks_makes_no_id_twice() -> None:
    """Random bits are drawn ahead, and the child has none of its parent's."""
    made = subprocess.run([sys.executable, "-c", FORKING], check=True, capture_output=True).stdout
    assert len(made.split()) == len(set(made.split())) == 401


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- the zone is given beside it
    bits=st.integers(0, 2**80 - 1),
)
def test_a_ulid_is_its_128_bits(at: datetime, bits: int) -> None:
    """48 bits of milliseconds, then 80 random ones, five to a character of Crockford's alphabet."""
    ulid = new_ulid(at, randomness=bits)
    value = 0
    for sign in ulid:
        value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(sign)
    assert len(ulid) == 26
    assert value == int(at.timestamp() * 1000) << 80 | bits
