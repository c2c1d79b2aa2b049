"""AppSync's scalars, and Money and Percent: strict in, one spelling out.

A scalar judges how a value is spelled; how large an amount may be is the input's own business, so
that it is reported with its path beside the input's other faults. What it cannot read it refuses in
words of its own: what was given instead may be personal, and is never repeated.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_interface
from typing import Any, NewType
from urllib.parse import SplitResult, urlsplit

import strawberry
from strawberry.types.scalar import ScalarDefinition

from domain.errors import InvalidInput
from domain.money import to_cents
from domain.validation import is_email, phone_e164
from schema.fetch import AsIs

AWSDate = NewType("AWSDate", date)
AWSDateTime = NewType("AWSDateTime", datetime)
AWSEmail = NewType("AWSEmail", str)
AWSIPAddress = NewType("AWSIPAddress", str)
AWSJSON = NewType("AWSJSON", object)
AWSPhone = NewType("AWSPhone", str)
AWSTime = NewType("AWSTime", time)
AWSTimestamp = NewType("AWSTimestamp", int)
AWSURL = NewType("AWSURL", str)
Money = NewType("Money", Decimal)
Percent = NewType("Percent", Decimal)

URL_CHARACTERS_MAX = 2_048
MOMENTS_KEPT_MAX = 1_024
_WHOLE_DIGITS_MAX = 15
_DECIMAL = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{_WHOLE_DIGITS_MAX - 1}}})(?:\.[0-9]{{1,2}})?")
_OFFSET = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)"
_DATE = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_OFFSET}?")
_CLOCK = r"((?:[01][0-9]|2[0-3]):[0-5][0-9])(?:(:[0-5][0-9])(?:\.([0-9]{1,9}))?)?"
_TIME = re.compile(rf"{_CLOCK}({_OFFSET})?")
_DATE_TIME = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T){_CLOCK}({_OFFSET})")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
# ipaddress reads more than AppSync: masks (/255.255.0.0) and zones of this machine (fe80::1%eth0).
_IP_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?")
_EXACT = "{v}.__class__ is Decimal and {v}.same_quantum(CENT)"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _parse_decimal(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise ValueError
    return to_cents(Decimal(value))


def _serialize_decimal(value: object) -> str:
    if not isinstance(value, Decimal):
        raise TypeError("not an exact decimal")
    return f"{to_cents(value):f}"


def _parse_date(value: object) -> date:
    match = _DATE.fullmatch(_text(value))
    if match is None:
        raise ValueError
    return date.fromisoformat(match[1])


def _serialize_date(value: date) -> str:
    return value.isoformat()


def _clock(minutes: str, seconds: str | None, fraction: str | None) -> str:
    """Return a time of day in the one spelling that Python reads; beyond microseconds is cut."""
    return f"{minutes}{seconds or ':00'}.{(fraction or '0')[:6].ljust(6, '0')}"


def _parse_time(value: object) -> time:
    match = _TIME.fullmatch(_text(value))
    if match is None:
        raise ValueError
    return time.fromisoformat(f"{_clock(match[1], match[2], match[3])}{match[4] or ''}")


def _serialize_time(value: time) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_date_time(value: object) -> datetime:
    match = _DATE_TIME.fullmatch(_text(value))
    if match is None:
        raise ValueError
    moment = datetime.fromisoformat(f"{match[1]}{_clock(match[2], match[3], match[4])}{match[5]}")
    moment.astimezone(UTC)  # it overflows for the first and the last hours that a calendar has
    return moment


@lru_cache(MOMENTS_KEPT_MAX)  # a record's moments are written as often as it is read
def _serialize_date_time(value: datetime) -> str:
    utc = value.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_email(value: object) -> str:
    text = _text(value).strip()
    if not is_email(text):
        raise ValueError
    return text


def _parse_phone(value: object) -> str:
    text = _text(value).strip()
    if phone_e164(text) is None:
        raise ValueError
    return text


def _parse_url(value: object) -> str:
    text = _text(value)
    parts = urlsplit(text)
    if (
        len(text) > URL_CHARACTERS_MAX
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or not parts.scheme
        or not _names_where(parts)
        or "//" in parts.path
    ):
        raise ValueError
    return text


def _names_where(parts: SplitResult) -> bool:
    """Say whether an address has a host; of RFC 1738's forms without one, only mail's will do."""
    scheme, host, path, query, fragment = parts
    if scheme == "mailto":
        return is_email(path) and not (host or query or fragment)
    return _HOST.fullmatch(host) is not None


def _parse_ip_address(value: object) -> str:
    text = _text(value)
    if _IP_ADDRESS.fullmatch(text) is None:
        raise ValueError
    ip_interface(text)
    return text


def _parse_timestamp(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _parse_json(value: object) -> Any:
    return json.loads(_text(value), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and RFC 8259 does not know."""
    raise ValueError(name)


