"""A simulator that is being served, everything of it judged, and settings of an adapter."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from domain.banking import LinkedItem
from integrations.plaid.adapter import Plaid, open_plaid
from integrations.plaid.local import simulator_settings
from integrations.plaid.settings import PlaidSettings
from integrations.plaid.simulator import Simulator, SimulatorAccount
from integrations.serving import serving
from tests.integrations.plaid.judging import Judged

INSTITUTION = "ins_109508"
ACCOUNT = SimulatorAccount(slow_seconds=0.05, webhook_waits_seconds=(0.01, 0.01, 0.01))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A simulator that is being served."""

    simulator: Simulator
    judged: Judged
    url: str
    settings: PlaidSettings

    async def link(
        self,
        plaid: Plaid,
        user: str = "user_good",
        *,
        password: str = "pass_good",
        webhook: str | None = None,
    ) -> LinkedItem:
        """Return a new item of a user, as the sandbox makes one without Link."""
        options = {"override_username": user, "override_password": password}
        if webhook is not None:
            options["webhook"] = webhook
        made = await self.ask(
            "/sandbox/public_token/create",
            institution_id=INSTITUTION,
            initial_products=["transactions"],
            options=options,
        )
        return await plaid.exchange(str(made["public_token"]))

    async def ask(self, path: str, **body: object) -> dict[str, object]:
        """Return what an endpoint answers, credentials in the body."""
        account = self.simulator.account
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            answer = await client.post(
                path, json={"client_id": account.client_id, "secret": account.secret, **body}
            )
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """Serve a simulator on a free port of loopback; nothing that passes may be against the API."""
    simulator = Simulator(ACCOUNT)
    judged = Judged(simulator)
    async with serving(judged, simulator.close) as port:
        url = f"http://127.0.0.1:{port}"
        yield Running(
            simulator=simulator,
            judged=judged,
            url=url,
            settings=simulator_settings(url, ACCOUNT),
        )
    assert judged.faults == []


@pytest.fixture
async def plaid(running: Running) -> AsyncIterator[Plaid]:
    """Open an adapter that speaks to it."""
    async with open_plaid("agency_1", running.settings) as adapter:
        yield adapter


def public_token_in(page: str) -> str:
    """Return the public token that a page of Link shows."""
    found = re.search(r"public-sandbox-\w+", page)
    assert found is not None
    return found[0]
