"""The adapter against the simulator, over real HTTP: every user, Link, webhooks with retries."""

import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.banking import LinkRequest
from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    InvalidInput,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from integrations.plaid.adapter import Plaid, open_plaid
from integrations.plaid.simulator import Simulator
from integrations.serving import serving
from tests.integrations.plaid.conftest import ACCOUNT, INSTITUTION, Running, public_token_in
from tests.integrations.plaid.judging import examples, faults_of

REQUEST = LinkRequest(client_user_id="con_1", client_name="Harbor")


@pytest.mark.parametrize(("path", "example"), examples(), ids=lambda one: str(one)[:40])
def test_the_judge_takes_documented_answers_and_no_others(path: str, example: object) -> None:
    """Plaid's own examples are as its document has them; without a needed field they are not."""
    assert faults_of(path, "answer", json.dumps(example).encode()) == []
    broken = copy.deepcopy(example)
    assert isinstance(broken, dict)
    del broken["request_id"]
    assert faults_of(path, "answer", json.dumps(broken).encode()) != []


async def test_a_household_is_read(running: Running, plaid: Plaid) -> None:
    """Accounts, what is owed, owners and streams of user_good come through the adapter."""
    item = await running.link(plaid)
    token = item.access_token

    facts = await plaid.item(token)
    accounts = await plaid.accounts(token)
    streams = await plaid.streams(token)
    assert (facts.item_id, facts.institution_name) == (item.item_id, "First Platypus Bank")
    assert [one.type for one in accounts] == ["depository", "depository", "credit", "loan", "loan"]
    assert accounts == await plaid.balances(token)
    assert {one.kind for one in await plaid.liabilities(token)} == {"credit", "student", "mortgage"}
    assert (await plaid.owners(token))[0].names == ("Alberta Bobbeth Charleson",)
    salary = next(one for one in streams if one.detail == "INCOME_WAGES")
    assert (salary.inflow, salary.average, salary.mature) == (True, Decimal("-1842.37"), True)


async def test_fifteen_thousand_transactions_come_whole(running: Running, plaid: Plaid) -> None:
    """10 accounts and 24 months, each transaction once, with progress; nothing new after."""
    item = await running.link(plaid, "user_large")
    heard: list[int] = []
    changes = await plaid.transactions(item.access_token, None, heard.append)

    assert len({one.source_id for one in changes.added}) == len(changes.added) == 15_000
    assert (len(changes.accounts), changes.from_start, changes.complete) == (10, True, True)
    assert heard == list(range(500, 15_001, 500))
    days = [one.posted_on for one in changes.added]
    assert (max(days) - min(days)).days >= 729
    details = {one.detail for one in changes.added}
    assert {"INCOME_WAGES", "RENT_AND_UTILITIES_RENT", "TRANSFER_OUT_ACCOUNT_TRANSFER"} <= details
    assert any("CHILD SUPPORT" in one.name for one in changes.added)
    again = await plaid.transactions(item.access_token, changes.cursor)
    assert (again.added, again.modified, again.removed, again.from_start) == ((), (), (), False)


async def test_a_token_has_the_same_world_after_a_restart(running: Running, plaid: Plaid) -> None:
    """A link that a store has kept is good at a simulator that was started anew, until removed."""
    item = await running.link(plaid)
    before = await plaid.transactions(item.access_token, None)
    another = Simulator(ACCOUNT)
    async with serving(another, another.close) as port:
        settings = replace(running.settings, url=f"http://127.0.0.1:{port}")
        async with open_plaid("agency_1", settings) as later:
            after = await later.transactions(item.access_token, None)
            assert (await later.item(item.access_token)).item_id == item.item_id
            await later.remove(item.access_token)
            with pytest.raises(BankLinkGone):
                await later.accounts(item.access_token)
    assert after.added == before.added


