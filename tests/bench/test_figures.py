"""The bench's arithmetic."""

import math

import pytest

from bench.figures import percentile, short, times_faster


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 5.0), (51, 6.0), (99, 10.0), (100, 10.0)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    """The nearest rank: the smallest value that so many percent do not exceed, in any order."""
    values = [10.0, 3.0, 1.0, 2.0, 9.0, 4.0, 8.0, 5.0, 7.0, 6.0]

    assert percentile(values, percent) == expected


def test_nothing_has_no_percentile() -> None:
    """Of no values there is no percentile, and none is made up."""
    with pytest.raises(ValueError, match="no value"):
        percentile([], 50)


def test_a_ratio_is_of_windows_of_one_round() -> None:
    """A machine that is three times as slow in one round leaves the ratio as it is."""
    ours, theirs = [10.0, 30.0, 10.0], [40.0, 120.0, 50.0]

    assert times_faster(ours, theirs) == 4.0


def test_rounds_that_do_not_match_are_not_compared() -> None:
    """Each window has its counterpart, or there is no ratio."""
    with pytest.raises(ValueError, match="shorter"):
        times_faster([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.4821, "0.48"), (13.04, "13.0"), (426.4, "426"), (2991, "2 990"), (57_813, "57 800")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    """No more digits are printed than mean something."""
    assert short(value) == text


def test_what_was_not_measured_is_a_dash() -> None:
    """A figure that there is none of is no number."""
    assert short(math.nan) == "–"
