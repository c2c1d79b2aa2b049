"""Canaries: values that nobody else has, each known by whose it is and who may see it.

Texts carry a mark, so that one search finds all of them in whatever leaves the gateway, in any
case and also as base64 or hex. Numbers and dates cannot carry one; they are taken from ranges that
nothing else here uses, and looked up.
"""

import base64
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

MARK = "zqcnry"
EVERYBODYS = "every agency"
"""The agency of a value that all agencies have alike: it tells nobody whose record it is from, and
is as personal as any other."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_FIRST_BIRTHDAY = date(1931, 1, 1)
_FOUND = re.compile(
    rf"{MARK}[a-z2-7]{{10}}"
    r"|19[3-6][0-9]-[0-9]{2}-[0-9]{2}"  # dates of birth
    r"|9[0-9]{2}-?[0-9]{2}-?[0-9]{4}"  # Social Security numbers of never-issued ranges
    r"|\(?[2-9][0-9]{2}\)?[ -]?555[ -]?01[0-9]{2}"  # telephone numbers kept for films
    r"|73[0-9]{5}\.[0-9]{2}"  # amounts
    r"|canary@mail\.test"  # what everybody called Twin has
    r"|198\.1[89]\.[0-9]{1,3}\.[0-9]{1,3}"  # addresses kept for benchmarks
)
_MARKED = re.compile(rf"{MARK}[a-z2-7]{{10}}".encode())
_NOT_DIGITS = re.compile(r"[^0-9]")


def _hidden_marks() -> tuple[str, ...]:
    """Return how the mark looks within base64, at each of its three alignments, and in hex."""
    raw = MARK.encode()
    standard = base64.b64encode(raw).decode()
    second = base64.b64encode(b"?" + raw + b"?").decode()[2:9]
    third = base64.b64encode(b"??" + raw + b"?").decode()[3:10]
    return standard, second, third, raw.hex()


HIDDEN_MARKS = _hidden_marks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A planted value.

    path: the kind and attribute that it stands in. may: roles of the agency that may see it. must:
    those that have to see it in a whole run, or the run has proved nothing. subject: the planted
    object, to tell findings apart.
    """

    value: str
    agency: str
    path: str
    subject: str
    may: frozenset[str]
    must: frozenset[str]

    def __str__(self) -> str:
        """Return what it is, and never the value alone."""
        return f"{self.path} of {self.subject} of {self.agency}"


@dataclass(slots=True)
class Canaries:
    """All canaries of a world; the same seed gives the same ones."""

    random: random.Random
    _known: dict[str, Canary] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Canary]:
        """Iterate over all canaries."""
        return iter(self._known.values())

    def add(self, canary: Canary) -> str:
        """Keep a canary; return its value."""
        self._known[_canonical(canary.value)] = canary
        return canary.value

    def text(self) -> str:
        """Return a new text."""
        return MARK + "".join(self.random.choices(_LETTERS, k=10))

    def birthday(self) -> date:
        """Return a date of birth that nobody else has."""
        return _FIRST_BIRTHDAY + timedelta(days=self._next("birthday"))

    def ssn(self) -> str:
        """Return a Social Security number that nobody has."""
        return str(970_000_000 + 137 * self._next("ssn"))

    def phone(self) -> str:
        """Return a telephone number that nobody else has."""
        number = self._next("phone")
        return f"+1 {210 + number // 100} 555 {100 + number % 100:04}"

    def amount(self) -> str:
        """Return an amount that nobody else has."""
        return f"73{self._next('amount'):05}.17"

    def address(self) -> str:
        """Return an IP address that nobody else has."""
        number = self._next("address")
        return f"198.18.{number // 250}.{number % 250 + 1}"

    def found_in(self, text: str) -> set[Canary]:
        """Return the canaries in a text; a marked text that is not known stands for itself."""
        found: set[Canary] = set()
        for value in set(_FOUND.findall(text.lower())):
            canary = self._known.get(_canonical(value))
            if canary is not None:
                found.add(canary)
            elif value.startswith(MARK):
                found.add(_stray(value))
        for hidden in HIDDEN_MARKS:
            if hidden in text:
                found.add(_stray(hidden))
        return found

    def marked_in(self, raw: bytes) -> set[Canary]:
        """Return the marked canaries in bytes, such as a file's: fast, and blind to numbers."""
        values = {match.decode() for match in _MARKED.findall(raw.lower())}
        found = {self._known.get(value) or _stray(value) for value in values}
        return found | {_stray(hidden) for hidden in HIDDEN_MARKS if hidden.encode() in raw}

    def _next(self, name: str) -> int:
        self._numbers[name] += 1
        return self._numbers[name]


def _stray(value: str) -> Canary:
    nobody: frozenset[str] = frozenset()
    return Canary(
        value=value, agency="nobody", path="hidden", subject=value, may=nobody, must=nobody
    )


def _canonical(value: str) -> str:
    """Return the one spelling of a value that may be written in several."""
    lowered = value.lower()
    if lowered.startswith(MARK):
        return lowered[: len(MARK) + 10]
    if "." in lowered or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", lowered):
        return lowered
    return _NOT_DIGITS.sub("", lowered)[-10:]
