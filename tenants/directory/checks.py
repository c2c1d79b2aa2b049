"""What the directory accepts: the faults of agencies, pools, staff and keys, all told at once.

A change is held to this in what it changes alone: what was written under other rules can still be
suspended, deactivated and revoked.
"""

import re

from domain.addresses import is_issuer_address, is_web_address
from domain.agencies import Agency, Pool, Routing, Staff
from domain.retention import RETENTION_YEARS_MAX, RETENTION_YEARS_MIN
from domain.states import STATES
from domain.validation import NAME_CHARACTERS_MAX, Faults, clean_email, clean_text
from tenants.directory.port import SLUG_PATTERN

ADDRESS_CHARACTERS_MAX = 512
SUBJECT_CHARACTERS_MAX = 128
WEIGHT_MAX = 1000
PARTNER_CODES_MAX = 50
PARTNER_CODE_PATTERN = r"[A-Z][A-Z0-9-]{1,31}"


def check_agency(agency: Agency, before: Agency | None = None) -> None:
    """Raise InvalidInput with all faults of an agency; of what differs from `before`, if given."""
    faults = Faults()
    if before is None or agency.slug != before.slug:
        _check_slug(faults, agency.slug)
    if before is None or agency.name != before.name:
        _check_name(faults, "name", agency.name)
    if before is None or agency.states != before.states:
        _check_states(faults, agency.states)
    if before is None or agency.website != before.website:
        _check_website(faults, agency.website)
    if before is None or agency.retention_years != before.retention_years:
        _check_years(faults, agency.retention_years)
    if before is None or agency.routing != before.routing:
        _check_routing(faults, agency.routing)
    known = () if before is None else before.pools
    for number, pool in enumerate(agency.pools):
        if pool not in known:
            _check_pool(faults, f"pools.{number}", pool)
    faults.raise_any()


def check_pool(pool: Pool) -> None:
    """Raise InvalidInput with all faults of a pool."""
    faults = Faults()
    _check_pool(faults, "pool", pool)
    faults.raise_any()


def check_staff(staff: Staff, before: Staff | None = None) -> None:
    """Raise InvalidInput with all faults of somebody's entry; of what differs from `before`."""
    faults = Faults()
    if before is None or staff.subject != before.subject:
        _check_printed(faults, "subject", staff.subject)
    if before is None or staff.display_name != before.display_name:
        _check_name(faults, "name", staff.display_name)
    if (before is None or staff.email != before.email) and _has_no_edges(
        faults, "email", staff.email
    ):
        clean_email(faults, "email", staff.email)
    faults.raise_any()


def check_key_name(name: str) -> None:
    """Raise InvalidInput for a name that no API key can have."""
    faults = Faults()
    _check_name(faults, "name", name)
    faults.raise_any()


def _check_slug(faults: Faults, slug: str) -> None:
    if re.fullmatch(SLUG_PATTERN, slug) is None:
        message = "Two to 31 of a-z, 0-9 and -, beginning with a letter."
        faults.add("slug", "INVALID", message)


def _check_name(faults: Faults, path: str, name: str) -> None:
    if _has_no_edges(faults, path, name):
        clean_text(faults, path, name, characters_max=NAME_CHARACTERS_MAX)


def _check_states(faults: Faults, states: tuple[str, ...]) -> None:
    if not states:
        faults.add("states", "REQUIRED", "Name at least one state.")
    for number, state in enumerate(states):
        if state not in STATES:
            message = "Give the two-letter USPS code of a state or territory."
            faults.add(f"states.{number}", "INVALID", message)


def _check_years(faults: Faults, years: int) -> None:
    if not RETENTION_YEARS_MIN <= years <= RETENTION_YEARS_MAX:
        message = f"Give {RETENTION_YEARS_MIN} to {RETENTION_YEARS_MAX} years."
        faults.add("retentionYears", "INVALID", message)


def _check_website(faults: Faults, website: str | None) -> None:
    if website is None:
        return
    if len(website) > ADDRESS_CHARACTERS_MAX:
        faults.add("website", "TOO_LONG", f"Give at most {ADDRESS_CHARACTERS_MAX} characters.")
    elif not is_web_address(website):
        message = "Give an address such as https://agency.example/."
        faults.add("website", "INVALID", message)


def _check_routing(faults: Faults, routing: Routing) -> None:
    if not 0 <= routing.weight <= WEIGHT_MAX:
        faults.add("routing.weight", "INVALID", f"Give 0 to {WEIGHT_MAX}.")
    if len(routing.partner_codes) > PARTNER_CODES_MAX:
        message = f"Give at most {PARTNER_CODES_MAX} codes."
        faults.add("routing.partnerCodes", "TOO_LARGE", message)
    for number, code in enumerate(routing.partner_codes):
        if re.fullmatch(PARTNER_CODE_PATTERN, code) is None:
            message = "Two to 32 of A-Z, 0-9 and -, beginning with a letter."
            faults.add(f"routing.partnerCodes.{number}", "INVALID", message)


def _check_pool(faults: Faults, path: str, pool: Pool) -> None:
    if len(pool.issuer) > ADDRESS_CHARACTERS_MAX or not is_issuer_address(pool.issuer):
        message = "The exact `iss` of the pool's tokens: an https address (http on loopback alone)."
        faults.add(f"{path}.issuer", "INVALID", message)
    if not pool.client_ids or not all(pool.client_ids):
        faults.add(f"{path}.clientIds", "REQUIRED", "Name at least one app client.")
    for number, client_id in enumerate(pool.client_ids):
        if client_id:
            _check_printed(faults, f"{path}.clientIds.{number}", client_id)


def _check_printed(faults: Faults, path: str, text: str) -> None:
    """Hold an identifier of a user pool to printable ASCII without blanks."""
    if not text:
        faults.add(path, "REQUIRED", "Give a value that is not blank.")
    elif len(text) > SUBJECT_CHARACTERS_MAX:
        faults.add(path, "TOO_LONG", f"Give at most {SUBJECT_CHARACTERS_MAX} characters.")
    elif not (text.isascii() and text.isprintable() and " " not in text):
        faults.add(path, "INVALID", "Give printable ASCII characters without blanks.")


def _has_no_edges(faults: Faults, path: str, text: str) -> bool:
    """Say whether the text is free of blanks at its ends, which would be kept as they are."""
    if text.strip() in ("", text):
        return True
    faults.add(path, "INVALID", "Leave out blanks at the beginning and the end.")
    return False
