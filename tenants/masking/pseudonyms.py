"""Pseudonyms: keyed, deterministic stand-ins that keep the type and the length of what they hide.

The same value under the same key is hidden alike wherever it stands, so that what was joined by it
still is; without the key nothing leads back. No stand-in can be anybody's: Social Security numbers
are of areas never issued (and of groups that the tax office does not use either), telephone numbers
of area codes that are not assigned, addresses of e-mail under the reserved name `test`.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from domain.ids import EPOCH, new_ulid, parse_global_id, ulid_time
from domain.money import AMOUNT_MAX, CENT, PERCENT_MAX, ZERO
from domain.settings import SETTINGS_ROOT
from tenants.records.indexes import normalize

T = TypeVar("T", date, datetime)
SHIFT_DAYS_MAX = 364
EMAIL_CHARACTERS_MIN = 8
_ATTEMPTS = 100
_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_ALPHANUMERIC = _ALPHABET + _DIGITS
_RESERVED = ".test"
_LOCAL_CHARACTERS_MAX = 64
_LABEL_CHARACTERS_MAX = 60
_WORD = re.compile(
    r"[A-Za-z\u0080-\U0010ffff]+"
)  # of other scripts every sign is hidden, marks too
_ZIP_PREFIX = 3
_NOISE_STEPS = 901  # of a hundredth of a percent, from one percent to ten
_NOISE_STEP_FIRST = 100
_SCORE_MIN, _SCORE_MAX = 300, 850
_ULID_RANDOM_BYTES = 10
_REPEATED = 1024
_DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000
_NANP_DIGITS = 10
_NEVER_ASSIGNED_COUNTRY = "999"
_AREAS = ("666", *(str(area) for area in range(900, 1000)))
_GROUPS = tuple(f"{group:02d}" for group in (*range(1, 50), *range(66, 70), 89))
"""Groups that no Individual or Adoption Taxpayer Identification Number of area 9xx has."""


@dataclass(slots=True)
class Originals:
    """The values that no stand-in may equal, since each is somebody's: as they are looked up."""

    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    ssns: set[str] = field(default_factory=set)
    name_words: set[str] = field(default_factory=set)


