"""`almoner consumer …` over the demo world: everything is handed out, or nothing is left."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessGrant
from domain.applications import Application, ApplicationStatus
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import BlobRef
from domain.retention import years_after
from gateway.local.demo_world import AGENCIES, plan_applicants
from tenants.keys.keyring import unwrap_agency_keys
from tenants.keys.removal import DirectoryPlace, holds
from tenants.records.codec import encode
from tenants.records.kinds import KINDS
from tenants.sqlite.formats import APPLICATION_ID
from tenants.sqlite.sqlcipher import open_encrypted
from tenants.store import Change
from tests.gateway.cli.command import Done, almoner
from tests.gateway.cli.demo_home import AT, copy_of, lines_in, opened, seed
from tests.tenants.record_samples import a_credit_report, a_grant, an_audit_line

WHY = ("--reason", "they asked for it")
PERSONA = next(one for one in plan_applicants(AGENCIES[0]) if one.role.persona)
CONSUMER, APPLICATION = PERSONA.consumer.id, PERSONA.application.id
BLOB = "01HARB0R000000000000000007"
RAW = b"<creditBureau>as it came</creditBureau>"


@dataclass(frozen=True)
class Exported:
    """What the command did, and the document that it wrote."""

    done: Done
    document: dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the demo world, with a report, its raw file and an operator's grant over somebody."""
    home = seed(tmp_path_factory.mktemp("demo") / "home")
    root = APPLICATION.removeprefix("app_")
    report = replace(
        a_credit_report(),
        id=f"rep_{root}_{BLOB}",
        version=0,
        application_id=APPLICATION,
        raw=BlobRef(id=BLOB, sha256="ab" * 32, bytes=len(RAW), media_type="text/xml"),
    )

    async def plant() -> None:
        async with opened(home) as (workspace, agency, store):
            grant = a_grant(id=f"grant_{BLOB}", version=0, subject=CONSUMER)
            await workspace.directory.put_access_grant(agency.id, grant, an_audit_line())
            await store.blobs.put(BLOB, RAW)
            await store.commit(Change(put=(report,)))

    asyncio.run(plant())
    return home


@pytest.fixture
def home(demo: Path, tmp_path: Path) -> Path:
    return copy_of(demo, tmp_path / "home")


def consumer(home: Path, *arguments: str) -> Done:
    return almoner(home, "consumer", *arguments)


def texts_in(home: Path) -> str:
    async def read() -> str:
        async with opened(home) as (_, _, store):
            bodies = [
                encode(one).decode() for spec in KINDS async for one in store.scan(spec.record)
            ]
            return "\n".join((*bodies, *await store.blobs.ids()))

    return asyncio.run(read())


def end(home: Path, *, years_ago: int) -> None:
    """Close the application so long ago, with its consents given before."""

    async def write() -> None:
        async with opened(home) as (_, _, store):
            application = await store.get(Application, APPLICATION)
            assert application is not None
            at = years_after(AT, -years_ago)
            closed = replace(application, status=ApplicationStatus.CLOSED, updated_at=at)
            consents = [
                replace(one, given_at=at, expires_at=at, used_at=at)
                for one in await store.children(Consent, APPLICATION)
            ]
            await store.commit(Change(put=(closed, *consents)))

    asyncio.run(write())


def test_everything_held_is_handed_out(home: Path, tmp_path: Path) -> None:
    """Every record under their roots, the raw file, and every line about any of it."""
    out = tmp_path / "file.json"
    almoner(home, "retention", "hold", "harbor", APPLICATION, "--reason", "a case")
    done = consumer(home, "export", "harbor", CONSUMER, "--out", str(out), *WHY)
    assert done.status == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    document = json.loads(out.read_text("utf-8"))

    async def everything() -> set[str]:
        roots = {CONSUMER.removeprefix("con_"), APPLICATION.removeprefix("app_")}
        async with opened(home) as (_, _, store):
            return {
                one.id
                for spec in KINDS
                async for one in store.scan(spec.record)
                if one.id.split("_")[1] in roots
            }

    (application,) = document["applications"]
    parts = [*document["held"].values(), *application.values()]
    assert {one["id"] for part in parts for one in part} == asyncio.run(everything())
    person = document["held"]["consumer"][0]
    assert (person["ssn"], person["name"]["family"]) == ("666484418", "Uphold")
    assert [file["content"] for file in document["rawFiles"]] == [RAW.decode()]
    assert [grant["subject"] for grant in document["operatorGrants"]] == [CONSUMER]
    actions = [line["action"] for line in document["audit"]]
    assert {"cli:retention hold", "cli:consumer export"} <= set(actions)


