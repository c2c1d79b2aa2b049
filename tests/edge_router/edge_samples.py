"""Tables and visits to decide about."""

from dataclasses import replace
from hashlib import sha256

from domain.agencies import Agency, Routing
from edge_router.compiling import Terms, compile_table
from edge_router.decision import Visit
from edge_router.table import RoutingTable

AT = 1_800_000_000


def an_agency(slug: str, *states: str, **routing: object) -> Agency:
    """Return an active agency with these licences; the rest is its routing."""
    return Agency(
        id=slug,
        slug=slug,
        name=slug.capitalize(),
        states=states,
        store_url="x:",
        pools=(),
        routing=replace(Routing(), **routing),  # type: ignore[arg-type]
    )


HARBOR = an_agency("harbor", "MI", "OH", "IN", partner_codes=("HARBOR10",))
SUMMIT = an_agency("summit", "CO", "UT", "MI", weight=300)
FULL = an_agency("full", "TX", accepting=False, partner_codes=("FULL1",))
AGENCIES = (HARBOR, SUMMIT, FULL)
TERMS = Terms(
    site="https://{slug}.almoner.example",
    information_url="https://help.example/",
    cookie_secret=lambda key_id: sha256(key_id.encode()).digest(),
)


def a_table(*agencies: Agency, at: int = AT, previous: RoutingTable | None = None) -> RoutingTable:
    """Return the table of these agencies, or of the three above."""
    return compile_table(agencies or AGENCIES, TERMS, at, previous)


def a_visit(
    query: str = "",
    *,
    path: str = "/",
    cookies: tuple[str, ...] = (),
    visitor: str = "v1",
    secure: bool = False,
) -> Visit:
    """Return a visit."""
    return Visit(path=path, query=query, cookies=cookies, fresh_visitor=visitor, secure=secure)
