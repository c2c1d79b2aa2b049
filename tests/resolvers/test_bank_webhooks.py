"""Webhooks: every code has its effect, once, in whatever order they come; and the worker's part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.access import Principal
from domain.actors import Group
from domain.agencies import Agency
from domain.applications import Application
from domain.bank_connections import BankConnection, BankFindings, BankMonth, BankSync, sync_id
from domain.banking import BankConnectionStatus, WebhookFacts
from domain.errors import BankLoginRequired, StoreUnavailable, UpstreamTimeout
from gateway.bank_worker import BankWorker
from resolvers.bank_syncs import LEASE_SECONDS, Syncing
from resolvers.bank_webhooks import HANDLED, PASSED_OVER, take_webhook
from resolvers.bank_work import SYSTEM, due_syncs, look_after, system_context
from resolvers.context import RequestContext, RequestMeta, Vendors
from tenants.store import AgencyStore
from tests.resolvers.banks import paid
from tests.resolvers.test_banking import linked, read_all, sync
from tests.resolvers.world import World

FIRST = date(2026, 1, 10)
_S = BankConnectionStatus


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World) -> Application:
    """Return a draft of the consumer's."""
    return await world.add_application(await world.add_consumer("owner"))


@pytest.fixture
async def link(world: World, me: Principal, draft: Application) -> str:
    """Return a link that has been synced once."""
    found = await linked(world, me, draft)
    world.banks.history = [paid("t1", FIRST)]
    await sync(world, me, found["id"])
    return str(found["id"])


def system(world: World) -> RequestContext:
    """Return the context in which the platform acts of itself."""
    meta = RequestMeta(id="webhook-1", at=world.now)
    return system_context(world.agency, world.store, Vendors(banks=world.banks), meta)


async def told(
    world: World,
    type: str,
    code: str,
    *,
    digest: str = "",
    at: datetime | None = None,
    error_code: str | None = None,
    item_id: str = "item-1",
) -> bool:
    """Bring about what a webhook says; a new one each time, unless a digest is given."""
    facts = WebhookFacts(type=type, code=code, item_id=item_id, error_code=error_code, at=at)
    fresh = digest or f"{type}-{code}-{len(await world.audit())}-{world.now}"
    return await take_webhook(system(world), "Plaid", facts, fresh)


async def status_of(world: World, link: str) -> BankConnectionStatus:
    """Return the link's status."""
    found = await world.store.get(BankConnection, link)
    assert found is not None
    return found.status


async def is_wanted(world: World, link: str) -> bool:
    """Say whether a sync is wished for."""
    state = await world.store.get(BankSync, sync_id(link))
    assert state is not None
    return state.wanted_at is not None


async def unwish(world: World, link: str) -> None:
    """Sync as the worker would, so that nothing is wished for."""
    await look_after(system(world), link)
    state = await world.store.get(BankSync, sync_id(link))
    assert state is not None
    assert state.wanted_at is None


SYNCS = [
    *(
        ("TRANSACTIONS", code)
        for code in ("SYNC_UPDATES_AVAILABLE", "RECURRING_TRANSACTIONS_UPDATE")
    ),
    *(("TRANSACTIONS", code) for code in ("INITIAL_UPDATE", "HISTORICAL_UPDATE")),
    *(("TRANSACTIONS", code) for code in ("DEFAULT_UPDATE", "TRANSACTIONS_REMOVED")),
    ("LIABILITIES", "DEFAULT_UPDATE"),
    ("ITEM", "LOGIN_REPAIRED"),
]
STATUSES = [
    ("ERROR", "ITEM_LOGIN_REQUIRED", _S.LOGIN_REQUIRED),
    ("PENDING_DISCONNECT", None, _S.PENDING_DISCONNECT),
    ("PENDING_EXPIRATION", None, _S.PENDING_DISCONNECT),
    ("USER_PERMISSION_REVOKED", None, _S.REVOKED),
    ("USER_ACCOUNT_REVOKED", None, _S.REVOKED),
    ("LOGIN_REPAIRED", None, _S.HEALTHY),
]


def test_every_code_that_is_known_is_decided_about() -> None:
    """What the tests below tell is all that is handled, and nothing is both."""
    items = {("ITEM", code) for code, *_ in STATUSES}
    assert {*SYNCS, *items, ("ITEM", "NEW_ACCOUNTS_AVAILABLE")} == HANDLED
    assert not HANDLED & PASSED_OVER


