"""Money: exact decimals in major units, rounded to the cent by ROUND_HALF_UP at each step.

Published payoff tables come out to the cent only with half-up rounding; banker's rounding drifts.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
AMOUNT_MAX = Decimal("99999999.99")
PERCENT_MAX = Decimal("9999.99")


class Frequency(StrEnum):
    """How often an amount recurs."""

    WEEKLY = "WEEKLY"
    BIWEEKLY = "BIWEEKLY"
    SEMIMONTHLY = "SEMIMONTHLY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    ANNUALLY = "ANNUALLY"


_TIMES_AND_PARTS: dict[Frequency, tuple[int, int]] = {
    Frequency.WEEKLY: (52, 12),
    Frequency.BIWEEKLY: (26, 12),
    Frequency.SEMIMONTHLY: (2, 1),
    Frequency.MONTHLY: (1, 1),
    Frequency.QUARTERLY: (1, 3),
    Frequency.ANNUALLY: (1, 12),
}


def to_cents(amount: Decimal) -> Decimal:
    """Return `amount` rounded half up to two places."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def monthly(amount: Decimal, frequency: Frequency) -> Decimal:
    """Return what `amount` comes to in a month, rounded to the cent.

    Weekly × 52/12, biweekly × 26/12, semimonthly × 2, quarterly ÷ 3, annually ÷ 12.
    """
    times, parts = _TIMES_AND_PARTS[frequency]
    return to_cents(amount * times / parts)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum, with two places even where there is nothing to add."""
    return sum(amounts, ZERO)
