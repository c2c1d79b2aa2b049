"""Every error that Almoner raises on purpose.

GatewayError
├── Unauthenticated                 no or bad credential
│   └── AgencySuspended
├── Forbidden                       the principal may not use this field
│   └── Reauthenticate              the sign-in is too old for this field
├── NotFound                        a mutation names an object that the principal cannot see
├── InvalidInput                    all faults of an input at once
├── InvalidTransition               the application's status does not allow it
├── PlanNotPossible                 no plan pays these debts off on these terms
├── ConsentRequired                 no live, unused, matching consent
├── TooLarge                        beyond a limit of the stores
├── VersionConflict · IdempotencyMismatch · Duplicate
├── OutcomeUnknown                  an attempt was begun and its end was not seen
├── Upstream: UpstreamTimeout · UpstreamUnavailable · UpstreamInvalid
├── BankLoginRequired · BankLinkGone what the consumer has to mend at the bank, or anew
├── RateLimited · CostExceeded
├── DocumentTooComplex · MalformedRequest
├── PersistedQueryNotFound · PersistedQueryNotSupported · DocumentNotTrusted
├── DeadlineExceeded
└── StoreUnavailable

Codes are stable, documented in docs/errors.md, and never used again once retired. Anything that is
not in this tree is masked before it leaves the process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """One fault of one input field.

    path: dotted, from the argument's name (`input.debts.3.balance`).
    code: what kind of fault (`REQUIRED`, `TOO_LARGE`, `TOO_SMALL`, `TOO_LONG`, `INVALID`, …).
    message: what to do about it, without the refused value.
    """

    path: str
    code: str
    message: str


class GatewayError(Exception):
    """Base of all errors raised on purpose; `message` is safe to show to the caller."""

    code: ClassVar[str] = "INTERNAL"
    default_message: ClassVar[str] = "Something went wrong."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.default_message
        super().__init__(self.message)

    def details(self) -> Mapping[str, object]:
        """Return what a client can act on, beside the code: goes into errorInfo and extensions."""
        return {}


class Unauthenticated(GatewayError):
    """No credential, or one that does not hold; which check failed is logged, never answered."""

    code = "UNAUTHENTICATED"
    default_message = "You are not authorized to make this call."


class AgencySuspended(Unauthenticated):
    """The credential holds, and its agency is suspended."""

    code = "AGENCY_SUSPENDED"
    default_message = "This agency is suspended. Ask the operator of the platform."


class Forbidden(GatewayError):
    """The principal may not use this field."""

    code = "FORBIDDEN"
    default_message = "Not authorized."


class Reauthenticate(Forbidden):
    """The field wants a fresher sign-in; the client should sign in again and repeat."""

    code = "REAUTHENTICATE"
    default_message = "Sign in again to read this: the sign-in is too old."

    def __init__(self, message: str | None = None, *, max_age_seconds: int) -> None:
        super().__init__(message)
        self.max_age_seconds = max_age_seconds

    def details(self) -> Mapping[str, object]:
        """Return the greatest age of a sign-in that this field accepts."""
        return {"maxAgeSeconds": self.max_age_seconds}


class NotFound(GatewayError):
    """A mutation names an object that does not exist or that the principal cannot see."""

    code = "NOT_FOUND"
    default_message = "There is no such object."


class InvalidInput(GatewayError):
    """The input has faults; all of them are in `fields`."""

    code = "INVALID_INPUT"
    default_message = "The input has faults; see errorInfo.fields."

    def __init__(self, fields: Sequence[FieldFault], message: str | None = None) -> None:
        super().__init__(message)
        self.fields = tuple(fields)

    def details(self) -> Mapping[str, object]:
        """Return each fault with its path."""
        return {
            "fields": [{"path": f.path, "code": f.code, "message": f.message} for f in self.fields]
        }


class InvalidTransition(GatewayError):
    """The application's status does not allow this."""

    code = "INVALID_TRANSITION"
    default_message = "The application's status does not allow this."


class PlanNotPossible(GatewayError):
    """No plan pays these debts off on these terms; every reason is in `reasons`, with its figures.

    Creditors are named by the ids of their debts: an error goes where a name should not.
    """

    code = "PLAN_NOT_POSSIBLE"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(reason.text for reason in reasons))
        self.reasons = tuple(reasons)

    def details(self) -> Mapping[str, object]:
        """Return each reason with its code."""
        return {"reasons": [{"code": one.code, "text": one.text} for one in self.reasons]}


class ConsentRequired(GatewayError):
    """There is no live, unused consent of the right purpose."""

    code = "CONSENT_REQUIRED"
    default_message = "A live, unused consent of the matching purpose is needed. Record one first."


class TooLarge(GatewayError):
    """More than one unit or one body may hold."""

    code = "TOO_LARGE"
    default_message = "This is more than one record or one change may hold."


class VersionConflict(GatewayError):
    """Somebody else changed the object first; read it again and repeat."""

    code = "VERSION_CONFLICT"
    default_message = "The object has changed since it was read. Read it again and repeat."

    def __init__(self, message: str | None = None, *, current_version: int | None = None) -> None:
        super().__init__(message)
        self.current_version = current_version

    def details(self) -> Mapping[str, object]:
        """Return the version that the object has now, where it is known."""
        return {"currentVersion": self.current_version}


