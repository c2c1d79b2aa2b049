"""`almoner retention …` over the demo world."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.access import AccessGrant
from domain.applications import ENDED, Application
from domain.ids import new_ulid
from domain.retention import RETENTION_YEARS_DEFAULT, years_after
from domain.settings import AgencySettings
from gateway.local.demo_world import SEED_DATE
from tenants.store import Change
from tests.gateway.cli.command import Done, almoner
from tests.gateway.cli.demo_home import copy_of, lines_in, opened, seed
from tests.tenants.record_samples import a_grant, an_audit_line

WHY = ("--reason", "as the law says")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed(tmp_path_factory.mktemp("demo") / "home")


@pytest.fixture
def home(demo: Path, tmp_path: Path) -> Path:
    return copy_of(demo, tmp_path / "home")


def retention(home: Path, *arguments: str) -> Done:
    return almoner(home, "retention", *arguments)


def applications(home: Path) -> list[Application]:
    async def read() -> list[Application]:
        async with opened(home) as (_, _, store):
            return [one async for one in store.scan(Application)]

    return asyncio.run(read())


def settings_of(home: Path) -> list[AgencySettings]:
    async def read() -> list[AgencySettings]:
        async with opened(home) as (_, _, store):
            return [one async for one in store.scan(AgencySettings)]

    return asyncio.run(read())


def age(home: Path, count: int) -> list[str]:
    """Make so many of the closed applications seven years old; return their ids."""

    async def write() -> list[str]:
        async with opened(home) as (_, _, store):
            ended = [one async for one in store.scan(Application) if one.status in ENDED]
            old = [
                replace(one, updated_at=years_after(SEED_DATE, -RETENTION_YEARS_DEFAULT))
                for one in ended[:count]
            ]
            await store.commit(Change(put=tuple(old)))
            return [one.id for one in old]

    return asyncio.run(write())


def test_the_years_are_shown_and_set(home: Path) -> None:
    """Seven years until somebody says otherwise, with a reason; a line tells who did."""
    assert json.loads(retention(home, "years", "harbor", "--json").output) == {
        "applications (years)": 7,
        "consents (years)": 7,
        "audit (years)": 7,
    }
    assert retention(home, "years", "harbor", "5").status == 2
    assert retention(home, "years", "harbor", "26", *WHY).status == 2
    assert retention(home, "years", "harbor", "5", *WHY).status == 0
    assert "5" in retention(home, "years", "harbor").output
    kept = settings_of(home)
    assert [(one.number, one.retention_years) for one in kept] == [(1, 7), (2, 5)]
    assert [line.purpose for line in lines_in(home, "retention years")] == [WHY[1]]


def test_a_dry_run_lists_and_changes_nothing(home: Path) -> None:
    """What would go is named, with why; the same is there afterwards; the line says what it was."""
    old = age(home, 3)
    before = len(applications(home))
    done = retention(home, "run", "harbor", "--dry-run", "--json")
    rows = json.loads(done.output)
    assert [row["what"] for row in rows] == old
    assert all("ended on" in row["why"] for row in rows)
    assert len(applications(home)) == before
    assert lines_in(home, "retention run") == []


def test_a_run_disposes_of_what_is_due(home: Path) -> None:
    """What is due goes and is told line by line; a second run finds nothing."""
    old = age(home, 3)
    assert retention(home, "run", "harbor").status == 2
    done = retention(home, "run", "harbor", *WHY)
    assert (done.status, all(one in done.output for one in old)) == (0, True)
    assert not {one.id for one in applications(home)} & set(old)
    lines = lines_in(home, "retention run")
    assert [line.subject for line in lines] == [None, *old]
    assert all(line.consumers for line in lines[1:])
    assert "nothing has served its time" in retention(home, "run", "harbor", *WHY).output


def test_operators_grants_over_what_goes_go_too(home: Path) -> None:
    """Their reasons may say whom they were about; a grant over anything else stays."""
    (old,) = age(home, 1)

    async def grants(*put: AccessGrant) -> list[str | None]:
        async with opened(home) as (workspace, agency, _):
            for one in put:
                await workspace.directory.put_access_grant(
                    agency.id, one, replace(an_audit_line(), id=new_ulid())
                )
            return [one.subject for one in await workspace.directory.access_grants(agency.id)]

    over = [a_grant(id=f"grant_{new_ulid()}", version=0, subject=one) for one in (old, None)]
    assert len(asyncio.run(grants(*over))) == 2
    assert retention(home, "run", "harbor", *WHY).status == 0
    assert asyncio.run(grants()) == [None]
    (line,) = lines_in(home, "retention run: operators' grants")
    assert line.subject == old


def test_a_hold_keeps_what_is_due(home: Path) -> None:
    """Held, listed, released: each with a line that names the consumer; then it goes."""
    (old,) = age(home, 1)
    assert retention(home, "hold", "harbor", old).status == 2
    assert retention(home, "hold", "harbor", old, *WHY).status == 0
    assert retention(home, "hold", "harbor", old, *WHY).status == 1
    assert old in retention(home, "holds", "harbor").output
    assert "nothing has" in retention(home, "run", "harbor", *WHY).output
    assert retention(home, "release", "harbor", old, *WHY).status == 0
    assert retention(home, "release", "harbor", old, *WHY).status == 1
    assert "nothing is held" in retention(home, "holds", "harbor").output
    assert old in retention(home, "run", "harbor", *WHY).output
    for action in ("retention hold", "retention release"):
        (line,) = lines_in(home, action)
        assert (line.subject, len(line.consumers)) == (old, 1)


def test_what_is_not_there_is_said(home: Path) -> None:
    """An unknown application and one of another agency read alike."""
    other = asyncio.run(_of_summit(home))
    for name in (other, "app_01HARB0R000000000000000009", "nonsense"):
        done = retention(home, "hold", "harbor", name, *WHY)
        assert (done.status, f"harbor has no application {name}" in done.output) == (1, True)


async def _of_summit(home: Path) -> str:
    async with opened(home, "summit") as (_, _, store):
        return (await anext(store.scan(Application))).id
