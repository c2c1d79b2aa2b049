"""What each endpoint about items answers, in Plaid's form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from integrations.plaid.simulator.accounts import Json
from integrations.plaid.simulator.faults import (
    CHANGED,
    NO_LIABILITIES,
    NOT_READY,
    Refused,
    bad_field,
    refused,
)
from integrations.plaid.simulator.items import INSTITUTIONS, Change, Item
from integrations.plaid.simulator.transactions import HOUSEHOLD, transaction

COUNT_DEFAULT, COUNT_MAX = 100, 500
_PRODUCTS = ["identity", "liabilities", "transactions"]
_LIABILITIES: Mapping[str, str] = {"credit": "credit", "mortgage": "mortgage", "student": "student"}
# How often user_not_ready is asked for transactions before they are there, and all there.
_READY_AFTER, _COMPLETE_AFTER = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request about an item; body: as it came; at: now."""

    item: Item
    body: Json
    at: datetime


def item_of(item: Item) -> Json:
    """Return an item as many answers have it."""
    error: Json | None = None
    if item.error is not None:
        error = item.error.envelope("")
        del error["request_id"]
    return {
        "item_id": item.item_id,
        "institution_id": item.institution_id,
        "institution_name": INSTITUTIONS[item.institution_id],
        "webhook": item.webhook or "",
        "auth_method": None,
        "error": error,
        "available_products": ["balance"],
        "billed_products": _PRODUCTS,
        "products": _PRODUCTS,
        "consent_expiration_time": None,
        "update_type": "background",
    }


def item_answer(asked: Asked) -> Json:
    """Answer /item/get."""
    moment = asked.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "item": {**item_of(asked.item), "created_at": moment},
        "status": {
            "transactions": {"last_successful_update": moment, "last_failed_update": None},
            "last_webhook": None,
        },
    }


def accounts_answer(asked: Asked) -> Json:
    """Answer /accounts/get and /accounts/balance/get."""
    accounts = asked.item.world.accounts
    if not accounts:
        raise refused("ITEM_ERROR", "NO_ACCOUNTS", "there are no accounts")
    return {
        "accounts": [account.told() for account in accounts],
        "item": item_of(asked.item),
    }


def identity_answer(asked: Asked) -> Json:
    """Answer /identity/get."""
    accounts = [account.owned() for account in asked.item.world.accounts]
    return {"accounts": accounts, "item": item_of(asked.item)}


def liabilities_answer(asked: Asked) -> Json:
    """Answer /liabilities/get."""
    owing = [one for one in asked.item.world.accounts if one.liability_kind is not None]
    if not owing:
        raise Refused(NO_LIABILITIES)
    told: dict[str, list[Json]] = {}
    for account in owing:
        kind = _LIABILITIES[str(account.liability_kind)]
        told.setdefault(kind, []).append({"account_id": account.account_id, **account.liability})
    return {
        "accounts": [account.told() for account in owing],
        "item": item_of(asked.item),
        "liabilities": {kind: told.get(kind) for kind in _LIABILITIES},
    }


def recurring_answer(asked: Asked) -> Json:
    """Answer /transactions/recurring/get."""
    if asked.item.user == "user_not_ready" and _times(asked.item, "recurring") <= 1:
        raise Refused(NOT_READY)
    world = asked.item.world
    return {
        "inflow_streams": world.inflows,
        "outflow_streams": world.outflows,
        "updated_datetime": asked.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "personal_finance_category_version": "v1",
    }


def sync_answer(asked: Asked) -> Json:
    """Answer /transactions/sync."""
    item = asked.item
    count, cursor = asked.body.get("count", COUNT_DEFAULT), asked.body.get("cursor")
    if not isinstance(count, int) or not 1 <= count <= COUNT_MAX:
        raise bad_field(f"count must be between 1 and {COUNT_MAX}")
    if cursor is not None and not isinstance(cursor, str):
        raise bad_field("cursor must be a string")
    status = "HISTORICAL_UPDATE_COMPLETE"
    if item.user == "user_not_ready":
        times = _times(item, "sync")
        if times <= _READY_AFTER:
            return _sync_page(item, "NOT_READY", [], "", more=False)
        if times <= _COMPLETE_AFTER:
            status = "INITIAL_UPDATE_COMPLETE"
    if item.user == "user_stuck_cursor" and not item.walks_from_nothing(cursor):
        raise Refused(CHANGED)
    changes, following, more = item.page(cursor, count)
    if more:
        _disturb(asked)
    return _sync_page(item, status, changes, following, more=more)


def _sync_page(item: Item, status: str, changes: list[Change], cursor: str, *, more: bool) -> Json:
    def of(kind: str) -> list[Json]:
        return [change.transaction for change in changes if change.kind == kind]

    return {
        "transactions_update_status": status,
        "accounts": [account.told() for account in item.world.accounts],
        "added": of("added"),
        "modified": of("modified"),
        "removed": [
            {"transaction_id": one["transaction_id"], "account_id": one["account_id"]}
            for one in of("removed")
        ],
        "next_cursor": cursor,
        "has_more": more,
    }


def _disturb(asked: Asked) -> None:
    """Let something happen at the bank before the next page, for the users who want that."""
    item = asked.item
    once = item.user == "user_mutating" and not item.mutated
    if once or item.user == "user_never_settles":
        item.mutated = True
        account = item.world.accounts[0].account_id
        item.add(transaction(HOUSEHOLD[0], account, asked.at.date(), salt=f"late {len(item.log)}"))


def _times(item: Item, what: str) -> int:
    item.asked[what] = item.asked.get(what, 0) + 1
    return item.asked[what]


ANSWERS: Mapping[str, Callable[[Asked], Json]] = {
    "/item/get": item_answer,
    "/accounts/get": accounts_answer,
    "/accounts/balance/get": accounts_answer,
    "/identity/get": identity_answer,
    "/liabilities/get": liabilities_answer,
    "/transactions/recurring/get": recurring_answer,
    "/transactions/sync": sync_answer,
}
"""By endpoint; each raises Refused."""
