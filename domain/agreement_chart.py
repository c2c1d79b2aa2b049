"""The payoff as a chart: what is owed month by month, with the plan and without it.

One inline SVG. Its title and description say in words what it shows, the two lines differ by more
than their color, and the table of payments beside it holds the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from domain.reasons import counted, dollars

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 20, 20, 60
_STEPS = 4
_MONTHS_A_YEAR = 12
_WHOLE_DOLLARS_FROM = 400  # below, quarters of it would come out the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What is owed at the beginning and after each month; `without` is None where not known."""

    within: Sequence[Decimal]
    without: Sequence[Decimal] | None


def chart(curves: Curves) -> str:
    """Return the chart as SVG; the same figures give the same text."""
    months = len(curves.within) - 1
    top = max((*curves.within, *(curves.without or ())), default=Decimal(0)) or Decimal(1)
    lines = [_line(curves.within, months, top, "within")]
    if curves.without is not None:
        lines.append(_line(curves.without, months, top, "without"))
    return "\n".join(
        (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'aria-labelledby="chart-title chart-description">',
            '<title id="chart-title">What you owe, month by month</title>',
            f'<desc id="chart-description">{escape(described(curves))}</desc>',
            *_amounts(top),
            *_months(months),
            *lines,
            *_legend(with_both=curves.without is not None),
            "</svg>",
        )
    )


def described(curves: Curves) -> str:
    """Return in words what the chart shows."""
    months = len(curves.within) - 1
    text = (
        f"With the plan the debt falls from {dollars(curves.within[0])} to nothing in "
        f"{counted(months, 'month', 'months')}."
    )
    if curves.without is None:
        return text
    return (
        f"{text} At the contractual terms {dollars(curves.without[-1])} would still be owed by "
        "then."
    )


def _line(values: Sequence[Decimal], months: int, top: Decimal, name: str) -> str:
    points = " ".join(
        f"{_across(number, months)},{_down(value, top)}" for number, value in enumerate(values)
    )
    return f'<polyline class="{name}" points="{points}"/>'


def _across(month: int, months: int) -> str:
    wide = _WIDTH - _LEFT - _RIGHT
    return f"{_LEFT + Decimal(month) * wide / max(months, 1):.1f}"


def _down(value: Decimal, top: Decimal) -> str:
    high = _HEIGHT - _TOP - _BOTTOM
    return f"{_TOP + high - value / top * high:.1f}"


def _amounts(top: Decimal) -> list[str]:
    rows = []
    for step in range(_STEPS + 1):
        value = top * step / _STEPS
        at = _down(value, top)
        rows.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        label = dollars(value)
        if top >= _WHOLE_DOLLARS_FROM:
            label = dollars(value.quantize(Decimal(1))).partition(".")[0]
        rows.append(f'<text x="{_LEFT - 8}" y="{at}" class="amount">{label}</text>')
    return rows


def _months(months: int) -> list[str]:
    step = _MONTHS_A_YEAR if months > _MONTHS_A_YEAR else max(months // _STEPS, 1)
    marks = sorted({*range(0, months, step), months})
    if len(marks) > 1 and marks[-1] - marks[-2] < step / 2:
        del marks[-2]
    base = _HEIGHT - _BOTTOM + 20
    return [
        *(
            f'<text x="{_across(one, months)}" y="{base}" class="month">{one}</text>'
            for one in marks
        ),
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) // 2}" y="{base + 18}" class="month">months</text>',
    ]


def _legend(*, with_both: bool) -> list[str]:
    names = [("within", "with the plan")]
    if with_both:
        names.append(("without", "at the contractual terms (dashed)"))
    right = _WIDTH - _RIGHT
    rows = []
    for number, (name, text) in enumerate(names):
        at = _TOP + 14 + number * 20
        rows.append(f'<polyline class="{name}" points="{right - 300},{at} {right - 260},{at}"/>')
        rows.append(f'<text x="{right - 252}" y="{at + 4}" class="key">{text}</text>')
    return rows
