"""The decision: which agency a visitor belongs to, and why. Pure: no clock, no chance, no network.

It is a hint and never a permission. Whoever is sent to the wrong agency, or goes there by
themselves, finds a gateway that goes by credentials alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from edge_router.asking import Asking, read_asking
from edge_router.choice import choose
from edge_router.cookies import CookieFault, Presented, Sticky, present
from edge_router.table import Route, RoutingTable


class Reason(StrEnum):
    """Why a visitor is sent where they are, or what they are shown."""

    STICKY = "STICKY"
    PARTNER = "PARTNER"
    WEIGHT = "WEIGHT"
    STATE_NEEDED = "STATE_NEEDED"
    STATE_UNKNOWN = "STATE_UNKNOWN"
    NOBODY_LICENSED = "NOBODY_LICENSED"
    ALL_CROWDED = "ALL_CROWDED"
    ADDRESS_TOO_LONG = "ADDRESS_TOO_LONG"
    TABLE_EXPIRED = "TABLE_EXPIRED"


class PartnerFault(StrEnum):
    """Why a partner code did not decide; the visitor is routed as if they had none."""

    UNKNOWN = "UNKNOWN"
    NOT_LICENSED = "NOT_LICENSED"
    CROWDED = "CROWDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request at the edge, with nothing of it that names a person's machine.

    cookies: values of the Cookie headers. fresh_visitor: who they are if no cookie says so.
    secure: whether they come over TLS.
    """

    path: str
    query: str
    cookies: Sequence[str] = field(default=(), repr=False)
    fresh_visitor: str
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided. route: where they are sent, None where they are shown a page instead.

    sticky: what their cookie is to say from now on, None where it stays as it is.
    """

    reason: Reason
    route: Route | None = None
    state: str | None = None
    asking: Asking = field(default_factory=Asking)
    partner_fault: PartnerFault | None = None
    cookie_fault: CookieFault | None = None
    sticky: Sticky | None = None

    def observed(self) -> dict[str, str | None]:
        """Return what may be logged of it: no address, no query, no visitor."""
        return {
            "reason": self.reason.value,
            "agency": self.route.agency if self.route else None,
            "state": self.state,
            "partner_fault": self.partner_fault,
            "cookie_fault": self.cookie_fault,
        }


def decide(table: RoutingTable, visit: Visit, at: int) -> Decision:
    """Return where the visitor belongs, by the first of these that knows.

    A cookie that holds, a partner's code, the state that they say they live in. A state comes from
    the visitor alone: at this stage CloudFront has added no header about places, and one that is
    there was sent by who asks.
    """
    if at >= table.expires_at:
        return Decision(reason=Reason.TABLE_EXPIRED)
    asking = read_asking(visit.path, visit.query)
    if asking is None:
        return Decision(reason=Reason.ADDRESS_TOO_LONG)
    shown = present(visit.cookies, table, at, secure=visit.secure)
    held = shown if isinstance(shown, Presented) else None
    state = asking.state or (held.sticky.state if held else None)
    stay = _stay(table, asking, held, state) if held else None
    if stay is not None:
        return stay
    visitor = held.sticky.visitor if held else visit.fresh_visitor
    partner = _follow_partner(table, asking, state)
    reason, route = (
        (Reason.PARTNER, partner)
        if isinstance(partner, Route)
        else _choose(table, asking, state, visitor)
    )
    return Decision(
        reason=reason,
        route=route,
        state=state,
        asking=asking,
        partner_fault=partner if isinstance(partner, PartnerFault) else None,
        cookie_fault=shown if isinstance(shown, CookieFault) else None,
        sticky=_assigned(table, route, state, visitor, at) if route else None,
    )


def _stay(
    table: RoutingTable, asking: Asking, held: Presented, state: str | None
) -> Decision | None:
    """Keep who was given an agency before: crowded or not, while it has the licence for them."""
    sticky = held.sticky
    route = table.by_agency.get(sticky.agency)
    if route is None or not route.serves(state):
        return None
    told_more = sticky.state != state
    return Decision(
        reason=Reason.STICKY,
        route=route,
        state=state,
        asking=asking,
        sticky=replace(sticky, state=state) if held.renew or told_more else None,
    )


def _follow_partner(
    table: RoutingTable, asking: Asking, state: str | None
) -> Route | PartnerFault | None:
    """Return the agency that a partner's code names, what is wrong with the code, or None.

    Without a state the code decides alone: the agency asks for the residence itself.
    """
    if asking.partner is None:
        return None
    route = table.by_code.get(asking.partner)
    if route is None:
        return PartnerFault.UNKNOWN
    if not route.serves(state):
        return PartnerFault.NOT_LICENSED
    return route if route.accepting else PartnerFault.CROWDED


def _choose(
    table: RoutingTable, asking: Asking, state: str | None, visitor: str
) -> tuple[Reason, Route | None]:
    if asking.state_unknown:
        return Reason.STATE_UNKNOWN, None
    if state is None:
        return Reason.STATE_NEEDED, None
    routes = table.open_to.get(state)
    if routes:
        return Reason.WEIGHT, choose(routes, visitor)
    return (Reason.ALL_CROWDED if state in table.licensed else Reason.NOBODY_LICENSED), None


def _assigned(
    table: RoutingTable, route: Route, state: str | None, visitor: str, at: int
) -> Sticky:
    return Sticky(
        agency=route.agency,
        state=state,
        visitor=visitor,
        assigned_at=at,
        version=table.version,
    )
