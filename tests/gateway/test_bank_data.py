"""Bank data over real HTTP: the product, Plaid's adapter and the simulated Plaid, with webhooks."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from domain.access import Principal
from domain.actors import Group
from domain.agencies import Agency, AgencyStatus
from domain.applications import Application
from domain.bank_connections import BankConnection, BankMonth
from gateway.bank_worker import BankWorker
from gateway.errors import Refused
from gateway.parts import Parts
from gateway.webhooks import FAILURE_SECONDS, FAILURES_MAX, Strangers, webhook_routes
from integrations.plaid.adapter import open_plaid
from integrations.plaid.local import running_simulator, simulator_settings
from integrations.plaid.simulator import Simulator, SimulatorAccount
from integrations.plaid.simulator.items import Item
from integrations.serving import serving
from resolvers.context import Vendors
from tenants.store import AgencyStore
from tests.resolvers.documents import CONNECT, DISCONNECT, LINK_TOKEN, PROPOSALS, READ_BANK, SYNC
from tests.resolvers.test_banking import connecting, consented, read_all
from tests.resolvers.world import World, line, open_world


@dataclass(slots=True)
class Served:
    """The world, the simulator behind it, and the address of its webhooks."""

    world: World
    simulator: Simulator
    plaid: str
    webhooks: str
    worker: BankWorker
    vendors: Vendors

    async def sandbox(self, path: str, **body: object) -> dict[str, Any]:
        """Call an endpoint of the sandbox."""
        account = self.simulator.account
        own = {"client_id": account.client_id, "secret": account.secret}
        async with httpx.AsyncClient(base_url=self.plaid, trust_env=False) as client:
            answer = await client.post(path, json=own | body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def linked(self, me: Principal, application: Application, user: str) -> dict[str, Any]:
        """Link the bank of a user of the sandbox."""
        made = await self.sandbox(
            "/sandbox/public_token/create",
            institution_id="ins_109508",
            initial_products=["transactions"],
            options={
                "override_username": user,
                "webhook": f"{self.webhooks}/webhooks/plaid/harbor",
            },
        )
        consent = await consented(self.world, me, application)
        asked = connecting(application, consent, str(made["public_token"]))
        return dict((await self.world.ask(me, CONNECT, asked))["connectBank"])

    async def item(self) -> tuple[str, Item]:
        """Return the only link's token and what the simulator has under it."""
        (link,) = [one async for one in self.world.store.scan(BankConnection)]
        assert link.access_token is not None
        return link.access_token, self.simulator.memory.item(link.access_token, self.world.now)

    async def settled(self) -> None:
        """Wait until webhooks are delivered, and what they wish for is done."""
        await self.simulator.webhooks.settled()
        await self.worker.look(await self.world.directory.agencies())
        await self.worker.settled()


class _Stores:
    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def lease(self, agency: Agency) -> AsyncIterator[AgencyStore]:
        assert agency.id == self._world.agency.id
        yield self._world.store


@dataclass(slots=True)
class _Parts:
    """What a webhook is answered with: the parts of the gateway that it touches."""

    directory: Any
    stores: _Stores
    vendors: Any
    bank_work: Any


class _VendorsOf:
    def __init__(self, vendors: Vendors) -> None:
        self._vendors = vendors

    def of(self, agency: Agency) -> Vendors:
        del agency
        return self._vendors


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """One agency whose banks are the simulator's, on real ports."""
    async with open_world(tmp_path) as world:
        simulator = Simulator(
            SimulatorAccount(now=lambda: world.now, webhook_waits_seconds=(0.01, 0.02))
        )

        def today() -> date:
            return world.now.date()

        async with running_simulator(simulator) as url:
            plaid = open_plaid(world.agency.id, simulator_settings(url), today=today)
            world.banks = cast("Any", plaid)
            vendors = Vendors(banks=plaid)
            stores, vendors_of = _Stores(world), _VendorsOf(vendors)
            worker = BankWorker(world.directory, stores, vendors_of, clock=lambda: world.now)
            parts = cast("Parts", _Parts(world.directory, stores, vendors_of, worker))
            app = Starlette(routes=webhook_routes(lambda: parts, clock=lambda: world.now))
            try:
                async with serving(app, lambda: None) as port:
                    webhooks = f"http://127.0.0.1:{port}"
                    yield Served(world, simulator, url, webhooks, worker, vendors)
            finally:
                await plaid.aclose()


@pytest.fixture
def me(served: Served) -> Principal:
    """Return the consumer whose application it is."""
    return served.world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(served: Served) -> Application:
    """Return a draft of the consumer's."""
    return await served.world.add_application(await served.world.add_consumer("owner"))


