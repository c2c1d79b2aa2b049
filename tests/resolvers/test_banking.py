"""Bank links: linked under a consent, synced as a whole, read page by page, ended for good."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import Principal, Scope
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.bank_connections import (
    BankConnection,
    BankFindings,
    BankMonth,
    BankSync,
    Lease,
    sync_id,
)
from domain.bank_months import MONTHS_MAX
from domain.banking import BankConnectionStatus, TransactionFacts
from domain.consents import Consent, ConsentPurpose, current_text
from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    StoreUnavailable,
    UpstreamTimeout,
    UpstreamUnavailable,
    VersionConflict,
)
from resolvers.bank_store import sweep
from resolvers.bank_syncs import LEASE_SECONDS, RETRY_SECONDS, Syncing
from tests.resolvers.banks import CARD, CHECKING, paid
from tests.resolvers.documents import (
    CONNECT,
    CONSENT,
    DISCONNECT,
    LINK_TOKEN,
    NODE,
    READ_BANK,
    SYNC,
    TRANSACTIONS,
)
from tests.resolvers.world import World

FIRST = date(2026, 1, 10)


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World) -> Application:
    """Return a draft of the consumer's."""
    return await world.add_application(await world.add_consumer("owner"))


async def consented(
    world: World,
    me: Principal,
    application: Application,
    purpose: ConsentPurpose = ConsentPurpose.BANK_DATA,
) -> str:
    """Record a consent and return its id."""
    text = current_text(purpose, world.agency.name)
    agreed = {
        "applicationId": application.id,
        "purpose": purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }
    answer = await world.ask(me, CONSENT, {"input": agreed})
    return str(answer["recordConsent"]["id"])


def connecting(
    application: Application, consent: str, token: str = "public-1", key: str | None = "key-1"
) -> dict[str, Any]:
    """Return the variables of connectBank."""
    given = {"applicationId": application.id, "consentId": consent, "publicToken": token}
    return {"input": given | ({} if key is None else {"idempotencyKey": key})}


async def linked(world: World, me: Principal, application: Application) -> dict[str, Any]:
    """Link the bank, and return the link as it was answered."""
    consent = await consented(world, me, application)
    answer = await world.ask(me, CONNECT, connecting(application, consent))
    return dict(answer["connectBank"])


async def sync(world: World, me: Principal, id: str) -> dict[str, Any]:
    """Sync the link."""
    return dict((await world.ask(me, SYNC, {"id": id}))["syncBank"])


async def read_all(
    world: World, me: Principal, account: str, first: int = 100, **bounds: Any
) -> list[dict[str, Any]]:
    """Return all of an account's transactions, page by page."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        asked = {"id": account, "first": first, "after": after, **bounds}
        page = (await world.ask(me, TRANSACTIONS, asked))["node"]["transactions"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def test_a_bank_is_linked_under_a_consent_once(
    world: World, me: Principal, draft: Application
) -> None:
    """The link has the bank's name and accounts; the consent is used, the token shown nowhere."""
    consent = await consented(world, me, draft)
    answer = await world.ask(me, CONNECT, connecting(draft, consent))
    link = answer["connectBank"]
    assert (link["institution"], link["status"]) == ("First Platypus Bank", "HEALTHY")
    assert [one["current"] for one in link["accounts"]] == ["1250.10", "1545.00"]
    used = await world.store.get(Consent, consent)
    assert used is not None
    assert used.used_at == world.now
    again = await world.ask(me, CONNECT, connecting(draft, consent))
    assert again["connectBank"]["id"] == link["id"]
    assert world.banks.calls.count("exchange") == 1
    other = await world.ask(me, CONNECT, connecting(draft, consent, key="key-2"))
    assert other.code == "CONSENT_REQUIRED"
    assert "access-item-1" not in f"{[*await world.audit()]}{answer.data}"


async def test_a_link_needs_a_consent_of_its_own_kind(
    world: World, me: Principal, draft: Application
) -> None:
    """A consent to a credit pull, another application's and one that has lapsed link no bank."""
    other = await world.add_application(await world.add_consumer("somebody"))
    somebody = world.person(Group.CONSUMERS, subject="somebody")
    wrong = await consented(world, me, draft, ConsentPurpose.SOFT_CREDIT_PULL)
    foreign = await consented(world, somebody, other)
    lapsed = await consented(world, me, draft)
    assert (await world.ask(me, CONNECT, connecting(draft, wrong))).code == "CONSENT_REQUIRED"
    assert (await world.ask(me, CONNECT, connecting(draft, foreign))).code == "NOT_FOUND"
    world.later(days=31)
    assert (await world.ask(me, CONNECT, connecting(draft, lapsed))).code == "CONSENT_REQUIRED"
    assert "exchange" not in world.banks.calls


