"""What people type: accepted, cleaned or refused."""

from datetime import date
from decimal import Decimal

import pytest

from domain.errors import InvalidInput
from domain.validation import (
    Faults,
    clean_amount,
    clean_date_of_birth,
    clean_email,
    clean_integer,
    clean_last4,
    clean_optional_text,
    clean_percent,
    clean_phone,
    clean_postal_code,
    clean_purpose,
    clean_ssn,
    clean_state,
    clean_text,
    phone_e164,
    ssn_digits,
)

TODAY = date(2026, 1, 15)


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("219-45-6789", "219456789"),
        ("219 45 6789", "219456789"),
        ("219456789", "219456789"),
        (" 219456789 ", "219456789"),
        ("001-01-0001", "001010001"),
        ("899-99-9999", "899999999"),
        ("734-01-0001", "734010001"),
        ("000-45-6789", None),
        ("219-00-6789", None),
        ("219-45-0000", None),
        ("21945678", None),
        ("2194567890", None),
        ("219-456-789", None),
        ("219--45-6789", None),
        ("219/45/6789", None),
        ("２１９456789", None),
        ("219-45-678x", None),
        ("", None),
    ],
)
def test_a_social_security_number_is_one_that_was_issued(typed: str, digits: str | None) -> None:
    """Nine digits, with dashes or blanks or without; no area 000, group 00 or serial 0000."""
    assert ssn_digits(typed, allow_test=False) == digits
    assert ssn_digits(typed, allow_test=True) == digits


@pytest.mark.parametrize("typed", ["666-48-4418", "900-77-1234", "999-99-9999", "950121234"])
def test_never_issued_areas_pass_for_made_up_people_alone(typed: str) -> None:
    """Areas 666 and 900-999 are refused, unless test numbers are allowed."""
    assert ssn_digits(typed, allow_test=False) is None
    assert ssn_digits(typed, allow_test=True) == typed.replace("-", "")


@pytest.mark.parametrize("typed", ["666-00-4418", "900-77-0000", "000-12-3456"])
def test_groups_and_serials_are_judged_for_made_up_people_too(typed: str) -> None:
    """Allowing test numbers opens the areas, and nothing else."""
    assert ssn_digits(typed, allow_test=True) is None


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("+1 415 555 2671", "+14155552671"),
        ("415-555-2671", "+14155552671"),
        ("1 415 555 2671", "+14155552671"),
        ("4155552671", "+14155552671"),
        ("+44 20 7946 0018", "+442079460018"),
        ("555-2671", None),
        ("+0 415 555 2671", None),
        ("(415) 555-2671", None),
        ("415--555-2671", None),
        ("+1234567890123456", None),
        ("2 415 555 2671", None),
        ("call me", None),
        ("", None),
    ],
)
def test_a_phone_number_has_a_country_or_is_north_american(typed: str, e164: str | None) -> None:
    """Blanks and hyphens separate groups; without a country code ten digits make a number."""
    assert phone_e164(typed) == e164
    faults = Faults()
    assert clean_phone(faults, "p", typed) == typed
    assert bool(faults.found) is (e164 is None)


@pytest.mark.parametrize(
    ("typed", "is_fine"),
    [
        ("ada@mail.test", True),
        ("a.b+c@sub.mail.test", True),
        ("ada@localhost", False),
        ("ada", False),
        ("@mail.test", False),
        ("ada@", False),
        ("a..b@mail.test", False),
        (".ada@mail.test", False),
        ("ada@-mail.test", False),
        ("ada@mail..test", False),
        ("ada byron@mail.test", False),
        ("ada@mail.test\nbcc: x@y.test", False),
        ("a" * 65 + "@mail.test", False),
        ("a@" + "b" * 250 + ".test", False),
    ],
)
def test_an_email_address_has_a_mailbox_and_a_dotted_domain(typed: str, *, is_fine: bool) -> None:
    """An address that cannot be written to is refused."""
    faults = Faults()
    clean_email(faults, "e", typed)
    assert (not faults.found) is is_fine


def test_text_is_composed_and_trimmed() -> None:
    """What looks the same is stored the same, without surrounding blanks."""
    faults = Faults()
    assert clean_text(faults, "t", "  Zoe\u0308 ", characters_max=80) == "Zoë"
    assert not faults.found


@pytest.mark.parametrize("typed", ["a\x00b", "a\x07b", "a\nb", "a\ud800b", "a\u202eb", "a\uffffb"])
def test_text_has_no_control_characters(typed: str) -> None:
    """Controls, lone surrogates, non-characters and turned reading directions are refused."""
    faults = Faults()
    clean_text(faults, "t", typed, characters_max=80)
    assert [fault.code for fault in faults.found] == ["INVALID"]


def test_long_text_may_have_lines() -> None:
    """Where lines make sense, line breaks and tabs pass, and Windows' breaks become one sign."""
    faults = Faults()
    clean = clean_text(faults, "t", "a\r\n\tb", characters_max=80, line_breaks=True)
    assert (clean, faults.found) == ("a\n\tb", [])