async def test_a_bank_is_linked_synced_and_ended(
    served: Served, me: Principal, draft: Application
) -> None:
    """From Link's token to the item's removal, with what the simulated bank has in between."""
    world = served.world
    token = (await world.ask(me, LINK_TOKEN, {"id": draft.id}))["createBankLinkToken"]["token"]
    assert token.startswith("link-sandbox-")
    link = await served.linked(me, draft, "user_good")
    assert {one["type"] for one in link["accounts"]} >= {"depository", "credit"}
    synced = (await world.ask(me, SYNC, {"id": link["id"]}))["syncBank"]
    _, item = await served.item()
    told = {str(one["transaction_id"]) for one in item.world.transactions}
    months = await world.store.children(BankMonth, draft.id)
    assert {each.source_id for one in months for each in one.transactions} == told
    checking = next(one for one in synced["accounts"] if one["subtype"] == "checking")
    shown = await read_all(world, me, checking["id"])
    assert len(shown) == sum(
        one["account_id"] == item.world.accounts[0].account_id for one in item.world.transactions
    )
    ended = (await world.ask(me, DISCONNECT, {"id": link["id"]}))["disconnectBank"]
    assert ended["status"] == "REMOVED"
    assert "/item/remove" in served.simulator.calls
    assert await world.store.children(BankMonth, draft.id) == []


async def test_the_simulated_households_income_and_debts_are_proposed(
    served: Served, me: Principal, draft: Application
) -> None:
    """The salary every two weeks, the rent, and the card with the rate that the bank tells."""
    world = served.world
    link = await served.linked(me, draft, "user_good")
    await world.ask(me, SYNC, {"id": link["id"]})
    found = (await world.ask(me, PROPOSALS, {"id": draft.id}))["application"]["proposals"]
    wages = next(one for one in found if one["incomeSource"] == "WAGES")
    assert (wages["amount"], wages["frequency"]) == ("1842.37", "BIWEEKLY")
    housing = next(one for one in found if one["expenseCategory"] == "HOUSING")
    assert housing["amount"] == "1150.00"
    card = next(one for one in found if one["debtKind"] == "CREDIT_CARD")
    assert (card["source"], card["state"], card["accountLast4"]) == ("BANK", "NEW", "3333")
    assert card["apr"] is not None
    assert card["monthly"] != "0.00"
    assert not [one for one in found if one["expenseCategory"] == "SAVINGS"], "between own accounts"


async def test_webhooks_of_the_simulator_are_taken_and_acted_on(
    served: Served, me: Principal, draft: Application
) -> None:
    """New transactions come by themselves; a reset sign-in is shown; revoked data are deleted."""
    world = served.world
    link = await served.linked(me, draft, "user_transactions_dynamic")
    await served.settled()
    synced = (await world.ask(me, READ_BANK, {"id": link["id"]}))["bankConnection"]
    account = synced["accounts"][0]["id"]
    before = await read_all(world, me, account)
    day = world.now.date().isoformat()
    token, _ = await served.item()
    entry = {"date_transacted": day, "date_posted": day, "amount": 12.34, "description": "NEWS"}
    await served.sandbox("/sandbox/transactions/create", access_token=token, transactions=[entry])
    await served.settled()
    names = {one["name"] for one in await read_all(world, me, account)}
    assert names - {one["name"] for one in before} == {"NEWS"}

    world.later(minutes=1)
    await served.sandbox("/sandbox/item/reset_login", access_token=token)
    await served.simulator.webhooks.settled()
    shown = (await world.ask(me, READ_BANK, {"id": link["id"]}))["bankConnection"]
    assert shown["status"] == "LOGIN_REQUIRED"
    repair = await world.ask(me, LINK_TOKEN, {"id": draft.id, "connection": link["id"]})
    assert repair["createBankLinkToken"]["token"]

    world.later(minutes=1)
    await served.sandbox(
        "/sandbox/item/fire_webhook", access_token=token, webhook_code="USER_PERMISSION_REVOKED"
    )
    await served.simulator.webhooks.settled()
    gone = (await world.ask(me, READ_BANK, {"id": link["id"]}))["bankConnection"]
    assert (gone["status"], gone["accounts"]) == ("REVOKED", [])
    assert await world.store.children(BankMonth, draft.id) == []


async def _post(served: Served, slug: str, body: bytes, signature: str | None) -> httpx.Response:
    headers = {} if signature is None else {"Plaid-Verification": signature}
    async with httpx.AsyncClient(base_url=served.webhooks, trust_env=False) as client:
        return await client.post(f"/webhooks/plaid/{slug}", content=body, headers=headers)


async def test_nothing_of_a_webhook_counts_before_its_signature(
    served: Served, me: Principal, draft: Application
) -> None:
    """Without one, with another body's, and with an old one it is turned away, and nothing done."""
    link = await served.linked(me, draft, "user_good")
    _, item = await served.item()
    body = (
        b'{"webhook_type":"ITEM","webhook_code":"USER_PERMISSION_REVOKED","item_id":"%s"}'
        % item.item_id.encode()
    )
    signature = served.simulator.webhooks.signature(body)
    for other in (None, "", "x" * 5000, served.simulator.webhooks.signature(b"{}")):
        assert (await _post(served, "harbor", body, other)).status_code == 401
    served.world.later(minutes=10)
    assert (await _post(served, "harbor", body, signature)).status_code == 401
    shown = (await served.world.ask(me, READ_BANK, {"id": link["id"]}))["bankConnection"]
    assert shown["status"] == "HEALTHY"
    fresh = served.simulator.webhooks.signature(body)
    assert (await _post(served, "harbor", body, fresh)).status_code == 200
    assert (await _post(served, "harbor", body, fresh)).status_code == 200


