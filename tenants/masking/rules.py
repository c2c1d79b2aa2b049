"""What masking does with every field of every record; a field that is not in the table fails.

A field that nobody has decided about cannot be copied into an environment with fewer safeguards, so
there is no default.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, get_args, get_type_hints

from domain.access import AccessGrant
from domain.actors import Actor, PrincipalKind
from domain.agencies import Staff
from domain.applications import (
    Application,
    Assignment,
    Debt,
    Expense,
    Income,
    Note,
    compute_totals,
)
from domain.consents import Consent
from domain.consumers import Address, Consumer, PersonName
from domain.credit import (
    CreditFile,
    CreditInquiry,
    CreditReport,
    CreditScore,
    CreditSummary,
    PublicRecord,
    ScoreFactor,
    Tradeline,
    summarize,
)
from domain.documents import Document
from domain.invitations import Invitation
from domain.money import monthly
from domain.retention import LegalHold
from domain.settings import AgencySettings, CreditorPolicy
from tenants.masking.bank_rules import BANK_TREATMENTS
from tenants.masking.plans import PLAN_DERIVATIONS, PLAN_TREATMENTS
from tenants.masking.treatments import Treatment

_T = Treatment
DROPPED_TEXT = "(left out)"
"""What stands for a text that a record cannot be without."""

_TRADELINE = {
    **dict.fromkeys(("creditor", "original_creditor", "portfolio", "account_type"), _T.KEEP),
    **dict.fromkeys(("ecoa", "rating", "late30", "late60", "late90", "months_reviewed"), _T.KEEP),
    **dict.fromkeys(("payment_pattern", "remarks", "industry_code"), _T.KEEP),
    **dict.fromkeys(("opened_on", "closed_on", "paid_out_on", "reported_on"), _T.SHIFT),
    **dict.fromkeys(("balance", "high_credit", "credit_limit", "past_due"), _T.NOISE),
    "monthly_payment": _T.NOISE,
    "account_last4": _T.ACCOUNT,
    "source_key": _T.ACCOUNT,
}

TREATMENTS: Mapping[type[Any], Mapping[str, Treatment]] = {
    Actor: {"id": _T.SUBJECT, "kind": _T.KEEP, "display_name": _T.WORDS},
    Staff: {
        "id": _T.ID,
        "subject": _T.SUBJECT,
        "display_name": _T.WORDS,
        "email": _T.EMAIL,
        "group": _T.KEEP,
        "active": _T.KEEP,
    },
    PersonName: {
        "given": _T.WORDS,
        "middle": _T.WORDS,
        "family": _T.WORDS,
        "suffix": _T.DROP,
    },
    Address: {
        "line1": _T.WORDS,
        "line2": _T.WORDS,
        "city": _T.WORDS,
        "state": _T.KEEP,
        "postal_code": _T.POSTAL_CODE,
    },
    Consumer: {
        "id": _T.ID,
        "version": _T.ANEW,
        "created_at": _T.SHIFT,
        "updated_at": _T.SHIFT,
        "subject": _T.SUBJECT,
        "name": _T.PARTS,
        "email": _T.EMAIL,
        "phone": _T.PHONE,
        "date_of_birth": _T.SHIFT,
        "address": _T.PARTS,
        "ssn": _T.SSN,
    },
    Income: {
        "id": _T.ID,
        "source": _T.KEEP,
        "description": _T.DROP,
        "gross": _T.NOISE,
        "net": _T.NOISE,
        "frequency": _T.KEEP,
        "monthly": _T.DERIVED,
        "verified_by": _T.KEEP,
    },
    Expense: {
        "id": _T.ID,
        "category": _T.KEEP,
        "description": _T.DROP,
        "amount": _T.NOISE,
        "frequency": _T.KEEP,
        "monthly": _T.DERIVED,
        "verified_by": _T.KEEP,
    },
    Debt: {
        "id": _T.ID,
        "creditor": _T.CREDITOR,
        "kind": _T.KEEP,
        "account_last4": _T.ACCOUNT,
        "balance": _T.NOISE,
        "apr": _T.RATE,
        "minimum_payment": _T.NOISE,
        "past_due": _T.NOISE,
        "source": _T.KEEP,
        "eligible_for_plan": _T.KEEP,
        "source_key": _T.ACCOUNT,
    },
    Assignment: {"counselor": _T.PARTS, "grant_id": _T.ID, "expires_at": _T.SHIFT},
    Application: {
        "id": _T.ID,
        "version": _T.ANEW,
        "consumer_id": _T.ID,
        "status": _T.KEEP,
        "state": _T.KEEP,
        "household_size": _T.KEEP,
        "hardship_reason": _T.DROP,
        "created_at": _T.SHIFT,
        "updated_at": _T.SHIFT,
        "submitted_at": _T.SHIFT,
        "assignment": _T.PARTS,
        "incomes": _T.PARTS,
        "expenses": _T.PARTS,
        "debts": _T.PARTS,
        "totals": _T.DERIVED,
        "status_reason": _T.DROP,
    },
    Note: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "text": _T.DROP,
        "author": _T.PARTS,
        "created_at": _T.SHIFT,
    },
    Consent: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "purpose": _T.KEEP,
        "text_version": _T.KEEP,
        "text_sha256": _T.KEEP,
        "given_by": _T.PARTS,
        "given_at": _T.SHIFT,
        "expires_at": _T.SHIFT,
        "used_at": _T.SHIFT,
        "source_ip": _T.DROP,
        "ssn_index": _T.BLIND,
    },
    ScoreFactor: {"rank": _T.KEEP, "code": _T.KEEP},
    CreditScore: {"model": _T.KEEP, "value": _T.SCORE, "factors": _T.PARTS},
    Tradeline: _TRADELINE,
    CreditInquiry: {"subscriber": _T.KEEP, "date": _T.SHIFT},
    PublicRecord: {
        "kind": _T.KEEP,
        "filed_on": _T.SHIFT,
        "docket": _T.ACCOUNT,
        "liabilities": _T.NOISE,
    },
    CreditFile: {
        "hit": _T.KEEP,
        "summary": _T.DERIVED,
        "score": _T.PARTS,
        "tradelines": _T.PARTS,
        "collections": _T.PARTS,
        "inquiries": _T.PARTS,
        "public_records": _T.PARTS,
        "alerts": _T.KEEP,
    },
    CreditReport: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "bureau": _T.KEEP,
        "kind": _T.KEEP,
        "pulled_at": _T.SHIFT,
        "consent_id": _T.ID,
        "file": _T.PARTS,
        "raw": _T.DROP,
    },
    AccessGrant: {
        "id": _T.ID,
        "version": _T.ANEW,
        "grantee": _T.PARTS,
        "scope": _T.KEEP,
        "subject": _T.ID,
        "reason": _T.DROP,
        "requested_at": _T.SHIFT,
        "minutes": _T.KEEP,
        "renewable_until": _T.SHIFT,
        "approved_by": _T.PARTS,
        "approved_at": _T.SHIFT,
        "expires_at": _T.SHIFT,
        "revoked_at": _T.SHIFT,
    },
    **BANK_TREATMENTS,
    **PLAN_TREATMENTS,
    LegalHold: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "reason": _T.DROP,
        "placed_by": _T.PARTS,
        "placed_at": _T.SHIFT,
    },
    Document: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        **dict.fromkeys(("kind", "media_type", "bytes_announced", "status", "rejection"), _T.KEEP),
        "file_name": _T.DROP,
        "created_at": _T.SHIFT,
        "uploaded_at": _T.SHIFT,
        "file": _T.DROP,
    },
    Invitation: {
        "id": _T.ID,
        "version": _T.ANEW,
        "consumer_id": _T.ID,
        "code_index": _T.BLIND,
        "made_by": _T.PARTS,
        "made_at": _T.SHIFT,
        "expires_at": _T.SHIFT,
        "failures": _T.KEEP,
        "used_at": _T.SHIFT,
        "ended_at": _T.SHIFT,
    },
    # About nobody; what creditors concede is told to the agency in confidence.
    CreditorPolicy: {
        "creditor": _T.CREDITOR,
        "participation": _T.KEEP,
        "apr": _T.RATE,
        "payment_rate": _T.RATE,
        "payment_floor": _T.NOISE,
    },
    AgencySettings: {
        "id": _T.ID,
        "version": _T.ANEW,
        **dict.fromkeys(("number", "effective_from", "cushion", "setup_fee"), _T.KEEP),
        **dict.fromkeys(("standard_payment_rate", "hardship_payment_rate"), _T.KEEP),
        **dict.fromkeys(("monthly_fee_per_creditor", "monthly_fee_max"), _T.KEEP),
        **dict.fromkeys(("grant_days", "retention_years"), _T.KEEP),
        "creditor_policies": _T.PARTS,
    },
}


def _file_derived(file: CreditFile) -> CreditFile:
    if file.summary is None:
        return file
    summary: CreditSummary = summarize(
        file.tradelines,
        inquiry_count=file.summary.inquiry_count,
        collection_count=file.summary.collection_count,
        public_record_count=file.summary.public_record_count,
    )
    return replace(file, summary=summary)


DERIVATIONS: Mapping[type[Any], Callable[[Any], Any]] = {
    Income: lambda line: replace(line, monthly=monthly(line.net, line.frequency)),
    Expense: lambda line: replace(line, monthly=monthly(line.amount, line.frequency)),
    Application: lambda application: replace(
        application,
        totals=compute_totals(application.incomes, application.expenses, application.debts),
    ),
    CreditFile: _file_derived,
    **PLAN_DERIVATIONS,
}
"""How what is DERIVED comes about, once the other fields of its record are masked."""


class Undecided(LookupError):
    """A record has a field that the table says nothing about; it is not copied."""


def treatments_of(record: Any) -> Mapping[str, Treatment]:
    """Return what becomes of each field of a record; raises Undecided where a field is missing."""
    return _table_of(type(record))  # type: ignore[arg-type]  # a class does hash


@cache
def _table_of(record_type: type[Any]) -> Mapping[str, Treatment]:
    missing = list(undecided([record_type]))
    if missing:
        raise Undecided(f"masking knows nothing of {', '.join(missing)}")
    return TREATMENTS[record_type]


@cache
def optional_fields(record_type: type[Any]) -> frozenset[str]:
    """Return the names of the fields that may be None."""
    hints = get_type_hints(record_type)
    return frozenset(name for name, hint in hints.items() if type(None) in get_args(hint))


def person_in(record: Any, person: str) -> str:
    """Return whose values a record holds: staff have their own, whoever's record names them."""
    if isinstance(record, Staff):
        return record.subject
    if isinstance(record, Actor) and record.kind is not PrincipalKind.CONSUMER:
        return record.id
    return person


def undecided(record_types: list[type[Any]]) -> Iterator[str]:
    """Yield `Record.field` of all that the table says nothing about, or says too much about."""
    for record_type in parts_of(record_types):
        table = TREATMENTS.get(record_type, {})
        names = {field.name for field in fields(record_type)}
        for name in sorted(names ^ table.keys()):
            yield f"{record_type.__name__}.{name}"
        if _T.DERIVED in table.values() and record_type not in DERIVATIONS:
            yield f"{record_type.__name__} (how it is derived)"


def parts_of(record_types: list[type[Any]]) -> list[type[Any]]:
    """Return the record classes with all those that they are made of, but what is derived anew."""
    found: list[type[Any]] = []
    waiting = list(record_types)
    while waiting:
        record_type = waiting.pop()
        if record_type in found:
            continue
        found.append(record_type)
        table = TREATMENTS.get(record_type, {})
        hints = get_type_hints(record_type)
        waiting += [
            part
            for field in fields(record_type)
            if table.get(field.name) not in (_T.DERIVED, _T.DROP, _T.NONE_OF_THEM)
            for part in _records_in(hints[field.name])
        ]
    return found


def _records_in(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for argument in get_args(hint):
        yield from _records_in(argument)
