"""From a decision to what goes over HTTP, the same behind both fronts."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from edge_router.asking import PARTNER, STATE
from edge_router.cookies import COOKIE_SECONDS, cookie_name, sign
from edge_router.decision import Decision, Reason
from edge_router.pages import POLICY, page_of
from edge_router.table import Route, RoutingTable

HEALTH_PATH = "/health/live"
_READING = frozenset({"GET", "HEAD"})
_STATUS = {
    Reason.STATE_UNKNOWN: HTTPStatus.BAD_REQUEST,
    Reason.ADDRESS_TOO_LONG: HTTPStatus.REQUEST_URI_TOO_LONG,
    Reason.TABLE_EXPIRED: HTTPStatus.SERVICE_UNAVAILABLE,
}
_NEVER_KEPT = ("Cache-Control", "no-store")  # two visitors are never given one answer
_QUIET = ("Referrer-Policy", "no-referrer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; to HEAD without the body."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: str = ""


def answer(
    decision: Decision, table: RoutingTable, *, method: str, secure: bool, at: int
) -> Answer:
    """Return the redirect or the page of a decision.

    secure: whether visitors come over TLS, where the cookie is for TLS and this host alone.
    """
    cookies = _cookies(decision, table, secure=secure, at=at)
    if decision.route is not None:
        # 307 keeps method and body of what is not merely looked at.
        status = HTTPStatus.FOUND if method in _READING else HTTPStatus.TEMPORARY_REDIRECT
        location = ("Location", _location(decision, decision.route))
        return Answer(status=status, headers=(location, *cookies, _NEVER_KEPT, _QUIET))
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        *cookies,
        _NEVER_KEPT,
        _QUIET,
    )
    status = _STATUS.get(decision.reason, HTTPStatus.OK)
    if method not in _READING:
        status, headers = HTTPStatus.METHOD_NOT_ALLOWED, (*headers, ("Allow", "GET, HEAD"))
    return Answer(status=status, headers=headers, body=page_of(decision, table))


def health(table: RoutingTable, at: int) -> Answer:
    """Return whether visitors are routed, and by which table; it names no agency."""
    expired = at >= table.expires_at
    body = {"status": "expired" if expired else "ok", "version": table.version}
    return Answer(
        status=HTTPStatus.SERVICE_UNAVAILABLE if expired else HTTPStatus.OK,
        headers=(("Content-Type", "application/json"), _NEVER_KEPT),
        body=json.dumps(body),
    )


def _location(decision: Decision, route: Route) -> str:
    """Return an address on the agency's site: its origin is the table's, whatever was asked."""
    asking = decision.asking
    carried = dict(asking.carried)
    if decision.state is not None:
        carried[STATE] = decision.state
    if asking.partner in route.partner_codes:
        carried[PARTNER] = str(asking.partner)
    # Path, names and values are of characters that need no escaping; nothing else is carried.
    query = "&".join([f"{name}={value}" for name, value in carried.items()])
    return f"{route.site}{asking.path}{'?' if query else ''}{query}"


def _cookies(
    decision: Decision, table: RoutingTable, *, secure: bool, at: int
) -> tuple[tuple[str, str], ...]:
    """Return the cookie to set: a new or renewed one, or the end of one that does not hold."""
    name = cookie_name(secure=secure)
    ends = f"Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    sticky = decision.sticky
    if sticky is not None:
        seconds = max(1, sticky.assigned_at + COOKIE_SECONDS - at)
        value = sign(sticky, table.keys[0])
        return (("Set-Cookie", f"{name}={value}; Max-Age={seconds}; {ends}"),)
    if decision.cookie_fault is not None:
        return (("Set-Cookie", f"{name}=; Max-Age=0; {ends}"),)
    return ()
