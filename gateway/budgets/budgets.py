"""Budgets: what each agency, API key and person may spend, and what they are told of it.

An operation is charged what it may come to (`gateway/engine/cost.py`) before it runs: in points of
work, and in cents where a vendor would send a bill. Measured, every answer says what is left and
nothing is refused; enforced, what no budget covers is.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from domain.access import Principal
from domain.actors import PrincipalKind
from domain.agencies import Agency
from domain.errors import RateLimited
from gateway.budgets.buckets import Buckets, LocalBuckets, Pool, Rate
from gateway.engine.cost import Cost
from gateway.errors import Refused
from gateway.headers import HeaderLines
from gateway.metrics import Metrics, new_metrics
from gateway.settings_blocks import BudgetsConfig
from gateway.tallies import Spending

DAY_SECONDS = 86_400
OPERATORS = "operators"
ACCOUNTS_MAX = 20_000

# What an answer with no other errors proves: no vendor was asked for anything.
NOT_BILLED = frozenset(
    {
        "CONSENT_REQUIRED",
        "FORBIDDEN",
        "IDEMPOTENCY_MISMATCH",
        "INVALID_INPUT",
        "INVALID_TRANSITION",
        "NOT_FOUND",
        "REAUTHENTICATE",
    }
)


Money = tuple[tuple[Pool, ...], tuple[int, ...]]
Charge = tuple[HeaderLines, Money | None]
"""What was charged: the headers of the answer, and the money that can be given back of it."""

_NOTHING: Charge = ((), None)


class Budgets:
    """Charges operations to the budgets of who asks."""

    def __init__(
        self,
        config: BudgetsConfig,
        buckets: Buckets | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Take the settings, where the buckets are, and what charges are counted by."""
        self._on = config.mode != "off"
        self._enforced = config.mode == "enforce"
        self._buckets = LocalBuckets() if buckets is None else buckets
        self._local = self._buckets if isinstance(self._buckets, LocalBuckets) else None
        self._spending_of = (metrics or new_metrics()).spending_of
        self._usual = _purses(config, 100)
        self._others = {slug: _purses(config, part) for slug, part in config.percents().items()}
        self._accounts: dict[tuple[str | None, str], _Account] = {}

    async def charge(self, agency: Agency | None, principal: Principal, cost: Cost) -> Charge:
        """Charge an operation to its agency, and to the API key or the person who asks.

        Raises Refused, with the seconds to wait, where a budget that is enforced does not cover it.
        """
        if not self._on:
            return _NOTHING
        owner = (None if agency is None else agency.id, principal.subject)
        account = self._accounts.get(owner) or self._open(owner, agency, principal)
        points, cents = cost.points, cost.cents
        if cents:
            side = account.with_money
            amounts = (points,) * len(account.money) + (cents,) * len(account.money)
        else:
            side = account.points
            amounts = (points, points)
        if self._local is not None:
            left, waits = self._local.take_now(side.pools, amounts)
        else:
            left, waits = await self._buckets.take(side.pools, amounts)
        spending = account.spending
        if waits:
            spending.short.count += 1
            headers = side.headers(left, waits)
            if self._enforced:
                raise side.refusal(waits, headers)
            return headers, None
        spending.covered.count += 1
        spending.points.count += points
        spending.cents.count += cents
        headers = ((b"ratelimit", side.told % tuple(left)), side.policy)
        return headers, (account.money, (cents,) * len(account.money)) if cents else None

    async def settle(self, charge: Charge, codes: Collection[str]) -> None:
        """Give back the money of what came to nothing, where its errors show that none was billed.

        Points stay spent: to find out took work.
        """
        _, money = charge
        if money is not None and NOT_BILLED.issuperset(codes):
            await self._buckets.give_back(*money)

    def _open(
        self, owner: tuple[str | None, str], agency: Agency | None, principal: Principal
    ) -> "_Account":
        """Return what one caller spends from, and keep it for the next time."""
        slug = None if agency is None else agency.slug
        purses = self._usual if slug is None else self._others.get(slug, self._usual)
        who = purses[1 if principal.kind is PrincipalKind.INTEGRATION else 2]
        # What lies in one pair of braces lies on one node of a cluster.
        place = f"{{{OPERATORS if agency is None else agency.id}}}:"
        holders = [(f"{place}{who.holder}:{principal.subject}", who)]
        if agency is not None:
            holders.insert(0, (f"{place}agency", purses[0]))
        if len(self._accounts) >= ACCOUNTS_MAX:
            self._accounts.clear()
        account = self._accounts[owner] = _Account(holders, self._spending_of(slug))
        return account