@pytest.mark.parametrize(("type", "code"), SYNCS)
async def test_news_of_data_are_wished_for(world: World, link: str, type: str, code: str) -> None:
    """The wish is in the store before it is answered, and found by whoever looks for work."""
    await unwish(world, link)
    assert await told(world, type, code)
    assert await is_wanted(world, link)
    assert await due_syncs(system(world)) == [link]


@pytest.mark.parametrize(("code", "error_code", "status"), STATUSES)
async def test_news_of_the_link_change_its_status(
    world: World, link: str, code: str, error_code: str | None, status: BankConnectionStatus
) -> None:
    """Each code of an item has its status."""
    world.later(minutes=1)
    await told(world, "ITEM", code, error_code=error_code)
    assert await status_of(world, link) is status


async def test_new_accounts_are_told_to_the_consumer(world: World, link: str) -> None:
    """They can share them by opening Link again; nothing is read of them before."""
    await told(world, "ITEM", "NEW_ACCOUNTS_AVAILABLE")
    found = await world.store.get(BankConnection, link)
    assert found is not None
    assert found.has_new_accounts


@pytest.mark.parametrize(("type", "code"), [*sorted(PASSED_OVER), ("TRANSFER", "SOMETHING_NEW")])
async def test_what_nothing_is_done_about_changes_nothing(
    world: World, link: str, type: str, code: str
) -> None:
    """Neither those that are known nor those that are not; another's item neither."""
    await unwish(world, link)
    before = await world.store.get(BankConnection, link)
    assert not await told(world, type, code)
    assert not await told(world, "ITEM", "USER_PERMISSION_REVOKED", item_id="item-of-others")
    assert await world.store.get(BankConnection, link) == before


async def test_the_same_webhook_again_does_nothing(world: World, link: str) -> None:
    """Told twice, the work is done once: no second wish after the first was done."""
    await unwish(world, link)
    assert await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", digest="one")
    await unwish(world, link)
    assert not await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", digest="one")
    assert not await is_wanted(world, link)
    assert await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", digest="two")


async def test_late_news_do_not_undo_later_ones(world: World, link: str) -> None:
    """An error that was sent before the repair, and comes after it, leaves the link healthy."""
    world.later(hours=1)
    broke, repaired = world.now - timedelta(minutes=20), world.now - timedelta(minutes=5)
    await told(world, "ITEM", "LOGIN_REPAIRED", at=repaired)
    await told(world, "ITEM", "ERROR", error_code="ITEM_LOGIN_REQUIRED", at=broke)
    assert await status_of(world, link) is _S.HEALTHY


async def test_what_a_webhook_left_wrong_the_next_sync_puts_right(world: World, link: str) -> None:
    """The vendor is asked how the link stands, whatever was told, lost or late."""
    world.later(hours=1)
    await told(world, "ITEM", "ERROR", error_code="ITEM_LOGIN_REQUIRED")
    assert await status_of(world, link) is _S.LOGIN_REQUIRED
    world.later(minutes=1)
    await look_after(system(world), link)
    assert await status_of(world, link) is _S.HEALTHY
    world.banks.error_code = "ITEM_LOGIN_REQUIRED"
    world.later(minutes=1)
    await look_after(system(world), link)
    assert await status_of(world, link) is _S.LOGIN_REQUIRED


@pytest.mark.parametrize("code", ["USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED"])
async def test_what_was_read_is_deleted_when_it_is_revoked(
    world: World, me: Principal, draft: Application, link: str, code: str
) -> None:
    """Months, findings, accounts and token; and no later webhook brings the link back."""
    await told(world, "ITEM", code)
    found = await world.store.get(BankConnection, link)
    assert found is not None
    assert (found.access_token, found.accounts) == (None, ())
    assert await world.store.children(BankMonth, draft.id) == []
    assert await world.store.children(BankFindings, draft.id) == []
    world.later(minutes=1)
    assert not await told(world, "ITEM", "LOGIN_REPAIRED")
    assert await status_of(world, link) is _S.REVOKED
    del me


async def test_a_revocation_that_was_cut_off_is_finished_by_the_worker(
    world: World, draft: Application, link: str
) -> None:
    """From its first unit on nothing is read any more; what is left is removed later."""
    world.backend.failing = [None, StoreUnavailable()]
    await told(world, "ITEM", "USER_PERMISSION_REVOKED")
    assert len(await world.store.children(BankMonth, draft.id)) == 1
    assert await due_syncs(system(world)) == [link]
    await look_after(system(world), link)
    assert await world.store.children(BankMonth, draft.id) == []
    assert await due_syncs(system(world)) == []


