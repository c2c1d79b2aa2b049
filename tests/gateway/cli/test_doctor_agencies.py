"""`almoner doctor` on formats, seals, ledgers, keyring and transit: found, and not touched."""

import asyncio
from pathlib import Path

import pytest

from gateway.workspace import open_workspace
from tenants.backend import Put, Unit
from tenants.directory import rows as directory_rows
from tenants.directory import sqlite as sqlite_directory
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.home import KEYRING_FILE
from tenants.keys.keyring import AgencyKeys, LocalKeyring, unwrap_agency_keys
from tenants.records.codec import encode
from tenants.records.kinds import key_of
from tenants.sqlite import formats as sqlite_formats
from tenants.sqlite.sqlcipher import format_of, open_encrypted
from tests.gateway.cli.command import almoner, made
from tests.gateway.cli.test_doctor import Findings, doctor, failures
from tests.tenants.record_samples import a_note
from tests.tenants.stores import AT

pytestmark = pytest.mark.usefixtures("cheap_passphrases")
ANY = "0.0.0.0"  # noqa: S104 -- nothing is served there
BACK_TO_FORMAT_1 = (
    "DROP TABLE access_grant",
    "DROP TRIGGER audit_waits",
    "DROP TABLE audit_unmerged",
    "DROP TABLE witness",
    "PRAGMA user_version = 1",
)
NEWEST = "PRAGMA user_version = 99"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


def directory_key(home: Path) -> bytes:
    return LocalKeyring.from_file(home / KEYRING_FILE, create=False).derive("directory")


async def store_of(home: Path) -> tuple[Path, AgencyKeys]:
    """Return where the agency's store is, and its keys, with nothing left open."""
    async with open_workspace(home) as workspace:
        agency = (await workspace.directory.agencies())[0]
        wrapped = await workspace.directory.wrapped_keys(agency.id)
        keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
        return home / agency.store_url.removeprefix("sqlite:"), keys


def run_in(path: Path, key: bytes, application_id: int, *statements: str) -> None:
    connection = open_encrypted(path, key, application_id=application_id, create=False)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def in_directory(home: Path, *statements: str) -> None:
    run_in(home / DIRECTORY_FILE, directory_key(home), sqlite_directory.APPLICATION_ID, *statements)


def in_store(home: Path, *statements: str) -> tuple[Path, bytes]:
    path, keys = asyncio.run(store_of(home))
    run_in(path, keys.store_key, sqlite_formats.APPLICATION_ID, *statements)
    return path, keys.store_key


async def write(home: Path, unit: Unit) -> None:
    """Write to the agency's store behind the codec's back."""
    async with open_workspace(home) as workspace:
        agency = (await workspace.directory.agencies())[0]
        async with workspace.registry.lease(agency) as store:
            await store._backend.commit(unit, at=AT)


def test_an_older_directory_is_told_and_left_as_it_is(home: Path) -> None:
    """Looking brings nothing forward; the next command does, and says so."""
    in_directory(home, *BACK_TO_FORMAT_1)
    found = doctor(home)["directory"]

    assert (found["state"], "format 1 of" in found["finding"]) == ("warn", True)
    assert "Upgrading" in found["remedy"]
    file, id_ = home / DIRECTORY_FILE, sqlite_directory.APPLICATION_ID
    assert format_of(file, directory_key(home), application_id=id_) == 1
    assert almoner(home, "agency", "list").status == 0
    assert format_of(file, directory_key(home), application_id=id_) == len(directory_rows.FORMATS)
    assert doctor(home)["directory"]["state"] == "ok"


