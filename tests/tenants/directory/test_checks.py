"""What the directory refuses to write down, and what it lets pass because it was there before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.agencies import Agency, AgencyStatus, Pool, Routing
from domain.errors import Duplicate, InvalidInput
from tenants.directory.checks import check_agency
from tenants.directory.sqlite import APPLICATION_ID, SqliteDirectory, open_directory
from tenants.sqlite.sqlcipher import open_encrypted
from tests.tenants.directory.directory_samples import (
    AT,
    FILE_KEY,
    OPERATORS,
    WRAPPED,
    a_key,
    a_member,
    an_agency,
    audit,
)


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[SqliteDirectory]:
    opened = open_directory(tmp_path / "directory.db", FILE_KEY, create=True, clock=lambda: AT)
    yield opened
    await opened.aclose()


@pytest.fixture
async def harbor(directory: SqliteDirectory) -> Agency:
    agency = an_agency()
    await directory.add_agency(agency, WRAPPED, audit())
    return agency


def paths(refusal: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [fault.path for fault in refusal.value.fields]


def a_pool(issuer: str, *client_ids: str) -> tuple[Pool, ...]:
    return (Pool(issuer=issuer, client_ids=client_ids or ("almonerweb",)),)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "Har\x07bor"}, "name"),
        ({"name": "Harbor\n"}, "name"),
        ({"states": ()}, "states"),
        ({"states": ("MI", "ZZ")}, "states.1"),
        ({"website": "javascript:alert(1)"}, "website"),
        ({"website": "https://"}, "website"),
        ({"website": "https://x.example/" + "x" * 512}, "website"),
        ({"website": ""}, "website"),
        ({"pools": a_pool("http://idp.example/pool")}, "pools.0.issuer"),
        ({"pools": a_pool("https://idp.example/pool", "ok", "a b")}, "pools.0.clientIds.1"),
    ],
)
async def test_an_agency_is_held_to_its_limits(
    directory: SqliteDirectory, harbor: Agency, changes: dict[str, Any], path: str
) -> None:
    """A bad value is refused by its path, in a new agency and in a change of one alike."""
    with pytest.raises(InvalidInput) as adding:
        await directory.add_agency(an_agency("summit", **changes), WRAPPED, audit())
    with pytest.raises(InvalidInput) as updating:
        await directory.update_agency(replace(harbor, **changes), audit())

    assert paths(adding) == paths(updating) == [path]
    assert await directory.agencies() == [harbor]


async def test_the_operators_issuer_is_held_to_the_same(directory: SqliteDirectory) -> None:
    """Plain http is for an issuer on this machine alone, the operators' included."""
    with pytest.raises(InvalidInput) as refusal:
        await directory.set_operator_pool(replace(OPERATORS, issuer="http://idp.example"), audit())
    await directory.set_operator_pool(replace(OPERATORS, issuer="http://127.0.0.1:1/p"), audit())

    assert paths(refusal) == ["pool.issuer"]


async def test_all_faults_of_an_entry_are_told_at_once(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """A member of staff with nothing right is refused with every fault."""
    with pytest.raises(InvalidInput) as refusal:
        await directory.put_staff(harbor.id, a_member("", display_name="", email="nope"), audit())

    assert paths(refusal) == ["subject", "name", "email"]
    assert await directory.staff(harbor.id) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"subject": "a b"}, "subject"),
        ({"subject": "é"}, "subject"),
        ({"subject": "x" * 129}, "subject"),
        ({"email": "a@b"}, "email"),
        ({"email": f"{'x' * 64}@{'y' * 63}.{'y' * 63}.{'y' * 63}.example"}, "email"),
        ({"email": " ana@harbor.test"}, "email"),
        ({"display_name": "Ana\u202eslleW"}, "name"),
    ],
)
async def test_staff_are_held_to_their_limits(
    directory: SqliteDirectory, harbor: Agency, changes: dict[str, Any], path: str
) -> None:
    """Subject, e-mail and name have a length and a spelling."""
    with pytest.raises(InvalidInput) as refusal:
        await directory.put_staff(harbor.id, replace(a_member(), **changes), audit())

    assert paths(refusal) == [path]