async def test_transactions_happen(running: Running, plaid: Plaid) -> None:
    """What is created is added; what was pending goes, and comes again under another id."""
    item = await running.link(plaid, "user_transactions_dynamic")
    start = await plaid.transactions(item.access_token, None)
    today = ACCOUNT.now().date().isoformat()
    entry = {"date_transacted": today, "date_posted": today, "amount": 12.34, "description": "A"}
    create = "/sandbox/transactions/create"
    await running.ask(create, access_token=item.access_token, transactions=[entry])
    first = await plaid.transactions(item.access_token, start.cursor)
    await running.ask(create, access_token=item.access_token, transactions=[entry])
    second = await plaid.transactions(item.access_token, first.cursor)

    (pending,) = first.added
    assert (pending.pending, pending.amount) == (True, Decimal("12.34"))
    assert second.removed == (pending.source_id,)
    assert {one.pending_id for one in second.added} == {pending.source_id, None}
    whole = await plaid.transactions(item.access_token, None)
    assert len(whole.added) == len(start.added) + 2
    refused = await running.ask(
        create, access_token=item.access_token, transactions=[entry | {"date_posted": "2020-01-01"}]
    )
    assert refused["error_code"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("user", "error"),
    [
        ("user_login_required", BankLoginRequired),
        ("user_locked", BankLoginRequired),
        ("user_revoked", BankLinkGone),
        ("user_rate_limited", UpstreamUnavailable),
        ("user_bank_down", UpstreamUnavailable),
        ("user_failing", UpstreamUnavailable),
        ("user_timeout", UpstreamTimeout),
    ],
)
async def test_users_meet_their_faults(user: str, error: type[Exception], running: Running) -> None:
    """Each named user brings the error that is documented, and never half of the data."""
    settings = replace(running.settings, deadline_seconds=1.0, attempt_seconds=0.3)
    async with open_plaid("agency_1", settings) as plaid:
        item = await running.link(plaid, user)
        with pytest.raises(error):
            await plaid.transactions(item.access_token, None)


@pytest.mark.parametrize("user", ["user_garbage", "user_truncated"])
async def test_garbage_is_refused(user: str) -> None:
    """A web page and half an answer are asked for again, and then refused."""
    simulator = Simulator(ACCOUNT)  # not judged: what it answers is wrong on purpose
    async with serving(simulator, simulator.close) as port:
        url = f"http://127.0.0.1:{port}"
        from integrations.plaid.local import simulator_settings

        settings = replace(simulator_settings(url, ACCOUNT), attempts_max=2)
        async with open_plaid("agency_1", settings) as plaid, httpx.AsyncClient() as client:
            token = f"access-sandbox-{user}-{INSTITUTION}-{'0' * 12}"
            with pytest.raises(UpstreamInvalid):
                await plaid.accounts(token)
            assert simulator.calls == ["/accounts/get"] * 2
            assert (await client.get(f"{url}/link")).status_code == 404


async def test_the_sync_outlives_changes_between_pages(running: Running, plaid: Plaid) -> None:
    """One change restarts the pages; a cursor that is always refused gives way to a resync."""
    mutating = await running.link(plaid, "user_mutating")
    running.simulator.calls.clear()
    changes = await plaid.transactions(mutating.access_token, None)
    assert running.simulator.calls == ["/transactions/sync"] * (1 + 1 + 3)
    assert len({one.source_id for one in changes.added}) == len(changes.added) > 1_000

    stuck = await running.link(plaid, "user_stuck_cursor")
    first = await plaid.transactions(stuck.access_token, None)
    again = await plaid.transactions(stuck.access_token, first.cursor)
    assert (again.from_start, again.complete) == (True, True)
    assert len(again.added) == len(first.added)
    restless = await running.link(plaid, "user_never_settles")
    with pytest.raises(UpstreamUnavailable, match="keep changing"):
        await plaid.transactions(restless.access_token, None)


async def test_a_history_comes_in_steps(running: Running, plaid: Plaid) -> None:
    """Nothing, nothing, a part, and all of it: nothing is said to be gone before all is there."""
    item = await running.link(plaid, "user_not_ready")
    found = [await plaid.transactions(item.access_token, None) for _ in range(5)]
    assert [one.cursor is None for one in found] == [True, True, False, False, False]
    assert [one.from_start for one in found] == [False, False, False, False, True]
    assert await plaid.liabilities(item.access_token)