class Pseudonyms:
    """Stand-ins under one key; `person` names whose value it is where joins end at the person.

    Names, accounts and dates are hidden per person, so that no frequency tells a common name.
    """

    def __init__(self, key: bytes, originals: Originals | None = None) -> None:
        self._key = key
        self._originals = originals or Originals()
        self._given: dict[tuple[str, str], str] = {}
        self._taken: dict[str, set[str]] = {}
        # An application repeats its root and its person in each of its lines.
        self._span = lru_cache(_REPEATED)(self._span_of)
        self.ulid = lru_cache(_REPEATED)(self._ulid_of)

    def email(self, value: str) -> str:
        """Return an address of the same length (at least 8) that no mail server has."""
        normal = normalize("email", value)
        length = max(len(normal), EMAIL_CHARACTERS_MIN)

        def make(stream: "_Stream") -> str:
            local = min(_LOCAL_CHARACTERS_MAX, length - len(_RESERVED) - 2)
            domain = _labels(stream, length - local - 1 - len(_RESERVED))
            name = stream.text(_ALPHABET, 1) + stream.text(_ALPHANUMERIC, local - 1)
            return f"{name}@{domain}{_RESERVED}"

        return self._own("email", normal, make, self._originals.emails)

    def phone(self, value: str) -> str:
        """Return the number with other digits in the same places, of an area nobody is in."""
        normal = normalize("phone", value)

        def make(stream: "_Stream") -> str:
            national = normal.startswith("+1") and len(normal) == _NANP_DIGITS + 2
            if not national:
                count = max(0, len(normal) - 1 - len(_NEVER_ASSIGNED_COUNTRY))
                return f"+{_NEVER_ASSIGNED_COUNTRY}{stream.text(_DIGITS, count)}"
            area = f"{stream.text('23456789', 1)}9{stream.text(_DIGITS, 1)}"
            exchange = f"{stream.text('23456789', 1)}{stream.text(_DIGITS, 2)}"
            return f"+1{area}{exchange}{stream.text(_DIGITS, 4)}"

        hidden = self._own("phone", normal, make, self._originals.phones)
        shown = sum(sign in _DIGITS for sign in value)
        digits = iter(hidden.removeprefix("+")[-shown:] if shown else "")
        return "".join(
            next(digits, "0") if sign in _DIGITS else "x" if sign.isalpha() else sign
            for sign in value
        )

    def ssn(self, value: str) -> str:
        """Return nine digits that were never issued, as a Social Security number or otherwise."""

        def make(stream: "_Stream") -> str:
            area, group = stream.one_of(_AREAS), stream.one_of(_GROUPS)
            return f"{area}{group}{stream.below(9999) + 1:04d}"

        return self._own("ssn", normalize("ssn", value), make, self._originals.ssns)

    def words(self, value: str, person: str) -> str:
        """Return made-up words of the same lengths and capitals; digits change, signs stay."""

        def hide(match: re.Match[str]) -> str:
            return self._word(match.group(), person)

        return self._digits(_WORD.sub(hide, value), person)

    def postal_code(self, value: str, person: str) -> str:
        """Return a ZIP code of the same region, of the same form."""
        return value[:_ZIP_PREFIX] + self._digits(value[_ZIP_PREFIX:], person)

    def account(self, value: str, person: str) -> str:
        """Return other letters and digits in the same places, for what names an account."""

        def make(stream: "_Stream") -> str:
            return "".join(_like(sign, stream) for sign in value)

        return self._other(f"account {person}", value, make)

    def subject(self, value: str) -> str:
        """Return another sign-in's subject of the same form."""

        def make(stream: "_Stream") -> str:
            if _is_uuid(value):
                return str(UUID(bytes=stream.bytes(16), version=4))
            return "".join(_like(sign, stream) for sign in value)

        return self._own("subject", value, make, set())

    def shift(self, moment: T, person: str) -> T:
        """Return the date or moment moved back by the person's own span of 1 to 365 days.

        A moment loses the time of the day with it, which would tell it from all others; a date, and
        what lies between two dates, moves by the whole days of it.
        """
        return moment - self._span(person)

    def global_id(self, value: str, person: str) -> str:
        """Return another global id of the same form; times within it move as the person's do.

        Settings lie under the same root in every agency, and are looked for there.
        """
        parsed = parse_global_id(value)
        if parsed is None:
            raise ValueError("not a global id")
        common = parsed.root == SETTINGS_ROOT
        root = parsed.root if common else self.ulid(parsed.root, person)
        return str(replace(parsed, root=root, id=self.ulid(parsed.id, person)))

    def _ulid_of(self, value: str, person: str) -> str:
        """Return another ULID, earlier by the person's span."""
        random = _Stream(self._key, "ulid", value).bytes(_ULID_RANDOM_BYTES)
        at = max(ulid_time(value) - self._span(person), EPOCH)
        return new_ulid(at, randomness=int.from_bytes(random, "big"))

    def amount(
        self, value: Decimal, person: str, *, lowest: Decimal = ZERO, greatest: Decimal = AMOUNT_MAX
    ) -> Decimal:
        """Return the amount moved by one to ten percent, at least by its last place; zero stays.

        What has no decimal places keeps none: bureaus tell whole dollars.
        """
        if value == 0:
            return value
        stream = _Stream(self._key, f"amount {person}", str(value))
        least = Decimal(1) if value.as_tuple().exponent == 0 else CENT
        percent = Decimal(stream.below(_NOISE_STEPS) + _NOISE_STEP_FIRST) / 10_000
        step = max((abs(value) * percent).quantize(least), least)
        upward = bool(stream.below(2)) or value - step < lowest
        return value + step if upward and value + step <= greatest else value - step

    def rate(self, value: Decimal, person: str) -> Decimal:
        """Return a percentage moved as an amount is, within PERCENT_MAX."""
        return self.amount(value, person, greatest=PERCENT_MAX)

    def score(self, value: int, person: str) -> int:
        """Return a credit score moved by one to ten percent, within 300 to 850."""
        lowest, greatest = Decimal(_SCORE_MIN), Decimal(_SCORE_MAX)
        return int(self.amount(Decimal(value), person, lowest=lowest, greatest=greatest))

    def digest(self, value: str) -> str:
        """Return another hexadecimal text of the same length."""
        return _Stream(self._key, "digest", value).bytes(len(value)).hex()[: len(value)]

    def _span_of(self, person: str) -> timedelta:
        stream = _Stream(self._key, "shift", person)
        days = stream.below(SHIFT_DAYS_MAX) + 1
        return timedelta(days=days, microseconds=stream.below(_DAY_MICROSECONDS))

    def _word(self, word: str, person: str) -> str:
        def make(stream: "_Stream") -> str:
            sounds = (_CONSONANTS, _VOWELS)
            first = stream.below(2)
            return "".join(stream.one_of(sounds[(first + place) % 2]) for place in range(len(word)))

        made = self._other(
            f"word {person}",
            word.lower(),
            make,
            refused=lambda made: made in self._originals.name_words,
        )
        return "".join(
            sign.upper() if old.isupper() else sign for sign, old in zip(made, word, strict=True)
        )

    def _digits(self, value: str, person: str) -> str:
        if not any(sign in _DIGITS for sign in value):
            return value

        def make(stream: "_Stream") -> str:
            return "".join(_like(sign, stream) if sign in _DIGITS else sign for sign in value)

        return self._other(f"digits {person}", value, make)

    def _other(
        self,
        purpose: str,
        value: str,
        make: Callable[["_Stream"], str],
        refused: Callable[[str], bool] = lambda made: False,  # noqa: ARG005 -- the shape
    ) -> str:
        """Return what is made for the value; other than the value where there is any other."""
        made = value
        for attempt in range(_ATTEMPTS):
            made = make(_Stream(self._key, f"{purpose} {attempt}", value))
            if made.casefold() != value.casefold() and not refused(made):
                break
        return made

    def _own(
        self, purpose: str, value: str, make: Callable[["_Stream"], str], avoided: set[str]
    ) -> str:
        """Return what stands for this value alone, and is nobody's real value."""
        known = self._given.get((purpose, value))
        if known is not None:
            return known
        taken = self._taken.setdefault(purpose, set())
        made = self._other(
            purpose, value, make, refused=lambda made: made in avoided or made in taken
        )
        taken.add(made)
        self._given[purpose, value] = made
        return made