async def test_a_public_token_that_is_no_good_gives_the_consent_back(
    world: World, me: Principal, draft: Application
) -> None:
    """It is a fault of the input, nothing was done, and consent and key can be used again."""
    consent = await consented(world, me, draft)
    refused = await world.ask(me, CONNECT, connecting(draft, consent, "public-bad"))
    assert refused.code == "INVALID_INPUT"
    assert (await world.ask(me, CONNECT, connecting(draft, consent)))["connectBank"]["id"]


async def test_an_exchange_whose_answer_was_lost_is_not_repeated(
    world: World, me: Principal, draft: Application
) -> None:
    """A retry is answered OUTCOME_UNKNOWN, a new key finds the consent used."""
    consent = await consented(world, me, draft)
    lost = UpstreamTimeout(vendor="Plaid", retryable=True, may_have_acted=True)
    world.banks.troubles["exchange"] = [lost]
    assert (await world.ask(me, CONNECT, connecting(draft, consent))).code == "UPSTREAM_TIMEOUT"
    assert (await world.ask(me, CONNECT, connecting(draft, consent))).code == "OUTCOME_UNKNOWN"
    other = await world.ask(me, CONNECT, connecting(draft, consent, key="key-2"))
    assert other.code == "CONSENT_REQUIRED"
    assert world.banks.calls.count("exchange") == 1


async def test_a_vendor_that_did_nothing_can_be_asked_again(
    world: World, me: Principal, draft: Application
) -> None:
    """Where nothing reached it, consent and key are as they were."""
    consent = await consented(world, me, draft)
    down = UpstreamUnavailable(vendor="Plaid", retryable=True, may_have_acted=False)
    world.banks.troubles["exchange"] = [down]
    assert (await world.ask(me, CONNECT, connecting(draft, consent))).code == "UPSTREAM_UNAVAILABLE"
    assert (await world.ask(me, CONNECT, connecting(draft, consent)))["connectBank"]["id"]


async def test_an_item_that_is_linked_already_is_answered_and_not_doubled(
    world: World, me: Principal, draft: Application
) -> None:
    """A second Link of the same item gives the link that there is; elsewhere it is refused."""
    link = await linked(world, me, draft)
    world.banks.tokens["public-2"] = "item-1"
    consent = await consented(world, me, draft)
    again = await world.ask(me, CONNECT, connecting(draft, consent, "public-2", "key-2"))
    assert again["connectBank"]["id"] == link["id"]
    other = await world.add_application(await world.add_consumer("somebody"))
    somebody = world.person(Group.CONSUMERS, subject="somebody")
    foreign = await consented(world, somebody, other)
    refused = await world.ask(somebody, CONNECT, connecting(other, foreign, "public-2", "key-3"))
    assert refused.code == "DUPLICATE"


async def test_link_opens_for_a_new_bank_and_to_repair_one(
    world: World, me: Principal, draft: Application
) -> None:
    """With a link named the vendor gets its token; a foreign or ended one opens nothing."""
    link = await linked(world, me, draft)
    new = await world.ask(me, LINK_TOKEN, {"id": draft.id})
    assert new["createBankLinkToken"]["token"] == "link-new"
    repair = await world.ask(me, LINK_TOKEN, {"id": draft.id, "connection": link["id"]})
    assert repair["createBankLinkToken"]["token"] == "link-update-access-item-1"
    somebody = world.person(Group.CONSUMERS, subject="somebody")
    await world.add_consumer("somebody")
    assert (await world.ask(somebody, LINK_TOKEN, {"id": draft.id})).code == "NOT_FOUND"
    await world.ask(me, DISCONNECT, {"id": link["id"]})
    ended = await world.ask(me, LINK_TOKEN, {"id": draft.id, "connection": link["id"]})
    assert ended.code == "BANK_LINK_GONE"


