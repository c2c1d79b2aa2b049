"""Accounts of the simulated banks, in Plaid's form."""

from dataclasses import dataclass, field
from decimal import Decimal

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAccount:
    """One account; liability: what /liabilities/get says beside the account's id."""

    account_id: str
    name: str
    official_name: str | None
    mask: str
    type: str
    subtype: str
    current: Decimal
    available: Decimal | None = None
    limit: Decimal | None = None
    currency: str = "USD"
    names: tuple[str, ...] = field(default=("Alberta Bobbeth Charleson",), repr=False)
    liability_kind: str | None = None
    liability: Json = field(default_factory=dict)

    def told(self) -> Json:
        """Return it as /accounts/get has it."""
        return {
            "account_id": self.account_id,
            "balances": {
                "available": self.available,
                "current": self.current,
                "limit": self.limit,
                "iso_currency_code": self.currency,
                "unofficial_currency_code": None,
            },
            "mask": self.mask,
            "name": self.name,
            "official_name": self.official_name,
            "type": self.type,
            "subtype": self.subtype,
            "holder_category": "personal",
        }

    def owned(self) -> Json:
        """Return it as /identity/get has it."""
        place = {
            "street": "2992 Cameron Road",
            "city": "Malakoff",
            "region": "NY",
            "postal_code": "14236",
            "country": "US",
        }
        owner = {
            "names": list(self.names),
            "phone_numbers": [{"data": "1112223333", "primary": True, "type": "home"}],
            "emails": [{"data": "accountholder@example.test", "primary": True, "type": "primary"}],
            "addresses": [{"data": place, "primary": True}],
        }
        return {**self.told(), "owners": [owner]}


def card_terms(apr: str, minimum: str, statement: str) -> Json:
    """Return what is owed on a card."""
    return {
        "aprs": [
            {
                "apr_percentage": Decimal(apr),
                "apr_type": "purchase_apr",
                "balance_subject_to_apr": Decimal(statement),
                "interest_charge_amount": None,
            }
        ],
        "is_overdue": False,
        "last_payment_amount": Decimal("250.00"),
        "last_payment_date": None,
        "last_statement_issue_date": None,
        "last_statement_balance": Decimal(statement),
        "minimum_payment_amount": Decimal(minimum),
        "next_payment_due_date": None,
    }


def mortgage_terms() -> Json:
    """Return what is owed on a mortgage."""
    names = ("city", "country", "postal_code", "region", "street")
    return {
        "account_number": "3120194154",
        "current_late_fee": Decimal("25.00"),
        "escrow_balance": Decimal("3141.54"),
        "has_pmi": True,
        "has_prepayment_penalty": True,
        "interest_rate": {"percentage": Decimal("3.99"), "type": "fixed"},
        "last_payment_amount": Decimal("1241.54"),
        "last_payment_date": None,
        "loan_type_description": "conventional",
        "loan_term": "30 year",
        "maturity_date": "2045-07-31",
        "next_monthly_payment": Decimal("1241.54"),
        "next_payment_due_date": None,
        "origination_date": "2015-08-01",
        "origination_principal_amount": Decimal(225000),
        "past_due_amount": Decimal("304.00"),
        "property_address": dict.fromkeys(names),
        "ytd_interest_paid": Decimal("2300.40"),
        "ytd_principal_paid": Decimal("4340.50"),
    }


def student_terms() -> Json:
    """Return what is owed on a student loan."""
    names = ("city", "region", "street", "postal_code", "country")
    empty = (
        "disbursement_dates",
        "expected_payoff_date",
        "guarantor",
        "last_payment_date",
        "last_statement_issue_date",
        "next_payment_due_date",
        "origination_date",
        "outstanding_interest_amount",
        "payment_reference_number",
        "sequence_number",
        "ytd_interest_paid",
        "ytd_principal_paid",
    )
    return {
        **dict.fromkeys(empty),
        "account_number": "4277075694",
        "interest_rate_percentage": Decimal("5.25"),
        "is_overdue": False,
        "last_payment_amount": Decimal("138.05"),
        "last_statement_balance": Decimal("1708.77"),
        "loan_name": "Consolidation",
        "loan_status": {"end_date": "2032-07-28", "type": "repayment"},
        "minimum_payment_amount": Decimal("138.05"),
        "origination_principal_amount": Decimal(25000),
        "pslf_status": dict.fromkeys(
            ("estimated_eligibility_date", "payments_made", "payments_remaining")
        ),
        "repayment_plan": {"description": "Standard Repayment", "type": "standard"},
        "servicer_address": dict.fromkeys(names),
    }
