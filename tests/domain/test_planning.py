"""Drawing up a plan: figures, warnings and agreement of one analysis belong together."""

from decimal import Decimal

import pytest

from domain.agreement import agreement_of
from domain.errors import PlanNotPossible
from domain.payoff import PayoffStrategy
from domain.planning import Basis, draw_up
from domain.plans import Plan
from tests.domain import plan_samples as samples


def drawn(deposit: str | None = None) -> Plan:
    """Return the worked example's plan."""
    basis = Basis(
        application=samples.an_application(),
        analysis=samples.an_analysis(),
        settings=samples.settings(),
        parties=samples.PARTIES,
    )
    return draw_up(
        basis,
        id=samples.under("plan", 9),
        strategy=PayoffStrategy.AVALANCHE,
        deposit=None if deposit is None else Decimal(deposit),
        proposed_by=samples.COUNSELOR,
        at=samples.AT,
    )


def test_a_plan_has_all_that_its_analysis_leads_to() -> None:
    """It is the plan of the proposal, warnings and agreement that are made one by one."""
    plan = drawn("425.00")
    assert plan == samples.a_plan(id=plan.id)
    assert plan.agreement == agreement_of(plan, samples.PARTIES)


def test_without_a_deposit_all_that_is_left_goes_into_it() -> None:
    """What the budget leaves after the cushion is the worked example's 425."""
    assert drawn() == drawn("425.00")


def test_what_is_not_possible_is_refused() -> None:
    """A deposit that covers nothing is PlanNotPossible, as it is for a counselor."""
    with pytest.raises(PlanNotPossible):
        drawn("10.00")
