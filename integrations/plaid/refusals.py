"""Plaid's own errors: which may be repeated, which are the consumer's to mend, which are final.

Plaid names an error by `error_type` and `error_code` in an envelope and asks clients to branch on
the code alone; its messages are not stable and may name people, so none is read. The table of
docs/banking.md is this one. A code that is not known is judged by its type, and by the HTTP status
where the type is not known either.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    FieldFault,
    GatewayError,
    InvalidInput,
    UpstreamUnavailable,
)
from integrations.exchange import Judge
from integrations.upstream import AttemptFailed
from integrations.verdicts import Verdict

VENDOR = "plaid"
_CODE = re.compile(r"[A-Z0-9_]{1,80}")
_SERVER_FAILED = 500


class NotReady(UpstreamUnavailable):
    """Plaid has not yet gathered what was asked for."""


class DataChanged(UpstreamUnavailable):
    """Transactions changed between two pages: all pages are to be read again."""


class NoSuchAccounts(UpstreamUnavailable):
    """The item has no accounts of the kind, or its bank does not offer the product."""


class NoSuchKey(UpstreamUnavailable):
    """Plaid has no verification key of that name."""


class SecretRefused(AttemptFailed):
    """Plaid does not take the client id and secret; nothing was moved."""


_SIGN_IN = (
    "ACCESS_NOT_GRANTED",
    "INSUFFICIENT_CREDENTIALS",
    "INVALID_CREDENTIALS",
    "INVALID_MFA",
    "INVALID_SEND_METHOD",
    "INVALID_UPDATED_USERNAME",
    "ITEM_LOCKED",
    "ITEM_LOGIN_REQUIRED",
    "MFA_NOT_SUPPORTED",
    "PASSWORD_RESET_REQUIRED",
    "PENDING_DISCONNECT",
    "PENDING_EXPIRATION",
    "USER_INPUT_TIMEOUT",
    "USER_SETUP_REQUIRED",
)
_GONE = (
    "INVALID_ACCESS_TOKEN",
    "ITEM_CONCURRENTLY_DELETED",
    "ITEM_NOT_FOUND",
    "USER_ACCOUNT_REVOKED",
    "USER_PERMISSION_REVOKED",
)
_NO_SUCH_ACCOUNTS = (
    "NO_ACCOUNTS",
    "NO_LIABILITY_ACCOUNTS",
    "PRODUCTS_NOT_SUPPORTED",
    "PRODUCT_NOT_SUPPORTED",
)
_SECRET = ("INVALID_API_KEYS", "UNAUTHORIZED_ENVIRONMENT")


def no_public_token() -> InvalidInput:
    """Return what is said of a public token that cannot be exchanged."""
    return InvalidInput(
        [
            FieldFault(
                path="input.publicToken",
                code="INVALID",
                message="Link's token is used, expired (30 minutes) or none. Open Link again.",
            )
        ]
    )


_BY_CODE: Mapping[str, Callable[[], GatewayError]] = {
    **dict.fromkeys(_SIGN_IN, BankLoginRequired),
    **dict.fromkeys(_GONE, BankLinkGone),
    **dict.fromkeys(
        _NO_SUCH_ACCOUNTS,
        lambda: NoSuchAccounts(
            "The bank link has no accounts of this kind.",
            vendor=VENDOR,
            retryable=False,
            may_have_acted=False,
        ),
    ),
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": lambda: DataChanged(
        "The bank's data keep changing while they are read. Repeat in a few minutes.",
        vendor=VENDOR,
        retryable=True,
        may_have_acted=False,
    ),
    "INVALID_WEBHOOK_VERIFICATION_KEY_ID": lambda: NoSuchKey(
        "The vendor has no such key.", vendor=VENDOR, retryable=False, may_have_acted=False
    ),
    "INVALID_PUBLIC_TOKEN": no_public_token,
}

_TRY_AGAIN = Verdict(
    error=UpstreamUnavailable,
    message="The vendor failed.",
    may_have_acted=False,
    repeat=True,
    retryable=True,
    counts=True,
)
# A bank's trouble, and asking too often, say nothing about whether Plaid itself is there.
_BANK = replace(_TRY_AGAIN, message="The bank does not answer the vendor now.", counts=False)
_TOO_OFTEN = replace(_TRY_AGAIN, message="The vendor is asked too often.", counts=False)
_NOT_READY = replace(
    _TRY_AGAIN,
    error=NotReady,
    message="The vendor is still gathering the bank's data. Repeat in a few minutes.",
    counts=False,
)
_REFUSED = Verdict(
    error=UpstreamUnavailable, message="The vendor refused the request.", may_have_acted=False
)
_SETUP = replace(
    _REFUSED, message="The connection to the vendor is not set up rightly. Tell the operator."
)

_VERDICTS_BY_CODE: Mapping[str, Verdict] = {
    "PRODUCT_NOT_READY": _NOT_READY,
    "ADDITIONAL_CONSENT_REQUIRED": replace(
        _REFUSED, message="The consumer has not agreed in Link to show this."
    ),
    "INSTITUTION_NO_LONGER_SUPPORTED": replace(
        _REFUSED, message="The vendor does not reach this bank any more."
    ),
    "PRODUCT_NOT_ENABLED": _SETUP,
    "SANDBOX_PRODUCT_NOT_ENABLED": _SETUP,
    "INVALID_PRODUCT": _SETUP,
}
_VERDICTS_BY_TYPE: Mapping[str, Verdict] = {
    "RATE_LIMIT_EXCEEDED": _TOO_OFTEN,
    "API_ERROR": _TRY_AGAIN,
    "INSTITUTION_ERROR": _BANK,
    "ITEM_ERROR": _REFUSED,
    "INVALID_REQUEST": _REFUSED,
    "INVALID_INPUT": _REFUSED,
}
_ONLY_READ = frozenset({"API_ERROR", "INSTITUTION_ERROR"})


class _Envelope(msgspec.Struct):
    error_type: str
    error_code: str


def judging(*, once: bool) -> Judge:
    """Return what judges refusals. once: of a call that must not happen twice."""

    def judge(status: int, body: bytes) -> AttemptFailed | GatewayError | None:
        named = read_envelope(body)
        return None if named is None else refusal(*named, status=status, once=once)

    return judge


def read_envelope(body: bytes) -> tuple[str, str] | None:
    """Return type and code of an error, None where the body is no envelope of Plaid's."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not _CODE.fullmatch(envelope.error_type) or not _CODE.fullmatch(envelope.error_code):
        return None
    return envelope.error_type, envelope.error_code


def refusal(
    error_type: str, error_code: str, *, status: int, once: bool
) -> AttemptFailed | GatewayError | None:
    """Return what an error means: one to raise at once, or the end of an attempt. None: unknown."""
    if error_code in _SECRET:
        return SecretRefused(status, detail=error_code, verdict=_named(_SETUP, error_code))
    final = _BY_CODE.get(error_code)
    if final is not None:
        return final()
    verdict = _VERDICTS_BY_CODE.get(error_code) or _VERDICTS_BY_TYPE.get(error_type)
    if verdict is None:
        if status >= _SERVER_FAILED:
            return None
        verdict = _REFUSED
    if once and error_type in _ONLY_READ:
        verdict = replace(verdict, repeat=False, retryable=False, may_have_acted=True)
    return AttemptFailed(status, detail=error_code, verdict=_named(verdict, error_code))


def _named(verdict: Verdict, error_code: str) -> Verdict:
    """Return the verdict with Plaid's code in its words: it is what an operator looks up."""
    return replace(verdict, message=f"{verdict.message} ({error_code})")
