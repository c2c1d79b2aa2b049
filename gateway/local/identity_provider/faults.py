"""The errors of the Cognito API, by the names that its clients know."""

from enum import StrEnum


class FaultName(StrEnum):
    """What stands in `__type` and in x-amzn-errortype."""

    CODE_MISMATCH = "CodeMismatchException"
    ENABLE_SOFTWARE_TOKEN_MFA = "EnableSoftwareTokenMFAException"  # noqa: S105 - a name
    EXPIRED_CODE = "ExpiredCodeException"
    FORBIDDEN = "ForbiddenException"
    INTERNAL = "InternalErrorException"
    INVALID_PARAMETER = "InvalidParameterException"
    INVALID_PASSWORD = "InvalidPasswordException"  # noqa: S105 - a name
    LIMIT_EXCEEDED = "LimitExceededException"
    MISSING_AUTHENTICATION = "MissingAuthenticationTokenException"
    NOT_AUTHORIZED = "NotAuthorizedException"
    RESOURCE_NOT_FOUND = "ResourceNotFoundException"
    SERIALIZATION = "SerializationException"
    SOFTWARE_TOKEN_MFA_NOT_FOUND = "SoftwareTokenMFANotFoundException"  # noqa: S105 - a name
    UNAUTHORIZED = "UnauthorizedException"
    UNKNOWN_OPERATION = "UnknownOperationException"
    UNSUPPORTED_TOKEN_TYPE = "UnsupportedTokenTypeException"  # noqa: S105 - a name
    UNSUPPORTED_USER_STATE = "UnsupportedUserStateException"
    USER_NOT_CONFIRMED = "UserNotConfirmedException"
    USER_NOT_FOUND = "UserNotFoundException"
    USERNAME_EXISTS = "UsernameExistsException"


class Fault(Exception):
    """A call that is refused; the message is shown to whoever made it.

    A refusal is an outcome too: what the call has counted until then is kept.
    """

    def __init__(self, name: FaultName, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def not_authorized(message: str = "Incorrect username or password.") -> Fault:
    """Return the refusal of a credential; by default the one that tells least."""
    return Fault(FaultName.NOT_AUTHORIZED, message)


def invalid(message: str) -> Fault:
    """Return the refusal of a parameter."""
    return Fault(FaultName.INVALID_PARAMETER, message)
