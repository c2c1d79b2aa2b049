"""Cursors: accepted from the agency that sealed them, for the listing they were sealed for."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from tenants.cursors import CURSOR_CHARACTERS_MAX, CursorSigner

SIGNER = CursorSigner(bytes(range(32)))
CURSOR = SIGNER.seal("application_all:", "2026\n01\n02")


def is_refused(signer: CursorSigner, listing: str, cursor: str) -> bool:
    try:
        signer.open(listing, cursor)
    except InvalidInput as error:
        return [(fault.path, fault.code) for fault in error.fields] == [("after", "INVALID")]
    return False


@given(listing=st.text(max_size=60), position=st.text(max_size=60))
def test_a_position_comes_back(listing: str, position: str) -> None:
    """Any position in any listing opens as it was sealed, and is safe in an address."""
    cursor = SIGNER.seal(listing, position)
    assert SIGNER.open(listing, cursor) == position
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(cursor) <= CURSOR_CHARACTERS_MAX


def test_another_agency_s_cursor_is_refused() -> None:
    """What another key sealed names no position here."""
    assert is_refused(CursorSigner(bytes(32)), "application_all:", CURSOR)
    assert not is_refused(SIGNER, "application_all:", CURSOR)


def test_another_listing_s_cursor_is_refused() -> None:
    """A cursor holds for the listing it was answered with, and part and name cannot be shifted."""
    for listing in ("application_all", "application_by_status:DRAFT", "", "application_all:\n"):
        assert is_refused(SIGNER, listing, CURSOR)
    assert is_refused(SIGNER, "ab", SIGNER.seal("a", "b"))
    assert is_refused(SIGNER, "", SIGNER.seal("a", ""))


@given(number=st.integers(0, len(CURSOR) - 1), sign=st.characters(codec="ascii"))
def test_a_changed_cursor_is_refused(number: int, sign: str) -> None:
    """Any change of a character is noticed, spare bits at the end included."""
    changed = CURSOR[:number] + sign + CURSOR[number + 1 :]
    assert is_refused(SIGNER, "application_all:", changed) == (changed != CURSOR)


@given(text=st.text(max_size=600))
def test_anything_else_is_refused(text: str) -> None:
    """No text that was not sealed opens, whatever it is made of."""
    assert is_refused(SIGNER, "application_all:", text)


@pytest.mark.parametrize(
    "spelling",
    [
        CURSOR + "=",
        CURSOR + "==",
        CURSOR + "\n",
        " " + CURSOR,
        CURSOR[:-1],
        CURSOR + "A",
        base64.b64encode(base64.urlsafe_b64decode(CURSOR + "=" * (-len(CURSOR) % 4))).decode()
        + "==",
    ],
)
def test_a_cursor_has_one_spelling(spelling: str) -> None:
    """Padding, blanks and other alphabets are not accepted."""
    assert is_refused(SIGNER, "application_all:", spelling)


def test_the_argument_at_fault_is_named() -> None:
    """A refusal names the argument that the cursor came in."""
    with pytest.raises(InvalidInput) as refused:
        SIGNER.open("a", "b", path="before")
    assert refused.value.fields[0].path == "before"


def test_a_position_too_long_is_a_mistake() -> None:
    """A position that would not fit is never sealed."""
    with pytest.raises(ValueError, match="does not fit"):
        SIGNER.seal("a", "x" * 400)