class IdempotencyMismatch(GatewayError):
    """The idempotency key was used before with another input."""

    code = "IDEMPOTENCY_MISMATCH"
    default_message = "This idempotency key was used with another input. Choose a new one."


class Duplicate(GatewayError):
    """A value that must be unique is taken."""

    code = "DUPLICATE"
    default_message = "There is one already."


class OutcomeUnknown(GatewayError):
    """An attempt under this idempotency key was begun and its end was not seen."""

    code = "OUTCOME_UNKNOWN"
    default_message = (
        "An earlier attempt with this idempotency key was begun and its outcome is not known. "
        "It is not repeated by itself."
    )


class Upstream(GatewayError):
    """Base of a vendor's troubles."""

    code = "UPSTREAM_UNAVAILABLE"

    def __init__(
        self,
        message: str | None = None,
        *,
        vendor: str,
        retryable: bool,
        may_have_acted: bool = True,
    ) -> None:
        """Take whose trouble it is; `may_have_acted` is False where nothing reached the vendor."""
        super().__init__(message)
        self.vendor = vendor
        self.retryable = retryable
        self.may_have_acted = may_have_acted

    def details(self) -> Mapping[str, object]:
        """Return whose trouble it is and whether repeating may help."""
        return {"vendor": self.vendor, "retryable": self.retryable}


class UpstreamTimeout(Upstream):
    """The vendor did not answer before the deadline."""

    code = "UPSTREAM_TIMEOUT"
    default_message = "The vendor did not answer in time."


class UpstreamUnavailable(Upstream):
    """The vendor could not be reached, refused, or failed."""

    code = "UPSTREAM_UNAVAILABLE"
    default_message = "The vendor is not available."


class UpstreamInvalid(Upstream):
    """The vendor answered what cannot be used."""

    code = "UPSTREAM_INVALID"
    default_message = "The vendor's answer could not be used."


class BankLoginRequired(GatewayError):
    """The bank wants the consumer to sign in again before it shows anything."""

    code = "BANK_LOGIN_REQUIRED"
    default_message = (
        "The bank asks for a new sign-in. Create a link token for this connection and open Link."
    )


class BankLinkGone(GatewayError):
    """The link to the bank is not there any more: revoked, removed, or never was."""

    code = "BANK_LINK_GONE"
    default_message = "The link to the bank has ended. Link the bank anew."


class RateLimited(GatewayError):
    """Too much at once."""

    code = "RATE_LIMITED"
    default_message = "Too many requests. Wait and repeat."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def details(self) -> Mapping[str, object]:
        """Return the seconds to wait."""
        return {"retryAfter": self.retry_after_seconds}


class CostExceeded(GatewayError):
    """The operation may cost more than one request is allowed; repeating it does not help."""

    code = "COST_EXCEEDED"
    default_message = "The operation costs too much. Ask for shorter pages or fewer fields."

    def details(self) -> Mapping[str, object]:
        """Return that there is nothing to wait for."""
        return {"retryAfter": None}


class DocumentTooComplex(GatewayError):
    """The GraphQL document is beyond a limit."""

    code = "DOCUMENT_TOO_COMPLEX"
    default_message = "The document is too complex."


class PersistedQueryNotFound(GatewayError):
    """A document was asked for by a hash that is not known; its text would do, if it is trusted."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    default_message = "PersistedQueryNotFound"  # the text that Apollo's clients look for


class PersistedQueryNotSupported(GatewayError):
    """A document was asked for by its hash, and here documents have no hashes."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    default_message = "PersistedQueryNotSupported"  # the text that Apollo's clients look for


class DocumentNotTrusted(GatewayError):
    """The document is none of those that the agency's clients are known to send."""

    code = "QUERY_NOT_IN_SAFELIST"
    default_message = "This document is not one of the agency's trusted documents."


class MalformedRequest(GatewayError):
    """The HTTP request is not a GraphQL request."""

    code = "MALFORMED_REQUEST"
    default_message = "Unable to parse GraphQL query."


class DeadlineExceeded(GatewayError):
    """A query took longer than a request may."""

    code = "DEADLINE_EXCEEDED"
    default_message = "Execution timed out. Ask for less at once."


class StoreUnavailable(GatewayError):
    """The agency's data cannot be read or written right now; nothing of the change was kept."""

    code = "STORE_UNAVAILABLE"
    default_message = "The agency's data is not available right now. Repeat in a moment."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def details(self) -> Mapping[str, object]:
        """Return the seconds to wait."""
        return {"retryAfter": self.retry_after_seconds}


class SubscriptionLimit(GatewayError):
    """There are as many connections or subscriptions as there may be."""

    code = "SUBSCRIPTION_LIMIT"
    default_message = "There are too many subscriptions. End some, or repeat later."


class SubscriptionExists(GatewayError):
    """A subscription of that id is running on the connection already."""

    code = "SUBSCRIPTION_EXISTS"
    default_message = "There is a subscription of that id already. Give each one an id of its own."


class SlowSubscriber(GatewayError):
    """What a client is to be told comes faster than it reads."""

    code = "SLOW_SUBSCRIBER"
    default_message = (
        "Too much was waiting to be read. Subscribe again; read faster or select less."
    )
