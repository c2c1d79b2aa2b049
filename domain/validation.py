"""Validation of what people type: every function returns the clean value or records a fault.

A fault never carries the refused value. Nothing is raised before the whole input has been looked
at, so that a form can show all of its faults at once.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from domain.errors import FieldFault, InvalidInput
from domain.money import AMOUNT_MAX, CENT, PERCENT_MAX, ZERO
from domain.states import STATES

NAME_CHARACTERS_MAX = 80
SUFFIX_CHARACTERS_MAX = 20
ADDRESS_LINE_CHARACTERS_MAX = 100
EMAIL_CHARACTERS_MAX = 254
HARDSHIP_CHARACTERS_MAX = 4_000
NOTE_CHARACTERS_MAX = 10_000
REASON_CHARACTERS_MAX = 500
PURPOSE_CHARACTERS_MIN = 3
PURPOSE_CHARACTERS_MAX = 200
CREDITOR_CHARACTERS_MAX = 120
DESCRIPTION_CHARACTERS_MAX = 200
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
HOUSEHOLD_SIZE_MAX = 30
AGE_YEARS_MAX = 120

_PHONE = re.compile(r"\+?[0-9]+(?:[ -][0-9]+)*")
_NANP_DIGITS = 10
_E164_DIGITS_MIN = 7
_E164_DIGITS_MAX = 15
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
_POSTAL_CODE = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")
_SSN = re.compile(r"([0-9]{3})[- ]?([0-9]{2})[- ]?([0-9]{4})")
_LAST4 = re.compile(r"[0-9A-Za-z]{4}")
_FIRST_UNISSUED_AREA = 900

# Control characters, lone surrogates and code points that are not characters.
# Control and format characters: some turn the reading direction around, some cannot be seen, so
# that a line shows something else than it says.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn"})
_JOINERS = frozenset("\u200c\u200d")  # several scripts cannot be written without them
_LINE_BREAKS = frozenset("\n\t")
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")  # fillers, letters to Unicode


@dataclass(slots=True)
class Faults:
    """Faults found so far in one input."""

    found: list[FieldFault] = field(default_factory=list)

    def add(self, path: str, code: str, message: str) -> None:
        """Record one fault."""
        self.found.append(FieldFault(path=path, code=code, message=message))

    def raise_any(self) -> None:
        """Raise InvalidInput with all faults, where there are any."""
        if self.found:
            raise InvalidInput(self.found)


def refuse(path: str, code: str, message: str) -> InvalidInput:
    """Return the error for an input with this one fault."""
    return InvalidInput([FieldFault(path=path, code=code, message=message)])


def clean_text(
    faults: Faults,
    path: str,
    value: str | None,
    *,
    characters_max: int,
    characters_min: int = 1,
    line_breaks: bool = False,
    worded: bool = False,
) -> str:
    """Return the text in Unicode's composed form without surrounding blanks.

    worded: it has to say something, with a letter or a digit in it: reasons and purposes.
    """
    text = unicodedata.normalize("NFC", (value or "").replace("\r\n", "\n")).strip()
    if not text.strip("\u200c\u200d"):
        faults.add(path, "REQUIRED", "Give a value that is not blank.")
    elif len(text) < characters_min:
        faults.add(path, "TOO_SHORT", f"Give at least {characters_min} characters.")
    elif len(text) > characters_max:
        faults.add(path, "TOO_LONG", f"Give at most {characters_max} characters.")
    elif not all(_is_shown(character, line_breaks=line_breaks) for character in text):
        faults.add(path, "INVALID", "Leave out control characters.")
    elif worded and not any(map(_is_letter_or_digit, text)):
        faults.add(path, "INVALID", "Say it in words.")
    return text


def clean_purpose(faults: Faults, path: str, value: str) -> str:
    """Return what somebody wants another's data for, as the audit ledger will keep it."""
    return clean_text(
        faults,
        path,
        value,
        characters_min=PURPOSE_CHARACTERS_MIN,
        characters_max=PURPOSE_CHARACTERS_MAX,
        worded=True,
    )


def clean_optional_text(
    faults: Faults, path: str, value: str | None, *, characters_max: int, line_breaks: bool = False
) -> str | None:
    """Return the clean text; None for None and for a blank."""
    if value is None or not value.strip():
        return None
    return clean_text(faults, path, value, characters_max=characters_max, line_breaks=line_breaks)


def _is_shown(character: str, *, line_breaks: bool) -> bool:
    if line_breaks and character in _LINE_BREAKS:
        return True
    return character in _JOINERS or unicodedata.category(character) not in _REFUSED_CATEGORIES


def _is_letter_or_digit(character: str) -> bool:
    return character.isalnum() and character not in _INVISIBLE_LETTERS


def clean_amount(faults: Faults, path: str, value: Decimal) -> Decimal:
    """Return the amount with two places; refuses negative ones and those beyond AMOUNT_MAX."""
    return _clean_number(faults, path, value, greatest=AMOUNT_MAX)


