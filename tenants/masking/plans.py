"""What masking does with analyses and plans, and how their figures come about from what is masked.

A masked debt has another balance and another APR: the payments of the original would not pay it
off, and its sums would tell the original's. So they are computed from the masked ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from domain.agreement_words import REQUIRED_WARNINGS
from domain.amortization import amount_of, cents, level_payment, monthly_interest, rate_of
from domain.analysis import FinancialAnalysis
from domain.contractual import without_plan
from domain.money import ZERO, total
from domain.months import add_months
from domain.plans import Acceptance, Agreement, Fee, Plan, PlanCreditor, setup_fee
from domain.reasons import Reason
from tenants.masking.treatments import Treatment


def masked_analysis(analysis: FinancialAnalysis) -> FinancialAnalysis:
    """Return the analysis with differences that fit its masked figures."""
    available = analysis.net_monthly_income - analysis.monthly_expenses
    disposable = available - analysis.cushion
    return replace(
        analysis,
        available=available,
        disposable=disposable,
        for_creditors=disposable - analysis.monthly_fee,
    )


def masked_creditor(creditor: PlanCreditor) -> PlanCreditor:
    """Return the creditor with level payments that pay its masked debt off in as many months."""
    if creditor.months == 0:
        return creditor
    balance, rate = cents(creditor.debt.balance), rate_of(creditor.plan_apr)
    payment = level_payment(balance, rate, creditor.months)
    payments, interest = [], 0
    while balance > 0:
        accrued = monthly_interest(balance, rate)
        interest += accrued
        payments.append(min(payment, balance + accrued))
        balance += accrued - payments[-1]
    return replace(
        creditor,
        payment=amount_of(payment),
        months=len(payments),
        total_interest=amount_of(interest),
        payments=tuple(map(amount_of, payments)),
    )


def masked_plan(plan: Plan) -> Plan:
    """Return the plan with sums that fit its masked creditors; its fees are the agency's."""
    months = max((one.months for one in plan.creditors), default=0)
    fees = tuple(
        plan.monthly_fees[min(number, len(plan.monthly_fees) - 1)]
        for number in range(months)
        if plan.monthly_fees
    )
    total_fees = total(fees) + setup_fee(plan.fees)
    paid = total(payment for one in plan.creditors for payment in one.payments)
    first = total(one.payments[0] for one in plan.creditors if one.payments)
    return replace(
        plan,
        monthly_deposit=first + (fees[0] if fees else ZERO),
        months=months,
        debt_free_on=add_months(plan.first_due_on, max(months - 1, 0)),
        total_interest=total(one.total_interest for one in plan.creditors),
        total_fees=total_fees,
        total_paid=paid + total_fees,
        without_plan=without_plan(one.debt for one in plan.creditors if one.payments),
        monthly_fees=fees,
        warnings=REQUIRED_WARNINGS,
    )


_T = Treatment
PLAN_TREATMENTS: Mapping[type[Any], Mapping[str, Treatment]] = {
    Reason: {"code": _T.KEEP, "text": _T.DROP},  # it has the figures in it
    FinancialAnalysis: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "application_version": _T.KEEP,
        "settings_id": _T.DROP,  # a version is nobody's: no person's ids lead to it
        "at": _T.SHIFT,
        **dict.fromkeys(("net_monthly_income", "monthly_expenses"), _T.NOISE),
        **dict.fromkeys(("contractual_minimums", "eligible_balance"), _T.NOISE),
        **dict.fromkeys(("cushion", "monthly_fee"), _T.KEEP),  # the agency's
        **dict.fromkeys(("available", "disposable", "for_creditors"), _T.DERIVED),
        "debt_to_income": _T.RATE,
        "recommendation": _T.KEEP,
        "reasons": _T.PARTS,
    },
    Fee: dict.fromkeys(("name", "amount", "timing", "waived"), _T.KEEP),  # the agency's
    PlanCreditor: {
        "debt": _T.PARTS,
        "participation": _T.KEEP,
        "plan_apr": _T.RATE,
        **dict.fromkeys(("payment", "months", "total_interest", "payments"), _T.DERIVED),
    },
    Agreement: {"html": _T.DROP, "sha256": _T.DROP},
    Acceptance: {
        "signature": _T.WORDS,
        "signed_by": _T.PARTS,
        "at": _T.SHIFT,
        "source_ip": _T.DROP,
        "agreement_sha256": _T.DROP,
        "consent_id": _T.ID,
    },
    Plan: {
        **dict.fromkeys(("id", "application_id", "analysis_id"), _T.ID),
        "settings_id": _T.DROP,  # as above
        "version": _T.ANEW,
        **dict.fromkeys(("status", "state", "strategy"), _T.KEEP),
        **dict.fromkeys(("created_at", "first_due_on"), _T.SHIFT),
        "proposed_by": _T.PARTS,
        **dict.fromkeys(("monthly_deposit", "months", "debt_free_on"), _T.DERIVED),
        **dict.fromkeys(("total_interest", "total_fees", "total_paid"), _T.DERIVED),
        **dict.fromkeys(("without_plan", "monthly_fees"), _T.DERIVED),
        **dict.fromkeys(("fees", "creditors", "agreement", "acceptance"), _T.PARTS),
        "warnings": _T.DERIVED,
        "decline_reason": _T.DROP,
    },
}
PLAN_DERIVATIONS: Mapping[type[Any], Callable[[Any], Any]] = {
    FinancialAnalysis: masked_analysis,
    PlanCreditor: masked_creditor,
    Plan: masked_plan,
}
