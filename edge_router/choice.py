"""Which of several agencies a visitor is given: weighted rendezvous hashing.

Each agency draws a number from (visitor, agency) alone, and the best draw wins. So the same visitor
comes out the same everywhere, shares follow the weights, and a weight that changes moves visitors
to or from that one agency only: nobody else's draw is touched.
Source: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (SPAA 2005), logarithmic
method.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from edge_router.table import Route

_BITS = 53  # what a float holds exactly


def choose(routes: Sequence[Route], visitor: str) -> Route:
    """Return the visitor's agency among these, of which there is one at least, weights above 0."""
    if len(routes) == 1:
        return routes[0]
    return min(routes, key=lambda route: _draw(visitor, route.agency) / route.weight)


def _draw(visitor: str, agency: str) -> float:
    """Return a number above 0, exponentially distributed; the least of all weighted ones wins."""
    digest = blake2b(f"{visitor}\n{agency}".encode(), digest_size=8).digest()
    bits = int.from_bytes(digest, "big") >> (64 - _BITS)
    return -log((bits + 0.5) / (1 << _BITS))
