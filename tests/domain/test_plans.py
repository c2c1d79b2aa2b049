"""Plans as kept: their schedule, deposits, and what becomes of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from domain.errors import InvalidTransition
from domain.plans import (
    Acceptance,
    Plan,
    PlanStatus,
    accepted,
    declined,
    deposits,
    schedule,
    superseded,
)
from domain.proposal import Proposal
from tests.domain.plan_samples import AT, COUNSELOR, a_plan, a_proposal, settings

ACCEPTANCE = Acceptance(
    signature="Robert Uphold",
    signed_by=COUNSELOR,
    at=AT,
    source_ip="203.0.113.7",
    agreement_sha256="ab" * 32,
)


def test_a_schedule_adds_up_to_the_plan() -> None:
    """Its interest, principal and payments are the plan's, and every balance ends at zero."""
    plan = a_plan()
    rows = schedule(plan)
    assert sum(row.interest for row in rows) == plan.total_interest
    assert sum(row.principal for row in rows) == Decimal("16500.00")
    assert sum(row.payment for row in rows) == plan.total_paid - plan.total_fees
    assert all(row.payment == row.interest + row.principal for row in rows)
    ends = {row.creditor: row.balance for row in rows}
    assert set(ends.values()) == {Decimal("0.00")}
    assert [row.month for row in rows] == sorted(row.month for row in rows)
    assert rows[-1].due_on == plan.debt_free_on
    assert rows[0].due_on == plan.first_due_on


def test_no_deposit_is_more_than_agreed() -> None:
    """Each month is the deposit to the cent but for the last; the set-up fee is the first's."""
    plan = a_plan(a_proposal(chosen=settings(setup_fee=Decimal("50.00"))))
    paid = deposits(plan)
    assert paid[0].total == Decimal("475.00")
    assert {one.total for one in paid[1:-1]} == {Decimal("425.00")}
    assert paid[-1].total < Decimal("425.00")
    assert sum(one.total for one in paid) == plan.total_paid


@pytest.mark.parametrize("status", PlanStatus)
def test_only_an_open_plan_changes(status: PlanStatus) -> None:
    """Once accepted, declined or superseded a plan stays as it is."""
    plan = a_plan(status=status)
    steps: dict[PlanStatus, Callable[[Plan], Plan]] = {
        PlanStatus.ACCEPTED: lambda one: accepted(one, ACCEPTANCE),
        PlanStatus.DECLINED: lambda one: declined(one, "No"),
        PlanStatus.SUPERSEDED: superseded,
    }
    for after, step in steps.items():
        if status is PlanStatus.PROPOSED:
            assert step(plan).status is after
        else:
            with pytest.raises(InvalidTransition):
                step(plan)


def test_a_plan_whose_first_day_has_passed_is_not_signed() -> None:
    """On the day of the first payment it can be; from the next its days would all be wrong."""
    plan = a_plan()
    on_the_day = datetime.combine(plan.first_due_on, time.max, tzinfo=UTC)
    assert accepted(plan, replace(ACCEPTANCE, at=on_the_day)).status is PlanStatus.ACCEPTED
    with pytest.raises(InvalidTransition, match="propose it anew"):
        accepted(plan, replace(ACCEPTANCE, at=on_the_day + timedelta(microseconds=1)))


def test_acceptance_is_kept_whole() -> None:
    """Who, how, when, from where and of which text is in the plan; nothing else changes."""
    plan = a_plan()
    signed = accepted(plan, ACCEPTANCE)
    assert plan.accepted_at is None
    assert signed.accepted_at == AT
    assert signed.acceptance == ACCEPTANCE
    assert (signed.agreement, signed.creditors) == (plan.agreement, plan.creditors)


def test_a_proposal_is_part_of_a_plan() -> None:
    """Every figure of a proposal has its place in the plan, under the same name."""
    assert set(Proposal.__slots__) <= set(Plan.__slots__)