async def test_a_sync_brings_what_the_bank_has(
    world: World, me: Principal, draft: Application
) -> None:
    """Transactions are read newest first, page by page, within days, and one by one as nodes."""
    link = await linked(world, me, draft)
    days = [FIRST - timedelta(days=9 * number) for number in range(30)]
    world.banks.history = [paid(f"t{number}", day) for number, day in enumerate(days)]
    synced = await sync(world, me, link["id"])
    assert (synced["syncProgress"], synced["status"]) == (None, "HEALTHY")
    assert synced["lastSyncedAt"] is not None
    account = synced["accounts"][0]["id"]
    found = await read_all(world, me, account, first=7)
    assert [one["date"] for one in found] == [day.isoformat() for day in days]
    within = await read_all(
        world, me, account, first=4, **{"from": "2025-11-01", "to": "2025-12-31"}
    )
    expected = [day.isoformat() for day in days if date(2025, 11, 1) <= day <= date(2025, 12, 31)]
    assert [one["date"] for one in within] == expected
    node = await world.ask(me, NODE, {"id": found[11]["id"]})
    assert node["node"] == {"__typename": "Transaction", "id": found[11]["id"]}


async def test_a_page_reads_no_more_months_than_it_takes(
    world: World, me: Principal, draft: Application
) -> None:
    """The first ten of two years of transactions are had from one month's record."""
    link = await linked(world, me, draft)
    days = [FIRST - timedelta(days=number // 2) for number in range(1400)]
    world.banks.history = [paid(f"t{number}", day) for number, day in enumerate(days)]
    synced = await sync(world, me, link["id"])
    account = synced["accounts"][0]["id"]
    before = world.backend.calls["get_many"]
    await world.ask(me, TRANSACTIONS, {"id": account, "first": 10})
    months = 1
    assert world.backend.calls["get_many"] - before == months + 1, "and the application"


CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda number, day, cents: paid(
                f"t{number}", FIRST - timedelta(days=day), f"{cents}.10"
            ),
            st.integers(0, 12),
            st.integers(0, 90),
            st.integers(-50, 50),
        ),
        st.integers(0, 12).map(lambda number: f"t{number}"),
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(CHANGES, min_size=1, max_size=4), full=st.booleans())
async def test_after_every_sync_what_is_read_is_what_the_bank_has(
    world: World, rounds: list[Sequence[TransactionFacts | str]], *, full: bool
) -> None:
    """Added, changed, moved to another day, removed and added again; incremental or from start."""
    owner = world.person(Group.CONSUMERS)
    application = await world.add_application(await world.add_consumer(owner.subject))
    world.banks.history, world.banks.from_start = [], False
    world.banks.tokens = {"public-1": f"item-{owner.subject}"}
    link = await linked(world, owner, application)
    for number, changes in enumerate(rounds):
        world.banks.history += changes
        world.banks.from_start = full and number == len(rounds) - 1
        synced = await sync(world, owner, link["id"])
        found = await read_all(world, owner, synced["accounts"][0]["id"])
        held = world.banks.now_has().values()
        assert sorted((one["date"], one["name"], one["amount"]) for one in found) == sorted(
            (one.posted_on.isoformat(), one.name, f"{one.amount:.2f}") for one in held
        )
        assert [one["id"] for one in found] == sorted((one["id"] for one in found), reverse=True)
        months = await world.store.children(BankMonth, application.id)
        state = await world.store.get(BankSync, sync_id(link["id"]))
        assert state is not None
        assert {one.id for one in months} == {one.month_id for one in state.months}


