"""Agencies, their user pools and their staff, as the directory keeps them."""

from dataclasses import dataclass
from enum import StrEnum

from domain.actors import Group
from domain.retention import RETENTION_YEARS_DEFAULT


class AgencyStatus(StrEnum):
    """Whether an agency's credentials are honoured."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A Cognito-style user pool; its issuer names the agency.

    issuer: exact `iss` of its tokens; the key set is at `<issuer>/.well-known/jwks.json`.
    client_ids: app clients whose tokens are accepted.
    """

    issuer: str
    client_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What the edge router goes by when it sends visitors to an agency.

    weight: its share of new visitors, beside the weights of the others that are licensed for them;
    0: none. accepting: False while it is crowded; who is with it already stays. partner_codes:
    who comes with one of them is sent to it.
    """

    weight: int = 100
    accepting: bool = True
    partner_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """A credit-counseling agency or lender.

    id: ULID. slug: lower-case name in addresses and commands. states: USPS codes of its licences.
    store_url: where its data lives (`sqlite:///…`), without any secret. retention_years: how long
    an application is kept after it has ended, as long as the agency has written no settings of its
    own, which say it then.
    """

    id: str
    slug: str
    name: str
    states: tuple[str, ...]
    currency: str = "USD"
    website: str | None = None
    status: AgencyStatus = AgencyStatus.ACTIVE
    store_url: str
    pools: tuple[Pool, ...]
    retention_years: int = RETENTION_YEARS_DEFAULT
    routing: Routing = Routing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Somebody who works for an agency; subject is the `sub` of their tokens."""

    id: str
    subject: str
    display_name: str
    email: str
    group: Group
    active: bool = True