async def test_a_custom_user_is_as_the_password_says(running: Running, plaid: Plaid) -> None:
    """override_accounts and force_error of user_custom, in Plaid's JSON."""
    account = {
        "type": "depository",
        "subtype": "checking",
        "starting_balance": 41.5,
        "meta": {"name": "Own", "mask": "4321"},
        "identity": {"names": ["Dana Whitfield"]},
        "transactions": [
            {
                "date_transacted": "2026-10-01",
                "date_posted": "2026-10-02",
                "amount": -900,
                "description": "PAY",
                "currency": "USD",
            }
        ],
    }
    password = json.dumps({"override_accounts": [account]})
    token = (await running.link(plaid, "user_custom", password=password)).access_token
    (found,) = await plaid.accounts(token)
    assert (found.name, found.mask, found.current) == ("Own", "4321", Decimal("41.50"))
    assert (await plaid.owners(token))[0].names == ("Dana Whitfield",)
    (paid,) = (await plaid.transactions(token, None)).added
    assert (paid.amount, paid.posted_on.isoformat()) == (Decimal("-900.00"), "2026-10-02")
    assert await plaid.liabilities(token) == ()
    for config, code in (
        ({"force_error": "ITEM_LOCKED"}, "ITEM_LOCKED"),
        ({"override_accounts": [{"type": 7}]}, "INVALID_FIELD"),
    ):
        options = {"override_username": "user_custom", "override_password": json.dumps(config)}
        refused = await running.ask(
            "/sandbox/public_token/create",
            institution_id=INSTITUTION,
            initial_products=["transactions"],
            options=options,
        )
        assert refused["error_code"] == code


async def test_a_public_token_is_good_once(running: Running, plaid: Plaid) -> None:
    """The second exchange is the input's fault."""
    made = await running.ask(
        "/sandbox/public_token/create",
        institution_id=INSTITUTION,
        initial_products=["transactions"],
    )
    await plaid.exchange(str(made["public_token"]))
    with pytest.raises(InvalidInput):
        await plaid.exchange(str(made["public_token"]))


async def test_a_person_links_and_mends_a_bank_by_the_page(running: Running, plaid: Plaid) -> None:
    """A labelled form per link token and a public token; update mode mends the same link."""
    async with httpx.AsyncClient(base_url=running.url) as browser:
        link = await plaid.create_link_token(REQUEST)
        form = await browser.get("/link", params={"token": link.token})
        for label in ('<label for="institution"', '<label for="user"', '<label for="password"'):
            assert label in form.text
        fields = {"token": link.token, "user": "user_good", "institution": INSTITUTION}
        wrong = await browser.post("/link", data=fields | {"password": "<b>"})
        assert (wrong.status_code, "INVALID_CREDENTIALS" in wrong.text) == (400, True)
        done = await browser.post("/link", data=fields | {"password": "pass_good"})
        item = await plaid.exchange(public_token_in(done.text))
        assert (await browser.get("/link", params={"token": link.token})).status_code == 404

        await running.ask("/sandbox/item/reset_login", access_token=item.access_token)
        assert (await plaid.item(item.access_token)).error_code == "ITEM_LOGIN_REQUIRED"
        with pytest.raises(BankLoginRequired):
            await plaid.accounts(item.access_token)
        update = await plaid.create_link_token(replace(REQUEST, access_token=item.access_token))
        mended = await browser.post("/link", data={"token": update.token})
        assert "works again" in mended.text
        assert len(await plaid.accounts(item.access_token)) == 5


async def test_link_returns_to_this_machine_alone(running: Running) -> None:
    """With a redirect_uri of loopback the browser goes there with the token, to others never."""
    for uri, status in (("http://localhost:3000/done?a=1", 303), ("https://evil.test/", 200)):
        settings = replace(running.settings, redirect_uri=uri)
        async with open_plaid("agency_1", settings) as plaid, httpx.AsyncClient() as browser:
            link = await plaid.create_link_token(REQUEST)
            fields = {"token": link.token, "user": "user_good", "institution": INSTITUTION}
            done = await browser.post(
                f"{running.url}/link", data=fields | {"password": "pass_good"}
            )
            assert done.status_code == status
            if status == 303:
                assert done.headers["location"].startswith(f"{uri}&public_token=public-sandbox-")