async def test_nothing_is_answered_before_it_is_kept(world: World, link: str) -> None:
    """A store that cannot be written to is an error, so that the vendor tells it again."""
    await unwish(world, link)
    world.backend.failing = [StoreUnavailable()]
    with pytest.raises(StoreUnavailable):
        await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", digest="one")
    assert await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", digest="one")


async def test_a_webhook_in_the_midst_of_a_sync_is_followed_by_another_sync(
    world: World, me: Principal, link: str
) -> None:
    """The sync under way is not disturbed, and the wish outlives it."""
    await unwish(world, link)
    world.banks.pause = asyncio.Event()
    world.banks.reading.clear()
    running = asyncio.create_task(Syncing(world.context(me), world.banks, link).run())
    await world.banks.reading.wait()
    await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
    world.banks.pause.set()
    assert await running is not None
    assert await is_wanted(world, link)


async def test_lines_of_what_the_platform_does_name_it(world: World, link: str) -> None:
    """An actor of its own, the code as the purpose, and whose data it was about."""
    await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
    line = [one for one in await world.audit() if one.action == "bankWebhook"][-1]
    assert (line.actor.id, line.subject) == (SYSTEM, link)
    assert line.purpose == "TRANSACTIONS SYNC_UPDATES_AVAILABLE"
    assert len(line.consumers) == 1


class _Stores:
    """Leases one agency's store."""

    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def lease(self, agency: Agency) -> AsyncIterator[AgencyStore]:
        assert agency.id == self._world.agency.id
        yield self._world.store


class _Vendors:
    """Has bank data for everybody, from the world's far end."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, agency: Agency) -> Vendors:
        del agency
        return Vendors(banks=self._world.banks)


def worker_of(world: World, **options: Any) -> BankWorker:
    """Return a worker over the world's store and directory."""
    return BankWorker(
        world.directory, _Stores(world), _Vendors(world), clock=lambda: world.now, **options
    )


async def test_the_worker_does_what_is_wished_for(world: World, me: Principal, link: str) -> None:
    """Woken or by itself; what others left after a kill too, once their lease has run out."""
    account = (await sync(world, me, link))["accounts"][0]["id"]
    world.banks.history.append(paid("t2", FIRST))
    await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
    worker = worker_of(world)
    await worker.look(await world.directory.agencies())
    await worker.settled()
    assert len(await read_all(world, me, account)) == 2

    world.banks.pause = asyncio.Event()
    world.banks.reading.clear()
    killed = asyncio.create_task(Syncing(world.context(me), world.banks, link).run())
    await world.banks.reading.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    world.banks.pause = None
    world.banks.history.append(paid("t3", FIRST))
    await worker.look(await world.directory.agencies())
    await worker.settled()
    assert len(await read_all(world, me, account)) == 2, "the lease still stands"
    world.later(seconds=LEASE_SECONDS + 1)
    await worker.look(await world.directory.agencies())
    await worker.settled()
    assert len(await read_all(world, me, account)) == 3


async def test_the_worker_leaves_alone_whom_it_does_not_serve(world: World, link: str) -> None:
    """A process of one agency looks into no other's store."""
    await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
    other = worker_of(world, only="another")
    await other.look(await world.directory.agencies())
    await other.settled()
    assert await is_wanted(world, link)


@pytest.mark.parametrize(
    ("trouble", "tried_again"),
    [(UpstreamTimeout(vendor="Plaid", retryable=True), True), (BankLoginRequired(), False)],
)
async def test_the_worker_tries_again_what_may_pass(
    world: World, link: str, trouble: Exception, *, tried_again: bool
) -> None:
    """Later and later after a time-out; not at all while the consumer has to sign in."""
    await unwish(world, link)
    await told(world, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
    world.banks.troubles["transactions"] = [trouble, trouble]
    worker = worker_of(world)
    await worker.look(await world.directory.agencies())
    await worker.settled()
    assert await due_syncs(system(world)) == []
    world.later(seconds=90)
    assert (await due_syncs(system(world)) == [link]) is tried_again
    await worker.look(await world.directory.agencies())
    await worker.settled()
    world.later(seconds=90)
    assert await due_syncs(system(world)) == []
