"""Lines about reads: packed, durable within a tenth of a second, and no read without one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.actors import PrincipalKind
from domain.audit import AuditOutcome
from domain.errors import StoreUnavailable, TooLarge
from tenants.backend import StoreBackend
from tenants.ledger.lines import LINE_BYTES_MAX, LINES_PER_ROW_MAX, LineText, text_of
from tenants.ledger.reads import LINES_WAITING_MAX, ReadLines
from tenants.records.codec import AuditRow, actor_row, spelled
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.ledger.ledger_samples import a_line
from tests.tenants.stores import AGENCY_ID, Stores


class Disk:
    """What lines are written to, and refuses while it is told to."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.full = False
        self.refused: set[str] = set()

    async def write(self, row: Sequence[LineText]) -> None:
        """Write a row, or refuse it."""
        await asyncio.sleep(0.001)
        if self.full or row[0].id in self.refused:
            raise StoreUnavailable
        self.rows.append([line.id for line in row])

    @property
    def ids(self) -> list[str]:
        """Return the lines written, in order."""
        return [line_id for row in self.rows for line_id in row]


@pytest.fixture
async def disk() -> Disk:
    return Disk()


@pytest.fixture
async def reads(disk: Disk) -> AsyncIterator[ReadLines]:
    made = ReadLines(disk.write)
    yield made
    disk.full = False
    await made.aclose()


async def test_many_lines_are_one_write(reads: ReadLines, disk: Disk) -> None:
    """Lines of the same moment share rows, and are written within a tenth of a second."""
    lines = [a_line(number) for number in range(150)]
    for line in lines:
        reads.add(line)
    assert disk.rows == []
    await asyncio.sleep(0.1)
    assert disk.ids == [line.id for line in lines]
    assert [len(row) for row in disk.rows] == [LINES_PER_ROW_MAX, LINES_PER_ROW_MAX, 22]


async def test_reads_are_refused_while_lines_cannot_be_written(
    reads: ReadLines, disk: Disk
) -> None:
    """After a failed write no line is taken, so nobody reads unseen; then it goes on, whole."""
    disk.full = True
    reads.add(a_line(1))
    await asyncio.sleep(0.1)
    with pytest.raises(StoreUnavailable, match="cannot be recorded"):
        reads.add(a_line(2))
    disk.full = False
    await asyncio.sleep(0.6)
    reads.add(a_line(3))
    await reads.flush()
    assert disk.ids == [a_line(1).id, a_line(3).id]


async def test_writing_ends_while_lines_keep_coming(reads: ReadLines, disk: Disk) -> None:
    """What comes while a row is written waits for the next time, with all that comes with it."""
    reads.add(a_line(0))
    writing = asyncio.create_task(reads.flush())
    await asyncio.sleep(0)
    for number in range(1, 6):
        await asyncio.sleep(0)
        reads.add(a_line(number))
    await writing
    assert disk.ids == [a_line(0).id]
    await reads.flush()
    assert [len(row) for row in disk.rows] == [1, 5]


async def test_a_row_that_fails_is_kept_and_the_others_are_written(
    reads: ReadLines, disk: Disk
) -> None:
    """What was written is not written twice; what was not waits in its place."""
    lines = [a_line(number) for number in range(2 * LINES_PER_ROW_MAX + 1)]
    disk.refused.add(lines[LINES_PER_ROW_MAX].id)
    for line in lines:
        reads.add(line)
    with pytest.raises(StoreUnavailable):
        await reads.flush()
    assert [len(row) for row in disk.rows] == [LINES_PER_ROW_MAX, 1]
    disk.refused.clear()
    reads.add(a_line(999))
    await reads.flush()
    assert sorted(disk.ids) == sorted(line.id for line in (*lines, a_line(999)))
    assert disk.rows[-2][0] == lines[LINES_PER_ROW_MAX].id


async def test_what_waits_is_bounded(reads: ReadLines, disk: Disk) -> None:
    """More lines than may wait are refused, not kept."""
    for _ in range(LINES_WAITING_MAX):
        reads.add(a_line(1))
    with pytest.raises(StoreUnavailable):
        reads.add(a_line(2))
    await reads.flush()
    assert len(disk.ids) == LINES_WAITING_MAX


async def test_closing_writes_what_waits(reads: ReadLines, disk: Disk) -> None:
    """Nothing is left behind by closing, and nothing is taken after it."""
    reads.add(a_line(1))
    await reads.aclose()
    assert disk.ids == [a_line(1).id]
    with pytest.raises(StoreUnavailable):
        reads.add(a_line(2))


