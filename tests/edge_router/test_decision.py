"""The decision: cookie, partner, state, weight; and something helpful for everything else."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.answer import Answer, answer
from edge_router.compiling import DAY_SECONDS, compile_table
from edge_router.cookies import COOKIE, COOKIE_SECONDS, SECURE_COOKIE, CookieFault, sign
from edge_router.decision import Decision, PartnerFault, Reason, Visit, decide
from edge_router.table import RoutingTable
from tests.edge_router.edge_samples import (
    AGENCIES,
    AT,
    FULL,
    HARBOR,
    SUMMIT,
    TERMS,
    a_table,
    a_visit,
    an_agency,
)

TABLE = a_table()


def agency_of(decision: Decision) -> str | None:
    return decision.route.agency if decision.route else None


def answered(decision: Decision, table: RoutingTable = TABLE, method: str = "GET") -> Answer:
    return answer(decision, table, method=method, secure=False, at=AT)


def location_of(given: Answer) -> str:
    return dict(given.headers)["Location"]


def cookie_after(query: str, *, table: RoutingTable = TABLE, visitor: str = "v1") -> str:
    decision = decide(table, a_visit(query, visitor=visitor), AT)
    assert decision.sticky is not None
    return f"{COOKIE}={sign(decision.sticky, table.keys[0])}"


def test_a_stated_state_leads_to_an_agency_licensed_there() -> None:
    """Where one agency alone is licensed, its site it is; the state goes with the visitor."""
    decision = decide(TABLE, a_visit("state=oh", path="/apply"), AT)

    assert (decision.reason, agency_of(decision), decision.state) == (Reason.WEIGHT, "harbor", "OH")
    given = answered(decision)
    assert given.status == 302
    assert location_of(given) == "https://harbor.almoner.example/apply?state=OH"


def test_a_state_may_be_written_out() -> None:
    """`?state=Ohio` is Ohio too."""
    assert decide(TABLE, a_visit("state=Ohio"), AT).state == "OH"


def test_without_a_state_it_is_asked_for() -> None:
    """A visitor of whom nothing is known is asked, on a page that can be used by everybody."""
    decision = decide(TABLE, a_visit("lang=es&q=secret", path="/apply"), AT)
    page = answered(decision).body

    assert (decision.reason, decision.route) == (Reason.STATE_NEEDED, None)
    assert answered(decision).status == 200
    assert '<html lang="en">' in page
    assert '<label for="state">' in page
    assert '<select id="state" name="state" required' in page
    assert '<form method="get" action="/apply"><input type="hidden" name="lang" value="es">' in page
    assert page.count("<option") == 57
    assert "secret" not in page


def test_the_cookie_keeps_a_visitor_where_they_are() -> None:
    """A cookie decides before partner and weight, crowded or not, and is left as it is."""
    cookie = cookie_after("state=MI&partner=harbor10")
    crowded = a_table(
        an_agency("harbor", "MI", "OH", weight=0, accepting=False), SUMMIT, previous=None
    )
    for table in (TABLE, crowded):
        decision = decide(table, a_visit("", cookies=(f"a=b; {cookie}",)), AT + 60)
        assert (decision.reason, agency_of(decision)) == (Reason.STICKY, "harbor")
        assert decision.sticky is None
        assert "Set-Cookie" not in dict(answered(decision).headers)


def test_who_moves_is_routed_anew() -> None:
    """A cookie for an agency without a licence in the state now stated does not hold them."""
    cookie = cookie_after("state=OH")
    decision = decide(TABLE, a_visit("state=UT", cookies=(cookie,), visitor="v2"), AT)

    assert (decision.reason, agency_of(decision)) == (Reason.WEIGHT, "summit")
    assert decision.sticky is not None
    assert (decision.sticky.state, decision.sticky.visitor) == ("UT", "v1")


def test_a_lost_licence_routes_anew() -> None:
    """Where the agency is gone or lost the licence, the cookie's state decides again."""
    cookie = cookie_after("state=MI&partner=HARBOR10")
    for table in (a_table(SUMMIT), a_table(an_agency("harbor", "OH"), SUMMIT)):
        decision = decide(table, a_visit(cookies=(cookie,)), AT)
        assert (decision.reason, agency_of(decision)) == (Reason.WEIGHT, "summit")


