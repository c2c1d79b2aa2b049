"""What a decision rests on: the agencies' routes, the keys of cookies, and until when both hold.

A table never changes; what is looked up for each visitor is indexed when it is made. Moments are
whole seconds since 1970, which read quicker than dates and need no module of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An agency as the router sees it.

    site: the origin that its visitors are sent to, `https://harbor.example`. states: USPS codes of
    its licences. weight, accepting, partner_codes: see domain.agencies.Routing.
    """

    agency: str
    name: str
    site: str
    states: tuple[str, ...]
    weight: int
    accepting: bool
    partner_codes: tuple[str, ...]

    def serves(self, state: str | None) -> bool:
        """Say whether it is licensed for who lives there; nobody knows yet of a state of None."""
        return state is None or state in self.states


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieKey:
    """A key that signs cookies, or did: `accepted_until` is None for the one that signs."""

    id: str
    secret: bytes = field(repr=False)
    accepted_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """All that decisions need. routes: of active agencies alone. keys: the signing one first.

    information_url: where somebody finds counseling whom no agency here can take.
    """

    version: int
    compiled_at: int
    expires_at: int
    information_url: str
    routes: tuple[Route, ...]
    keys: tuple[CookieKey, ...] = field(repr=False)
    by_agency: Mapping[str, Route] = field(init=False, repr=False, compare=False)
    by_code: Mapping[str, Route] = field(init=False, repr=False, compare=False)
    licensed: Mapping[str, tuple[Route, ...]] = field(init=False, repr=False, compare=False)
    open_to: Mapping[str, tuple[Route, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the routes by what they are looked up by."""
        states = {state for route in self.routes for state in route.states}
        licensed = {state: tuple(r for r in self.routes if state in r.states) for state in states}
        indexes = {
            "by_agency": {route.agency: route for route in self.routes},
            "by_code": {code: route for route in self.routes for code in route.partner_codes},
            "licensed": licensed,
            "open_to": {
                state: tuple(route for route in routes if route.accepting and route.weight > 0)
                for state, routes in licensed.items()
            },
        }
        for name, index in indexes.items():
            object.__setattr__(self, name, index)
