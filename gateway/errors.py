"""Errors as callers see them: AppSync's shape, one table of codes, everything unknown masked.

An error entry carries what a client can act on twice: at its top level as AppSync has it
(`errorType`, `errorInfo`), and in `extensions` for the clients that look there alone.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from domain.errors import GatewayError, MalformedRequest

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Kind:
    """How an error of some code is answered.

    error_type: AppSync's name for it. status: HTTP status where it is the whole answer.
    """

    error_type: str
    status: int = HTTPStatus.OK


# The one table. A query that took too long is answered 200: after a 5xx clients repeat it, and it
# would take too long again. For the same reason an unknown outcome is never a 5xx.
KINDS: Mapping[str, Kind] = {
    "UNAUTHENTICATED": Kind("UnauthorizedException", HTTPStatus.UNAUTHORIZED),
    "AGENCY_SUSPENDED": Kind("UnauthorizedException", HTTPStatus.UNAUTHORIZED),
    "FORBIDDEN": Kind("Unauthorized"),
    "REAUTHENTICATE": Kind("Unauthorized"),
    "NOT_FOUND": Kind("NotFound"),
    "INVALID_INPUT": Kind("BadRequest"),
    "INVALID_TRANSITION": Kind("BadRequest"),
    "PLAN_NOT_POSSIBLE": Kind("BadRequest"),
    "CONSENT_REQUIRED": Kind("BadRequest"),
    "TOO_LARGE": Kind("BadRequest"),
    "VERSION_CONFLICT": Kind("ConflictException"),
    "IDEMPOTENCY_MISMATCH": Kind("ConflictException"),
    "DUPLICATE": Kind("ConflictException"),
    "OUTCOME_UNKNOWN": Kind("OutcomeUnknown"),
    "UPSTREAM_TIMEOUT": Kind("UpstreamException"),
    "UPSTREAM_UNAVAILABLE": Kind("UpstreamException"),
    "UPSTREAM_INVALID": Kind("UpstreamException"),
    "BANK_LOGIN_REQUIRED": Kind("UpstreamException"),
    "BANK_LINK_GONE": Kind("UpstreamException"),
    "RATE_LIMITED": Kind("LimitExceededError", HTTPStatus.TOO_MANY_REQUESTS),
    "COST_EXCEEDED": Kind("LimitExceededError", HTTPStatus.TOO_MANY_REQUESTS),
    # Apollo's clients know these two by name, and by an answer that is 200.
    "PERSISTED_QUERY_NOT_FOUND": Kind("PersistedQueryNotFound"),
    "PERSISTED_QUERY_NOT_SUPPORTED": Kind("PersistedQueryNotSupported"),
    "QUERY_NOT_IN_SAFELIST": Kind("BadRequestException", HTTPStatus.BAD_REQUEST),
    "DOCUMENT_TOO_COMPLEX": Kind("BadRequestException", HTTPStatus.BAD_REQUEST),
    "MALFORMED_REQUEST": Kind("MalformedHttpRequestException", HTTPStatus.BAD_REQUEST),
    # As realtime clients know them.
    "SUBSCRIPTION_LIMIT": Kind("MaxSubscriptionsReachedError", HTTPStatus.TOO_MANY_REQUESTS),
    "SUBSCRIPTION_EXISTS": Kind("DuplicatedOperationError", HTTPStatus.CONFLICT),
    "SLOW_SUBSCRIBER": Kind("SlowConsumer", HTTPStatus.TOO_MANY_REQUESTS),
    "DEADLINE_EXCEEDED": Kind("ExecutionTimeout"),
    "STORE_UNAVAILABLE": Kind("ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    INTERNAL: Kind("InternalFailure", HTTPStatus.INTERNAL_SERVER_ERROR),
    PARSE_FAILED: Kind("ValidationError"),
    VALIDATION_FAILED: Kind("ValidationError"),
}

Entry = dict[str, object]


class Refused(Exception):
    """The request as a whole is refused before anything of it was done.

    status and error_type stand in for the table's where the request's own form is at fault.
    unread: the client may still be sending what nobody will read.
    """

    def __init__(
        self,
        error: GatewayError,
        *,
        status: int | None = None,
        error_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        unread: bool = False,
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.error_type = error_type or kind_of(error.code).error_type
        self.status = int(status or kind_of(error.code).status)
        self.headers = dict(headers or {})
        self.unread = unread


class DocumentRefused(Exception):
    """The document or its variables are not valid; `entries` says why, each with its place."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__("document refused")
        self.entries = tuple(entries)


def malformed(
    message: str, status: int = HTTPStatus.BAD_REQUEST, *, error_type: str | None = None
) -> Refused:
    """Return the refusal of a request whose form is wrong."""
    return Refused(MalformedRequest(message), status=status, error_type=error_type)


def kind_of(code: str) -> Kind:
    """Return how a code is answered; a code that is not in the table is a fault of our own."""
    return KINDS.get(code, KINDS[INTERNAL])


def entry_of(
    error: GatewayError,
    *,
    path: Sequence[str | int] | None = None,
    locations: Sequence[Entry] | None = None,
    error_type: str | None = None,
) -> Entry:
    """Return one entry of `errors`."""
    return entry(
        error.code,
        error.message,
        details=error.details(),
        path=path,
        locations=locations,
        error_type=error_type,
    )


def entry(
    code: str,
    message: str,
    *,
    details: Mapping[str, object] | None = None,
    path: Sequence[str | int] | None = None,
    locations: Sequence[Entry] | None = None,
    error_type: str | None = None,
) -> Entry:
    """Return one entry of `errors`: the same seven members, whatever it tells of.

    errorInfo is the code, the three members always there, and the error's details.
    """
    always = {"code": code, "fields": None, "retryAfter": None, "currentVersion": None}
    info: Entry = {**always, **(details or {})}
    kind = error_type or kind_of(code).error_type
    return {
        "path": list(path) if path is not None else None,
        "data": None,
        "errorType": kind,
        "errorInfo": info,
        "locations": list(locations) if locations is not None else None,
        "message": message,
        "extensions": {**info, "errorType": kind},
    }


def masked(request_id: str) -> GatewayError:
    """Return what a caller is told of an error that nobody raised on purpose."""
    return GatewayError(f"An internal error occurred. Request {request_id}.")


def status_of_answer(codes: Sequence[str], *, answered: bool, mutation: bool) -> int:
    """Return the HTTP status of an executed operation.

    It is 200 unless nothing could be answered and every error has the same other status. A mutation
    is never answered 5xx: clients repeat those, and part of it may have been done.
    """
    if answered or not codes:
        return HTTPStatus.OK
    statuses = {kind_of(code).status for code in codes}
    status = statuses.pop()
    if statuses or status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return HTTPStatus.OK
    if mutation and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HTTPStatus.OK
    return int(status)


def stack_of(error: BaseException) -> list[str]:
    """Return where an error was raised, for the log: types, files and lines, never a value."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(type(current).__name__)
        frames = traceback.extract_tb(current.__traceback__)
        lines.extend(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-20:])
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return lines
