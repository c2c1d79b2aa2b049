"""Invitations: a code by which a consumer binds their own sign-in to the record made for them.

A counselor who takes somebody on by telephone makes the record; the code, told over the same
telephone, is what hands it over. It is short enough to be read out, and holds because it is good
once, for days at most, for few attempts, and for whoever knows the date of birth too.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime

from domain.actors import Actor

CODE_ALPHABET = "23456789" + "ABCDEFGH" + "JKMNPQRS" + "TVWXYZ"
"""Nothing that is heard or read as something else: neither 0 and O, nor 1, I and L, nor U and V."""

CODE_CHARACTERS = 10  # 30^10: 49 bits
HOURS_DEFAULT = 72
FAILURES_MAX = 5  # wrong dates of birth with the right code; then it ends
MADE_A_DAY_MAX = 10  # for one consumer
ATTEMPTS_AN_HOUR_MAX = 5  # by one person
ATTEMPTS_OF_ALL_MAX = 500  # an hour, in one agency
_SEPARATORS = str.maketrans("", "", "- \t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A code that was given out for a consumer's record, under whose root it lives.

    code_index: the code's keyed hash; the code itself is kept nowhere. ended_at: when it was taken
    back, by a newer one or for too many failures.
    """

    id: str
    version: int = 0
    consumer_id: str
    code_index: str
    made_by: Actor
    made_at: datetime
    expires_at: datetime
    failures: int = 0
    used_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Say whether it was neither used nor taken back."""
        return self.used_at is None and self.ended_at is None

    def holds(self, at: datetime) -> bool:
        """Say whether it can be accepted at that moment."""
        return self.is_open and at < self.expires_at

    def failed(self, at: datetime) -> "Invitation":
        """Return it after the right code came with a wrong date of birth."""
        failures = self.failures + 1
        return replace(
            self, failures=failures, ended_at=at if failures >= FAILURES_MAX else self.ended_at
        )


def new_code() -> str:
    """Return a random code, as it is kept: without the dash that it is shown with."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_CHARACTERS))


def shown_code(code: str) -> str:
    """Return a code in two halves, as it is read out."""
    half = CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


def typed_code(text: str) -> str | None:
    """Return the code that was typed, in whatever spelling; None for what cannot be one."""
    if len(text) > 4 * CODE_CHARACTERS:
        return None
    code = text.translate(_SEPARATORS).upper()
    fits = len(code) == CODE_CHARACTERS and set(code) <= set(CODE_ALPHABET)
    return code if fits else None


def is_same_person(known: date | None, told: date | None) -> bool:
    """Say whether what is told fits the record: nothing has to be told where nothing is known."""
    return known is None or known == told
