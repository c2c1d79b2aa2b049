"""What the fields of Mutation that are about bank links call."""

import strawberry
from strawberry import UNSET

from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.banking import LinkToken
from resolvers import bank_links, banking
from resolvers.inputs import given
from schema.declare import Info
from schema.inputs import ConnectBankInput, plain


async def create_bank_link_token(
    info: Info, application_id: strawberry.ID, connection_id: strawberry.ID | None = UNSET
) -> LinkToken:
    """Return what opens Link."""
    return await bank_links.create_link_token(
        info.context, application_id, given(plain(connection_id))
    )


async def connect_bank(info: Info, input: ConnectBankInput) -> BankConnectionRecord:
    """Link a bank."""
    return await bank_links.connect_bank(info.context, plain(input))


async def sync_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    """Take over what the bank says now."""
    return await banking.sync_bank(info.context, id)


async def disconnect_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    """End a link."""
    return await banking.disconnect_bank(info.context, id)
