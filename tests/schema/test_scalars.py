"""AppSync's scalars, and Money: what is read, what is refused, what is written."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLNonNull, GraphQLScalarType, Undefined, parse_value
from graphql.utilities import coerce_input_literal, validate_input_literal
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from schema.build import core_schema, create_schema

CORE = core_schema(create_schema())
INDIA = timezone(timedelta(hours=5, minutes=30))


def _scalar(name: str) -> GraphQLScalarType:
    scalar = CORE.type_map[name]
    assert isinstance(scalar, GraphQLScalarType)
    return scalar


READ: list[tuple[str, object, object]] = [
    ("AWSDate", "1970-01-01", date(1970, 1, 1)),
    ("AWSDate", "1970-01-01Z", date(1970, 1, 1)),
    ("AWSDate", "1970-01-01+05:30", date(1970, 1, 1)),
    ("AWSDate", "1970-01-01-07:00", date(1970, 1, 1)),
    ("AWSDate", "1970-01-01+05:30:15", date(1970, 1, 1)),
    ("AWSDate", "2024-02-29", date(2024, 2, 29)),
    ("AWSTime", "12:30", time(12, 30)),
    ("AWSTime", "12:30Z", time(12, 30, tzinfo=UTC)),
    ("AWSTime", "12:30:24", time(12, 30, 24)),
    ("AWSTime", "12:30:24.500+05:30", time(12, 30, 24, 500_000, tzinfo=INDIA)),
    ("AWSTime", "23:59:59.123456789", time(23, 59, 59, 123_456)),
    ("AWSDateTime", "1970-01-01T12:30Z", datetime(1970, 1, 1, 12, 30, tzinfo=UTC)),
    (
        "AWSDateTime",
        "1970-01-01T12:30:00.123456789+05:30",
        datetime(1970, 1, 1, 12, 30, 0, 123456, tzinfo=INDIA),
    ),
    (
        "AWSDateTime",
        "1970-01-01T12:30:00-07:00:15",
        datetime(1970, 1, 1, 12, 30, tzinfo=timezone(-timedelta(hours=7, seconds=15))),
    ),
    ("AWSEmail", "ada@mail.test", "ada@mail.test"),
    ("AWSIPAddress", "123.45.67.89/16", "123.45.67.89/16"),
    ("AWSIPAddress", "123.12.34.56", "123.12.34.56"),
    ("AWSIPAddress", "1a2b::3c4d", "1a2b::3c4d"),
    ("AWSIPAddress", "1a2b:3c4b::1234:4567/64", "1a2b:3c4b::1234:4567/64"),
    ("AWSIPAddress", "::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ("AWSJSON", '{"a":1}', {"a": 1}),
    ("AWSJSON", "[1]", [1]),
    ("AWSJSON", '"text"', "text"),
    ("AWSJSON", "1", 1),
    ("AWSJSON", "true", True),
    ("AWSJSON", "null", None),
    ("AWSPhone", "+1 415 555 2671", "+1 415 555 2671"),
    ("AWSPhone", "415-555-2671", "415-555-2671"),
    ("AWSPhone", "4155552671", "4155552671"),
    ("AWSPhone", "1 415 555 2671", "1 415 555 2671"),
    ("AWSPhone", "+44 20 7946 0958", "+44 20 7946 0958"),
    ("AWSTimestamp", 0, 0),
    ("AWSTimestamp", -1, -1),
    ("AWSTimestamp", 4_102_444_800, 4_102_444_800),
    ("AWSURL", "https://a.io/x", "https://a.io/x"),
    ("AWSURL", "http://localhost:8000/x?y=//z", "http://localhost:8000/x?y=//z"),
    ("AWSURL", "ftp://files.a.io/x", "ftp://files.a.io/x"),
    ("AWSURL", "mailto:example@example.com", "mailto:example@example.com"),
    ("Money", "1250.00", Decimal("1250.00")),
    ("Money", "1250.5", Decimal("1250.50")),
    ("Money", "0", Decimal("0.00")),
    ("Money", 1250, Decimal("1250.00")),
    ("Money", "-1.25", Decimal("-1.25")),
    ("Percent", "24.99", Decimal("24.99")),
    ("Percent", 7, Decimal("7.00")),
]
REFUSED: list[tuple[str, object]] = [
    ("AWSDate", "1970-1-1"),
    ("AWSDate", "2023-02-29"),
    ("AWSDate", "1970-01-01T00:00:00Z"),
    ("AWSDate", "1970-01-01+25:00"),
    ("AWSDate", "-2017-01-01"),  # AppSync knows years before 1; a calendar of Python's does not
    ("AWSDate", 0),
    ("AWSTime", "24:61"),
    ("AWSTime", "24:00"),
    ("AWSTime", "12"),
    ("AWSTime", "12:30.5"),
    ("AWSTime", "12:30:24."),
    ("AWSTime", "12:30:24.1234567890"),
    ("AWSTime", "12:30+24:00"),
    ("AWSTime", 1230),
    ("AWSDateTime", "1970-01-01T12:30:00"),
    ("AWSDateTime", "1970-01-01"),
    ("AWSDateTime", "1970-01-01T12:30.5Z"),
    ("AWSDateTime", "1970-01-01T24:30Z"),
    ("AWSDateTime", "1970-01-01T24:00Z"),
    ("AWSDateTime", "1970-01-01 12:30Z"),
    ("AWSDateTime", "0001-01-01T00:00+05:30"),  # in UTC it is before any year
    ("AWSDateTime", 0),
    ("AWSEmail", "ada"),
    ("AWSEmail", "@mail.test"),
    ("AWSEmail", "ada@"),
    ("AWSEmail", "ada@b@mail.test"),
    ("AWSEmail", 1),
    ("AWSIPAddress", "[::1]"),
    ("AWSIPAddress", "[1a2b::3c4d]/64"),
    ("AWSIPAddress", "256.1.1.1"),
    ("AWSIPAddress", "10.0.0.1/33"),
    ("AWSIPAddress", "10.0.0.1/255.255.0.0"),
    ("AWSIPAddress", "fe80::1%eth0"),
    ("AWSIPAddress", "10.0.0"),
    ("AWSIPAddress", 1),
    ("AWSJSON", "{a:1}"),
    ("AWSJSON", {"a": 1}),
    ("AWSJSON", "text"),
    ("AWSJSON", ""),
    ("AWSJSON", "NaN"),
    ("AWSJSON", "[-Infinity]"),
    ("AWSJSON", "[" * 100_000),
    ("AWSJSON", 1),
    ("AWSPhone", "call me"),
    ("AWSPhone", "555-2671"),
    ("AWSPhone", "+0 415 555 2671"),
    ("AWSPhone", "(415) 555-2671"),
    ("AWSPhone", 4155552671),
    ("AWSTimestamp", "0"),
    ("AWSTimestamp", True),
    ("AWSTimestamp", 1.5),
    ("AWSURL", "a.io"),
    ("AWSURL", "https://a.io//x"),
    ("AWSURL", "https://a.io/ x"),
    ("AWSURL", "javascript:alert(1)"),
    ("AWSURL", "mailto:nobody"),
    ("AWSURL", "mailto://a.io/x@a.io"),
    ("AWSURL", 1),
    ("AWSURL", "https://" + "a" * 3000),
    ("Money", 1250.0),
    ("Money", True),
    ("Money", None),
    ("Money", "1250.001"),
    ("Money", "1,250.00"),
    ("Money", " 1250.00"),
    ("Money", "1250."),
    ("Money", ".50"),
    ("Money", "+1"),
    ("Money", "1e3"),
    ("Money", "NaN"),
    ("Money", "Infinity"),
    ("Money", "01.00"),
    ("Money", "--1"),
    ("Money", "１２"),
    ("Money", "9" * 16),
    ("Money", 10**16),
    ("Money", ""),
    ("Percent", 24.99),
    ("Percent", "24.999"),
]


@pytest.mark.parametrize(("name", "given_value", "expected"), READ)
def test_a_scalar_reads(name: str, given_value: object, expected: object) -> None:
    """What AppSync accepts is accepted, and Money in strings and integers."""
    assert _scalar(name).coerce_input_value(given_value) == expected


@pytest.mark.parametrize(("name", "given_value"), REFUSED)
def test_a_scalar_refuses(name: str, given_value: object) -> None:
    """What AppSync refuses is refused, and amounts that are not exact: in safe words."""
    with pytest.raises(InvalidInput) as raised:
        _scalar(name).coerce_input_value(given_value)
    assert raised.value.message.startswith("Give ")
    assert raised.value.message in HINTS


@pytest.mark.parametrize(("name", "given_value", "expected"), READ)
def test_a_scalar_reads_the_same_from_a_document(
    name: str, given_value: object, expected: object
) -> None:
    """A value written into the document is read as one sent beside it."""
    literal = parse_value(json.dumps(given_value))
    assert coerce_input_literal(literal, _scalar(name)) == expected


@pytest.mark.parametrize(("name", "given_value"), REFUSED)
def test_a_scalar_refuses_the_same_in_a_document(name: str, given_value: object) -> None:
    """What is refused as a variable's value is a fault of the document that it is written into."""
    if isinstance(given_value, str) and len(given_value) > 10_000:
        given_value = given_value[:10_000]  # graphql-core quotes it whole
    spelled = "{a: 1}" if isinstance(given_value, dict) else json.dumps(given_value)
    literal = parse_value(spelled)
    told: list[GraphQLError] = []
    type_ = GraphQLNonNull(_scalar(name)) if given_value is None else _scalar(name)
    validate_input_literal(literal, type_, lambda error, _path: told.append(error))
    assert told
    assert coerce_input_literal(literal, type_) is Undefined


