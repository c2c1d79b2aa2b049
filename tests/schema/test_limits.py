"""The page about the schema says which limits the code has."""

import re
from pathlib import Path

from domain import access, applications, money, validation
from resolvers import keys, pages

PAGE = Path(__file__).parent.parent.parent / "docs" / "schema.md"

LIMITS = {
    "a page": f"{pages.PAGE_ITEMS_MAX} items, {pages.PAGE_ITEMS_DEFAULT} where no number is given",
    "lines of a kind": f"{applications.LINES_PER_KIND_MAX}",
    "an amount, a percentage": f"{money.AMOUNT_MAX:,}; {money.PERCENT_MAX:,}; none negative",
    "a name, its suffix, an address line, an e-mail address": f"{validation.NAME_CHARACTERS_MAX}, "
    f"{validation.SUFFIX_CHARACTERS_MAX}, {validation.ADDRESS_LINE_CHARACTERS_MAX}, "
    f"{validation.EMAIL_CHARACTERS_MAX} characters",
    "a creditor, a description": f"{validation.CREDITOR_CHARACTERS_MAX}, "
    f"{validation.DESCRIPTION_CHARACTERS_MAX} characters",
    "reason of hardship, a note, another reason, a purpose": (
        f"{validation.HARDSHIP_CHARACTERS_MAX:,}; "
        f"{validation.NOTE_CHARACTERS_MAX:,}; {validation.REASON_CHARACTERS_MAX}; "
        f"{validation.PURPOSE_CHARACTERS_MAX} characters"
    ),
    "household, age, key's days, overlap": f"{validation.HOUSEHOLD_SIZE_MAX} people, "
    f"{validation.AGE_YEARS_MAX} years, {access.KEY_DAYS_MIN}–{access.KEY_DAYS_MAX} days, "
    f"{keys.OVERLAP_HOURS_MAX} hours",
    "live keys of an agency": f"{access.KEYS_PER_AGENCY_MAX}",
    "an idempotency key": f"{validation.IDEMPOTENCY_KEY_CHARACTERS_MAX} characters",
}


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    """Every row of the table of limits has the numbers that the code judges by."""
    section = PAGE.read_text("utf-8").partition("## Limits\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+) \| (.+) \|$", section, re.MULTILINE)

    assert dict(rows) == {"what": "at most", **LIMITS}
