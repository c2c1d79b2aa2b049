"""Mutations of bank links, and of what they propose."""

import strawberry
from strawberry import UNSET

from domain.applications import Application as ApplicationRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.banking import LinkToken
from resolvers import (
    bank_links,
    banking,
    proposals,
)
from resolvers.inputs import given
from schema.applications import Application
from schema.banking import BankConnection, BankLinkToken
from schema.declare import Info, field
from schema.inputs import (
    AcceptProposalsInput,
    ConnectBankInput,
    plain,
)
from schema.rules import (
    APPLICATION_WRITERS,
    BANK_WRITERS,
)


async def _create_bank_link_token(
    info: Info, application_id: strawberry.ID, connection_id: strawberry.ID | None = UNSET
) -> LinkToken:
    return await bank_links.create_link_token(
        info.context, application_id, given(plain(connection_id))
    )


create_bank_link_token = field(
    _create_bank_link_token,
    BankLinkToken | None,
    rule=BANK_WRITERS,
    description="Opens the vendor's Link: for a new link, or to repair the one named by "
    "connectionId, whose status is LOGIN_REQUIRED or PENDING_DISCONNECT. Consumers (own), "
    "counselors (by grant) [banking:write].",
)


async def _connect_bank(info: Info, input: ConnectBankInput) -> BankConnectionRecord:
    return await bank_links.connect_bank(info.context, plain(input))


connect_bank = field(
    _connect_bank,
    BankConnection | None,
    rule=BANK_WRITERS,
    description="Links the bank under a live consent to BANK_DATA; what is linked already is "
    "answered, not doubled [banking:write].",
)


async def _sync_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    return await banking.sync_bank(info.context, id)


sync_bank = field(
    _sync_bank,
    BankConnection | None,
    rule=BANK_WRITERS,
    description="Takes over what the bank says now; where a sync is under way, another "
    "follows it [banking:write].",
)


async def _disconnect_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    return await banking.disconnect_bank(info.context, id)


disconnect_bank = field(
    _disconnect_bank,
    BankConnection | None,
    rule=BANK_WRITERS,
    description="Ends the link at the bank and deletes what was read by it [banking:write].",
)


async def _accept_proposals(info: Info, input: AcceptProposalsInput) -> ApplicationRecord:
    return await proposals.accept_proposals(info.context, plain(input))


accept_proposals = field(
    _accept_proposals,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Makes lines of the proposals named, or changes those that they stand beside, "
    "all or nothing [applications:write, and banking:read].",
)
