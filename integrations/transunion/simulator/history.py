"""Makes payment histories: one digit a month, late by one step at a time, cured now and then."""

# ruff: noqa: PLR2004 - shares and spans of made-up histories
from dataclasses import dataclass
from datetime import date
from random import Random

MONTHS_MAX = 48
RATINGS = {"1": "01", "2": "02", "3": "03", "4": "04", "5": "05"}
_DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """pattern: newest month first, without the current one; current: the digit of today."""

    pattern: str
    current: str

    @property
    def missed(self) -> int:
        """Return how many payments are owed now."""
        return int(self.current) - 1


def pay(chance: Random, months: int, *, late_share: float, late_now: bool) -> History:
    """Return a history of at most 48 months; `late_now` leaves it behind at the end."""
    reviewed = max(0, min(months, MONTHS_MAX))
    digits: list[str] = []
    level = deepest = 0
    for _ in range(reviewed + 1):
        if level == 0 and chance.random() < late_share:
            deepest = chance.choices(range(1, _DEEPEST + 1), weights=(12, 4, 2, 1))[0]
        if level < deepest:
            level += 1
        elif level:
            level = deepest = 0
        digits.append(str(level + 1))
    if not late_now:
        digits[-1] = "1"
    elif digits[-1] == "1":
        # Behind by one payment more than the month before.
        digits[-1] = str(min(int(digits[-2]) + 1, 5)) if reviewed else "1"
    past = digits[-2::-1]
    unknown = chance.randrange(len(past)) if past and chance.random() < 0.1 else None
    if unknown is not None and past[unknown] == "1":
        past[unknown] = "X"
    return History(pattern="".join(past), current=digits[-1])


def charge_off(chance: Random, months: int) -> History:
    """Return a history that ends in a charge-off: four steps down, then 120 days and more."""
    reviewed = max(6, min(months, MONTHS_MAX))
    deep = chance.randint(1, min(6, reviewed - 4))
    past = "5" * deep + "432" + "1" * (reviewed - deep - 3)
    return History(pattern=past, current="5")


def months_between(earlier: date, later: date) -> int:
    """Return the whole months from one day to another."""
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    return months - (later.day < earlier.day)


def months_before(day: date, months: int) -> date:
    """Return the day of a month so many months earlier, at most the 28th."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, min(day.day, 28))
