"""`python -m bench.edge`: decisions a second on one core, beside a router that decides nothing.

The bare router parses the query and looks the state up in a dictionary: what no router can do
without. Figures are the best of several rounds in one process; an answer is the decision with its
headers, cookie or page.
"""

import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from urllib.parse import parse_qsl

from domain.agencies import Agency, Routing
from domain.states import STATES
from edge_router.answer import answer
from edge_router.compiling import Terms, compile_table
from edge_router.cookies import SECURE_COOKIE, sign
from edge_router.decision import Visit, decide

ROUNDS, VISITS = 5, 4000
AGENCIES, AGENCIES_PER_STATE = 50, 8
AT = 1_800_000_000
GOAL_PER_SECOND = 20_000

_STATES = sorted(STATES)
_TERMS = Terms(
    site="https://{slug}.almoner.example",
    information_url="https://help.example/",
    cookie_secret=lambda key_id: sha256(key_id.encode()).digest(),
)


def main() -> int:
    """Print the table; exit 1 where a decision is slower than the goal."""
    table = compile_table(_agencies(), _TERMS, AT)
    sites = {state: routes[0].site for state, routes in table.licensed.items()}
    kinds = {
        "state, weighted": [_visit(number, f"state={_state(number)}") for number in range(VISITS)],
        "partner code": [_visit(number, "partner=CODE7") for number in range(VISITS)],
        "unknown code, campaign": [
            _visit(number, f"state={_state(number)}&partner=NO&utm_source=mail&utm_campaign=spring")
            for number in range(VISITS)
        ],
        "asked for the state": [_visit(number, "") for number in range(VISITS)],
    }
    cookies = [decide(table, visit, AT).sticky for visit in kinds["state, weighted"]]
    kinds["sticky cookie"] = [
        _visit(number, "", f"{SECURE_COOKIE}={sign(sticky, table.keys[0])}")
        for number, sticky in enumerate(cookies)
        if sticky is not None
    ]

    def bare(visit: Visit) -> object:
        return f"{sites.get(dict(parse_qsl(visit.query)).get('state', ''))}{visit.path}"

    def whole(visit: Visit) -> object:
        return answer(decide(table, visit, AT), table, method="GET", secure=True, at=AT)

    print(f"{AGENCIES} agencies, {AGENCIES_PER_STATE} of them in each state\n")
    print(f"{'a visit':24}{'bare/s':>12}{'decisions/s':>14}{'answers/s':>12}")
    slowest = float("inf")
    for name, visits in kinds.items():
        decided = _rate(lambda visit: decide(table, visit, AT), visits)
        slowest = min(slowest, decided)
        print(f"{name:24}{_rate(bare, visits):12,.0f}{decided:14,.0f}{_rate(whole, visits):12,.0f}")
    print(f"\nslowest {slowest:,.0f} decisions a second; the goal is {GOAL_PER_SECOND:,}")
    return 0 if slowest >= GOAL_PER_SECOND else 1


def _agencies() -> list[Agency]:
    """Return agencies of which each state has the same number."""
    licences: list[list[str]] = [[] for _ in range(AGENCIES)]
    for number, state in enumerate(_STATES):
        for turn in range(AGENCIES_PER_STATE):
            licences[(number * AGENCIES_PER_STATE + turn) % AGENCIES].append(state)
    return [
        Agency(
            id=str(number),
            slug=f"agency-{number}",
            name=f"Agency {number}",
            states=tuple(states),
            store_url="x:",
            pools=(),
            routing=Routing(weight=50 + number * 10, partner_codes=(f"CODE{number}",)),
        )
        for number, states in enumerate(licences)
    ]


def _visit(number: int, query: str, *cookies: str) -> Visit:
    return Visit(
        path="/apply", query=query, cookies=cookies, fresh_visitor=f"visitor-{number}", secure=True
    )


def _state(number: int) -> str:
    return _STATES[number % len(_STATES)]


def _rate(work: Callable[[Visit], object], visits: Sequence[Visit]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for visit in visits:
            work(visit)
        best = min(best, time.process_time() - began)
    return len(visits) / best


if __name__ == "__main__":
    sys.exit(main())
