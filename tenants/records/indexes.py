"""By what records are found: index and unique entries, and how values in them are spelled.

One function for each kind that has any; the table of kinds (`tenants/records/kinds.py`) names them.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from domain.access import AccessGrant
from domain.applications import IN_COUNSELING, Application
from domain.bank_connections import BankConnection, BankSync
from domain.consumers import Consumer
from domain.invitations import Invitation
from domain.settings import AgencySettings
from tenants.backend import IndexEntry, UniqueEntry

Blind = Callable[[str, str], str]
"""Turns (field, value) into the agency's keyed blind index of it."""


def sort_time(moment: datetime) -> str:
    """Return the moment in UTC with microseconds, fixed in width, so that text orders as time."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be ordered")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def normalize(name: str, value: str) -> str:
    """Return the form under which a personal value is looked up; normalizing twice changes nothing.

    email: trimmed, lower case. phone: E.164, North American where no country is given. ssn: digits.
    """
    return _NORMALIZERS[name](value)


def _normalize_email(value: str) -> str:
    return value.strip().lower()


def _normalize_phone(value: str) -> str:
    digits = _digits(value)
    national = len(digits) == _NANP_DIGITS and not value.strip().startswith("+")
    return f"+1{digits}" if national else f"+{digits}"


def _digits(value: str) -> str:
    return "".join(sign for sign in value if sign in "0123456789")


_NANP_DIGITS = 10
_NORMALIZERS: dict[str, Callable[[str], str]] = {
    "email": _normalize_email,
    "phone": _normalize_phone,
    "ssn": _digits,
    "invitation": str,
}


def _own_id(global_id: str) -> str:
    return global_id.rpartition("_")[2]


def application_indexes(application: Application, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    """Return by what applications are listed; without a live claim, those in counseling queue."""
    own = _own_id(application.id)
    entries = [
        IndexEntry("application_all", "", own),
        IndexEntry("application_by_status", application.status.value, own),
        IndexEntry("application_by_consumer", _own_id(application.consumer_id), own),
    ]
    if application.status in IN_COUNSELING:
        if application.assignment is not None:
            lapse = sort_time(application.assignment.expires_at)
            entries.append(IndexEntry("application_lapse", "", lapse))
        elif application.submitted_at is not None:
            entries.append(IndexEntry("application_queue", "", sort_time(application.submitted_at)))
    return tuple(entries)


def consumer_indexes(consumer: Consumer, blind: Blind) -> tuple[IndexEntry, ...]:
    """Return by what consumers are found: blind indexes of what is known of them."""
    own = _own_id(consumer.id)
    held = (("email", consumer.email), ("phone", consumer.phone), ("ssn", consumer.ssn))
    return tuple(
        IndexEntry(f"consumer_by_{name}", blind(name, normalize(name, value)), own)
        for name, value in held
        if value
    )


def consumer_uniques(consumer: Consumer, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    """Return whose sign-in the record is bound to."""
    if consumer.subject is None:
        return ()
    return (UniqueEntry("consumer_subject", consumer.subject),)


def grant_indexes(grant: AccessGrant, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    """Return by what grants are listed; one that was revoked opens nothing."""
    own, grantee = _own_id(grant.id), grant.grantee.id
    newest = (IndexEntry("grant_all", "", own), IndexEntry("grant_of_grantee", grantee, own))
    if grant.revoked_at is not None:
        return newest
    return (*newest, IndexEntry("grant_by_grantee", grantee, sort_time(grant.expires_at)))


def settings_indexes(settings: AgencySettings, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    """Return by what versions are listed: as they were made, and as they begin."""
    number = f"{settings.number:010}"
    return (
        IndexEntry("settings_all", "", number),
        IndexEntry("settings_by_day", "", f"{settings.effective_from.isoformat()}_{number}"),
    )


def settings_uniques(settings: AgencySettings, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    """Return the number that no other version has."""
    return (UniqueEntry("settings_number", str(settings.number)),)


def invitation_uniques(invitation: Invitation, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    """Return by what an open invitation is found: the keyed hash of its code."""
    if not invitation.is_open:
        return ()
    return (UniqueEntry("invitation_code", invitation.code_index),)


def bank_connection_indexes(connection: BankConnection, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    """Return by what links are listed: their consumer."""
    consumer, own = _own_id(connection.consumer_id), _own_id(connection.id)
    return (IndexEntry("bank_connection_by_consumer", consumer, own),)


def bank_connection_uniques(connection: BankConnection, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    """Return the vendor's name of the link, so that none is kept twice."""
    return (UniqueEntry("bank_item", f"{connection.vendor} {connection.item_id}"),)


def bank_sync_indexes(sync: BankSync, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    """Return from when a worker has to look after it, where it has to."""
    due_at = sync.due_at
    return () if due_at is None else (IndexEntry("bank_sync_due", "", sort_time(due_at)),)