def clean_percent(faults: Faults, path: str, value: Decimal) -> Decimal:
    """Return the percentage with two places; refuses negative ones and those beyond PERCENT_MAX."""
    return _clean_number(faults, path, value, greatest=PERCENT_MAX)


def _clean_number(faults: Faults, path: str, value: Decimal, *, greatest: Decimal) -> Decimal:
    if value < 0:
        faults.add(path, "TOO_SMALL", "Give zero or more.")
    elif value > greatest:
        faults.add(path, "TOO_LARGE", f"Give at most {greatest}.")
    elif value != value.quantize(CENT):
        faults.add(path, "INVALID", "Give at most two decimal places.")
    else:
        return value.quantize(CENT).copy_abs()
    return ZERO


def clean_integer(faults: Faults, path: str, value: int, *, least: int, greatest: int) -> int:
    """Return the number; refuses what is not between the two bounds, both included."""
    if value < least:
        faults.add(path, "TOO_SMALL", f"Give at least {least}.")
    elif value > greatest:
        faults.add(path, "TOO_LARGE", f"Give at most {greatest}.")
    return value


def clean_email(faults: Faults, path: str, value: str) -> str:
    """Return the address as given, without surrounding blanks."""
    text = value.strip()
    if len(text) > EMAIL_CHARACTERS_MAX:
        faults.add(path, "TOO_LONG", f"Give at most {EMAIL_CHARACTERS_MAX} characters.")
    elif not is_email(text):
        faults.add(path, "INVALID", "Give an e-mail address such as name@example.com.")
    return text


def is_email(text: str) -> bool:
    """Say whether `text` is a plain e-mail address with a dotted domain."""
    local, _, _ = text.partition("@")
    return (
        len(text) <= EMAIL_CHARACTERS_MAX
        and _EMAIL.fullmatch(text) is not None
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
    )


def clean_phone(faults: Faults, path: str, value: str) -> str:
    """Return the number as given, without surrounding blanks."""
    text = value.strip()
    if phone_e164(text) is None:
        faults.add(path, "INVALID", "Give a phone number such as +1 415 555 2671 or 415-555-2671.")
    return text


def phone_e164(text: str) -> str | None:
    """Return the number in E.164 form, or None; without a country code it is a NANP number."""
    if len(text) > NAME_CHARACTERS_MAX or _PHONE.fullmatch(text) is None:
        return None
    digits = "".join(character for character in text if character.isdigit())
    if text.startswith("+"):
        within = _E164_DIGITS_MIN <= len(digits) <= _E164_DIGITS_MAX and digits[0] != "0"
        return f"+{digits}" if within else None
    if len(digits) == _NANP_DIGITS + 1 and digits[0] == "1":
        digits = digits[1:]
    return f"+1{digits}" if len(digits) == _NANP_DIGITS else None


def clean_ssn(faults: Faults, path: str, value: str, *, allow_test: bool) -> str:
    """Return the nine digits; see `ssn_digits`."""
    digits = ssn_digits(value, allow_test=allow_test)
    if digits is None:
        faults.add(path, "INVALID", "Give a Social Security number as issued: nine digits.")
        return ""
    return digits


def ssn_digits(text: str, *, allow_test: bool) -> str | None:
    """Return the number's nine digits, or None for one that was never issued.

    Dashes and blanks between the groups are allowed. Areas 000, 666 and 900-999, group 00 and
    serial 0000 were never issued; `allow_test` lets areas 666 and 900-999 pass, for made-up people.
    """
    match = _SSN.fullmatch(text.strip())
    if match is None:
        return None
    area, group, serial = match.groups()
    if area == "000" or group == "00" or serial == "0000":
        return None
    if not allow_test and (area == "666" or int(area) >= _FIRST_UNISSUED_AREA):
        return None
    return area + group + serial


def clean_date_of_birth(faults: Faults, path: str, value: date, *, today: date) -> date:
    """Return the date; refuses the future and ages that nobody reaches.

    Minors pass: a file in a child's name is a case for counseling (a stolen identity), and whom an
    agency serves is the agency's decision.
    """
    if value > today:
        faults.add(path, "TOO_LARGE", "Give a date that is not in the future.")
    elif today.year - value.year > AGE_YEARS_MAX:
        faults.add(path, "TOO_SMALL", f"Give a date within the last {AGE_YEARS_MAX} years.")
    return value


def clean_state(faults: Faults, path: str, value: str) -> str:
    """Return the USPS code in capitals."""
    code = value.strip().upper()
    if code not in STATES:
        faults.add(path, "INVALID", "Give the two-letter USPS code of a state or territory.")
    return code


def clean_postal_code(faults: Faults, path: str, value: str) -> str:
    """Return the ZIP code, with or without its four digits of extension."""
    text = value.strip()
    if _POSTAL_CODE.fullmatch(text) is None:
        faults.add(path, "INVALID", "Give a ZIP code such as 48066 or 48066-1234.")
    return text


def clean_last4(faults: Faults, path: str, value: str) -> str:
    """Return an account number's last four characters, in capitals."""
    text = value.strip().upper()
    if _LAST4.fullmatch(text) is None:
        faults.add(path, "INVALID", "Give the last four characters of the account number.")
    return text