def _serialize_json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _scalar(
    name: str,
    description: str,
    parse: Callable[[object], Any],
    serialize: Callable[[Any], Any],
    hint: str,
) -> ScalarDefinition:
    """Return a scalar; `hint` says how its values are spelled, to whoever spells one otherwise."""

    def read(value: object) -> Any:
        try:
            return parse(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as refused:
            raise InvalidInput((), hint) from refused

    return strawberry.scalar(
        name=name, description=description, parse_value=read, serialize=serialize
    )


SCALARS: dict[object, ScalarDefinition] = {
    AWSDate: _scalar(
        "AWSDate",
        "A date, `YYYY-MM-DD`.",
        _parse_date,
        _serialize_date,
        "Give a date such as 2026-01-15.",
    ),
    AWSDateTime: _scalar(
        "AWSDateTime",
        "A moment in UTC, ISO 8601.",
        _parse_date_time,
        _serialize_date_time,
        "Give a moment with its offset, such as 2026-01-15T09:30:00Z.",
    ),
    AWSEmail: _scalar(
        "AWSEmail",
        "An e-mail address, `local@domain`.",
        _parse_email,
        str,
        "Give an e-mail address such as name@example.com.",
    ),
    AWSIPAddress: _scalar(
        "AWSIPAddress",
        "An IPv4 or IPv6 address.",
        _parse_ip_address,
        str,
        "Give an IPv4 or IPv6 address such as 203.0.113.7 or 2001:db8::7.",
    ),
    AWSJSON: _scalar(
        "AWSJSON", "JSON in a string.", _parse_json, _serialize_json, "Give JSON in a string."
    ),
    AWSPhone: _scalar(
        "AWSPhone",
        "A phone number; North American without a country code.",
        _parse_phone,
        str,
        "Give a phone number such as +1 415 555 2671 or 415-555-2671.",
    ),
    AWSTime: _scalar(
        "AWSTime",
        "A time of day, `hh:mm:ss.sss`, with an offset where it has one.",
        _parse_time,
        _serialize_time,
        "Give a time of day such as 09:30, or 09:30:00.000+05:30.",
    ),
    AWSTimestamp: _scalar(
        "AWSTimestamp",
        "Whole seconds since 1970.",
        _parse_timestamp,
        int,
        "Give whole seconds since 1970.",
    ),
    AWSURL: _scalar(
        "AWSURL",
        "An address with its scheme.",
        _parse_url,
        str,
        "Give an address such as https://example.com/page.",
    ),
    Money: _scalar(
        "Money",
        "Exact decimal amount in the agency's currency, major units, two places: "
        '"1250.00". A string out; a string or an integer in, never a float. '
        "Printed as String by `almoner schema --appsync`.",
        _parse_decimal,
        _serialize_decimal,
        'Give a string such as "1250.00", or an integer; never a float.',
    ),
    Percent: _scalar(
        "Percent",
        'Exact decimal percentage, two places: "24.99" is 24.99 %. Written and read as Money is.',
        _parse_decimal,
        _serialize_decimal,
        'Give a string such as "24.99", or an integer; never a float.',
    ),
}
"""What each scalar is called and how it is read and written, by the type that stands for it."""

CENT = Decimal("0.01")
WRITTEN_AS_IS: dict[object, AsIs] = {
    AWSDate: AsIs("{v}.__class__ is date", {"date": date}, date),
    AWSEmail: AsIs("{v}.__class__ is str", {"str": str}, str),
    AWSIPAddress: AsIs("{v}.__class__ is str", {"str": str}, str),
    AWSPhone: AsIs("{v}.__class__ is str", {"str": str}, str),
    AWSURL: AsIs("{v}.__class__ is str", {"str": str}, str),
    Money: AsIs(_EXACT, {"Decimal": Decimal, "CENT": CENT}, Decimal),
    Percent: AsIs(_EXACT, {"Decimal": Decimal, "CENT": CENT}, Decimal),
}
"""Which values of a scalar msgspec writes just as the scalar's own function would."""
