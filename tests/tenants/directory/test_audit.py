"""The directory's part in the agencies' ledgers: lines that wait, checkpoints that are kept."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import StoreUnavailable, TooLarge
from tenants.directory.rows import FORMATS, OPERATORS
from tenants.directory.sqlite import APPLICATION_ID, SqliteDirectory, open_directory
from tenants.sqlite.sqlcipher import open_encrypted
from tests.tenants.directory.directory_samples import AT, FILE_KEY, WRAPPED, an_agency, audit

HARBOR = an_agency("harbor")


@dataclass
class Clock:
    """A clock that is set by hand."""

    at: datetime = AT

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteDirectory]:
    made = open_directory(tmp_path / "directory.db", FILE_KEY, create=True, clock=clock)
    await made.add_agency(HARBOR, WRAPPED, audit("cli:agency add"))
    yield made
    await made.aclose()


async def test_lines_about_an_agency_wait_until_they_are_taken_over(
    directory: SqliteDirectory,
) -> None:
    """Each change's line waits for the agency's ledger, and stays in the directory afterwards."""
    line = audit("cli:test", AT + timedelta(seconds=1))
    await directory.record_audit(HARBOR.id, line)
    await directory.record_audit(None, audit())
    await directory.add_agency(an_agency("summit"), WRAPPED, audit())
    waiting = await directory.audit_unmerged(HARBOR.id, 9)
    assert [one.action for one in waiting] == ["cli:agency add", "cli:test"]
    assert await directory.audit_unmerged(HARBOR.id, 1) == waiting[:1]
    epoch = directory.epoch(HARBOR.id)
    await directory.audit_merged(HARBOR.id, [waiting[0].id, "unknown"])
    assert await directory.audit_unmerged(HARBOR.id, 9) == [line]
    assert directory.epoch(HARBOR.id) == epoch
    assert await directory.audit_lines(HARBOR.id, None, 9) == waiting
    assert await directory.audit_unmerged(OPERATORS, 9) == []


async def test_the_newest_checkpoint_of_each_day_is_kept(
    directory: SqliteDirectory, clock: Clock
) -> None:
    """A later one replaces the day's, and one over fewer lines than were seen is not kept."""
    epoch = directory.epoch(HARBOR.id)
    for days, size in ((0, 1), (0, 5), (0, 4), (1, 4), (1, 5), (2, 9), (1, 3)):
        clock.at = AT + timedelta(days=days)
        await directory.witness(HARBOR.id, size, f"note {size}")
    assert await directory.witnessed(HARBOR.id) == ["note 5", "note 5", "note 9"]
    assert await directory.witnessed("another") == []
    assert directory.epoch(HARBOR.id) == epoch


async def test_a_line_that_no_ledger_could_take_is_not_written(directory: SqliteDirectory) -> None:
    """A reason too long for the ledger is refused when it is given, with what to do about it."""
    with pytest.raises(TooLarge, match="shorten the reason"):
        await directory.record_audit(HARBOR.id, replace(audit("cli:x"), purpose="x" * 5000))


async def test_a_damaged_line_is_said_to_be_damaged(directory: SqliteDirectory) -> None:
    """Bytes that are no line, put there by somebody with the key, are said to be damaged."""
    insert = "INSERT INTO audit (scope, id, body) VALUES (?, 'x', ?)"

    def put(connection: Any) -> None:
        connection.execute(insert, (HARBOR.id, b"\xff"))

    await directory._write(put)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await directory.audit_unmerged(HARBOR.id, 9)


async def test_an_older_directory_hands_over_all_its_lines(tmp_path: Path) -> None:
    """Lines that were written before agencies had ledgers wait for them too."""
    path = tmp_path / "directory.db"
    connection = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    for statement in FORMATS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    # As lines were written then: without the fields that came later.
    body = msgspec.json.decode(msgspec.json.encode(audit("cli:old")))
    del body["consumers"], body["outcome"]
    for scope in (HARBOR.id, OPERATORS):
        row = (scope, body["id"], msgspec.json.encode(body))
        connection.execute("INSERT INTO audit (scope, id, body) VALUES (?, ?, ?)", row)
    connection.close()
    directory = open_directory(path, FILE_KEY, create=False)
    try:
        waiting = await directory.audit_unmerged(HARBOR.id, 9)
        assert [one.action for one in waiting] == ["cli:old"]
        assert (waiting[0].consumers, waiting[0].outcome) == ((), "DONE")
    finally:
        await directory.aclose()
