"""Weighted rendezvous hashing: shares follow weights, and only those move who have to."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.choice import choose
from edge_router.table import Route

VISITORS = 100_000
WEIGHTS = {"amber": 500, "birch": 300, "cedar": 150, "dune": 50}


def a_route(agency: str, weight: int) -> Route:
    return Route(
        agency=agency,
        name=agency,
        site=f"https://{agency}.example",
        states=("MI",),
        weight=weight,
        accepting=True,
        partner_codes=(),
    )


ROUTES = [a_route(agency, weight) for agency, weight in WEIGHTS.items()]


def test_shares_follow_the_weights() -> None:
    """Over 100,000 visitors each agency's share is within a percentage point of its weight's."""
    counts = dict.fromkeys(WEIGHTS, 0)
    for number in range(VISITORS):
        counts[choose(ROUTES, f"seed-7-{number}").agency] += 1

    total = sum(WEIGHTS.values())
    for agency, weight in WEIGHTS.items():
        assert abs(counts[agency] / VISITORS - weight / total) < 0.01


weights = st.integers(min_value=1, max_value=1000)


@settings(max_examples=150, deadline=None)
@given(st.lists(weights, min_size=2, max_size=8), st.data())
def test_a_weight_moves_only_its_own_share(given_weights: list[int], data: st.DataObject) -> None:
    """Who moves when one weight changes goes to that agency if it rose, from it if it fell."""
    before = [a_route(f"a{number}", weight) for number, weight in enumerate(given_weights)]
    moved = data.draw(st.integers(0, len(before) - 1))
    after = list(before)
    after[moved] = replace(before[moved], weight=data.draw(weights))

    for number in range(60):
        old, new = choose(before, f"v{number}"), choose(after, f"v{number}")
        if old.agency != new.agency:
            rose = after[moved].weight > before[moved].weight
            assert (new if rose else old).agency == before[moved].agency


@settings(max_examples=100, deadline=None)
@given(st.lists(weights, min_size=2, max_size=8), st.randoms(), st.text(max_size=20))
def test_the_order_of_agencies_does_not_matter(
    given_weights: list[int], random: object, visitor: str
) -> None:
    """The same visitor is given the same agency whichever way the agencies are listed."""
    routes = [a_route(f"a{number}", weight) for number, weight in enumerate(given_weights)]
    turned = list(routes)
    random.shuffle(turned)  # type: ignore[attr-defined]

    assert choose(routes, visitor) == choose(turned, visitor)


@settings(max_examples=100, deadline=None)
@given(st.lists(weights, min_size=3, max_size=8), st.integers(0, 7))
def test_an_agency_that_goes_moves_only_its_visitors(given_weights: list[int], gone: int) -> None:
    """Whoever was with another agency stays there."""
    routes = [a_route(f"a{number}", weight) for number, weight in enumerate(given_weights)]
    left = [route for number, route in enumerate(routes) if number != gone % len(routes)]

    for number in range(40):
        old = choose(routes, f"v{number}")
        assert old not in left or choose(left, f"v{number}") == old