@pytest.mark.parametrize(
    "typed", ["...", "\u3164" * 5, "\u2800" * 5, "-\ufe0f- ?!", "\u115f\u1160\uffa0"]
)
def test_a_reason_says_something(typed: str) -> None:
    """Dots, and characters that nobody sees, are no purpose, and no reason."""
    faults = Faults()
    clean_purpose(faults, "purpose", typed)
    clean_text(faults, "reason", typed, characters_max=80, worded=True)
    assert [(fault.path, fault.code) for fault in faults.found] == [
        ("purpose", "INVALID"),
        ("reason", "INVALID"),
    ]
    for fine in ("Case 7", "गाँव", "審査のため", "a\u0301..."):
        assert clean_purpose(Faults(), "purpose", fine)
    good = Faults()
    clean_purpose(good, "purpose", "गाँव")
    clean_text(good, "text", typed, characters_max=80)
    assert not good.found, "other text may be of anything that is shown"


def test_text_has_bounds() -> None:
    """Blank, too short and too long are told apart; an optional blank is nothing."""
    faults = Faults()
    clean_text(faults, "blank", " ", characters_max=5)
    clean_text(faults, "short", "ab", characters_min=3, characters_max=5)
    clean_text(faults, "long", "abcdef", characters_max=5)
    clean_text(faults, "fits", "abcde", characters_max=5)
    assert clean_optional_text(faults, "none", "  ", characters_max=5) is None
    assert clean_optional_text(faults, "none", None, characters_max=5) is None
    found = {fault.path: fault.code for fault in faults.found}
    assert found == {"blank": "REQUIRED", "short": "TOO_SHORT", "long": "TOO_LONG"}


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", None),
        ("0.01", None),
        ("99999999.99", None),
        ("-0.01", "TOO_SMALL"),
        ("100000000.00", "TOO_LARGE"),
        ("1e40", "TOO_LARGE"),
        ("0.001", "INVALID"),
    ],
)
def test_an_amount_is_within_bounds_and_exact(amount: str, code: str | None) -> None:
    """Zero to 99,999,999.99, two places."""
    faults = Faults()
    clean = clean_amount(faults, "a", Decimal(amount))
    assert [fault.code for fault in faults.found] == ([] if code is None else [code])
    assert clean.as_tuple().exponent == -2


def test_a_percentage_has_its_own_bound() -> None:
    """Zero to 9,999.99 percent."""
    faults = Faults()
    clean_percent(faults, "fits", Decimal("9999.99"))
    clean_percent(faults, "large", Decimal(10000))
    clean_percent(faults, "small", Decimal(-1))
    found = {fault.path: fault.code for fault in faults.found}
    assert found == {"large": "TOO_LARGE", "small": "TOO_SMALL"}


def test_minus_zero_is_zero() -> None:
    """A minus sign before zero leaves no trace."""
    assert str(clean_amount(Faults(), "a", Decimal("-0.00"))) == "0.00"


def test_a_date_of_birth_is_possible() -> None:
    """Not in the future and not beyond anybody's age; a child's passes."""
    faults = Faults()
    clean_date_of_birth(faults, "tomorrow", date(2026, 1, 16), today=TODAY)
    clean_date_of_birth(faults, "ancient", date(1905, 12, 31), today=TODAY)
    clean_date_of_birth(faults, "today", TODAY, today=TODAY)
    clean_date_of_birth(faults, "old", date(1906, 1, 1), today=TODAY)
    found = {fault.path: fault.code for fault in faults.found}
    assert found == {"tomorrow": "TOO_LARGE", "ancient": "TOO_SMALL"}


def test_places_are_spelled_as_the_post_does() -> None:
    """State codes come in capitals; ZIP codes have five digits, or nine."""
    faults = Faults()
    assert clean_state(faults, "s", " mi ") == "MI"
    assert clean_postal_code(faults, "z", "48066-1234 ") == "48066-1234"
    assert not faults.found
    clean_state(faults, "state", "XX")
    clean_postal_code(faults, "zip", "4806")
    assert [fault.path for fault in faults.found] == ["state", "zip"]


def test_an_account_is_told_by_four_characters() -> None:
    """The last four characters of an account number, letters included, and no more."""
    faults = Faults()
    assert clean_last4(faults, "a", "x4x5") == "X4X5"
    assert not faults.found
    for typed in ("123", "12345", "12 4"):
        clean_last4(faults, "a", typed)
    assert [fault.code for fault in faults.found] == ["INVALID"] * 3


def test_whole_numbers_have_bounds() -> None:
    """Both bounds are allowed, what lies beyond is not."""
    faults = Faults()
    for number in (0, 1, 30, 31):
        clean_integer(faults, str(number), number, least=1, greatest=30)
    found = {fault.path: fault.code for fault in faults.found}
    assert found == {"0": "TOO_SMALL", "31": "TOO_LARGE"}


def test_all_faults_are_raised_together() -> None:
    """One error carries every fault, and none of them carries what was typed."""
    faults = Faults()
    clean_ssn(faults, "input.ssn", "666-12-3456", allow_test=False)
    clean_state(faults, "input.state", "Narnia")
    with pytest.raises(InvalidInput) as raised:
        faults.raise_any()
    assert [fault.path for fault in raised.value.fields] == ["input.ssn", "input.state"]
    assert "666" not in str(raised.value.details())
    assert "Narnia" not in str(raised.value.details())
    Faults().raise_any()