async def test_an_account_that_is_not_shared_any_more_goes_with_its_transactions(
    world: World, me: Principal, draft: Application
) -> None:
    """What the consumer took out of the link is not kept."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST), paid("c1", FIRST, account_id="card")]
    await sync(world, me, link["id"])
    world.banks.accounts_now = (CHECKING,)
    synced = await sync(world, me, link["id"])
    assert [one["name"] for one in synced["accounts"]] == [CHECKING.name]
    months = await world.store.children(BankMonth, draft.id)
    assert [one.transactions[0].source_id for one in months] == ["t1"]


async def test_a_kill_between_any_two_units_shows_nothing_half_and_loses_nothing(
    world: World, me: Principal, draft: Application
) -> None:
    """After each unit of a sync at which it is cut off, the old state is read whole, or the new."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("old", FIRST), paid("gone", FIRST - timedelta(days=40))]
    account = (await sync(world, me, link["id"]))["accounts"][0]["id"]
    before = await read_all(world, me, account)
    held = len(world.banks.history)
    after_names = {"SHOP old", *(f"SHOP n{number}" for number in range(60))}
    cuts = 0
    for cut in range(40):
        world.banks.history[held:] = [
            *(paid(f"n{number}", FIRST - timedelta(days=31 * number)) for number in range(60)),
            "gone",
        ]
        world.backend.failing = [*([None] * cut), *([StoreUnavailable()] * 50)]
        context = world.context(me)
        try:
            await Syncing(context, world.banks, link["id"]).run()
        except StoreUnavailable:
            cuts += 1
        world.backend.failing = []
        found = await read_all(world, me, account)
        names = {one["name"] for one in found}
        assert found == before or names == after_names, f"cut off after {cut} units"
        if names == after_names:
            break
        world.later(seconds=LEASE_SECONDS + 1)  # its lease runs out
    assert cuts > 3
    await sweep(world.store, link["id"])
    state = await world.store.get(BankSync, sync_id(link["id"]))
    assert state is not None
    months = await world.store.children(BankMonth, draft.id)
    assert {one.id for one in months} == {one.month_id for one in state.months}
    assert state.loose == ()


async def test_one_sync_at_a_time_works_on_a_link(
    world: World, me: Principal, draft: Application
) -> None:
    """A second one leaves a wish and is answered at once; the vendor is read once meanwhile."""
    link = await linked(world, me, draft)
    world.banks.pause = asyncio.Event()
    first = asyncio.create_task(sync(world, me, link["id"]))
    await world.banks.reading.wait()
    second = await sync(world, me, link["id"])
    assert second["syncProgress"] == 0
    assert world.banks.calls.count("transactions") == 1
    world.banks.pause.set()
    await first
    state = await world.store.get(BankSync, sync_id(link["id"]))
    assert state is not None
    assert (state.lease, state.wanted_at is not None) == (None, True)


async def test_a_sync_under_way_says_how_far_it_is(
    world: World, me: Principal, draft: Application
) -> None:
    """Subscribers are told of it by an event of its own, and read the count in the link."""
    link = await linked(world, me, draft)
    world.banks.history = [paid(f"t{number}", FIRST) for number in range(700)]
    world.banks.pause = asyncio.Event()
    syncing = Syncing(world.context(me), world.banks, link["id"], progress_seconds=0.01)
    running = asyncio.create_task(syncing.run())
    async with asyncio.timeout(5):
        while True:
            shown = await world.store.get(BankConnection, link["id"])
            assert shown is not None
            if shown.sync_progress == 700:
                break
            await asyncio.sleep(0.01)
    world.banks.pause.set()
    done = await running
    assert done is not None
    assert done.sync_progress is None


async def test_a_lease_that_ran_out_is_taken_over_and_its_holder_writes_nothing(
    world: World, me: Principal, draft: Application
) -> None:
    """Who comes back after another took over leaves the other's result as it is."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    world.banks.pause = asyncio.Event()
    slow = asyncio.create_task(Syncing(world.context(me), world.banks, link["id"]).run())
    await world.banks.reading.wait()
    state = await world.store.get(BankSync, sync_id(link["id"]))
    assert state is not None
    await world.put(replace(state, lease=Lease(holder="somebody else", until=world.now)))
    world.banks.pause.set()
    await slow
    kept = await world.store.get(BankSync, sync_id(link["id"]))
    assert kept is not None
    assert (kept.generation, kept.months) == (0, ())


@pytest.mark.parametrize(
    ("trouble", "code", "status"),
    [
        (BankLoginRequired(), "BANK_LOGIN_REQUIRED", "LOGIN_REQUIRED"),
        (BankLinkGone(), "BANK_LINK_GONE", "LOGIN_REQUIRED"),
        (UpstreamTimeout(vendor="Plaid", retryable=True), "UPSTREAM_TIMEOUT", "HEALTHY"),
    ],
)
async def test_a_sync_that_fails_says_why_and_leaves_what_there_was(
    world: World, me: Principal, draft: Application, trouble: Exception, code: str, status: str
) -> None:
    """The link's status says whether to sign in again; a time-out is tried again later."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    account = (await sync(world, me, link["id"]))["accounts"][0]["id"]
    world.banks.troubles["transactions"] = [trouble]
    assert (await world.ask(me, SYNC, {"id": link["id"]})).code == code
    shown = (await world.ask(me, READ_BANK, {"id": link["id"]}))["bankConnection"]
    assert (shown["status"], shown["syncProgress"]) == (status, None)
    assert [one["name"] for one in await read_all(world, me, account)] == ["SHOP t1"]
    world.later(seconds=1)
    assert (await sync(world, me, link["id"]))["status"] == "HEALTHY"


