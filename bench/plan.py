"""A plan of 30 creditors over 60 months, beside the same plan by a plain loop of decimals.

Part of `make bench`; alone by `python -m bench.plan`. A plan is all of it: terms, fees, every
payment and the comparison with the contractual terms, as `proposePlan` has it made. The loop is how
one would write it down first, with the terms given: what is paid month by month, and what the same
debts cost at their contracts. It comes to the same cents, or there are no figures.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from domain.applications import Debt, DebtKind
from domain.fees import fee_terms
from domain.money import CENT, ZERO, total
from domain.payoff import PLAN_MONTHS_MAX, PayoffStrategy
from domain.proposal import Proposal, Terms, propose, terms_of
from domain.settings import AgencySettings, CreditorPolicy, Participation

CREDITORS = 30
GOAL_MS = 5.0
PEER = "a loop of decimals"
ROUNDS = 40
_ON = date(2026, 1, 31)
_SEED = 3
_FEE, _FEE_MAX, _CARD_FLOOR = Decimal("10.00"), Decimal("50.00"), Decimal("25.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """CPU milliseconds of a plan and of the loop; the best of many rounds of each."""

    ours_ms: float
    peer_ms: float

    @property
    def reached(self) -> bool:
        """Say whether a plan is within the goal."""
        return self.ours_ms < GOAL_MS

    @property
    def text(self) -> str:
        """Return the figures as a line of the bench."""
        return (
            f"- a plan of {CREDITORS} creditors and {PLAN_MONTHS_MAX} months: under {GOAL_MS:g} ms "
            f"asked for, {self.ours_ms:.1f} measured: "
            f"{'reached' if self.reached else 'short of it'}; {PEER} {self.peer_ms:.1f} ms, "
            f"{self.peer_ms / self.ours_ms:.1f} times as much"
        )


def measure() -> Figures:
    """Return the figures; raises ValueError where the two do not come to the same."""
    settings, debts = _case()
    terms = terms_of(debts, settings, hardship=False)
    deposit = total(one.payment for one in terms) + settings.monthly_fee_max

    def ours() -> Proposal:
        return propose(
            terms_of(debts, settings, hardship=False),
            fee_terms(settings, "UT", _ON),
            strategy=PayoffStrategy.NO_ROLLOVER,
            deposit=deposit,
            proposed_on=_ON,
        )

    made = ours()
    if made.months != PLAN_MONTHS_MAX or _cost(made) != _by_decimals(terms):
        raise ValueError("the loop of decimals comes to other sums")
    return Figures(ours_ms=_best_ms(ours), peer_ms=_best_ms(lambda: _by_decimals(terms)))


def _cost(made: Proposal) -> tuple[Decimal, Decimal, Decimal | None]:
    """Return a plan's interest and monthly fees, and the contractual interest."""
    return made.total_interest, total(made.monthly_fees), made.without_plan.total_interest


def _case() -> tuple[AgencySettings, list[Debt]]:
    random = Random(_SEED)
    policies = tuple(
        CreditorPolicy(
            creditor=f"Bank {number}",
            participation=Participation.WITH_CONCESSIONS,
            apr=Decimal(random.randint(0, 990)).scaleb(-2),
            payment_rate=Decimal("1.00"),
            payment_floor=ZERO,
        )
        for number in range(CREDITORS)
    )
    debts = [
        Debt(
            id=f"debt-{number}",
            creditor=f"Bank {number}",
            kind=DebtKind.CREDIT_CARD,
            balance=Decimal(random.randint(300_000, 900_000)).scaleb(-2),
            apr=Decimal("24.99"),
            minimum_payment=Decimal("300.00"),
            eligible_for_plan=True,
        )
        for number in range(CREDITORS)
    ]
    return AgencySettings(id="set", effective_from=_ON, creditor_policies=policies), debts


def _by_decimals(terms: tuple[Terms, ...]) -> tuple[Decimal, Decimal, Decimal]:
    """Return the plan's interest and monthly fees, and the contractual interest; no roll-over."""
    interest, fees, without = ZERO, ZERO, ZERO
    balances = {one.debt.id: one.debt.balance for one in terms}
    while balances:
        fees += min(len(balances) * _FEE, _FEE_MAX)
        for one in terms:
            if one.debt.id not in balances:
                continue
            balance = balances[one.debt.id]
            accrued = _rounded(balance * one.apr / 1200)
            payment = min(one.payment, balance + accrued)
            interest += accrued
            balances[one.debt.id] = balance + accrued - payment
        balances = {name: balance for name, balance in balances.items() if balance}
    for one in terms:
        balance, apr = one.debt.balance, one.debt.apr or ZERO
        while balance > 0:
            accrued = _rounded(balance * apr / 1200)
            payment = max(accrued + _rounded(balance / 100), _CARD_FLOOR)
            without += accrued
            balance = max(balance + accrued - payment, ZERO)
    return interest, fees, without


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def _best_ms(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1000


def main() -> int:
    """Print the figures; exit 1 where a plan takes longer than the goal."""
    figures = measure()
    print(figures.text)
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main())