def test_a_file_that_is_brought_forward_is_told(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever runs the command that did it learns that there is no way back."""
    in_directory(home, *BACK_TO_FORMAT_1)
    assert almoner(home, "agency", "list").status == 0
    assert "the directory was brought from format 1" in caplog.text
    caplog.clear()
    assert almoner(home, "agency", "list").status == 0
    assert "brought" not in caplog.text


def test_an_older_store_is_told_and_left_as_it_is(home: Path) -> None:
    """The agency is named with what an upgrade wants; its file keeps its format."""
    path, key = in_store(home, "PRAGMA user_version = 1")
    found = doctor(home)["harbor: store"]

    assert (found["state"], "Upgrading" in found["remedy"]) == ("warn", True)
    assert format_of(path, key, application_id=sqlite_formats.APPLICATION_ID) == 1


def test_what_a_later_release_wrote_is_no_case_for_a_backup(home: Path) -> None:
    """A newer store and a newer directory: install the release, and nothing is brought back."""
    in_store(home, NEWEST)
    found = doctor(home)
    assert failures(found) == {"harbor: store"}
    assert found["harbor: store"]["remedy"].startswith("install the release that wrote it")
    in_directory(home, NEWEST)
    found = doctor(home)
    assert failures(found) == {"directory"}
    assert found["directory"]["remedy"].startswith("install the release that wrote it")
    assert "format 99" in found["directory"]["finding"]


def test_records_in_the_open_are_counted(home: Path) -> None:
    """What an earlier release wrote is counted, with the command that seals it."""
    note = a_note()
    body = encode(note).replace(b'"schema":2', b'"schema":1')
    key = key_of(note)
    asyncio.run(write(home, Unit(operations=(Put(key=key, expected=0, body=body),))))
    found = doctor(home)["harbor: seals"]

    assert (found["state"], found["finding"].startswith("1 records")) == ("warn", True)
    assert "almoner key-rotation resume harbor" in found["remedy"]
    assert almoner(home, "key-rotation", "resume", "harbor").status == 0
    assert doctor(home)["harbor: seals"]["state"] == "ok"


def test_a_ledger_that_does_not_fit_its_witness_is_a_failure(home: Path) -> None:
    """Cut off behind the ledger's back, it is found, and verifying is the remedy."""
    assert doctor(home)["harbor: ledger"]["state"] == "ok"
    in_store(home, "DELETE FROM entity WHERE kind LIKE 'ledger_%'")
    found = doctor(home)

    assert failures(found) == {"harbor: ledger"}
    assert "almoner audit verify harbor" in found["harbor: ledger"]["remedy"]


def test_a_row_that_the_ledger_does_not_take_is_a_failure(home: Path) -> None:
    """It is named; the lines behind it go in all the same."""
    in_store(home, "INSERT INTO audit VALUES ('01ZZZ', x'ff80fe')")
    found = doctor(home)

    assert failures(found) == {"harbor: ledger"}
    assert "01ZZZ" in found["harbor: ledger"]["finding"]


def test_a_keyring_without_a_passphrase_is_told_in_a_real_home(home: Path, tmp_path: Path) -> None:
    """The command that sets one is named; with one, all is well."""
    found = doctor(home)["keyring"]
    assert (found["state"], "almoner keyring passphrase" in found["remedy"]) == ("warn", True)
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple\n")
    file.chmod(0o600)
    new = ("--new-passphrase-file", str(file), "--reason", "first setup")
    assert almoner(home, "keyring", "passphrase", *new).status == 0

    assert doctor(home, keyring_passphrase_file=str(file))["keyring"]["state"] == "ok"


@pytest.mark.parametrize(
    ("settings", "sound"),
    [
        ({"host": ANY}, False),
        ({"operations_host": ANY}, False),
        ({"host": ANY, "behind_tls_proxy": "true", "trusted_proxies": "10.0.0.1"}, True),
        ({"host": "127.0.0.1"}, True),
    ],
    ids=["plain", "operations", "proxy", "loopback"],
)
def test_what_serve_refuses_doctor_refuses(
    home: Path, settings: dict[str, str], *, sound: bool
) -> None:
    """Plain HTTP beyond this machine is a failure before anybody tries to start."""
    found: Findings = doctor(home, **settings)

    assert ("transit" not in found) is sound
    assert failures(found) == (set() if sound else {"transit"})