async def test_what_is_beside_the_transactions_does_not_hold_them_up(
    world: World, me: Principal, draft: Application
) -> None:
    """Streams and liabilities that cannot be had now leave what was known of them."""
    link = await linked(world, me, draft)
    down = UpstreamUnavailable(vendor="Plaid", retryable=True)
    world.banks.troubles = {"streams": [down], "liabilities": [down], "item": [down]}
    assert (await sync(world, me, link["id"]))["lastSyncedAt"] is not None


async def test_a_link_is_ended_at_the_vendor_and_forgotten_here(
    world: World, me: Principal, draft: Application
) -> None:
    """Transactions, findings, accounts and token are gone; the link stays as REMOVED."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    account = (await sync(world, me, link["id"]))["accounts"][0]["id"]
    down = UpstreamUnavailable(vendor="Plaid", retryable=True)
    world.banks.troubles["remove"] = [down]
    refused = await world.ask(me, DISCONNECT, {"id": link["id"]})
    assert refused.code == "UPSTREAM_UNAVAILABLE"
    assert len(await read_all(world, me, account)) == 1, "nothing has changed here"
    ended = (await world.ask(me, DISCONNECT, {"id": link["id"]}))["disconnectBank"]
    assert (ended["status"], ended["accounts"]) == ("REMOVED", [])
    kept = await world.store.get(BankConnection, link["id"])
    assert kept is not None
    assert kept.access_token is None
    assert await world.store.children(BankMonth, draft.id) == []
    assert await world.store.children(BankFindings, draft.id) == []
    assert (await world.ask(me, NODE, {"id": account}))["node"] is None
    again = await world.ask(me, DISCONNECT, {"id": link["id"]})
    assert again["disconnectBank"]["status"] == "REMOVED"
    assert world.banks.removed == ["access-item-1"]
    assert (await world.ask(me, SYNC, {"id": link["id"]})).code == "BANK_LINK_GONE"


async def test_a_link_that_ends_while_it_is_synced_stays_ended(
    world: World, me: Principal, draft: Application
) -> None:
    """The sync comes to nothing, and leaves no month behind."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    world.banks.pause = asyncio.Event()
    running = asyncio.create_task(Syncing(world.context(me), world.banks, link["id"]).run())
    await world.banks.reading.wait()
    await world.ask(me, DISCONNECT, {"id": link["id"]})
    world.banks.pause.set()
    done = await running
    assert done is not None
    assert done.status is BankConnectionStatus.REMOVED
    assert await world.store.children(BankMonth, draft.id) == []


