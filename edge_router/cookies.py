"""The sticky cookie: which agency a visitor was given, signed so that nobody can choose it anew.

It is `key.agency.state.visitor.assigned.version.mac`, every part of it in characters that a cookie
may hold. It says nothing about the visitor but the state that they named, and it opens no door: the
agency's site treats who comes as anybody.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from edge_router.table import CookieKey, RoutingTable

COOKIE = "almoner_edge"
# Over TLS: a browser takes it from this host alone, so that no other host of the domain plants one.
SECURE_COOKIE = f"__Host-{COOKIE}"
COOKIE_SECONDS = 30 * 24 * 3600
_CHARACTERS_MAX = 256
_SKEW_SECONDS = 300
_MAC_BYTES = 16
_NO_STATE = "-"
_FORM = re.compile(
    r"([A-Za-z0-9-]{1,32})\.([a-z][a-z0-9-]{1,30})\.(-|[A-Z]{2})\.([A-Za-z0-9_-]{1,64})"
    r"\.([0-9]{1,12})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})",
    re.ASCII,
)


class CookieFault(StrEnum):
    """Why a cookie counts for nothing; its visitor goes on as a new one."""

    MALFORMED = "MALFORMED"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    WRONG_SIGNATURE = "WRONG_SIGNATURE"
    TOO_OLD = "TOO_OLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """What a cookie says. version: of the table that the visitor was assigned by."""

    agency: str
    state: str | None
    visitor: str
    assigned_at: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A cookie that holds; `renew` where its key no longer signs."""

    sticky: Sticky
    renew: bool


def sign(sticky: Sticky, key: CookieKey) -> str:
    """Return the value of a cookie."""
    body = ".".join(
        (
            key.id,
            sticky.agency,
            sticky.state or _NO_STATE,
            sticky.visitor,
            str(sticky.assigned_at),
            str(sticky.version),
        )
    )
    return f"{body}.{_mac(body, key)}"


def cookie_name(*, secure: bool) -> str:
    """Return what the cookie is called for visitors over TLS, or without."""
    return SECURE_COOKIE if secure else COOKIE


def present(
    headers: Iterable[str], table: RoutingTable, at: int, *, secure: bool
) -> Presented | CookieFault | None:
    """Return the first cookie of ours that holds, else what is wrong with one, None without any.

    There may be several Cookie headers and, without TLS, several cookies of the name: anybody's
    host of the same domain can add one, and must not put ours out of force by it.
    """
    fault: CookieFault | None = None
    for value in _values(headers, cookie_name(secure=secure)):
        read = _read(value, table, at)
        if isinstance(read, Presented):
            return read
        fault = fault or read
    return fault


def _values(headers: Iterable[str], wanted: str) -> Iterator[str]:
    for header in headers:
        for pair in header.split(";"):
            name, _, value = pair.partition("=")
            if name.strip() == wanted:
                yield value.strip()


def _read(value: str, table: RoutingTable, at: int) -> Presented | CookieFault:
    found = _FORM.fullmatch(value) if len(value) <= _CHARACTERS_MAX else None
    if found is None:
        return CookieFault.MALFORMED
    key_id, agency, state, visitor, assigned, version, mac = found.groups()
    key = next((key for key in table.keys if key.id == key_id), None)
    if key is None or (key.accepted_until is not None and at >= key.accepted_until):
        return CookieFault.UNKNOWN_KEY
    if not hmac.compare_digest(mac, _mac(value[: -len(mac) - 1], key)):
        return CookieFault.WRONG_SIGNATURE
    assigned_at = int(assigned)
    if not at - COOKIE_SECONDS < assigned_at <= at + _SKEW_SECONDS:
        return CookieFault.TOO_OLD
    sticky = Sticky(
        agency=agency,
        state=None if state == _NO_STATE else state,
        visitor=visitor,
        assigned_at=assigned_at,
        version=int(version),
    )
    return Presented(sticky=sticky, renew=key.accepted_until is not None)


def _mac(body: str, key: CookieKey) -> str:
    digest = hmac.digest(key.secret, body.encode(), "sha256")[:_MAC_BYTES]
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