HINTS = {
    "Give a date such as 2026-01-15.",
    "Give a moment with its offset, such as 2026-01-15T09:30:00Z.",
    "Give an e-mail address such as name@example.com.",
    "Give an IPv4 or IPv6 address such as 203.0.113.7 or 2001:db8::7.",
    "Give JSON in a string.",
    "Give a phone number such as +1 415 555 2671 or 415-555-2671.",
    "Give whole seconds since 1970.",
    "Give a time of day such as 09:30, or 09:30:00.000+05:30.",
    "Give an address such as https://example.com/page.",
    'Give a string such as "1250.00", or an integer; never a float.',
    'Give a string such as "24.99", or an integer; never a float.',
}
"""All that a scalar may answer: nothing of what was refused has a place in it."""


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("AWSDate", date(2026, 1, 15), "2026-01-15"),
        (
            "AWSDateTime",
            datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC),
            "2026-01-15T12:00:00.123Z",
        ),
        ("AWSDateTime", datetime(2026, 1, 15, 12, 0, tzinfo=INDIA), "2026-01-15T06:30:00.000Z"),
        ("AWSTime", time(9, 30), "09:30:00.000"),
        ("AWSTime", time(9, 30, 1, 123_456, tzinfo=UTC), "09:30:01.123Z"),
        ("AWSTime", time(9, 30, tzinfo=INDIA), "09:30:00.000+05:30"),
        ("AWSEmail", "ada@mail.test", "ada@mail.test"),
        ("AWSIPAddress", "::1", "::1"),
        ("AWSJSON", None, "null"),
        ("AWSJSON", {"a": 1}, '{"a": 1}'),
        ("AWSPhone", "415-555-2671", "415-555-2671"),
        ("AWSTimestamp", -1, -1),
        ("AWSURL", "https://a.io/x", "https://a.io/x"),
        ("Money", Decimal(1250), "1250.00"),
        ("Money", Decimal("0.1"), "0.10"),
        ("Money", Decimal("1E+3"), "1000.00"),
        ("Percent", Decimal("24.99"), "24.99"),
    ],
)
def test_a_scalar_is_written_in_one_spelling(name: str, value: object, written: object) -> None:
    """Moments in UTC with a Z, amounts with two places."""
    assert _scalar(name).coerce_output_value(value) == written


def test_no_constant_of_javascript_is_written_as_json() -> None:
    """NaN is no JSON: it is an error of its field, and no client has to read it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        _scalar("AWSJSON").coerce_output_value({"a": float("nan")})


def test_money_is_never_written_from_a_float() -> None:
    """A float that got as far as the answer is an error, not an amount."""
    with pytest.raises((GraphQLError, TypeError)):
        _scalar("Money").coerce_output_value(12.5)


@given(
    amount=st.decimals(
        allow_nan=False, allow_infinity=False, places=2, max_value=10**14, min_value=-(10**14)
    )
)
def test_an_amount_written_is_read_the_same(amount: Decimal) -> None:
    """What is written is read back to the same amount, always."""
    money = _scalar("Money")
    written: Any = money.coerce_output_value(amount)
    assert money.coerce_input_value(written) == amount
