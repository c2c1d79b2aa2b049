"""Consumers, as the API shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from domain.applications import Application as ApplicationRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.consumers import Consumer as ConsumerRecord
from resolvers import applications, banking, consumers
from resolvers.pages import Listing
from schema.banking import BankConnection
from schema.connections import Node, PageInfo, edges, page_info
from schema.declare import Info, batched, field, object_type
from schema.gates import of_itself
from schema.inputs import plain
from schema.rules import (
    APPLICATION_READERS,
    BANK_READERS,
    CONSUMER_IDENTITY,
    CONSUMER_READERS,
    SSN_READERS,
)
from schema.scalars import AWSDate, AWSEmail, AWSPhone

if TYPE_CHECKING:
    from schema.applications import ApplicationConnection

LazyApplications = Annotated["ApplicationConnection", strawberry.lazy("schema.applications")]


@object_type(rule=CONSUMER_READERS)
class PersonName:
    """A person's name."""

    given: str
    middle: str | None
    family: str
    suffix: str | None


@object_type(rule=CONSUMER_READERS)
class Address:
    """A postal address in the United States; state is a USPS code."""

    line1: str
    line2: str | None
    city: str
    state: str
    postal_code: str


async def _ssn(root: ConsumerRecord, info: Info, purpose: str) -> str | None:
    return await consumers.read_ssn(info.context, root, purpose)


async def _applications(
    root: ConsumerRecord, info: Info, first: int | None = 20, after: str | None = UNSET
) -> Listing[ApplicationRecord]:
    return await applications.applications_of(info.context, root, first=first, after=plain(after))


async def _bank_connections(
    parents: Sequence[ConsumerRecord], info: Info
) -> list[list[BankConnectionRecord]]:
    return await banking.connections_of(info.context, parents)


@object_type(rule=CONSUMER_READERS, record=ConsumerRecord, about=of_itself)
class Consumer(Node):
    """Somebody whose debts are counseled on."""

    id: strawberry.ID = field(rule=CONSUMER_IDENTITY)
    version: int = field(rule=CONSUMER_IDENTITY, personal=False)
    name: PersonName
    email: AWSEmail | None
    phone: AWSPhone | None
    date_of_birth: AWSDate | None
    address: Address | None
    ssn_last4: str | None
    ssn: str | None = field(
        _ssn,
        str | None,
        rule=SSN_READERS,
        description="Full number. Counselors, with a sign-in no older than 15 minutes; every read "
        "is audited with its purpose.",
    )
    applications = field(
        _applications,
        LazyApplications | None,
        rule=APPLICATION_READERS,
        description="What the caller may read of the consumer's applications, newest first.",
    )
    bank_connections = batched(
        _bank_connections,
        list[BankConnection] | None,
        rule=BANK_READERS,
        description="Of the applications that the caller may read, oldest first.",
    )


@object_type(rule=CONSUMER_READERS)
class ConsumerEdge:
    """A consumer in a listing."""

    cursor: str
    node: Consumer


@object_type(rule=CONSUMER_READERS)
class ConsumerConnection:
    """A page of consumers."""

    edges: list[ConsumerEdge] = edges(ConsumerEdge)
    page_info: PageInfo = page_info()
