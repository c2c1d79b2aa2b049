"""The context of one request: who asks, for which agency, with which store, and when."""

from dataclasses import dataclass
from datetime import datetime

from domain.access import Principal
from domain.agencies import Agency
from domain.banking import BankData
from domain.credit import CreditBureau
from domain.documents import DocumentTerms
from domain.errors import Forbidden, NotFound
from domain.invitations import HOURS_DEFAULT
from resolvers.guard import Guard
from resolvers.loaders import Loaders
from tenants.directory.port import AgencyDirectory
from tenants.store import AgencyStore

_DEFAULT_TERMS = DocumentTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMeta:
    """What is known of the request itself.

    at: the moment that the whole request is judged by, UTC. allow_test_ssn: Social Security numbers
    of the never-issued ranges are accepted, which development alone allows. documents: on what
    terms they are moved. invitation_hours: how long a code holds.
    """

    id: str
    at: datetime
    source_ip: str | None = None
    idempotency_key: str | None = None
    allow_test_ssn: bool = False
    documents: DocumentTerms = _DEFAULT_TERMS
    invitation_hours: int = HOURS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendors:
    """The vendors of one agency; None for each that it does not have."""

    credit: CreditBureau | None = None
    banks: BankData | None = None


NO_VENDORS = Vendors()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """All that a resolver gets. Without an agency, `agency` and `store` are None.

    directory: without an agency, that of the one to which an operator may ask for access, or None.
    """

    principal: Principal
    agency: Agency | None
    store: AgencyStore | None
    directory: AgencyDirectory | None
    vendors: Vendors
    request: RequestMeta
    guard: Guard
    loaders: Loaders


def open_context(
    principal: Principal,
    agency: Agency | None,
    store: AgencyStore | None,
    directory: AgencyDirectory | None,
    vendors: Vendors,
    request: RequestMeta,
) -> RequestContext:
    """Return the context of a request, with a guard and loaders of its own."""
    loaders = Loaders(store)
    return RequestContext(
        principal=principal,
        agency=agency,
        store=store,
        directory=directory,
        vendors=vendors,
        request=request,
        guard=Guard(principal, store, loaders, request.at),
        loaders=loaders,
    )


def agency_of(context: RequestContext) -> Agency:
    """Return the agency of the request; raises Forbidden where there is none."""
    if context.agency is None:
        raise Forbidden
    return context.agency


def store_of(context: RequestContext) -> AgencyStore:
    """Return the agency's store; raises Forbidden where there is none."""
    if context.store is None:
        raise Forbidden
    return context.store


def directory_of(context: RequestContext) -> AgencyDirectory:
    """Return the directory bound to the agency; raises Forbidden where there is none."""
    if context.agency is None or context.directory is None:
        raise Forbidden
    return context.directory


def directory_to_ask(context: RequestContext) -> AgencyDirectory:
    """Return the directory of the agency to ask for access to; raises NotFound without one."""
    if context.directory is None:
        raise NotFound("There is no such agency. Name one by the header x-agency.")
    return context.directory
