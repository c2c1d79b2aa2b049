"""Plaid's own client for Python takes every answer of the simulator, over real HTTP."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

import plaid as official
import pytest
from plaid.api.plaid_api import PlaidApi
from plaid.model import (
    accounts_balance_get_request,
    accounts_get_request,
    country_code,
    custom_sandbox_transaction,
    identity_get_request,
    item_get_request,
    item_public_token_exchange_request,
    item_remove_request,
    liabilities_get_request,
    link_token_create_request,
    link_token_create_request_user,
    products,
    sandbox_item_fire_webhook_request,
    sandbox_item_reset_login_request,
    sandbox_public_token_create_request,
    sandbox_public_token_create_request_options,
    sandbox_transactions_create_request,
    transactions_recurring_get_request,
    transactions_sync_request,
    webhook_type,
    webhook_verification_key_get_request,
)

from tests.integrations.plaid.conftest import INSTITUTION, Running
from tests.integrations.plaid.judging import document

_T = TypeVar("_T")


class Client:
    """Calls the official client beside the event loop that the simulator runs on."""

    def __init__(self, running: Running, secret: str | None = None) -> None:
        account = running.simulator.account
        configuration = official.Configuration(
            host=running.url,
            api_key={"clientId": account.client_id, "secret": secret or account.secret},
        )
        self.api = PlaidApi(official.ApiClient(configuration))

    async def call(self, method: Callable[[Any], _T], request: Any) -> _T:
        """Return what a method of the client returns."""
        return await asyncio.to_thread(method, request)

    async def link(self, user: str, **options: Any) -> str:
        """Return the access token of a new item."""
        request = sandbox_public_token_create_request.SandboxPublicTokenCreateRequest(
            institution_id=INSTITUTION,
            initial_products=[products.Products("transactions")],
            options=sandbox_public_token_create_request_options.SandboxPublicTokenCreateRequestOptions(
                override_username=user, override_password="pass_good", **options
            ),
        )
        made = await self.call(self.api.sandbox_public_token_create, request)
        exchanged = await self.call(
            self.api.item_public_token_exchange,
            item_public_token_exchange_request.ItemPublicTokenExchangeRequest(
                public_token=made["public_token"]
            ),
        )
        return str(exchanged["access_token"])


@pytest.fixture
def client(running: Running) -> Client:
    return Client(running)


async def test_the_official_client_reads_a_household(client: Client, running: Running) -> None:
    """Accounts, balances, item, owners, liabilities and recurring payments decode strictly."""
    token = await client.link("user_good")
    api = client.api

    link = await client.call(
        api.link_token_create,
        link_token_create_request.LinkTokenCreateRequest(
            client_name="Harbor",
            language="en",
            country_codes=[country_code.CountryCode("US")],
            user=link_token_create_request_user.LinkTokenCreateRequestUser(client_user_id="1"),
            products=[products.Products("transactions")],
        ),
    )
    accounts = await client.call(
        api.accounts_get, accounts_get_request.AccountsGetRequest(access_token=token)
    )
    balances = await client.call(
        api.accounts_balance_get,
        accounts_balance_get_request.AccountsBalanceGetRequest(access_token=token),
    )
    item = await client.call(api.item_get, item_get_request.ItemGetRequest(access_token=token))
    owners = await client.call(
        api.identity_get, identity_get_request.IdentityGetRequest(access_token=token)
    )
    owed = await client.call(
        api.liabilities_get, liabilities_get_request.LiabilitiesGetRequest(access_token=token)
    )
    streams = await client.call(
        api.transactions_recurring_get,
        transactions_recurring_get_request.TransactionsRecurringGetRequest(access_token=token),
    )

    assert link["link_token"].startswith("link-sandbox-")
    assert len(accounts["accounts"]) == len(balances["accounts"]) == 5
    assert item["item"]["institution_name"] == "First Platypus Bank"
    assert owners["accounts"][0]["owners"][0]["names"] == ["Alberta Bobbeth Charleson"]
    assert owed["liabilities"]["credit"][0]["minimum_payment_amount"] == 129.0
    assert {one["description"] for one in streams["inflow_streams"]} >= {"Gingham Mfg Payroll"}
    assert running.judged.faults == []


async def test_the_official_client_syncs_what_happens_at_a_bank(
    client: Client, running: Running
) -> None:
    """Pages by cursor, a transaction that is created, and the removal of the link."""
    token = await client.link("user_transactions_dynamic")
    api = client.api
    sync = transactions_sync_request.TransactionsSyncRequest
    first = await client.call(api.transactions_sync, sync(access_token=token, count=100))
    second = await client.call(
        api.transactions_sync, sync(access_token=token, count=100, cursor=first["next_cursor"])
    )
    today = running.simulator.account.now().date()
    create = sandbox_transactions_create_request.SandboxTransactionsCreateRequest
    made = custom_sandbox_transaction.CustomSandboxTransaction(
        date_transacted=today, date_posted=today, amount=12.34, description="A BOOK"
    )
    await client.call(
        api.sandbox_transactions_create, create(access_token=token, transactions=[made])
    )
    third = await client.call(
        api.transactions_sync, sync(access_token=token, cursor=second["next_cursor"])
    )
    await client.call(api.item_remove, item_remove_request.ItemRemoveRequest(access_token=token))

    assert (len(first["added"]), first["has_more"], second["has_more"]) == (100, True, False)
    assert [one["amount"] for one in third["added"]] == [12.34]
    with pytest.raises(official.ApiException) as raised:
        await client.call(api.item_get, item_get_request.ItemGetRequest(access_token=token))
    assert json.loads(raised.value.body)["error_code"] == "INVALID_ACCESS_TOKEN"


async def test_the_official_client_uses_the_sandbox(client: Client, running: Running) -> None:
    """Sign-ins are reset, webhooks are fired, keys are handed out; a wrong secret is refused."""
    api = client.api
    token = await client.link("user_good", webhook="http://127.0.0.1:9/nobody")
    fired = await client.call(
        api.sandbox_item_fire_webhook,
        sandbox_item_fire_webhook_request.SandboxItemFireWebhookRequest(
            access_token=token,
            webhook_type=webhook_type.WebhookType("TRANSACTIONS"),
            webhook_code="SYNC_UPDATES_AVAILABLE",
        ),
    )
    reset = await client.call(
        api.sandbox_item_reset_login,
        sandbox_item_reset_login_request.SandboxItemResetLoginRequest(access_token=token),
    )
    header = running.simulator.webhooks.key_id
    key = await client.call(
        api.webhook_verification_key_get,
        webhook_verification_key_get_request.WebhookVerificationKeyGetRequest(key_id=header),
    )

    assert fired["webhook_fired"]
    assert reset["reset_login"]
    assert key["key"]["alg"] == "ES256"
    with pytest.raises(official.ApiException) as raised:
        await client.call(
            api.accounts_get, accounts_get_request.AccountsGetRequest(access_token=token)
        )
    assert json.loads(raised.value.body)["error_code"] == "ITEM_LOGIN_REQUIRED"
    with pytest.raises(official.ApiException) as refused:
        await Client(running, "wrong").link("user_good")
    assert json.loads(refused.value.body)["error_code"] == "INVALID_API_KEYS"


def test_every_endpoint_of_the_extract_is_driven_here() -> None:
    """The endpoints that the tests above call are those that Plaid's document is cut down to."""
    called = {
        name.removesuffix("_request").replace("_", "/")
        for name in globals()
        if name.endswith("_request")
    }
    used = {path.strip("/").replace("_", "/") for path in document()["endpoints"]}
    assert used <= called