async def test_bank_data_are_reached_as_their_application_is(
    world: World, me: Principal, draft: Application
) -> None:
    """Neither another consumer, nor a counselor without a grant, nor a key of another scope."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    account = (await sync(world, me, link["id"]))["accounts"][0]["id"]
    (found,) = await read_all(world, me, account)
    await world.add_consumer("somebody")
    counselor = world.person(Group.COUNSELORS)
    strangers = [world.person(Group.CONSUMERS, subject="somebody"), counselor]
    for stranger in strangers:
        shown = await world.ask(stranger, READ_BANK, {"id": link["id"]})
        assert shown["bankConnection"] is None
        for id_ in (link["id"], account, found["id"]):
            assert (await world.ask(stranger, NODE, {"id": id_}))["node"] is None
        for document in (SYNC, DISCONNECT):
            assert (await world.ask(stranger, document, {"id": link["id"]})).code == "NOT_FOUND"
    credit = world.key(Scope.CREDIT_READ)
    assert (await world.ask(credit, READ_BANK, {"id": link["id"]})).code == "FORBIDDEN"
    assert (await world.ask(world.key(Scope.BANKING_READ), READ_BANK, {"id": link["id"]}))[
        "bankConnection"
    ]["id"] == link["id"]
    await world.put(replace(await _fresh(world, draft), status=ApplicationStatus.IN_REVIEW))
    await world.assign(await _fresh(world, draft), counselor)
    assert (await world.ask(counselor, READ_BANK, {"id": link["id"]}))["bankConnection"]


async def _fresh(world: World, application: Application) -> Application:
    found = await world.store.get(Application, application.id)
    assert found is not None
    return found


CONSUMER_BANKS = """query ($id: ID!) { consumer(id: $id) {
  bankConnections { id accounts { name } } } }"""


async def test_a_consumers_links_are_those_within_reach(
    world: World, me: Principal, draft: Application
) -> None:
    """A counselor with a grant over one application sees its links and no others."""
    link = await linked(world, me, draft)
    second = await world.add_application(
        (await world.store.get_many(type(await _consumer(world, draft)), [draft.consumer_id]))[
            draft.consumer_id
        ],
        ApplicationStatus.IN_REVIEW,
    )
    counselor = world.person(Group.COUNSELORS)
    await world.assign(second, counselor)
    own = await world.ask(me, CONSUMER_BANKS, {"id": draft.consumer_id})
    assert [one["id"] for one in own["consumer"]["bankConnections"]] == [link["id"]]
    theirs = await world.ask(counselor, CONSUMER_BANKS, {"id": draft.consumer_id})
    assert theirs["consumer"]["bankConnections"] == []


async def _consumer(world: World, application: Application) -> Any:
    return await world.context(world.key()).loaders.consumers.load(application.consumer_id)


async def test_reads_of_bank_data_leave_a_line(
    world: World, me: Principal, draft: Application
) -> None:
    """Durably, with the fields' names, and about the consumer."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    account = (await sync(world, me, link["id"]))["accounts"][0]["id"]
    before = {one.id for one in await world.audit()}
    await world.ask(me, TRANSACTIONS, {"id": account}, flush=False)
    (line,) = (one for one in await world.audit() if one.id not in before)
    assert line.consumers == (draft.consumer_id,)
    assert "Transaction.amount" in line.fields


async def test_tokens_cursors_and_transactions_lie_sealed(
    world: World, me: Principal, draft: Application
) -> None:
    """No stored row holds any of them in the open."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST, merchant="Curious Merchant")]
    await sync(world, me, link["id"])
    rows = b"".join([row.body async for row in world.store.rows()])
    for secret in (
        b"access-item-1",
        b"Curious",
        b"SHOP",
        b"Everyday",
        b"Platypus",
        CARD.name.encode(),
    ):
        assert secret not in rows


async def test_a_link_is_ended_though_a_sync_writes_beside_it(
    world: World, me: Principal, draft: Application
) -> None:
    """The vendor has ended it by then: what was read must not stay for a write that came first."""
    link = await linked(world, me, draft)
    world.banks.history = [paid("t1", date(2026, 1, 10))]
    await sync(world, me, link["id"])
    world.backend.failing.extend([VersionConflict(), VersionConflict()])
    answer = await world.ask(me, DISCONNECT, {"id": link["id"]})
    assert answer["disconnectBank"]["status"] == "REMOVED"
    assert await world.store.children(BankMonth, draft.id) == []


async def test_a_sync_of_more_than_can_be_kept_ends_and_is_not_begun_at_every_look(
    world: World, me: Principal, draft: Application
) -> None:
    """The lease is given back, no progress stays, and the next attempt waits as ever."""
    link = await linked(world, me, draft)
    days = [date(1970 + number // 12, number % 12 + 1, 1) for number in range(MONTHS_MAX + 1)]
    world.banks.history = [paid(f"t{number}", day) for number, day in enumerate(days)]
    assert (await world.ask(me, SYNC, {"id": link["id"]})).code == "TOO_LARGE"
    state = await world.store.get(BankSync, sync_id(link["id"]))
    assert state is not None
    assert (state.lease, state.failures, state.months) == (None, 1, ())
    assert state.wanted_at == world.now + timedelta(seconds=RETRY_SECONDS[0])
    shown = await world.store.get(BankConnection, link["id"])
    assert shown is not None
    assert (shown.sync_progress, shown.status.value) == (None, "HEALTHY")