def test_a_partner_code_leads_to_its_agency() -> None:
    """However it is written, with a state that fits or none, and the code goes along."""
    for query in ("partner=harbor10", "partner=HARBOR10&state=MI"):
        decision = decide(TABLE, a_visit(query), AT)
        assert (decision.reason, agency_of(decision)) == (Reason.PARTNER, "harbor")
        assert "partner=HARBOR10" in location_of(answered(decision))


@pytest.mark.parametrize(
    ("query", "fault", "agency"),
    [
        ("partner=NOPE&state=OH", PartnerFault.UNKNOWN, "harbor"),
        ("partner=HARBOR10&state=UT", PartnerFault.NOT_LICENSED, "summit"),
        ("partner=FULL1", PartnerFault.CROWDED, None),
        ("partner=%0d%0aLocation:x&state=OH", PartnerFault.UNKNOWN, "harbor"),
    ],
)
def test_a_partner_code_that_does_not_fit(
    query: str, fault: PartnerFault, agency: str | None
) -> None:
    """It is said which way it does not, the visitor is routed all the same, the code stays here."""
    decision = decide(TABLE, a_visit(query), AT)
    given = answered(decision)

    assert (decision.partner_fault, agency_of(decision)) == (fault, agency)
    if agency:
        assert "partner" not in location_of(given)
    else:
        assert 'role="alert"' in given.body


@pytest.mark.parametrize(
    ("query", "reason", "status", "words"),
    [
        ("state=NY", Reason.NOBODY_LICENSED, 200, "licensed in New York yet"),
        ("state=TX", Reason.ALL_CROWDED, 200, "All agencies in Texas are full"),
        ("state=ZZ", Reason.STATE_UNKNOWN, 400, "We do not know that state"),
        ("state=MI&state=OH", Reason.STATE_UNKNOWN, 400, "Choose yours"),
        ("state=%3Cscript%3E", Reason.STATE_UNKNOWN, 400, "We do not know that state"),
        ("state=", Reason.STATE_NEEDED, 200, "Which state"),
        ("x=" + "y" * 5000, Reason.ADDRESS_TOO_LONG, 414, "too long"),
        ("&".join(["a=b"] * 200), Reason.ADDRESS_TOO_LONG, 414, "too long"),
    ],
)
def test_nobody_ends_in_a_dead_end(query: str, reason: Reason, status: int, words: str) -> None:
    """Whatever cannot be routed is answered by a page that says why, with a way on."""
    decision = decide(TABLE, a_visit(query), AT)
    given = answered(decision)

    assert (decision.reason, given.status) == (reason, status)
    assert words in given.body
    assert "<form" in given.body
    assert "<script" not in given.body
    if reason in (Reason.NOBODY_LICENSED, Reason.ALL_CROWDED):
        assert 'href="https://help.example/"' in given.body


def test_an_expired_table_routes_nobody() -> None:
    """Licences may have ended since: the page says where else there is help."""
    decision = decide(TABLE, a_visit("state=OH", cookies=(cookie_after("state=OH"),)), AT * 2)

    assert decision.reason is Reason.TABLE_EXPIRED
    assert answered(decision).status == 503
    assert "https://help.example/" in answered(decision).body


