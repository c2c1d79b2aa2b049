"""From the directory's agencies to a routing table, and what keeps a wrong one from going out."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from domain.addresses import is_loopback, is_web_address
from domain.agencies import Agency, AgencyStatus
from domain.errors import FieldFault, InvalidInput
from edge_router.cookies import COOKIE_SECONDS
from edge_router.table import CookieKey, Route, RoutingTable

DAYS_DEFAULT = 30
DAYS_MAX = 365
DAY_SECONDS = 24 * 3600
AGENCIES_LOST_SHARE_MAX = 0.25
SITE_SLUG = "{slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a table is compiled by, beside the agencies.

    site: pattern of their sites with {slug} in it; without one, an agency's own website is its
    site. cookie_secret: makes the key of that id, the same each time. allow_shrink: whether the
    new table may lose a state, or a quarter of the agencies, against the one before.
    forget_cookies: whether those that were signed so far count for nothing, as after a leak.
    """

    site: str | None
    information_url: str
    cookie_secret: Callable[[str], bytes] = field(repr=False)
    days: int = DAYS_DEFAULT
    allow_shrink: bool = False
    forget_cookies: bool = False


def compile_table(
    agencies: Collection[Agency], terms: Terms, at: int, previous: RoutingTable | None = None
) -> RoutingTable:
    """Return the table of these agencies; raises InvalidInput with all that speaks against it.

    previous: the table that is in use, which the version goes on from, and whose cookies keep
    holding until they would have ended by themselves.
    """
    active = [agency for agency in agencies if agency.status is AgencyStatus.ACTIVE]
    faults: list[FieldFault] = []
    routes = tuple(_route(agency, terms, faults) for agency in active)
    faults += _contradictions(routes)
    if previous is not None and not terms.allow_shrink:
        faults += _losses(routes, previous)
    if not is_web_address(terms.information_url):
        faults.append(_fault("informationUrl", "Give an address such as https://help.example/."))
    if not 1 <= terms.days <= DAYS_MAX:
        faults.append(_fault("days", f"Give 1 to {DAYS_MAX} days."))
    if faults:
        raise InvalidInput(faults)
    return RoutingTable(
        # Never a number again, not even where the table before was lost.
        version=max(at, previous.version + 1 if previous else 0),
        compiled_at=at,
        expires_at=at + terms.days * DAY_SECONDS,
        information_url=terms.information_url,
        routes=routes,
        keys=_keys(terms, at, previous),
    )


def _route(agency: Agency, terms: Terms, faults: list[FieldFault]) -> Route:
    site = terms.site.replace(SITE_SLUG, agency.slug) if terms.site else agency.website or ""
    site = site.removesuffix("/")
    if not _is_site(site):
        faults.append(
            _fault(
                f"{agency.slug}.site",
                "Its visitors need an https origin without a path to be sent to (http on this"
                " machine alone): set ALMONER_EDGE_SITE, or the agency's --website.",
            )
        )
    return Route(
        agency=agency.slug,
        name=agency.name,
        site=site,
        states=agency.states,
        weight=agency.routing.weight,
        accepting=agency.routing.accepting,
        partner_codes=agency.routing.partner_codes,
    )


def _is_site(site: str) -> bool:
    """Say whether `site` is an origin that a visitor may be sent to, spelled as it will be sent."""
    if not is_web_address(site):
        return False
    parts = urlsplit(site)
    bare = site == f"{parts.scheme}://{parts.netloc}" and '"' not in site and "\\" not in site
    return bare and (parts.scheme == "https" or is_loopback(site))


def _contradictions(routes: Sequence[Route]) -> list[FieldFault]:
    faults = []
    if not any(route.weight > 0 for route in routes):
        faults.append(_fault("weight", "No active agency has a weight above 0: nobody is routed."))
    for code, number in Counter(code for r in routes for code in r.partner_codes).items():
        if number > 1:
            owners = ", ".join(r.agency for r in routes if code in r.partner_codes)
            faults.append(_fault("partnerCodes", f"{code} is the code of several: {owners}."))
    for site, number in Counter(route.site for route in routes).items():
        if number > 1 and site:
            owners = ", ".join(route.agency for route in routes if route.site == site)
            faults.append(_fault("site", f"{owners} have the same site: put {{slug}} into it."))
    return faults


def _losses(routes: Sequence[Route], previous: RoutingTable) -> list[FieldFault]:
    """Return what visitors would lose: a mistake in a directory must not empty the edge."""
    faults = []
    how = "If it is meant, repeat with --allow-shrink."
    covered = {state for route in routes for state in route.states}
    lost = sorted(previous.licensed.keys() - covered)
    if lost:
        faults.append(_fault("states", f"Nobody is licensed any more in {' '.join(lost)}. {how}"))
    gone = sorted(previous.by_agency.keys() - {route.agency for route in routes})
    if len(gone) > AGENCIES_LOST_SHARE_MAX * len(previous.routes):
        faults.append(_fault("agencies", f"Too many are gone: {' '.join(gone)}. {how}"))
    return faults


def _keys(terms: Terms, at: int, previous: RoutingTable | None) -> tuple[CookieKey, ...]:
    """Return the signing key, which is a new one each day, and those before it that still count."""
    before = previous.keys if previous and not terms.forget_cookies else ()
    today = str(at // DAY_SECONDS)
    key_id = f"{today}-{at}" if terms.forget_cookies else today
    if before and before[0].id.startswith(f"{today}-"):
        key_id = before[0].id  # the day's first key was forgotten, and stays so
    signing = CookieKey(id=key_id, secret=terms.cookie_secret(key_id))
    ending = (
        CookieKey(
            id=key.id,
            secret=key.secret,
            accepted_until=key.accepted_until or at + COOKIE_SECONDS,
        )
        for key in before
        if key.id != key_id
    )
    return (signing, *(key for key in ending if (key.accepted_until or 0) > at))


def _fault(path: str, message: str) -> FieldFault:
    return FieldFault(path=path, code="INVALID", message=message)
