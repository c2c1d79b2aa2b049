"""Annual percentage rates by the actuarial method of Regulation Z, Appendix J to 12 CFR 1026.

Advances and payments are set equal at the moment of the first advance: each counts
amount / ((1 + f i)(1 + i)^t), after t whole unit-periods and a fraction f of one; the rate i that
makes both sides equal, times the unit-periods of a year, is the annual percentage rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from domain.money import ZERO, to_cents

TOLERANCE = Decimal("0.125")
"""12 CFR 1026.22(a)(2): percentage points by which a disclosed rate may be off."""
_DIGITS = 40
_HALVINGS = 120
_RATE_MAX = Decimal(1_000)  # a unit-period; beyond any loan there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An advance or a payment. periods, fraction: whole unit-periods since the first advance."""

    amount: Decimal
    periods: int
    fraction: Decimal = ZERO


def annual_percentage_rate(
    advances: Iterable[Flow], payments: Iterable[Flow], *, periods_a_year: Decimal
) -> Decimal:
    """Return the annual percentage rate in percent, rounded half up to two places.

    Raises ValueError where the payments are less than the advances: there is no rate.
    """
    lent, paid = tuple(advances), tuple(payments)
    if sum(flow.amount for flow in paid) < sum(flow.amount for flow in lent):
        raise ValueError("the payments come to less than what was lent")
    with localcontext() as context:
        context.prec = _DIGITS
        low, high = Decimal(0), _RATE_MAX
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _present(lent, middle) < _present(paid, middle):
                low = middle
            else:
                high = middle
        return to_cents((low + high) / 2 * periods_a_year * 100)


def level(amount: Decimal, count: int, first: int, fraction: Decimal = ZERO) -> tuple[Flow, ...]:
    """Return equal payments a unit-period apart, the first after so many of them."""
    return tuple(
        Flow(amount=amount, periods=first + number, fraction=fraction) for number in range(count)
    )


def _present(flows: tuple[Flow, ...], rate: Decimal) -> Decimal:
    worth = (
        flow.amount / ((1 + flow.fraction * rate) * (1 + rate) ** flow.periods) for flow in flows
    )
    return sum(worth, Decimal(0))
