"""AppSync's scalars, and Money: what is read, what is refused, what is written."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType
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
    ("AWSDate", "2024-02-29", date(2024, 2, 29)),
    ("AWSDateTime", "1970-01-01T12:30Z", datetime(1970, 1, 1, 12, 30, tzinfo=UTC)),
    (
        "AWSDateTime",
        "1970-01-01T12:30:00.123456789+05:30",
        datetime(1970, 1, 1, 12, 30, 0, 123456, tzinfo=INDIA),
    ),
    ("AWSEmail", "ada@mail.test", "ada@mail.test"),
    ("AWSIPAddress", "123.45.67.89/16", "123.45.67.89/16"),
    ("AWSIPAddress", "1a2b::3c4d", "1a2b::3c4d"),
    ("AWSJSON", '{"a":1}', {"a": 1}),
    ("AWSJSON", "[1]", [1]),
    ("AWSPhone", "+1 415 555 2671", "+1 415 555 2671"),
    ("AWSPhone", "415-555-2671", "415-555-2671"),
    ("AWSTimestamp", 0, 0),
    ("AWSTimestamp", -1, -1),
    ("AWSURL", "https://a.io/x", "https://a.io/x"),
    ("AWSURL", "http://localhost:8000/x?y=//z", "http://localhost:8000/x?y=//z"),
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
    ("AWSDate", 0),
    ("AWSDateTime", "1970-01-01T12:30:00"),
    ("AWSDateTime", "1970-01-01"),
    ("AWSDateTime", "1970-01-01T12:30.5Z"),
    ("AWSDateTime", "1970-01-01T24:30Z"),
    ("AWSEmail", "ada"),
    ("AWSEmail", 1),
    ("AWSIPAddress", "[::1]"),
    ("AWSIPAddress", "256.1.1.1"),
    ("AWSIPAddress", 1),
    ("AWSJSON", "{a:1}"),
    ("AWSJSON", {"a": 1}),
    ("AWSPhone", "call me"),
    ("AWSPhone", 4155552671),
    ("AWSTimestamp", "0"),
    ("AWSTimestamp", True),
    ("AWSTimestamp", 1.5),
    ("AWSURL", "a.io"),
    ("AWSURL", "https://a.io//x"),
    ("AWSURL", "https://a.io/ x"),
    ("AWSURL", "javascript:alert(1)"),
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


HINTS = {
    "Give a date such as 2026-01-15.",
    "Give a moment with its offset, such as 2026-01-15T09:30:00Z.",
    "Give an e-mail address such as name@example.com.",
    "Give an IPv4 or IPv6 address such as 203.0.113.7 or 2001:db8::7.",
    "Give JSON in a string.",
    "Give a phone number such as +1 415 555 2671 or 415-555-2671.",
    "Give whole seconds since 1970.",
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
        ("AWSEmail", "ada@mail.test", "ada@mail.test"),
        ("AWSIPAddress", "::1", "::1"),
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