class _Stream:
    """As many keyed bytes as wanted for a purpose and a value; the same ones every time."""

    def __init__(self, key: bytes, purpose: str, value: str) -> None:
        name = purpose.encode()
        text = len(name).to_bytes(4, "big") + name + value.encode("utf-8", "surrogatepass")
        self._seed = hmac.digest(key, text, hashlib.sha256)
        self._block = 0
        self._rest = b""

    def bytes(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._rest += hmac.digest(self._seed, self._block.to_bytes(8, "big"), hashlib.sha256)
            self._block += 1
        out, self._rest = self._rest[:count], self._rest[count:]
        return out

    def below(self, bound: int) -> int:
        """Return a number from 0 to below the bound; the bias is below one in 2^48."""
        return int.from_bytes(self.bytes(8), "big") % bound

    def one_of(self, choices: tuple[str, ...] | str) -> str:
        return choices[self.below(len(choices))]

    def text(self, alphabet: str, count: int) -> str:
        return "".join(self.one_of(alphabet) for _ in range(count))


def _like(sign: str, stream: _Stream) -> str:
    """Return another sign of the same class."""
    if sign in _DIGITS:
        return stream.one_of(_DIGITS)
    if sign.isalpha():
        other = stream.one_of(_ALPHABET)
        return other.upper() if sign.isupper() else other
    return sign


def _labels(stream: _Stream, length: int) -> str:
    """Return the labels of a domain of that length, without the last one."""
    parts = []
    while length > _LABEL_CHARACTERS_MAX:
        parts.append(stream.text(_ALPHABET, _LABEL_CHARACTERS_MAX - 1))
        length -= _LABEL_CHARACTERS_MAX
    return ".".join([*parts, stream.text(_ALPHABET, max(1, length))])


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False
