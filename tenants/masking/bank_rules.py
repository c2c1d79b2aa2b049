"""What masking does with bank data; part of the table in rules.py."""

from collections.abc import Mapping
from typing import Any

from domain.bank_connections import BankAccount, BankConnection, BankFindings, BankMonth, BankSync
from tenants.masking.treatments import Treatment

_T = Treatment

BANK_TREATMENTS: Mapping[type[Any], Mapping[str, Treatment]] = {
    BankAccount: {
        "id": _T.ID,
        "connection_id": _T.ID,
        "source_id": _T.ACCOUNT,
        "name": _T.WORDS,
        "official_name": _T.DROP,
        "mask": _T.ACCOUNT,
        "type": _T.KEEP,
        "subtype": _T.KEEP,
        "current": _T.NOISE,
        "available": _T.NOISE,
        "limit": _T.NOISE,
        "currency": _T.KEEP,
    },
    BankConnection: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "consumer_id": _T.ID,
        "consent_id": _T.ID,
        "vendor": _T.KEEP,
        "item_id": _T.ACCOUNT,
        "institution_id": _T.DROP,
        "institution": _T.WORDS,
        "status": _T.KEEP,
        "status_at": _T.SHIFT,
        "connected_at": _T.SHIFT,
        "last_synced_at": _T.SHIFT,
        "sync_progress": _T.DROP,
        "has_new_accounts": _T.KEEP,
        "ends_at": _T.SHIFT,
        "access_token": _T.DROP,
        "accounts": _T.PARTS,
    },
    # What is bought where and when tells somebody apart whatever is done to it: no transaction, and
    # nothing that is derived from any, goes into a copy.
    BankSync: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "connection_id": _T.ID,
        "generation": _T.KEEP,
        "cursor": _T.DROP,
        "complete": _T.KEEP,
        "months": _T.NONE_OF_THEM,
        "loose": _T.NONE_OF_THEM,
        "lease": _T.DROP,
        "wanted_at": _T.DROP,
        "failures": _T.KEEP,
    },
    BankMonth: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "connection_id": _T.ID,
        "account_id": _T.ID,
        "month": _T.DROP,
        "part": _T.KEEP,
        "generation": _T.KEEP,
        "transactions": _T.NONE_OF_THEM,
    },
    BankFindings: {
        "id": _T.ID,
        "version": _T.ANEW,
        "application_id": _T.ID,
        "connection_id": _T.ID,
        "found_at": _T.SHIFT,
        "streams": _T.NONE_OF_THEM,
        "liabilities": _T.NONE_OF_THEM,
    },
}
