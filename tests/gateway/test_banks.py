"""Each agency's bank data, opened from settings, its calls counted."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.banking import LinkRequest
from domain.errors import BankLinkGone, Unauthenticated, UpstreamUnavailable
from gateway.banks import AgencyBank, Banks, open_banks, plaid_settings
from gateway.config import CannotStart, Config, ConfigFault, PlaidConfig, load_config
from gateway.local.platform import with_simulated_banks
from gateway.secrets import open_secrets
from integrations.plaid.local import running_simulator
from integrations.plaid.pacing import Allowance, Allowances
from integrations.plaid.simulator import Simulator, SimulatorAccount
from tests.gateway.small_gateway import BROKEN, HARBOR

CONFIG = PlaidConfig(
    url="https://sandbox.plaid.com",
    client_id="client1",
    secret="one",
    webhook_url="https://api.example.org/",
    days_requested=90,
    pages=7,
)
TOKEN = "access-sandbox-user_good-ins_109508-000000000000"
REQUEST = LinkRequest(client_user_id="con_1", client_name="Harbor")
Calls = list[tuple[str, str]]


def counting(calls: Calls) -> Any:
    return lambda vendor, outcome, _seconds: calls.append((vendor, outcome))


def test_settings_become_the_adapters() -> None:
    """Every configured value reaches the adapter; no address, no bank data."""
    settings = plaid_settings(CONFIG, processes=4)

    assert settings is not None
    assert (settings.client_id, settings.days_requested, settings.pages_max) == ("client1", 90, 7)
    assert settings.allowances.processes == 4
    assert plaid_settings(PlaidConfig()) is None
    assert open_banks(PlaidConfig(), counting([])).of(HARBOR) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"client_id": ""}, "client_id"), ({"secret": ""}, "secret is empty")],
)
def test_settings_that_cannot_be_right_are_told_at_the_start(
    wrong: dict[str, Any], words: str
) -> None:
    """A missing credential keeps the gateway from starting, not a consumer from linking later."""
    with pytest.raises(CannotStart, match=words):
        open_banks(replace(CONFIG, **wrong), counting([]))


@pytest.mark.parametrize("name", ["PLAID_URL", "PLAID_WEBHOOK_URL", "PLAID_REDIRECT_URI"])
def test_addresses_are_https_beyond_this_machine(name: str) -> None:
    """Plain HTTP would show secrets and people's accounts to whoever is on the way."""
    environment = {"ALMONER_HOME": "home", f"ALMONER_{name}": "http://plaid.example.org"}
    with pytest.raises(ConfigFault, match=f"ALMONER_{name} wants https"):
        load_config(environment, command="serve")
    load_config(environment | {f"ALMONER_{name}": "http://127.0.0.1:8092"}, command="serve")


async def test_each_agency_is_told_at_an_address_of_its_own() -> None:
    """The slug is in the webhook's address, before and after settings change."""
    simulator = Simulator()
    async with running_simulator(simulator) as url:
        config = with_simulated_banks(Config(port=1234), url).plaid
        banks = open_banks(config, counting([]))
        for _ in range(2):
            for agency in (HARBOR, BROKEN):
                bank = banks.of(agency)
                assert bank is not None
                link = await bank.create_link_token(REQUEST)
                address = simulator.memory.links[link.token].webhook
                assert address == f"http://127.0.0.1:1234/webhooks/plaid/{agency.slug}"
            settings = plaid_settings(config)
            assert settings is not None
            await banks.renew(settings)
        await banks.aclose()


async def test_every_call_is_counted() -> None:
    """Calls are counted by how they ended; looking at a webhook is none."""
    calls: Calls = []
    async with running_simulator(Simulator()) as url:
        banks = open_banks(with_simulated_banks(Config(), url).plaid, counting(calls))
        bank = banks.of(HARBOR)
        assert bank is banks.of(HARBOR)
        assert isinstance(bank, AgencyBank)
        changes = await bank.transactions(TOKEN, None)
        assert (await bank.item(TOKEN)).institution_name == "First Platypus Bank"
        for read in (bank.accounts, bank.balances, bank.streams, bank.liabilities, bank.owners):
            assert await read(TOKEN)
        assert changes.added
        await bank.remove(TOKEN)
        with pytest.raises(BankLinkGone):
            await bank.accounts(TOKEN)
        with pytest.raises(Unauthenticated):
            await bank.verified(None, b"{}", SimulatorAccount().now())
        await banks.aclose()
    assert calls == [("plaid", "ok")] * 8 + [("plaid", "BANK_LINK_GONE")]


async def test_a_new_secret_is_used_without_a_restart(tmp_path: Path) -> None:
    """What Plaid and we change at different times goes on linking."""
    path = tmp_path / "secret"
    await asyncio.to_thread(path.write_text, "one")
    simulator = Simulator(SimulatorAccount(secret="one"))
    async with running_simulator(simulator) as url:
        config = with_simulated_banks(Config(), url)
        config = replace(config, plaid=replace(config.plaid, secret=path.as_uri()))
        async with open_secrets(config, watch=False) as secrets:
            banks = open_banks(config.plaid, counting([]), secrets)
            bank = banks.of(HARBOR)
            assert bank is not None
            await bank.accounts(TOKEN)
            await asyncio.to_thread(path.write_text, "two")
            assert await secrets.refresh()
            await bank.accounts(TOKEN)  # Plaid still has the old one
            simulator.account = replace(simulator.account, secret="two")
            await bank.accounts(TOKEN)
            assert banks.of(HARBOR) is bank
            await banks.aclose()


async def test_agencies_share_the_clients_limits() -> None:
    """One client of Plaid's has one limit, whichever agency uses it up."""
    table = {"/accounts/get": Allowance(item=None, client=1)}
    async with running_simulator(Simulator()) as url:
        settings = plaid_settings(with_simulated_banks(Config(), url).plaid)
        assert settings is not None
        allowances = Allowances(by_endpoint=table)
        banks = Banks(replace(settings, allowances=allowances, pacing_seconds=1), counting([]))
        first, second = banks.of(HARBOR), banks.of(BROKEN)
        assert first is not None
        assert second is not None
        await first.accounts(TOKEN)
        with pytest.raises(UpstreamUnavailable, match="asked too often"):
            await second.accounts(TOKEN)
        await banks.aclose()
