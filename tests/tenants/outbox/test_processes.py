"""Relays in processes that are killed, and in several at once."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from domain.applications import Application
from tenants.outbox.relay import Relay
from tests.tenants.outbox.outbox_world import open_store
from tests.tenants.outbox.relay_programs import (
    COMMITTED_BESIDE,
    PUBLISHED,
    WAITING,
    FileSink,
)
from tests.tenants.record_samples import an_application

ROOT = Path(__file__).parents[3]


def start(program: str, directory: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tenants.outbox.relay_programs", program, str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )


def published_in(folder: Path) -> dict[str, list[int]]:
    """Return the versions published of each subject, each where it came first."""
    path = folder / PUBLISHED
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[str, list[int]] = {}
    for subject, version, _ in dict.fromkeys(tuple(line.split()) for line in lines):
        found.setdefault(subject, []).append(int(version))
    return found


async def finish(home: Path) -> int:
    """Relay in this process what was left behind, and return the record's version."""
    store = open_store(home / "a.db", create=False)
    try:
        await Relay(store.outbox, FileSink(home), store.agency_id).aclose()
        assert await store.outbox.pending(9) == []
        application = await store.get(Application, an_application().id)
        return 0 if application is None else application.version
    finally:
        await store.aclose()


async def test_a_relay_killed_at_any_step_loses_nothing_and_invents_nothing(
    tmp_path: Path,
) -> None:
    """Killed before each step, it has published nothing but what was committed, in order.

    The steps are those of committing, of handing on and of removing. All that was committed is
    published once the next process comes.
    """
    process = start("crash_relay", tmp_path)
    await asyncio.to_thread(process.communicate, timeout=110)
    assert process.returncode == 0
    cases = sorted(tmp_path.glob("[0-9]*"))  # noqa: ASYNC240 -- nobody waits
    assert len(cases) > 40
    seen = set()
    for case in cases:
        subject = an_application().id
        before = published_in(case).get(subject, [])
        version = await finish(case)
        assert WAITING <= version <= WAITING + COMMITTED_BESIDE
        assert before == list(range(1, len(before) + 1))
        assert len(before) <= version, "what was not committed was published"
        assert published_in(case)[subject] == list(range(1, version + 1))
        seen.add((version, len(before)))
    assert len(seen) > 8, "it was killed at many different moments"
    assert any(0 < count < version for version, count in seen)


@pytest.mark.parametrize("seconds", [0.3, 0.8])
async def test_processes_that_relay_one_store_lose_nothing(tmp_path: Path, seconds: float) -> None:
    """Two processes commit to one store and relay it, and are killed: all of it is published.

    Each subject's events come in order of version, whichever of them handed them on.
    """
    processes = [start("stream", tmp_path) for _ in range(2)]
    acknowledged: dict[str, int] = {}
    for process in processes:
        assert process.stdout is not None
        for _ in range(10):
            line = (await asyncio.to_thread(process.stdout.readline)).decode()
            subject, version = line.split()
            acknowledged[subject] = int(version)
    for process in processes:
        await asyncio.sleep(seconds)
        process.kill()
    for process in processes:
        assert process.stdout is not None
        for line in (await asyncio.to_thread(process.stdout.read)).decode().splitlines():
            if len(parts := line.split()) == 2:
                acknowledged[parts[0]] = int(parts[1])
        process.stdout.close()
        process.wait()
    await finish(tmp_path)
    published = published_in(tmp_path)
    assert published.keys() == acknowledged.keys()
    for subject, versions in published.items():
        assert versions == list(range(1, len(versions) + 1)), "out of order, or lost"
        assert len(versions) >= acknowledged[subject], "an acknowledged one is lost"
    assert sum(acknowledged.values()) > 30