def test_yesterdays_key_is_accepted_and_the_cookie_signed_anew() -> None:
    """Over the time that a cookie lasts, the key before counts; then it does not."""
    cookie = cookie_after("state=OH")
    tomorrow = AT + DAY_SECONDS
    table = a_table(at=tomorrow, previous=TABLE)
    decision = decide(table, a_visit(cookies=(cookie,)), tomorrow)

    assert (decision.reason, agency_of(decision)) == (Reason.STICKY, "harbor")
    assert decision.sticky is not None
    assert decision.sticky.assigned_at == AT, "renewing does not lengthen it"
    renewed = f"{COOKIE}={sign(decision.sticky, table.keys[0])}"
    assert decide(table, a_visit(cookies=(renewed,)), tomorrow).sticky is None

    later = tomorrow + COOKIE_SECONDS
    over = decide(a_table(at=later, previous=table), a_visit(cookies=(cookie,)), later)
    assert over.cookie_fault is CookieFault.UNKNOWN_KEY


def test_a_cookie_that_does_not_hold_is_named_and_taken_back() -> None:
    """Each fault has a name, the visitor is new again, and the browser is told to forget it."""
    name, _, good = cookie_after("state=OH").partition("=")
    key, agency, state, visitor, assigned, version, mac = good.split(".")
    parts = (agency, state, visitor, assigned, version)
    other = "A" if mac[0] != "A" else "B"
    cases = {
        "": CookieFault.MALFORMED,
        "x" * 4000: CookieFault.MALFORMED,
        good + "=": CookieFault.MALFORMED,
        f"{key}.{agency}.{state}.{visitor}.١٢٣.{version}.{mac}": CookieFault.MALFORMED,
        ".".join(("0", *parts, mac)): CookieFault.UNKNOWN_KEY,
        ".".join((key, *parts, other + mac[1:])): CookieFault.WRONG_SIGNATURE,
        ".".join((key, "summit", *parts[1:], mac)): CookieFault.WRONG_SIGNATURE,
    }
    for value, fault in cases.items():
        decision = decide(TABLE, a_visit(cookies=(f"{name}={value}",)), AT)
        assert decision.cookie_fault is fault, value
        assert decision.reason is Reason.STATE_NEEDED
        assert "Max-Age=0" in dict(answered(decision).headers)["Set-Cookie"]
    lasting = compile_table(AGENCIES, replace(TERMS, days=60), AT)
    aged = decide(lasting, a_visit(cookies=(f"{name}={good}",)), AT + COOKIE_SECONDS)
    assert aged.cookie_fault is CookieFault.TOO_OLD


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_changed_cookie_holds(at: int, sign_put_in: str) -> None:
    """Whatever one sign of a cookie is changed into, it decides nothing any more."""
    name, _, good = cookie_after("state=MI").partition("=")
    place = at % len(good)
    changed = good[:place] + sign_put_in + good[place + 1 :]
    decision = decide(TABLE, a_visit(cookies=(f"{name}={changed}",)), AT)

    assert (decision.reason is Reason.STICKY) == (changed == good)


def test_a_state_that_is_named_later_is_kept() -> None:
    """Who came by a code and says where they live afterwards need not say it again."""
    cookie = cookie_after("partner=HARBOR10")
    told = decide(TABLE, a_visit("state=MI", cookies=(cookie,)), AT)
    assert (told.reason, agency_of(told)) == (Reason.STICKY, "harbor")
    assert told.sticky is not None
    assert told.sticky.state == "MI"


def test_a_bad_cookie_beside_a_good_one_does_no_harm() -> None:
    """Another host of the domain can plant a cookie, and not put ours out of force."""
    good = cookie_after("state=OH")
    decision = decide(TABLE, a_visit(cookies=(f"{COOKIE}=planted", f"x=1; {good}")), AT)

    assert decision.reason is Reason.STICKY
    assert decision.cookie_fault is None


def test_over_tls_no_other_host_of_the_domain_plants_a_cookie() -> None:
    """There only the cookie that a browser takes from this host alone counts, good or bad."""
    planted = cookie_after("state=oh")
    over_tls = a_visit("state=ut", cookies=(planted, f"{COOKIE}=planted"), secure=True)

    decision = decide(TABLE, over_tls, AT)

    assert (decision.reason, agency_of(decision), decision.cookie_fault) == (
        Reason.WEIGHT,
        "summit",
        None,
    )
    own = replace(over_tls, cookies=(planted.replace(COOKIE, SECURE_COOKIE, 1),), query="")
    assert (decide(TABLE, own, AT).reason, agency_of(decide(TABLE, own, AT))) == (
        Reason.STICKY,
        "harbor",
    )


