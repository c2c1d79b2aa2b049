"""`python -m bench.banking`: a whole sync of 15,000 transactions, over real HTTP, and its parts.

The simulated Plaid is served on loopback by a process of its own; the adapter, the encrypted store
and the sync are the product's. Two years of ten accounts are read, merged, sealed, written and
switched to. The bound is 5 seconds; the exit status says whether it was kept.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from domain.access import Principal, Scope
from domain.actors import PrincipalKind
from domain.agencies import Agency
from domain.bank_connections import BankConnection, BankMonth, BankSync, sync_id
from domain.bank_months import merge
from domain.banking import BankConnectionStatus, BankData
from domain.ids import new_child_id, new_ulid
from integrations.plaid.adapter import open_plaid
from integrations.plaid.local import simulator_settings
from integrations.plaid.simulator import SimulatorAccount
from resolvers.bank_store import kept_months, sync_of
from resolvers.bank_syncs import Syncing
from resolvers.context import RequestContext, RequestMeta, Vendors, open_context
from tenants.records.codec import encode
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys

SECONDS_MAX = 5.0
ROUNDS = 3
USER = "user_large"
_SERVE = """
import asyncio, sys
from integrations.plaid.local import running_simulator
from integrations.plaid.simulator import Simulator
async def main():
    async with running_simulator(Simulator()) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


def main() -> int:
    """Print what a sync costs; 1 where the slowest of the rounds is beyond the bound."""
    slowest = asyncio.run(_measure())
    print(f"\nslowest of {ROUNDS}: {slowest:.2f} s, bound {SECONDS_MAX:.0f} s")
    return 0 if slowest <= SECONDS_MAX else 1


async def _measure() -> float:
    slowest = 0.0
    async with _simulated() as url:
        print(f"{'':28}{'seconds':>9}{'of processor':>14}")
        for number in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                seconds = await _round(url, Path(folder), number, parts=number == ROUNDS - 1)
            slowest = max(slowest, seconds)
    return slowest


async def _round(url: str, folder: Path, number: int, *, parts: bool) -> float:
    """Sync a fresh link from its first transaction on; return how long that took."""
    agency = Agency(
        id=new_ulid(), slug="bench", name="Bench", states=(), store_url="sqlite:bench.db", pools=()
    )
    keys = random_agency_keys()
    backend = open_sqlite(folder / "bench.db", keys.store_key, agency.id, create=True)
    store = AgencyStore(backend, keys, agency.id)
    plaid = open_plaid(agency.id, simulator_settings(url))
    try:
        token = await _token(url, plaid)
        context = _context(agency, store, plaid)
        connection = await _linked(store, token)
        began, used = time.perf_counter(), time.process_time()
        done = await Syncing(context, plaid, connection.id).run()
        seconds, used = time.perf_counter() - began, time.process_time() - used
        assert done is not None
        sync = await sync_of(store, connection.id)
        months = await kept_months(store, sync)
        count = sum(len(one.transactions) for one in months)
        print(f"{f'sync {number + 1}':28}{seconds:9.2f}{used:14.2f}")
        if parts:
            print(f"{'transactions':28}{count:9}")
            print(f"{'accounts':28}{len(done.accounts):9}")
            print(f"{'records of months':28}{len(months):9}")
            await _parts(url, plaid, store, done, sync, months)
    finally:
        await plaid.aclose()
        await store.aclose()
    return seconds


async def _parts(
    url: str,
    plaid: BankData,
    store: AgencyStore,
    connection: BankConnection,
    sync: BankSync,
    months: tuple[BankMonth, ...],
) -> None:
    """Print what each part of a sync costs by itself, once more."""
    token = await _token(url, plaid)  # another item: the vendor allows each so many calls a minute
    began = time.perf_counter()
    changes = await plaid.transactions(token, None)
    print(f"{'  reading all pages':28}{time.perf_counter() - began:9.2f}")
    empty = BankSync(
        id=sync.id, application_id=sync.application_id, connection_id=sync.connection_id
    )
    began = time.perf_counter()
    merge(connection, empty, (), changes.accounts, changes, datetime.now(UTC))
    print(f"{'  merging into months':28}{time.perf_counter() - began:9.2f}")
    began = time.perf_counter()
    for month in months:
        encode(month, store.sealer)
    print(f"{'  encoding and sealing':28}{time.perf_counter() - began:9.2f}")
    began = time.perf_counter()
    await kept_months(store, sync)
    print(f"{'  reading them all again':28}{time.perf_counter() - began:9.2f}")


async def _linked(store: AgencyStore, token: str) -> BankConnection:
    now = datetime.now(UTC)
    application = f"app_{new_ulid(now)}"
    connection = BankConnection(
        id=new_child_id("bank", application, now),
        application_id=application,
        consumer_id=f"con_{new_ulid(now)}",
        consent_id=new_child_id("cons", application, now),
        vendor="Plaid",
        item_id="item",
        institution="First Platypus Bank",
        status=BankConnectionStatus.HEALTHY,
        status_at=now,
        connected_at=now,
        access_token=token,
    )
    sync = BankSync(
        id=sync_id(connection.id), application_id=application, connection_id=connection.id
    )
    written = await store.commit(Change(put=(connection, sync)))
    assert isinstance(written[0], BankConnection)
    return written[0]


async def _token(url: str, plaid: BankData) -> str:
    account = SimulatorAccount()
    body = {
        "client_id": account.client_id,
        "secret": account.secret,
        "institution_id": "ins_109508",
        "initial_products": ["transactions"],
        "options": {"override_username": USER},
    }
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        made = (await client.post("/sandbox/public_token/create", json=body)).json()
    return (await plaid.exchange(made["public_token"])).access_token


def _context(agency: Agency, store: AgencyStore, plaid: BankData) -> RequestContext:
    now = datetime.now(UTC)
    principal = Principal(
        kind=PrincipalKind.INTEGRATION,
        subject="bench",
        display_name="Bench",
        agency_id=agency.id,
        group=None,
        scopes=frozenset(Scope),
        expires_at=now.replace(year=now.year + 1),
    )
    meta = RequestMeta(id="bench", at=now)
    return open_context(principal, agency, store, None, Vendors(banks=plaid), meta)


@asynccontextmanager
async def _simulated() -> AsyncIterator[str]:
    """Serve the simulated Plaid from a process of its own; yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SERVE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    sys.exit(main())
