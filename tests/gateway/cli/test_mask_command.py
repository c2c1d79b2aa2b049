"""`almoner mask` over the demo world: what comes out, what is nowhere in it, what refuses it."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.applications import Application
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.validation import is_email, phone_e164, ssn_digits
from gateway.cli.mask import NotMasked
from gateway.local.demo_world import AGENCIES, plan_applicants, users_of
from tenants.keys.home import KEYRING_FILE
from tenants.keys.keyring import unwrap_agency_keys
from tenants.records.codec import encode
from tenants.records.kinds import KINDS
from tenants.store import Change
from tests.gateway.cli.command import Done, almoner
from tests.gateway.cli.demo_home import copy_of, lines_in, opened, seed
from tests.tenants.record_samples import a_credit_report, a_tradeline

HARBOR = AGENCIES[0]
REASON = "a load test"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed(tmp_path_factory.mktemp("demo") / "home")


@pytest.fixture(scope="module")
def masked(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the masked copy of the demo's first agency."""
    out = tmp_path_factory.mktemp("masked") / "copy"
    done = mask(demo, out)
    assert done.status == 0, done.output
    return out


@pytest.fixture(scope="module")
def again(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give another masked copy of the agency, to which a credit report was added before."""
    folder = tmp_path_factory.mktemp("again")
    home = copy_of(demo, folder / "home")

    async def plant() -> None:
        async with opened(home) as (_, _, store):
            await store.commit(Change(put=(replace(a_credit_report(), version=0),)))

    asyncio.run(plant())
    done = mask(home, folder / "copy", "--json")
    assert json.loads(done.output)["original values found"] == 0
    return folder / "copy"


def mask(home: Path, out: Path, *arguments: str) -> Done:
    return almoner(home, "mask", "harbor", "--out", str(out), "--reason", REASON, *arguments)


def texts_in(home: Path) -> str:
    """Return everything that a home's directory and store hold, decrypted, as text."""

    async def read() -> str:
        async with opened(home) as (workspace, agency, store):
            bodies = [
                encode(record).decode()
                for spec in KINDS
                async for record in store.scan(spec.record)
            ]
            return "\n".join(
                (
                    *bodies,
                    repr(await workspace.directory.staff(agency.id)),
                    repr(await workspace.directory.agencies()),
                    repr(await workspace.directory.api_keys(agency.id)),
                )
            )

    return asyncio.run(read()).lower()


def test_no_value_of_the_demo_is_in_the_copy(masked: Path) -> None:
    """Searched for one by one: names, numbers, addresses and texts of all 200 and the staff."""
    text = texts_in(masked)
    raw = b"".join(path.read_bytes() for path in masked.rglob("*") if path.is_file()).lower()
    values: set[str] = set()
    for applicant in plan_applicants(HARBOR):
        person = applicant.consumer
        assert person.address is not None
        values |= {
            person.name.display,
            str(person.email),
            str(person.phone),
            str(person.ssn),
            person.address.line1,
            person.id,
            applicant.application.id,
            str(applicant.application.hardship_reason),
        }
    for user in users_of(HARBOR).values():
        values |= {user.email, user.display_name, user.subject}
    assert len(values) > 1200
    found = [value for value in values if value.lower() in text or value.lower().encode() in raw]
    assert not found


def test_the_copy_is_a_home_of_its_own(demo: Path, masked: Path) -> None:
    """The same counts and statuses under other keys; no other agency, no pool, no API key."""

    async def look(home: Path) -> tuple[Counter[str], set[bytes], Any]:
        async with opened(home) as (workspace, agency, store):
            statuses = Counter([one.status.value async for one in store.scan(Application)])
            wrapped = await workspace.directory.wrapped_keys(agency.id)
            keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
            secrets = {keys.store_key, keys.index_key, *keys.data_keys.values()}
            return statuses, secrets, await workspace.directory.agencies()

    before, its_keys, _ = asyncio.run(look(demo))
    after, keys, (agency,) = asyncio.run(look(masked))
    assert after == before
    assert not keys & its_keys
    assert (masked / KEYRING_FILE).read_bytes() != (demo / KEYRING_FILE).read_bytes()
    assert (agency.slug, agency.pools) == ("harbor", ())
    assert {path.stat().st_mode & 0o077 for path in (masked, *masked.rglob("*"))} == {0}


def test_masked_people_are_people(masked: Path) -> None:
    """Every consumer of the copy has valid values of each kind, and no number ever issued."""

    async def read() -> list[Consumer]:
        async with opened(masked) as (_, _, store):
            return [one async for one in store.scan(Consumer)]

    people = asyncio.run(read())
    assert len(people) == 200
    for person in people:
        assert is_email(str(person.email))
        assert phone_e164(str(person.phone)) is not None
        assert ssn_digits(str(person.ssn), allow_test=True) == person.ssn
        assert ssn_digits(str(person.ssn), allow_test=False) is None
    assert len({person.ssn for person in people}) == 200


def test_masking_twice_gives_the_same(masked: Path, again: Path) -> None:
    """The pseudonyms of one agency are the same in every copy, so that what is built on them is."""

    async def read(home: Path) -> list[bytes]:
        async with opened(home) as (_, _, store):
            return [encode(one) async for one in store.scan(Consumer)]

    assert asyncio.run(read(again)) == asyncio.run(read(masked))


def test_masking_leaves_a_line(demo: Path, masked: Path) -> None:
    """The agency's own audit says that a copy was made, by whom and why."""
    lines = lines_in(demo, "mask")
    assert lines
    assert {line.purpose for line in lines} == {REASON}
    assert all(line.actor.id.startswith("os:") for line in lines)


def test_a_copy_with_a_value_in_it_is_deleted(demo: Path, tmp_path: Path) -> None:
    """A bureau's line that names the consumer themselves fails the run; nothing is left of it."""
    home = copy_of(demo, tmp_path / "home")

    async def plant() -> str:
        async with opened(home) as (_, _, store):
            consumer = await anext(store.scan(Consumer))
            line = replace(a_tradeline(), creditor=f"LOAN OF {consumer.name.display.upper()}")
            report = a_credit_report()
            report = replace(report, version=0, file=replace(report.file, tradelines=(line,)))
            await store.commit(Change(put=(report,)))
            return consumer.name.display

    name = asyncio.run(plant())
    done = mask(home, tmp_path / "out")
    assert done.status == 1
    assert "Consumer.name in credit_report" in done.output
    assert name.lower() not in done.output.lower()
    assert NotMasked.__name__ not in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_reports_are_masked_too(again: Path) -> None:
    """A report's creditors stay; its dates, amounts, accounts and raw file do not."""

    async def read() -> CreditReport:
        async with opened(again) as (_, _, store):
            (report,) = [one async for one in store.scan(CreditReport)]
            return report

    report, original = asyncio.run(read()), a_credit_report()
    line, before = report.file.tradelines[0], original.file.tradelines[0]
    assert (line.creditor, report.raw) == (before.creditor, None)
    for name in ("opened_on", "balance", "account_last4"):
        assert getattr(line, name) != getattr(before, name)
    assert report.file.summary is not None
    assert report.file.summary.tradeline_count == 1


def test_a_folder_that_is_there_is_left_alone(demo: Path, tmp_path: Path) -> None:
    """Nothing is written over, an unknown agency makes nothing, and a reason is demanded."""
    (tmp_path / "out").mkdir()
    assert mask(demo, tmp_path / "out").status == 2
    new = tmp_path / "new"
    unknown = almoner(demo, "mask", "nobody", "--out", str(new), "--reason", REASON)
    assert (unknown.status, "there is no agency nobody" in unknown.output) == (1, True)
    assert almoner(demo, "mask", "harbor", "--out", str(new)).status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