async def test_an_email_address_is_one_active_person_s(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """It is taken in any spelling of case, until whoever has it is no longer active."""
    ana = a_member("sub-1", email="ana@harbor.test")
    again = a_member("sub-2", email="Ana@Harbor.test")
    await directory.put_staff(harbor.id, ana, audit())
    with pytest.raises(Duplicate, match="e-mail"):
        await directory.put_staff(harbor.id, again, audit())
    await directory.put_staff(harbor.id, replace(ana, active=False), audit())
    await directory.put_staff(harbor.id, again, audit())
    with pytest.raises(Duplicate, match="e-mail"):
        await directory.put_staff(harbor.id, ana, audit())

    assert {one.subject for one in await directory.staff(harbor.id) if one.active} == {"sub-2"}


async def test_a_key_has_a_name(directory: SqliteDirectory, harbor: Agency) -> None:
    """A blank name is refused for a new key and for one that is renamed."""
    key = a_key()
    with pytest.raises(InvalidInput) as adding:
        await directory.add_api_key(harbor.id, replace(key, name=""), audit())
    await directory.add_api_key(harbor.id, key, audit())
    with pytest.raises(InvalidInput) as renaming:
        await directory.replace_api_key(harbor.id, replace(key, name="\n"), audit())

    assert paths(adding) == paths(renaming) == ["name"]
    assert await directory.api_keys(harbor.id) == [key]


async def test_what_was_there_before_can_still_be_ended(
    directory: SqliteDirectory, harbor: Agency, tmp_path: Path
) -> None:
    """Entries that would be refused today are suspended, deactivated and revoked as any other."""
    ana, key = a_member(), a_key()
    await directory.put_staff(harbor.id, ana, audit())
    await directory.add_api_key(harbor.id, key, audit())
    old_agency = replace(harbor, website="javascript:x", pools=a_pool("http://idp.example"))
    old_ana, old_key = replace(ana, email="nope"), replace(key, name="")
    _write(tmp_path / "directory.db", agency=old_agency, staff=old_ana, api_key=old_key)

    suspended = replace(old_agency, status=AgencyStatus.SUSPENDED)
    await directory.update_agency(suspended, audit())
    await directory.put_staff(harbor.id, replace(old_ana, active=False), audit())
    await directory.replace_api_key(harbor.id, replace(old_key, revoked_at=AT), audit())

    assert await directory.agency(harbor.id) == suspended
    assert [one.active for one in await directory.staff(harbor.id)] == [False]
    assert [one.revoked_at for one in await directory.api_keys(harbor.id)] == [AT]


def _write(path: Path, **records: Any) -> None:
    """Write records past the checks, as a program with other rules did."""
    connection = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=False)
    for table, record in records.items():
        statement = f"UPDATE {table} SET body = ? WHERE id = ?"  # noqa: S608 - our own tables
        connection.execute(statement, (msgspec.json.encode(record), record.id))
    connection.close()


def test_what_visitors_are_routed_by_is_checked() -> None:
    """Weights beyond their bounds and codes that an address cannot carry are told all at once."""
    bad = Routing(weight=1001, partner_codes=("GOOD-1", "a b", "X"))
    with pytest.raises(InvalidInput) as caught:
        check_agency(an_agency(routing=bad))
    assert [fault.path for fault in caught.value.fields] == [
        "routing.weight",
        "routing.partnerCodes.1",
        "routing.partnerCodes.2",
    ]
    check_agency(an_agency(routing=Routing(weight=0, accepting=False, partner_codes=("A1",))))


def test_an_entry_from_before_routing_is_read() -> None:
    """What a release without an edge wrote has its defaults; that release reads past ours."""
    body = msgspec.to_builtins(an_agency(routing=Routing(weight=7)))
    assert body.pop("routing") == {"weight": 7, "accepting": True, "partner_codes": ()}
    read = msgspec.json.decode(msgspec.json.encode(body), type=Agency)
    assert read.routing == Routing()