def test_the_export_is_told_before_it_leaves(home: Path, tmp_path: Path) -> None:
    """The line names the consumer and what left, never a value; it is there if writing fails."""
    nowhere = tmp_path / "no" / "file.json"
    done = consumer(home, "export", "harbor", CONSUMER, "--out", str(nowhere), *WHY)
    assert (done.status, "cannot make" in done.output) == (1, True)
    (line,) = lines_in(home, "consumer export")
    assert (line.subject, line.consumers, line.purpose) == (CONSUMER, (CONSUMER,), WHY[1])
    assert {"Consumer.ssn", "Consumer.dateOfBirth", "CreditReport"} <= set(line.fields)
    assert "666484418" not in repr(line)


def test_nothing_is_written_over(home: Path, tmp_path: Path) -> None:
    """A file that is there stays; an unknown consumer makes none; a reason is demanded."""
    there, new = tmp_path / "there", tmp_path / "new"
    there.write_text("mine")
    assert consumer(home, "export", "harbor", CONSUMER, "--out", str(there), *WHY).status == 2
    assert there.read_text() == "mine"
    unknown = "con_01HARB0R000000000000000009"
    done = consumer(home, "export", "harbor", unknown, "--out", str(new), *WHY)
    assert (done.status, f"harbor has no consumer {unknown}" in done.output) == (1, True)
    assert consumer(home, "export", "harbor", CONSUMER, "--out", str(new)).status == 2
    assert not new.exists()


def test_erasure_is_refused_with_the_reasons(home: Path) -> None:
    """Open, then closed too recently, then held: each time it says so, and nothing is lost."""
    before = texts_in(home)
    erase = ("erase", "harbor", CONSUMER, "--yes", *WHY)
    done = consumer(home, *erase)
    assert (done.status, "it is not closed" in done.output) == (1, True)
    assert texts_in(home) == before
    end(home, years_ago=1)
    done = consumer(home, *erase)
    assert "it is kept until 2032-" in done.output
    assert "proves that a report was allowed" in done.output
    end(home, years_ago=9)
    almoner(home, "retention", "hold", "harbor", APPLICATION, "--reason", "a case")
    done = consumer(home, *erase)
    assert (done.status, "a legal hold lies on it" in done.output) == (1, True)
    assert CONSUMER in texts_in(home)


def test_erasure_leaves_one_line_and_no_value(home: Path) -> None:
    """Every record, file, grant and name of theirs is gone; everybody else is still there."""
    end(home, years_ago=9)
    assert consumer(home, "erase", "harbor", CONSUMER, *WHY).status == 2  # nobody to ask
    done = consumer(home, "erase", "harbor", CONSUMER, "--yes", "--json", *WHY)
    assert (done.status, json.loads(done.output)) == (0, {"erased": CONSUMER})
    text = texts_in(home)
    person = PERSONA.consumer
    for value in (CONSUMER, APPLICATION, person.ssn, person.email, person.name.display, BLOB):
        assert value is not None
        assert value not in text
    for action in ("consumer erase", "consumer erase: operators' grants"):
        (line,) = lines_in(home, action)
        assert (line.subject, line.consumers) == (CONSUMER, (CONSUMER,))
    assert "Uphold" not in repr(line)

    async def count() -> int:
        async with opened(home) as (_, _, store):
            return len([one async for one in store.scan(Consumer)])

    async def grants() -> list[AccessGrant]:
        async with opened(home) as (workspace, agency, _):
            return await workspace.directory.access_grants(agency.id)

    assert asyncio.run(count()) == 199
    assert asyncio.run(grants()) == []
    assert consumer(home, "erase", "harbor", CONSUMER, "--yes", *WHY).status == 1


def test_what_was_erased_is_in_no_file_beside_a_running_gateway(home: Path) -> None:
    """While another process has the store open, its log is emptied all the same."""
    end(home, years_ago=9)

    async def learn() -> tuple[DirectoryPlace, bytes]:
        async with opened(home) as (workspace, agency, store):
            wrapped = await workspace.directory.wrapped_keys(agency.id)
            keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
            bodies = [row.body async for row in store.rows() if CONSUMER.encode() in row.body]
            place = DirectoryPlace(path=home / "stores" / f"{agency.id}.db", key=keys.store_key)
            return place, next(one for one in bodies if b'"identity"' in one)[-60:-4]

    place, sealed = asyncio.run(learn())
    beside = open_encrypted(place.path, place.key, application_id=APPLICATION_ID, create=False)
    assert holds(place, [sealed])
    done = consumer(home, "erase", "harbor", CONSUMER, "--yes", *WHY)
    assert done.status == 0, done.output
    assert place.path.with_name(f"{place.path.name}-wal").exists(), "it would be gone by itself"
    assert not holds(place, [sealed])
    beside.close()
