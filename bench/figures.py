"""Medians, ratios of pairs and percentiles: the arithmetic of the bench, and nothing else."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed (nearest rank).

    Raises ValueError where there is no value.
    """
    if not values:
        raise ValueError("no value to take a percentile of")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def times_faster(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how many times as much the others need: the median of the rounds' ratios.

    Each ratio is of two windows of one round, next to each other in time, so that a machine that is
    slow for a while slows both.
    """
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def short(value: float) -> str:
    """Return a figure with three digits that say something: 0.48, 13.0, 426, 57 800; or a dash."""
    if math.isnan(value):
        return "–"
    if value >= 1000:
        return f"{round(value, -2 if value >= 10_000 else -1):,.0f}".replace(",", " ")
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