async def test_a_line_that_is_too_long_is_refused_at_once(reads: ReadLines) -> None:
    """Who reads learns of it; it never stands in the way of other lines."""
    with pytest.raises(TooLarge):
        reads.add(replace(a_line(1), purpose="x" * 9000))


async def test_a_store_keeps_lines_about_reads_and_lines_by_themselves(stores: Stores) -> None:
    """What was read waits beside the records when the store is closed; so does all else."""
    store = AgencyStore(await stores.open(), random_agency_keys(), AGENCY_ID)
    store.record_reads(a_line(1))
    await store.record_audit(a_line(2), a_line(3))
    await store.record_audit()
    await store.commit(Change(audit=(a_line(4), a_line(5))))
    assert await store.audit_lines(None, 9) == [a_line(number) for number in (2, 3, 4, 5)]
    store.record_reads(a_line(6))
    await store.aclose()
    again: StoreBackend = await stores.open()
    kept = AgencyStore(again, random_agency_keys(), AGENCY_ID)
    found = await kept.audit_lines(None, 9)
    assert sorted(line.id for line in found) == [a_line(number).id for number in range(1, 7)]


def a_row(*texts: str, names: tuple[str, ...]) -> AuditRow:
    """Return a row of whatever texts."""
    actor_id, display_name, action, subject, consumer, purpose, request_id, source_ip = texts
    return AuditRow(
        at=datetime(2026, 11, 22, 12, 30, 1, 999_999, tzinfo=UTC),
        actor=actor_row(actor_id, PrincipalKind.COUNSELOR, display_name),
        action=action,
        subject=subject,
        consumers=(consumer,),
        purpose=purpose,
        fields=spelled(names),
        outcome=AuditOutcome.REFUSED,
        request_id=request_id,
        source_ip=source_ip,
    )


@given(st.lists(st.text(max_size=60), min_size=8, max_size=8), st.integers(0, 60))
@example(["\x01" * 37, *["\x01" * 37] * 7], 36)
@example(['"' * 300, *[""] * 7], 36)
@example(["\U0001f600" * 300, *[""] * 7], 36)
def test_a_short_row_fits_whatever_its_texts_are(texts: list[str], names: int) -> None:
    """What is spelled later, when nobody can be refused any more, is never too long."""
    row = a_row(*texts, names=tuple(f"Application.{number:020}" for number in range(names)))

    if row.is_short():
        assert len(msgspec.json.encode(text_of(row).text.decode())) <= LINE_BYTES_MAX


async def test_a_row_that_may_be_too_long_is_refused_at_once(reads: ReadLines, disk: Disk) -> None:
    """A line that no bundle could hold is refused with its read, and not met when it is written."""
    with pytest.raises(TooLarge):
        reads.add(a_row(*["x" * 600] * 8, names=()))
    reads.add(a_row(*["x"] * 8, names=("Consumer.name",)))
    await reads.flush()
    assert len(disk.ids) == 1


async def test_what_cannot_be_written_is_refused_with_its_read(
    reads: ReadLines, disk: Disk
) -> None:
    """A text that is no Unicode is met when the line is taken, and never when it is written."""
    with pytest.raises(UnicodeEncodeError):
        reads.add(a_row("\ud800", *["x"] * 7, names=()))
    reads.add(a_row(*["\u00e9"] * 8, names=()))
    await reads.flush()
    assert len(disk.ids) == 1


async def test_an_error_that_nobody_foresaw_loses_no_line() -> None:
    """While it lasts no line is taken; then all are written, once each."""
    written: list[str] = []
    broken = [True]

    async def write(row: Sequence[LineText]) -> None:
        await asyncio.sleep(0)
        if broken[0]:
            raise LookupError
        written.extend(line.id for line in row)

    reads = ReadLines(write)
    reads.add(a_line(1))
    await asyncio.sleep(0.1)
    with pytest.raises(StoreUnavailable):
        reads.add(a_line(2))
    broken[0] = False
    await asyncio.sleep(0.6)
    reads.add(a_line(3))
    await reads.aclose()

    assert written == [a_line(1).id, a_line(3).id]


async def test_a_flush_that_is_given_up_writes_no_line_twice() -> None:
    """Who waits for a flush may be cancelled; what it writes is not among what waits then."""
    written: list[str] = []

    async def write(row: Sequence[LineText]) -> None:
        written.extend(line.id for line in row)
        await asyncio.sleep(0.02)

    reads = ReadLines(write)
    reads.add(a_line(1))
    flushing = asyncio.create_task(reads.flush())
    await asyncio.sleep(0.01)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    reads.add(a_line(2))
    await reads.aclose()

    assert written == [a_line(1).id, a_line(2).id]
