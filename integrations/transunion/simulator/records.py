"""What the simulator's files are made of; deliberately not the gateway's own records."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is asked for, as the request names them."""

    first: str
    middle: str = ""
    last: str
    suffix: str = ""
    street: str
    city: str
    state: str
    zip_code: str
    ssn: str = field(repr=False)
    born: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An accepted request."""

    person: Person
    reference: str
    hard: bool
    member_code: str
    product: str
    score_model: str | None
    enveloped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnisher:
    """Who reports an account."""

    name: str
    industry: str
    member_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One account; amounts in whole dollars, pattern newest month first."""

    furnisher: Furnisher
    portfolio: str
    kind: str
    number: str
    relation: str
    opened: date
    effective: date
    closed: date | None = None
    paid_out: date | None = None
    balance: int
    high_credit: int
    limit: int | None = None
    rating: str
    remark: str | None = None
    term: str | None = None
    payment: int | None = None
    past_due: int = 0
    pattern: str
    pattern_from: date
    last_paid: date | None = None

    def late(self, digits: str) -> int:
        """Return how many months of the pattern bear one of the digits."""
        return sum(self.pattern.count(digit) for digit in digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A debt in the hands of a collector."""

    furnisher: Furnisher
    number: str
    opened: date
    effective: date
    closed: date | None = None
    balance: int
    original_name: str
    original_class: str
    original_balance: int
    rating: str = "9B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bankruptcy:
    """The one kind of public record that bureaus still keep."""

    kind: str
    docket: str
    filed: date
    liabilities: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Somebody who asked before."""

    name: str
    industry: str
    member_code: str
    asked: date
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Everything on one person."""

    person: Person
    since: date
    score: int | None
    factors: tuple[str, ...] = ()
    trades: tuple[Trade, ...] = ()
    collections: tuple[Collection, ...] = ()
    bankruptcies: tuple[Bankruptcy, ...] = ()
    inquiries: tuple[Inquiry, ...] = ()
    statement: str | None = None
    flags: frozenset[str] = field(default_factory=frozenset)