def test_what_looks_personal_stays_behind() -> None:
    """Parameters off the list and values like numbers of people or addresses are not carried."""
    query = (
        "state=OH&utm_source=mail&utm_term=219-45-6789&utm_content=jane%40x.example"
        "&ssn=219456789&email=a&lang=es&next=https://evil.example/&gclid=a%0d%0aSet-Cookie:b"
    )
    for path, kept in {"/apply/start": "/apply/start", "/u/219-45-6789": "/"}.items():
        given = answered(decide(TABLE, a_visit(query, path=path), AT))
        expected = f"https://harbor.almoner.example{kept}?utm_source=mail&lang=es&state=OH"
        assert location_of(given) == expected


def test_other_methods_keep_their_method() -> None:
    """POST is sent on by 307 where there is an agency, and told what works where there is none."""
    assert answered(decide(TABLE, a_visit("state=OH"), AT), method="POST").status == 307
    refused = answered(decide(TABLE, a_visit(), AT), method="POST")
    assert (refused.status, dict(refused.headers)["Allow"]) == (405, "GET, HEAD")


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "//evil.example/",
            "/\\evil.example",
            "/..//evil.example",
            "/%2f%2fevil.example",
            "@evil.example",
            "/.evil.example",
            "/x\r\nSet-Cookie: a=b",
            "https://evil.example/",
            "/a/../../b",
        ]
    ),
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from("state partner lang utm_term next x".split()),
        st.one_of(st.text(max_size=30), st.sampled_from(["OH", "MI", "HARBOR10", "NY"])),
    ),
    max_size=5,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@settings(max_examples=400, deadline=None)
@given(HOSTILE, QUERIES, st.text(max_size=80), st.sampled_from(["GET", "POST", "HEAD"]))
def test_there_is_no_open_redirect(path: str, query: str, cookie: str, method: str) -> None:
    """Whatever is asked, a redirect goes to a site of the table, in printable ASCII alone."""
    visit = Visit(
        path=path, query=query, cookies=[f"{COOKIE}={cookie}"], fresh_visitor="v", secure=False
    )
    decision = decide(TABLE, visit, AT)
    given = answered(decision, method=method)

    sites = {route.site for route in TABLE.routes}
    for name, value in given.headers:
        assert re.fullmatch(r"[ -~]*", value), name
        if name == "Location":
            parts = urlsplit(value)
            assert f"{parts.scheme}://{parts.netloc}" in sites
    if decision.route is None:
        assert given.body


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["MI", "OH", "UT", "TX", "NY"]), QUERIES, st.integers(0, 10**9))
def test_nobody_is_sent_to_an_agency_without_a_licence(
    state: str, query: str, visitor: int
) -> None:
    """Who states one state goes to an agency that is licensed there, or to none."""
    decision = decide(TABLE, a_visit(f"state={state}&{query}", visitor=f"v{visitor}"), AT)

    licences = {agency.slug: agency.states for agency in (HARBOR, SUMMIT, FULL)}
    if decision.route and decision.state:
        assert decision.state in licences[decision.route.agency]
        assert decision.route.accepting


def test_what_is_logged_names_nobody() -> None:
    """Reason, agency, state and faults: no path, no query, no visitor."""
    decision = decide(TABLE, a_visit("state=OH&partner=JANE", path="/jane", visitor="vis1"), AT)

    assert decision.observed() == {
        "reason": "WEIGHT",
        "agency": "harbor",
        "state": "OH",
        "partner_fault": "UNKNOWN",
        "cookie_fault": None,
    }
