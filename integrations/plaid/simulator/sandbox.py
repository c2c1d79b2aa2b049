"""The endpoints that only a sandbox has."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NoReturn

import msgspec

from integrations.plaid.simulator.account import SimulatorAccount
from integrations.plaid.simulator.accounts import Json
from integrations.plaid.simulator.faults import LOGIN_REQUIRED, bad_field, refused
from integrations.plaid.simulator.items import Item, Memory
from integrations.plaid.simulator.webhooks import Webhooks
from integrations.plaid.simulator.worlds import created

CUSTOM, DYNAMIC, GOOD = "user_custom", "user_transactions_dynamic", "user_good"
GOOD_PASSWORD = "pass_good"  # noqa: S105 - published, of the sandbox
CREATED_MAX, CREATED_DAYS = 10, 14
_TYPES: Mapping[str, str] = {
    "DEFAULT_UPDATE": "TRANSACTIONS",
    "SYNC_UPDATES_AVAILABLE": "TRANSACTIONS",
    "RECURRING_TRANSACTIONS_UPDATE": "TRANSACTIONS",
    "NEW_ACCOUNTS_AVAILABLE": "ITEM",
    "LOGIN_REPAIRED": "ITEM",
    "PENDING_DISCONNECT": "ITEM",
    "USER_PERMISSION_REVOKED": "ITEM",
    "USER_ACCOUNT_REVOKED": "ITEM",
    "ERROR": "ITEM",
}


class Sandbox:
    """Makes public tokens without Link, fires webhooks, resets sign-ins, adds transactions."""

    def __init__(self, account: SimulatorAccount, memory: Memory, webhooks: Webhooks) -> None:
        self._account = account
        self._memory = memory
        self._webhooks = webhooks

    def public_token(self, body: Json) -> Json:
        """Answer /sandbox/public_token/create."""
        options = body.get("options") or {}
        if not isinstance(options, dict):
            raise bad_field("options must be an object")
        user = str(options.get("override_username", GOOD))
        password = str(options.get("override_password", GOOD_PASSWORD))
        webhook = options.get("webhook")
        token = self._memory.sign_in(
            user=user,
            institution_id=str(body["institution_id"]),
            custom=custom_of(user, password),
            webhook=webhook if isinstance(webhook, str) else None,
            at=self._account.now(),
        )
        return {"public_token": token}

    def fire_webhook(self, item: Item, body: Json) -> Json:
        """Answer /sandbox/item/fire_webhook."""
        code = str(body["webhook_code"])
        kind = body.get("webhook_type") or _TYPES.get(code)
        if kind is None or code not in _TYPES:
            raise refused(
                "SANDBOX_ERROR", "SANDBOX_WEBHOOK_INVALID", "webhook is not one that can be fired"
            )
        if item.webhook is None:
            raise bad_field("no webhook is set for this item")
        said = {"webhook_type": kind, "webhook_code": code, "item_id": item.item_id}
        return {"webhook_fired": self._webhooks.fire(item.webhook, {**said, **_details(code)})}

    def reset_login(self, item: Item) -> Json:
        """Answer /sandbox/item/reset_login, and tell of it."""
        item.error = LOGIN_REQUIRED
        error = LOGIN_REQUIRED.envelope("")
        del error["request_id"]
        told = {"webhook_type": "ITEM", "webhook_code": "ERROR", "item_id": item.item_id}
        self._webhooks.fire(item.webhook, {**told, "error": error})
        return {"reset_login": True}

    def create_transactions(self, item: Item, body: Json) -> Json:
        """Answer /sandbox/transactions/create; what was pending is posted by it."""
        if item.user != DYNAMIC:
            raise refused(
                "SANDBOX_ERROR",
                "SANDBOX_TRANSACTIONS_INVALID",
                "only items of user_transactions_dynamic take transactions",
            )
        listed = body["transactions"]
        if not isinstance(listed, list) or not listed:
            raise bad_field("transactions must be a list")
        if len(listed) > CREATED_MAX:
            raise bad_field("The request contains too many transactions.")
        account_id = item.world.accounts[0].account_id
        made = [self._created(item, account_id, one, n) for n, one in enumerate(listed)]
        waiting = [str(t["transaction_id"]) for t in item.world.transactions if t["pending"]]
        for source_id in waiting:
            item.settle(source_id)
        for one in made:
            item.add(one)
        self.tell_of_updates(item)
        return {}

    def tell_of_updates(self, item: Item) -> None:
        """Fire SYNC_UPDATES_AVAILABLE."""
        self._webhooks.fire(
            item.webhook,
            {
                "webhook_type": "TRANSACTIONS",
                "webhook_code": "SYNC_UPDATES_AVAILABLE",
                "item_id": item.item_id,
                **_details("SYNC_UPDATES_AVAILABLE"),
            },
        )

    def _created(self, item: Item, account_id: str, entry: object, number: int) -> Json:
        today = self._account.now().date()
        try:
            if not isinstance(entry, dict):
                _refuse()
            made = created(account_id, entry, f"created {len(item.log)}.{number}")
        except (KeyError, TypeError, ValueError, ArithmeticError):
            raise bad_field("a transaction is not understood") from None
        earliest = (today - timedelta(days=CREATED_DAYS)).isoformat()
        transacted, posted = str(made["authorized_date"]), str(made["date"])
        if not earliest <= transacted <= posted <= today.isoformat():
            raise bad_field(
                "Transaction and posted dates must be within the last 14 days. The posted date "
                "cannot be before the transaction date.",
            )
        return {**made, "pending": posted == today.isoformat()}


def custom_of(user: str, password: str) -> Mapping[str, object] | None:
    """Return what user_custom's password describes, None for other users.

    Raises Refused for a password that is not right.
    """
    if user == GOOD and password != GOOD_PASSWORD:
        raise refused("ITEM_ERROR", "INVALID_CREDENTIALS", "the credentials are not correct")
    if user != CUSTOM:
        return None
    try:
        config = msgspec.json.decode(password.encode(), type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        raise bad_field("user_custom wants JSON as its password") from None
    return config


def _details(code: str) -> Json:
    if code == "SYNC_UPDATES_AVAILABLE":
        return {"initial_update_complete": True, "historical_update_complete": True}
    if code == "ERROR":
        error = LOGIN_REQUIRED.envelope("")
        del error["request_id"]
        return {"error": error}
    if code == "PENDING_DISCONNECT":
        return {"reason": "INSTITUTION_TOKEN_EXPIRATION"}
    return {"error": None}


def _refuse() -> NoReturn:
    raise TypeError
