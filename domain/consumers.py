"""Consumers: the people whose debts these are."""

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName:
    """A person's name."""

    given: str
    middle: str | None = None
    family: str
    suffix: str | None = None

    @property
    def display(self) -> str:
        """Return the name as one line."""
        parts = (self.given, self.middle, self.family, self.suffix)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address in the United States; state is a USPS code."""

    line1: str
    line2: str | None = None
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A consumer of one agency.

    id: global id. subject: `sub` of the consumer's own sign-in, None until they have one.
    ssn: nine digits. phone: as given, normalized to E.164 for look-ups only.
    """

    id: str
    version: int = 0
    created_at: datetime
    updated_at: datetime
    subject: str | None = None
    name: PersonName
    email: str | None = None
    phone: str | None = None
    date_of_birth: date | None = None
    address: Address | None = None
    ssn: str | None = field(default=None, repr=False)

    @property
    def ssn_last4(self) -> str | None:
        """Return the last four digits of the Social Security number."""
        return self.ssn[-4:] if self.ssn else None
