"""Errors in Plaid's envelope, and the users who meet them."""

from collections.abc import Mapping
from dataclasses import dataclass

OK = 200
_INVALID_FIELD = "INVALID_FIELD"


@dataclass(frozen=True, slots=True)
class Fault(Exception):
    """An error to answer with."""

    error_type: str
    error_code: str
    message: str
    status: int = 400

    def envelope(self, request_id: str) -> dict[str, object]:
        """Return the body of the answer."""
        return {
            "error_type": self.error_type,
            "error_code": self.error_code,
            "error_message": self.message,
            "display_message": None,
            "request_id": request_id,
            "suggested_action": None,
        }


class Refused(Exception):
    """A request is answered with a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.error_code)
        self.fault = fault


def refused(error_type: str, code: str, message: str) -> Refused:
    """Return what to raise for a fault of that type."""
    return Refused(Fault(error_type, code, message))


def bad_field(message: str) -> Refused:
    """Return what to raise for a field that is not as it should be."""
    return refused("INVALID_REQUEST", _INVALID_FIELD, message)


LOGIN_REQUIRED = Fault(
    "ITEM_ERROR",
    "ITEM_LOGIN_REQUIRED",
    "the login details of this item have changed (credentials, MFA, or required user action) and a "
    "user login is required to update this information. use Link's update mode to restore the item "
    "to a good state",
)
NO_ACCESS_TOKEN = Fault(
    "INVALID_INPUT",
    "INVALID_ACCESS_TOKEN",
    "could not find matching access token, it may have been removed",
)
CHANGED = Fault(
    "TRANSACTIONS_ERROR",
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
    "Underlying transaction data changed since last page was fetched. "
    "Please restart pagination from last update.",
)
NOT_READY = Fault("ITEM_ERROR", "PRODUCT_NOT_READY", "the requested product is not yet ready")
NO_LIABILITIES = Fault("ITEM_ERROR", "NO_LIABILITY_ACCOUNTS", "there are no liability accounts")
INTERNAL = Fault("API_ERROR", "INTERNAL_SERVER_ERROR", "an unexpected error occurred", 500)

# What every read of an item of these users is answered with.
BY_USER: Mapping[str, Fault] = {
    "user_locked": Fault("ITEM_ERROR", "ITEM_LOCKED", "the account is locked"),
    "user_revoked": Fault("ITEM_ERROR", "ITEM_NOT_FOUND", "the item cannot be found"),
    "user_rate_limited": Fault(
        "RATE_LIMIT_EXCEEDED",
        "ACCOUNTS_LIMIT",
        "rate limit exceeded for attempts to access this item. please try again later",
        429,
    ),
    "user_bank_down": Fault(
        "INSTITUTION_ERROR", "INSTITUTION_DOWN", "this institution is not responding"
    ),
    "user_failing": INTERNAL,
}
# Errors of signing in, as force_error of user_custom names them.
FORCED: Mapping[str, str] = {
    "INSTITUTION_DOWN": "INSTITUTION_ERROR",
    "INSTITUTION_NOT_AVAILABLE": "INSTITUTION_ERROR",
    "INSTITUTION_NOT_RESPONDING": "INSTITUTION_ERROR",
    "INVALID_CREDENTIALS": "ITEM_ERROR",
    "INVALID_MFA": "ITEM_ERROR",
    "ITEM_LOCKED": "ITEM_ERROR",
    "ITEM_LOGIN_REQUIRED": "ITEM_ERROR",
    "ITEM_NOT_SUPPORTED": "ITEM_ERROR",
    "MFA_NOT_SUPPORTED": "ITEM_ERROR",
    "NO_ACCOUNTS": "ITEM_ERROR",
}
USERS: Mapping[str, str] = {
    "user_good": "a household: checking, savings, card, student loan, mortgage",
    "user_transactions_dynamic": "the same, and takes /sandbox/transactions/create",
    "user_large": "10 accounts and 15,000 transactions in 24 months",
    "user_custom": "accounts as the password says, in Plaid's JSON (override_accounts)",
    "user_login_required": "has to sign in again (update mode mends it)",
    "user_locked": "is locked out at the bank",
    "user_revoked": "has taken the link back",
    "user_not_ready": "transactions come in three steps",
    "user_mutating": "transactions change once between two pages",
    "user_stuck_cursor": "every sync from a cursor is refused between two pages",
    "user_never_settles": "transactions change between all pages",
    "user_no_liabilities": "owes nothing",
    "user_rate_limited": "is asked about too often",
    "user_bank_down": "has a bank that does not answer",
    "user_failing": "makes Plaid fail",
    "user_timeout": "is never answered about",
    "user_slow": "is answered about slowly",
    "user_garbage": "is answered about with a web page",
    "user_truncated": "is answered about with half an answer",
}
