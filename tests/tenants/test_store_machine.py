"""Any sequence of calls leaves a backend in agreement with a model of a few dictionaries."""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tenants.backend import (
    Check,
    Delete,
    IndexEntry,
    Key,
    Once,
    Position,
    Put,
    Replayed,
    Reseal,
    StoreBackend,
    UniqueEntry,
    Unit,
)
from tests.tenants.store_model import Model
from tests.tenants.stores import AT, BACKENDS

ROOTS = ("r1", "r2", "r3")
KEYS = [Key(root, kind, f"{root}{n}") for root in ROOTS for kind in ("k", "l") for n in range(2)]
PARTS = ("p", "q")

entries = st.lists(
    st.builds(IndexEntry, st.just("i"), st.sampled_from(PARTS), st.sampled_from("abc")),
    max_size=3,
    unique_by=lambda entry: (entry.name, entry.part),
).map(tuple)
uniques = st.lists(st.builds(UniqueEntry, st.just("u"), st.sampled_from("xyz")), max_size=1).map(
    tuple
)
attempts = st.none() | st.builds(
    Once,
    key=st.sampled_from(["k1", "k2"]),
    digest=st.sampled_from(["d1", "d1", "d1", "d2"]),
    reference=st.sampled_from([None, "ref"]),
    expires_at=st.sampled_from([AT + timedelta(hours=hours) for hours in (1, 5, 50)]),
)
kinds_of_operation = st.sampled_from(["put", "put", "put", "delete", "check", "reseal"])
staleness = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1])


class StoreMachine(RuleBasedStateMachine):
    """Commits units and compares everything that can be read with the model."""

    backend_name = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stores = BACKENDS[self.backend_name](Path(self.directory.name))
        self.backend: StoreBackend = self.runner.run(self.stores.open())
        self.model = Model()
        self.at: datetime = AT
        self.written = 0

    def teardown(self) -> None:
        """Close the store and remove it."""
        self.runner.run(self.stores.aclose())
        self.runner.close()
        self.directory.cleanup()

    @rule(
        keys=st.lists(st.sampled_from(KEYS), max_size=4, unique=True),
        how=st.lists(
            st.tuples(kinds_of_operation, staleness, entries, uniques), min_size=4, max_size=4
        ),
        begin=attempts,
        finish=attempts,
        told=st.booleans(),
    )
    def commit(
        self,
        keys: Sequence[Key],
        how: Sequence[tuple[str, int, tuple[IndexEntry, ...], tuple[UniqueEntry, ...]]],
        begin: Once | None,
        finish: Once | None,
        told: bool,
    ) -> None:
        """Write a unit, stale or not, and be refused exactly where the model refuses."""
        self.written += 1
        name = f"{self.written:06}"
        operations: list[Put | Delete | Check | Reseal] = []
        for key, (kind, late, indexes, held) in zip(keys, how, strict=False):
            expected = self.model.version(key) + late
            body = name.encode() * 700
            if kind == "put":
                operations.append(
                    Put(key=key, expected=expected, body=body, indexes=indexes, uniques=held)
                )
            elif kind == "reseal" and expected:
                operations.append(Reseal(key=key, expected=expected, body=body))
            else:
                make = Delete if kind == "delete" else Check
                operations.append(make(key=key, expected=expected))
        unit = Unit(
            operations=tuple(operations),
            event=(name, b"event") if told else None,
            audit=(name, b"line") if told else None,
            begin=begin,
            finish=finish,
        )
        expected_refusal = self.model.commit(unit, self.at)
        refusal: Exception | None = None
        try:
            self.runner.run(self.backend.commit(unit, at=self.at))
        except Exception as error:  # noqa: BLE001 -- whichever it is, the model must say so too
            refusal = error
        assert type(refusal) is type(expected_refusal)
        assert str(refusal) == str(expected_refusal)
        if isinstance(refusal, Replayed) and isinstance(expected_refusal, Replayed):
            assert refusal.reference == expected_refusal.reference

    @rule(hours=st.sampled_from([1, 3, 20]))
    def wait(self, hours: int) -> None:
        """Let time pass, so that attempts expire."""
        self.at += timedelta(hours=hours)

    @precondition(lambda self: self.model.events)
    @rule(number=st.integers(0, 3))
    def deliver(self, number: int) -> None:
        """Take events from the outbox."""
        done = self.model.events[:number]
        self.runner.run(self.backend.outbox_done(done))
        self.model.events = self.model.events[len(done) :]

    @rule()
    def reopen(self) -> None:
        """Close the store and open it again."""
        self.runner.run(self.backend.aclose())
        self.backend = self.runner.run(self.stores.open())

    @rule(
        part=st.sampled_from(PARTS),
        desc=st.booleans(),
        limit=st.integers(1, 5),
        lo=st.none() | st.sampled_from("abc"),
        hi=st.none() | st.sampled_from("bcd"),
        sort=st.none() | st.sampled_from("abc"),
        key=st.sampled_from(KEYS),
    )
    def read_listing(
        self,
        part: str,
        desc: bool,
        limit: int,
        lo: str | None,
        hi: str | None,
        sort: str | None,
        key: Key,
    ) -> None:
        """Read a slice from any position, whether an entry stands there or not."""
        after = None if sort is None else Position(sort, *key)
        lines = [
            line
            for line in self.model.listing("i", part)
            if (lo is None or line[0].sort >= lo) and (hi is None or line[0].sort < hi)
        ]
        if desc:
            lines.reverse()
        if after is not None:
            lines = [line for line in lines if (line[0] < after if desc else line[0] > after)]
        found = self.runner.run(
            self.backend.query("i", part, lo=lo, hi=hi, desc=desc, after=after, limit=limit)
        )
        assert list(zip(found.positions, found.rows, strict=True)) == lines[:limit]
        assert found.has_next == (len(lines) > limit)

    @invariant()
    def agree(self) -> None:
        """Whatever can be read is what the model holds."""
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        records = self.model.records
        assert await self.backend.get_many(KEYS) == {key: held.row for key, held in records.items()}
        for kind in ("k", "l"):
            assert await self.backend.children_many(ROOTS, kind) == {
                root: rows
                for root in ROOTS
                if (
                    rows := [
                        records[key].row
                        for key in sorted(records)
                        if (key.root, key.kind) == (root, kind)
                    ]
                )
            }
        for value in "xyz":
            holders = [
                held.row for held in records.values() if UniqueEntry("u", value) in held.uniques
            ]
            assert await self.backend.find_unique("u", value) == (holders[0] if holders else None)
        for part in PARTS:
            assert await self.backend.count("i", part) == len(self.model.listing("i", part))
        for key in ("k1", "k2"):
            assert await self.backend.once(key, self.at) == self.model.once(key, self.at)
        pending = await self.backend.outbox_pending(1000)
        assert [event.id for event in pending] == self.model.events
        lines = await self.backend.audit_lines(after=None, limit=1000)
        assert [line.id for line in lines] == sorted(self.model.lines)


@pytest.mark.parametrize("name", list(BACKENDS))
def test_a_backend_agrees_with_the_model(name: str) -> None:
    """Any sequence of units, reads, waiting and reopening gives what the model gives."""
    machine = type("Machine", (StoreMachine,), {"backend_name": name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
