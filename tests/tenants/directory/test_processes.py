"""The directory under several processes, and under processes that are killed."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.access import KEYS_PER_AGENCY_MAX
from tenants.directory.sqlite import open_directory
from tests.tenants.directory import directory_crash, directory_writer
from tests.tenants.directory.directory_samples import FILE_KEY, WRAPPED, an_agency, audit


async def answer_of(program: str, *arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return json.loads(stdout)


@pytest.mark.parametrize("change", directory_crash.CHANGES)
async def test_a_killed_process_leaves_no_half_change(tmp_path: Path, change: str) -> None:
    """Killed before any statement of a change, its whole or nothing of it is there."""
    outcome = await answer_of(directory_crash.__file__, str(tmp_path), change)

    assert outcome["exit"] == 0
    assert outcome["changed"]
    killed = outcome["killed"]
    assert len(killed) >= 5  # begin, what it is about, epoch, audit line, commit
    assert set(killed[:5]) == {"before"}
    assert killed == sorted(killed, reverse=True)
    assert "half" not in killed


async def test_two_processes_at_once_are_right(tmp_path: Path) -> None:
    """Limits, idempotency and epochs hold over processes that write at the same time."""
    path, agency = tmp_path / "directory.db", an_agency()
    directory = open_directory(path, FILE_KEY, create=True)
    await directory.add_agency(agency, WRAPPED, audit())
    first = directory.epoch(agency.id)
    attempts = 40
    outcomes = await asyncio.gather(
        *(
            answer_of(directory_writer.__file__, str(path), agency.id, str(attempts))
            for _ in range(2)
        )
    )
    keys = await directory.api_keys(agency.id)
    lines = await directory.audit_lines(agency.id, None, 999)
    epoch = directory.epoch(agency.id)
    await directory.aclose()

    assert len(keys) == KEYS_PER_AGENCY_MAX
    assert sum(one["added"] for one in outcomes) == KEYS_PER_AGENCY_MAX
    assert sum(one["replayed"] for one in outcomes) == 1
    assert sum(one["refused"] for one in outcomes) == 2 * attempts - KEYS_PER_AGENCY_MAX - 1
    assert epoch == first + KEYS_PER_AGENCY_MAX
    assert len(lines) == KEYS_PER_AGENCY_MAX + 1
    for one in outcomes:
        assert one["epochs"] == sorted(one["epochs"])
