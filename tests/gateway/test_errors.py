"""Every code has an answer, and the shape of an answer."""

import pytest
from graphql import GraphQLError

from domain import errors
from domain.errors import GatewayError, StoreUnavailable
from gateway.engine.faults import field_errors
from gateway.errors import (
    KINDS,
    Refused,
    kind_of,
    malformed,
    stack_of,
    status_of_answer,
)
from gateway.negotiation import MediaType
from gateway.replies import refusal


def codes_of_the_domain() -> set[str]:
    found = {item for item in vars(errors).values() if isinstance(item, type)}
    return {item.code for item in found if issubclass(item, GatewayError)}


def test_every_code_of_the_domain_has_a_kind() -> None:
    """The table knows each code that may be raised, and no code that may not."""
    own = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}

    assert codes_of_the_domain() | own == set(KINDS)


@pytest.mark.parametrize(
    ("code", "error_type", "status"),
    [
        ("UNAUTHENTICATED", "UnauthorizedException", 401),
        ("AGENCY_SUSPENDED", "UnauthorizedException", 401),
        ("FORBIDDEN", "Unauthorized", 200),
        ("REAUTHENTICATE", "Unauthorized", 200),
        ("NOT_FOUND", "NotFound", 200),
        ("INVALID_INPUT", "BadRequest", 200),
        ("INVALID_TRANSITION", "BadRequest", 200),
        ("CONSENT_REQUIRED", "BadRequest", 200),
        ("TOO_LARGE", "BadRequest", 200),
        ("VERSION_CONFLICT", "ConflictException", 200),
        ("IDEMPOTENCY_MISMATCH", "ConflictException", 200),
        ("DUPLICATE", "ConflictException", 200),
        ("OUTCOME_UNKNOWN", "OutcomeUnknown", 200),
        ("UPSTREAM_TIMEOUT", "UpstreamException", 200),
        ("UPSTREAM_UNAVAILABLE", "UpstreamException", 200),
        ("UPSTREAM_INVALID", "UpstreamException", 200),
        ("BANK_LOGIN_REQUIRED", "UpstreamException", 200),
        ("BANK_LINK_GONE", "UpstreamException", 200),
        ("RATE_LIMITED", "LimitExceededError", 429),
        ("DOCUMENT_TOO_COMPLEX", "BadRequestException", 400),
        ("MALFORMED_REQUEST", "MalformedHttpRequestException", 400),
        ("DEADLINE_EXCEEDED", "ExecutionTimeout", 200),
        ("STORE_UNAVAILABLE", "ServiceUnavailable", 503),
        ("INTERNAL", "InternalFailure", 500),
    ],
)
def test_codes_are_answered_as_the_contract_says(code: str, error_type: str, status: int) -> None:
    """Types and statuses are those that clients were promised."""
    assert (kind_of(code).error_type, kind_of(code).status) == (error_type, status)


@pytest.mark.parametrize(
    ("codes", "answered", "mutation", "status"),
    [
        ([], True, False, 200),
        ([], False, False, 200),
        (["STORE_UNAVAILABLE"], False, False, 503),
        (["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"], False, False, 503),
        (["STORE_UNAVAILABLE", "FORBIDDEN"], False, False, 200),
        (["STORE_UNAVAILABLE"], True, False, 200),
        (["STORE_UNAVAILABLE"], False, True, 200),
        (["RATE_LIMITED"], False, True, 429),
        (["INTERNAL"], False, False, 200),
        (["UNAUTHENTICATED"], False, False, 401),
    ],
)
def test_a_status_stands_for_the_whole_answer_alone(
    codes: list[str], *, answered: bool, mutation: bool, status: int
) -> None:
    """One answered field is enough for 200, and no mutation is answered 5xx after it has run."""
    assert status_of_answer(codes, answered=answered, mutation=mutation) == status


def test_a_code_that_is_not_in_the_table_is_masked() -> None:
    """An error class that nobody entered into the table is not shown to anybody."""

    class Unlisted(GatewayError):
        code = "UNLISTED"
        default_message = "secret"

    found = field_errors([GraphQLError("x", original_error=Unlisted())], "r-1")

    assert found.codes == ("INTERNAL",)
    assert "secret" not in str(found.entries)
    assert len(found.failures) == 1


def test_the_stack_of_an_error_holds_no_value() -> None:
    """What is logged of an unknown error are types and places, causes included."""

    def fail() -> None:
        try:
            dict[str, int]()["666-48-4418"]
        except KeyError as error:
            raise ValueError("Robert Uphold") from error

    with pytest.raises(ValueError, match="Robert") as raised:
        fail()
    lines = stack_of(raised.value)

    assert lines[0] == "ValueError"
    assert "KeyError" in lines
    assert any("test_errors.py" in line and line.endswith(" fail") for line in lines)
    assert "48-4418" not in str(lines)
    assert "Uphold" not in str(lines)


def test_a_refusal_tells_how_long_to_wait() -> None:
    """What carries retryAfter is answered with Retry-After too."""
    reply = refusal(Refused(StoreUnavailable(retry_after_seconds=9)), MediaType.JSON)

    assert (reply.status, dict(reply.headers)[b"retry-after"]) == (503, b"9")


def test_a_refusal_may_have_another_status_than_its_code() -> None:
    """The form of a request decides the status where the table's would be too coarse."""
    refused = malformed("x", 415, error_type="Other")

    assert (refused.status, refused.error_type, refused.error.code) == (
        415,
        "Other",
        "MALFORMED_REQUEST",
    )