async def test_who_makes_up_signatures_is_not_looked_at_any_more(served: Served) -> None:
    """So nobody has all the calls for keys; and what is not taken is never answered as taken."""
    body = b"{}"
    for _ in range(FAILURES_MAX):
        assert (await _post(served, "harbor", body, "forged")).status_code == 401
    refused = await _post(served, "harbor", body, served.simulator.webhooks.signature(body))
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "600"


def test_an_address_is_looked_at_again_later() -> None:
    """Failures count for ten minutes, and for their own address."""
    now = [0.0]
    strangers = Strangers(lambda: now[0])
    for _ in range(FAILURES_MAX):
        assert not strangers.is_refused("203.0.113.7")
        strangers.failed("203.0.113.7")
    assert strangers.is_refused("203.0.113.7")
    assert not strangers.is_refused("203.0.113.8")
    now[0] = FAILURE_SECONDS + 1
    assert not strangers.is_refused("203.0.113.7")


async def test_a_webhook_whose_key_cannot_be_had_is_told_again(served: Served) -> None:
    """Where a key was asked for just now, the next one waits: that is no answer of 200."""
    body = b'{"webhook_type":"ITEM","webhook_code":"WEBHOOK_UPDATE_ACKNOWLEDGED","item_id":"x"}'
    webhooks = served.simulator.webhooks
    assert (await _post(served, "harbor", body, webhooks.signature(body))).status_code == 200
    webhooks.rotate()
    assert (await _post(served, "harbor", body, webhooks.signature(body))).status_code == 503


async def test_agencies_that_take_no_webhooks_are_answered_alike(served: Served) -> None:
    """One that there is not, and one that is suspended: nothing is at the address."""
    body = b"{}"
    signature = served.simulator.webhooks.signature(body)
    unknown = await _post(served, "nowhere", body, signature)
    world = served.world
    stored = await world.directory.agency_by_slug("harbor")
    assert stored is not None
    suspended = replace(stored, status=AgencyStatus.SUSPENDED)
    await world.directory.update_agency(suspended, line(world.now))
    there = await _post(served, "harbor", body, signature)
    assert (unknown.status_code, unknown.content) == (there.status_code, there.content)
    assert unknown.status_code == 404


def _other_signature(signature: str) -> str:
    """Return another signature of the very same words that holds as well (r, n - s)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
    signed, _, last = signature.rpartition(".")
    raw = base64.urlsafe_b64decode(last + "==")
    turned = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return f"{signed}.{base64.urlsafe_b64encode(turned).rstrip(b'=').decode()}"


async def test_a_webhook_told_again_under_another_signature_is_known_again(
    served: Served, me: Principal, draft: Application
) -> None:
    """Whoever has seen one makes signatures of it that hold: it does nothing a second time."""
    await served.linked(me, draft, "user_good")
    await served.settled()
    _, item = await served.item()
    body = (
        b'{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"%s"}'
        % item.item_id.encode()
    )
    signature = served.simulator.webhooks.signature(body)
    counts = []
    for one in (signature, signature, _other_signature(signature)):
        assert (await _post(served, "harbor", body, one)).status_code == 200
        lines = [each for each in await served.world.audit() if each.action == "bankWebhook"]
        counts.append(len(lines))
    assert counts == [counts[0]] * 3


async def _called(messages: list[Message], *, body_seconds: float = 60.0) -> list[Message]:
    """Call the route of webhooks with what a client sends, and return what is answered."""
    (route,) = webhook_routes(lambda: cast("Parts", None), body_seconds=body_seconds)
    answered: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        answered.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": [], "query_string": b""}
    scope |= {"path": "/webhooks/plaid/harbor", "path_params": {"slug": "harbor"}}
    await route.app(scope, receive, send)
    return answered


async def test_a_webhook_that_does_not_arrive_in_time_is_given_up() -> None:
    """Whoever sends a byte a day holds no connection, and needs no signature to try."""
    half: Message = {"type": "http.request", "body": b"{", "more_body": True}
    with pytest.raises(Refused) as refused:
        await _called([half], body_seconds=0.01)
    assert refused.value.status == 408
    assert refused.value.headers["connection"] == "close"


async def test_who_leaves_in_the_middle_of_a_webhook_is_no_error() -> None:
    """Nobody can fill the log with internal errors by hanging up."""
    half: Message = {"type": "http.request", "body": b"{", "more_body": True}
    answered = await _called([half, {"type": "http.disconnect"}])
    assert answered[0]["status"] == 499
