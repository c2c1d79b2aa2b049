"""Plaid's JSON and the domain's values: strict in what is used, blind to what is not.

Money never passes through a float: its digits are read as they stand in the bytes.
"""

from integrations.plaid.wire.accounts import read_accounts, read_liabilities, read_owners
from integrations.plaid.wire.items import (
    read_acknowledgement,
    read_exchange,
    read_item,
    read_link_token,
)
from integrations.plaid.wire.transactions import SyncPage, read_streams, read_sync_page
from integrations.plaid.wire.values import Unusable
from integrations.plaid.wire.verification import VerificationKey, read_key, read_webhook

__all__ = [
    "SyncPage",
    "Unusable",
    "VerificationKey",
    "read_accounts",
    "read_acknowledgement",
    "read_exchange",
    "read_item",
    "read_key",
    "read_liabilities",
    "read_link_token",
    "read_owners",
    "read_streams",
    "read_sync_page",
    "read_webhook",
]
