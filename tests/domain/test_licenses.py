"""Licenses: a plan is provided where the agency is licensed, and nowhere else."""

import pytest

from domain.errors import PlanNotPossible
from domain.licenses import check_licensed


def test_a_licensed_state_is_let_through() -> None:
    """Each of the agency's states is."""
    for state in ("MI", "OH"):
        check_licensed(("MI", "OH"), state)


@pytest.mark.parametrize(
    ("licensed", "state", "code", "said"),
    [
        (("MI", "OH"), "CO", "NOT_LICENSED", "not licensed"),
        (("MI",), "M", "NOT_LICENSED", "not licensed"),
        ((), "MI", "NOT_LICENSED", "not licensed"),
        (("MI",), None, "STATE_UNKNOWN", "Enter the consumer's address"),
        ((), None, "STATE_UNKNOWN", "Enter the consumer's address"),
    ],
)
def test_any_other_is_refused_with_its_reason(
    licensed: tuple[str, ...], state: str | None, code: str, said: str
) -> None:
    """Another state, and one that nobody knows, by which no cap could be applied."""
    with pytest.raises(PlanNotPossible) as refused:
        check_licensed(licensed, state)
    (reason,) = refused.value.reasons
    assert reason.code == code
    assert said in reason.text