class Listener:
    """Takes webhooks, the first of them not."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals
        self.taken: list[tuple[str, bytes]] = []
        self.app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if self.left:
            self.left -= 1
            return Response(status_code=500)
        self.taken.append((request.headers["Plaid-Verification"], body))
        return Response()


@asynccontextmanager
async def listening(refusals: int = 0) -> AsyncIterator[tuple[Listener, str]]:
    listener = Listener(refusals)
    async with serving(listener.app, lambda: None) as port:
        yield listener, f"http://127.0.0.1:{port}/hook"


async def test_webhooks_are_signed_delivered_and_verified(running: Running, plaid: Plaid) -> None:
    """Fired over HTTP until they are taken; what arrives verifies, with a byte more it does not."""
    async with listening(refusals=2) as (listener, address):
        item = await running.link(plaid, webhook=address)
        await running.simulator.webhooks.settled()
        await running.ask("/sandbox/item/reset_login", access_token=item.access_token)
        await running.ask(
            "/sandbox/item/fire_webhook",
            access_token=item.access_token,
            webhook_type="ITEM",
            webhook_code="USER_PERMISSION_REVOKED",
        )
        await running.simulator.webhooks.settled()
        now = datetime.now(UTC)
        said = [await plaid.verified(signature, body, now) for signature, body in listener.taken]

        assert {(one.type, one.code) for one in said} == {
            ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"),
            ("ITEM", "ERROR"),
            ("ITEM", "USER_PERMISSION_REVOKED"),
        }
        assert {one.item_id for one in said} == {item.item_id}
        assert [one.error_code for one in said if one.code == "ERROR"] == ["ITEM_LOGIN_REQUIRED"]
        signature, body = listener.taken[0]
        with pytest.raises(Unauthenticated):
            await plaid.verified(signature, body + b" ", now)
        assert running.simulator.calls.count("/webhook_verification_key/get") == 1


async def test_a_webhook_never_leaves_this_machine(running: Running, plaid: Plaid) -> None:
    """An address elsewhere is not called."""
    item = await running.link(plaid, webhook="https://api.example.test/hook")
    told = await running.ask(
        "/sandbox/item/fire_webhook",
        access_token=item.access_token,
        webhook_code="SYNC_UPDATES_AVAILABLE",
    )
    assert told["webhook_fired"] is False


async def test_keys_are_rotated(running: Running, plaid: Plaid) -> None:
    """What is signed by the new key verifies; a webhook of the expired one no longer does."""
    webhooks = running.simulator.webhooks
    body = b'{"webhook_type":"ITEM","webhook_code":"LOGIN_REPAIRED","item_id":"i"}'
    old = webhooks.signature(body)
    webhooks.rotate()
    with pytest.raises(Unauthenticated):
        await plaid.verified(old, body, datetime.now(UTC))
    async with open_plaid("agency_1", running.settings) as other:
        said = await other.verified(webhooks.signature(body), body, datetime.now(UTC))
        assert said.code == "LOGIN_REPAIRED"


async def test_requests_that_are_wrong_are_told_so(running: Running) -> None:
    """Credentials, fields and bodies, in Plaid's envelope."""
    ask = running.ask
    assert (await ask("/accounts/get"))["error_code"] == "MISSING_FIELDS"
    assert (await ask("/accounts/get", access_token=7))["error_code"] == "INVALID_FIELD"
    assert (await ask("/accounts/get", access_token="x"))["error_code"] == "INVALID_ACCESS_TOKEN"
    assert (await ask("/accounts/get", secret="x"))["error_code"] == "INVALID_API_KEYS"
    async with httpx.AsyncClient(base_url=running.url) as client:
        broken = await client.post("/accounts/get", content=b"[")
        assert broken.json()["error_code"] == "INVALID_BODY"