class _Side:
    """Pools that are claimed together, and how answers speak of them."""

    __slots__ = ("_names", "policy", "pools", "told")

    def __init__(self, pools: "Sequence[tuple[str, Pool, str]]") -> None:
        self._names = [name for name, _, _ in pools]
        self.pools = tuple(pool for _, pool, _ in pools)
        self.told = ", ".join(f'"{name}";r=%d' for name in self._names).encode()
        self.policy = (b"ratelimit-policy", ", ".join(policy for _, _, policy in pools).encode())

    def headers(self, left: Sequence[int], waits: Sequence[int]) -> HeaderLines:
        """Return the headers of a charge that was not covered."""
        told = ", ".join(
            f'"{name}";r={rest}' + (f";t={wait}" if wait else "")
            for name, rest, wait in zip(self._names, left, waits, strict=True)
        )
        return (b"ratelimit", told.encode()), self.policy

    def refusal(self, waits: Sequence[int], headers: HeaderLines) -> Refused:
        """Return the refusal of a charge that was not covered."""
        wait = max(waits)
        short = ", ".join(name for name, one in zip(self._names, waits, strict=True) if one)
        error = RateLimited(
            f"What may be spent does not cover this operation ({short}): repeat in {wait} seconds.",
            retry_after_seconds=wait,
        )
        return Refused(error, headers={name.decode(): value.decode() for name, value in headers})


class _Account:
    """What one caller spends from: points alone, or points and money."""

    __slots__ = ("money", "points", "spending", "with_money")

    def __init__(self, holders: "Sequence[tuple[str, _Purse]]", spending: Spending) -> None:
        points = [
            (purse.holder, Pool(name, purse.points), _policy(purse.holder, purse.points, "points"))
            for name, purse in holders
        ]
        money = [
            (
                f"{purse.holder}-cents",
                Pool(f"{name}:cents", purse.cents),
                _policy(f"{purse.holder}-cents", purse.cents, "cents"),
            )
            for name, purse in holders
        ]
        self.spending = spending
        self.points = _Side(points)
        self.with_money = _Side([*points, *money])
        self.money = tuple(pool for _, pool, _ in money)


class _Purse(NamedTuple):
    """What a holder (agency, key or person) may spend."""

    holder: str
    points: Rate
    cents: Rate


def _purses(config: BudgetsConfig, percent: int) -> tuple[_Purse, _Purse, _Purse]:
    """Return the purses of an agency, of its keys and of its people."""

    def purse(holder: str, points: int, points_per_second: int, cents: int) -> _Purse:
        return _Purse(
            holder,
            Rate(points, points_per_second, 1).part(percent),
            Rate(cents, cents, DAY_SECONDS).part(percent),
        )

    return (
        purse("agency", config.agency_points, config.agency_points_per_second, config.agency_cents),
        purse("key", config.key_points, config.key_points_per_second, config.key_cents),
        purse("person", config.person_points, config.person_points_per_second, config.person_cents),
    )


def _policy(name: str, rate: Rate, unit: str) -> str:
    """Return one item of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11).

    The draft knows no unit such as ours, and leaves other parameters to who names himself in them.
    """
    return f'"{name}";q={rate.capacity};w={rate.fills_in_seconds};almoner-unit="{unit}"'
