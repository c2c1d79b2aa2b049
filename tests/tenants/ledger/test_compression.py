"""Rows of lines are pressed and come back as they were; nothing that claims to be can grow."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.ledger.compression import PLAIN_BYTES_MIN, NotPressed, plain, pressed

MAX = 100_000


@given(st.binary(max_size=300), st.integers(1, 200))
def test_what_is_pressed_comes_back(piece: bytes, times: int) -> None:
    """Whatever a body is, its stored form gives it back; short ones lie open."""
    body = b"[" + piece * times

    stored = pressed(body)

    assert plain(stored, MAX) == body
    assert (stored == body) == (len(body) < PLAIN_BYTES_MIN)


@pytest.mark.parametrize(
    "stored",
    [
        b"z",
        b"zebra",
        b"z" + zlib.compress(b"[" * 5000)[:-3],
        b"z" + zlib.compress(b"[" * 5000) + b"more",
        b"z" + zlib.compress(b"\0" * (MAX + 1)),
        b"z" + zlib.compress(b"\0" * 200_000_000, 9),
    ],
)
def test_what_is_damaged_or_would_grow_is_refused(stored: bytes) -> None:
    """Cut off, spoilt, followed by more, or larger than any row: nothing of it is given out."""
    with pytest.raises(NotPressed):
        plain(stored, MAX)


def test_a_body_of_just_the_largest_size_is_taken() -> None:
    """The bound itself is within it."""
    body = b"[" * MAX

    assert plain(pressed(body), MAX) == body
