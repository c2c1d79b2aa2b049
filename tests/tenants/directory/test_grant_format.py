"""Grants of stores from before they were listed newest first are listed like all others."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from domain.access import AccessGrant
from domain.ids import new_ulid
from tenants.backend import IndexEntry, Put, Unit
from tenants.records.indexes import sort_time
from tenants.records.kinds import key_of
from tenants.sqlite.formats import APPLICATION_ID, FORMATS, bring_forward
from tenants.sqlite.sqlcipher import Connection, open_encrypted
from tenants.sqlite.store import open_sqlite
from tenants.sqlite.units import write_units
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import APPLICATION_ULID, AT, a_grant
from tests.tenants.records.test_codec import stored
from tests.tenants.stores import AGENCY_ID, FILE_KEY


def write_older(connection: Connection, grant: AccessGrant) -> None:
    """Write a grant as it was written when only those that are not revoked had an entry."""
    body = msgspec.json.decode(stored("access_grant.1"))
    body |= {"id": grant.id}
    entries = (IndexEntry("grant_by_grantee", grant.grantee.id, sort_time(grant.expires_at)),)
    if grant.revoked_at is None:
        del body["revokedAt"]
    put = Put(
        key=key_of(grant),
        expected=0,
        body=msgspec.json.encode(body),
        indexes=() if grant.revoked_at else entries,
    )
    assert write_units(connection, [(Unit(operations=(put,)), AT)]) == [None]


@pytest.mark.parametrize("revoked", [False, True])
async def test_grants_of_an_older_file_are_listed(tmp_path: Path, revoked: bool) -> None:
    """Live and revoked ones, among all and among their grantee's; and they can be changed."""
    path = tmp_path / "harbor.db"
    connection = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    bring_forward(connection, AGENCY_ID, create=True, formats=FORMATS[:1])
    older = [
        a_grant(
            id=f"grant_{APPLICATION_ULID}_{new_ulid(AT + timedelta(days=number))}",
            revoked_at=a_grant().revoked_at if revoked else None,
        )
        for number in range(3)
    ]
    for grant in older:
        write_older(connection, grant)
    connection.close()

    store = AgencyStore(open_sqlite(path, FILE_KEY, AGENCY_ID), random_agency_keys(), AGENCY_ID)
    try:
        for index, part in (("grant_all", ""), ("grant_of_grantee", older[0].grantee.id)):
            page = await store.query(AccessGrant, index, part, first=9, desc=True)
            assert page.items == tuple(older[::-1])
        changed = replace(older[0], revoked_at=AT)
        await store.commit(Change(put=(changed,)))
        for index, part in (("grant_all", ""), ("grant_of_grantee", older[0].grantee.id)):
            assert await store.count(index, part) == len(older), "none twice, and none left over"
        live = await store.count("grant_by_grantee", older[0].grantee.id)
        assert live == (0 if revoked else len(older) - 1)
    finally:
        await store.aclose()
