"""Reasons: what decided, as a code that programs read and a sentence with its figures."""

from dataclasses import dataclass
from decimal import Decimal

from domain.money import to_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that decided. code: stable; text: for the consumer and the counselor."""

    code: str
    text: str


def dollars(amount: Decimal) -> str:
    """Return an amount as people write it: `$1,250.00`, and `-$3.10` below zero."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(to_cents(amount)):,.2f}"


def percent(rate: Decimal) -> str:
    """Return a percentage as people write it: `24.99%`."""
    return f"{to_cents(rate):f}%"


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun: `1 month`, `12 months`."""
    return f"{number:,} {one if number == 1 else many}"
