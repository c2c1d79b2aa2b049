"""`python -m bench.sealing`: what a sealed group costs a read, a write and a rotation.

Figures are the best of several rounds in one process. With a number, so many records are written to
an encrypted store of their own and sealed anew under a second data key.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.ids import new_ulid
from tenants.keys.keyring import AgencyKeys
from tenants.keys.rotation import reseal
from tenants.records.codec import decode, encode
from tenants.records.kinds import KINDS, Record
from tenants.records.sealing import FieldSealer
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import (
    SAMPLES,
    a_consumer,
    a_credit_report,
    a_debt,
    an_application,
    an_income,
)

ROUNDS, TIMES = 7, 2000
AGENCY_ID = "01HARB0R000000000000000000"
APPLICATION = an_application(
    debts=tuple(a_debt(number) for number in range(12)),
    incomes=tuple(an_income(number) for number in range(3)),
)
LARGE: dict[str, Record] = {
    "application": APPLICATION,
    "credit_report": replace(
        a_credit_report(),
        file=replace(a_credit_report().file, tradelines=a_credit_report().file.tradelines * 30),
    ),
}


def main() -> int:
    """Print the table; with an argument, the time of a rotation over so many records too."""
    sealer = FieldSealer(AGENCY_ID, random_agency_keys())
    sealed = sealer.seal("consumer", "con_1", "identity", b'{"ssn":"219456789"}')
    groups = {
        "unseal one group": lambda: sealer.unseal("consumer", "con_1", "identity", sealed),
        "seal one group": lambda: sealer.seal("consumer", "con_1", "identity", b"x" * 40),
    }
    for name, work in groups.items():
        print(f"{name:24}{_best(work):8.1f} µs")
    print(
        f"\n{'kind':16}{'groups':>7}{'bytes':>8}{'decode µs':>11}{'in the open':>13}{'a group':>9}"
    )
    for spec in KINDS:
        if not spec.sealed or spec.kind not in SAMPLES:
            continue
        record = LARGE.get(spec.kind, SAMPLES[spec.kind])
        body, plain = encode(record, sealer), encode(record)
        with_groups = _best(lambda: decode(spec.kind, body, sealer))  # noqa: B023 -- used at once
        without = _best(lambda: decode(spec.kind, plain))  # noqa: B023 -- used at once
        each = (with_groups - without) / len(spec.sealed)
        print(
            f"{spec.kind:16}{len(spec.sealed):7}{len(body):8}{with_groups:11.1f}{without:13.1f}"
            f"{each:9.1f}"
        )
    if sys.argv[1:]:
        asyncio.run(_rotate(int(sys.argv[1])))
    return 0


def _best(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(TIMES):
            work()
        rounds.append(time.perf_counter() - began)
    return min(rounds) / TIMES * 1_000_000


async def _rotate(records: int) -> None:
    keys = random_agency_keys()
    with tempfile.TemporaryDirectory() as folder:
        backend = open_sqlite(Path(folder) / "a.db", keys.store_key, AGENCY_ID, create=True)
        store = AgencyStore(backend, keys, AGENCY_ID)
        await _fill(store, records)
        store.use_keys(_settled(with_new_data_key(keys)))
        began = time.perf_counter()
        done = await reseal(store, lambda _done, _seen: None)
        seconds = time.perf_counter() - began
        size = (Path(folder) / "a.db").stat().st_size / 1_000_000
        print(f"\nsealed {done:,} records anew in {seconds:.1f} s, file of {size:.0f} MB")
        await store.aclose()


async def _fill(store: AgencyStore, records: int) -> None:
    """Write applications of twelve debts and consumers in turn."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for start in range(0, records, 50):
        moments = [at + timedelta(seconds=start + number) for number in range(50)]
        applications = (
            replace(APPLICATION, id=f"app_{new_ulid(one)}", version=0) for one in moments[::2]
        )
        consumers = (
            a_consumer(id=f"con_{new_ulid(one)}", version=0, subject=None) for one in moments[1::2]
        )
        await store.commit(Change(put=(*applications, *consumers)))


def _settled(keys: AgencyKeys) -> AgencyKeys:
    return replace(keys, data_key_created={})


if __name__ == "__main__":
    sys.exit(main())
