"""Why a credential was refused: said to the log, never to the caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from domain.errors import Unauthenticated


class Reason(StrEnum):
    """Which check failed. Stable: dashboards and alerts group by these."""

    # the request
    SEVERAL_CREDENTIALS = "several-credentials"
    REPEATED_HEADER = "repeated-header"
    UNKNOWN_SCHEME = "unknown-scheme"
    IAM_NOT_OFFERED = "iam-not-offered"
    NO_AUTHORIZER = "no-authorizer"
    SEVERAL_AUTHORIZERS = "several-authorizers"
    # the token's text
    TOKEN_TOO_LARGE = "token-too-large"  # noqa: S105 - a reason's name, not a password
    MALFORMED_TOKEN = "malformed-token"  # noqa: S105 - as above
    NOT_CANONICAL = "not-canonical"
    MALFORMED_JSON = "malformed-json"
    DUPLICATE_NAME = "duplicate-name"
    TOO_DEEP = "too-deep"
    HEADER_NOT_ALLOWED = "header-not-allowed"
    WRONG_ALGORITHM = "wrong-algorithm"
    WRONG_TYPE = "wrong-type"
    MALFORMED_KEY_ID = "malformed-key-id"
    # where it comes from
    UNKNOWN_ISSUER = "unknown-issuer"
    UNKNOWN_KEY = "unknown-key"
    KEY_SET_UNAVAILABLE = "key-set-unavailable"
    WRONG_SIGNATURE = "wrong-signature"
    # what it claims
    MALFORMED_CLAIM = "malformed-claim"
    WRONG_TOKEN_USE = "wrong-token-use"  # noqa: S105 - as above
    WRONG_CLIENT = "wrong-client"
    BOUND_TOKEN = "bound-token"  # noqa: S105 - as above
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    LIFETIME_TOO_LONG = "lifetime-too-long"
    NO_GROUP = "no-group"
    SEVERAL_GROUPS = "several-groups"
    GROUP_OF_ANOTHER_POOL = "group-of-another-pool"
    # what an agency's authorizer says
    AUTHORIZER_REFUSED = "authorizer-refused"
    AUTHORIZER_UNAVAILABLE = "authorizer-unavailable"
    AUTHORIZER_NOT_UNDERSTOOD = "authorizer-not-understood"
    # what the directory knows
    UNKNOWN_AGENCY = "unknown-agency"
    REVOKED = "revoked"
    INACTIVE_STAFF = "inactive-staff"
    MALFORMED_API_KEY = "malformed-api-key"
    UNKNOWN_API_KEY = "unknown-api-key"
    ENDED_API_KEY = "ended-api-key"
    SUSPENDED_AGENCY = "suspended-agency"


# What is wrong with the request's form is told: it says nothing of any credential.
_TOLD = {
    Reason.SEVERAL_CREDENTIALS: "Send one credential: Authorization or x-api-key, and not both.",
    Reason.REPEATED_HEADER: "Send Authorization, x-api-key and x-agency once each.",
    Reason.IAM_NOT_OFFERED: "IAM (AWS4-HMAC-SHA256) is not offered here: send a token in "
    "Authorization, or an API key in x-api-key.",
    Reason.SEVERAL_AUTHORIZERS: "More than one agency could judge this token: name yours by the "
    "header x-agency.",
}


class Refusal(Exception):
    """A check that failed, inside stage 2; leaves it only as the cause of an Unauthenticated.

    Once it is attributed, `agency_id` says of whose pool or of whose key the credential claims to
    be, None for the operators'. Only that is known of it, and that it did not hold.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.is_attributed = False
        self.agency_id: str | None = None


@contextmanager
def attributed(agency_id: str | None) -> Iterator[None]:
    """Say of each refusal in the block whose credential it is about."""
    try:
        yield
    except Refusal as refusal:
        refusal.is_attributed = True
        refusal.agency_id = agency_id
        raise


def refused(reason: Reason) -> Unauthenticated:
    """Return the error to raise where a credential is refused for that reason."""
    error = unauthenticated(refusal := Refusal(reason))
    error.__cause__ = refusal
    return error


def unauthenticated(refusal: Refusal) -> Unauthenticated:
    """Return what the caller is told of a refusal."""
    return Unauthenticated(_TOLD.get(refusal.reason))


def reason_of(error: BaseException) -> Reason | None:
    """Return why the credential was refused, for the log; None where the error is another one."""
    cause = error.__cause__
    return cause.reason if isinstance(cause, Refusal) else None
