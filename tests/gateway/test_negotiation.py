"""Which media type an answer has, and which ones a request may have."""

import pytest

from gateway.negotiation import MediaType, choose, is_json_in_utf8

JSON, GRAPHQL = MediaType.JSON, MediaType.GRAPHQL
APOLLO = "application/graphql-response+json,application/json;q=0.9"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json; charset=utf-16", None),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json; charset=UTF-8", GRAPHQL),
        (APOLLO, GRAPHQL),
        (URQL, GRAPHQL),
        ("application/graphql-response+json, application/json, multipart/mixed", GRAPHQL),
        ("application/json, application/graphql-response+json", JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.6", GRAPHQL),
        ("application/json;q=0, application/graphql-response+json;q=0.1", GRAPHQL),
        ("application/graphql-response+json;q=0.1, */*", JSON),
        ("*/*;q=0.1, application/graphql-response+json", GRAPHQL),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/html", None),
        ("text/event-stream", None),
        ("application/jsonx", None),
        ("application/json;q=x", None),
        ("json", None),
        ("application/json," * 200, None),
    ],
)
def test_the_answer_has_the_media_type_that_is_asked_for(
    accept: str | None, chosen: MediaType | None
) -> None:
    """Who knows of application/graphql-response+json gets it, everybody else plain JSON."""
    assert choose(accept) is chosen


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        ("application/json", True),
        ("APPLICATION/JSON", True),
        ("application/json; charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=iso-8859-1", False),
        ("application/json-patch+json", False),
        ("application/jsonx", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("text/plain", False),
        ("", False),
        (None, False),
    ],
)
def test_a_request_is_json_in_utf8_and_says_so(content_type: str | None, *, accepted: bool) -> None:
    """What a page may send without a preflight is never taken for a request."""
    assert is_json_in_utf8(content_type) is accepted
