"""All records of an index's part, however many pages they take."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import AccessGrant
from tenants.backend import StoreBackend
from tenants.records.indexes import sort_time
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT, COUNSELOR, a_grant, child
from tests.tenants.stores import AGENCY_ID


@pytest.mark.parametrize("count", [0, 1, 98, 99, 100, 250])
async def test_every_record_of_the_part_is_listed_once(backend: StoreBackend, count: int) -> None:
    """In the index's order, over the bounds of pages, from a sort key on; of no other part."""
    store = AgencyStore(backend, random_agency_keys(), AGENCY_ID)
    stranger = a_grant(id=child("grant", 9_999), version=0, revoked_at=None)
    await store.commit(Change(put=(stranger,)))
    grantee = replace(COUNSELOR, id="sub-listed")
    grants = [
        a_grant(
            id=child("grant", number),
            version=0,
            grantee=grantee,
            revoked_at=None,
            expires_at=AT + timedelta(days=number),
        )
        for number in range(count)
    ]
    for start in range(0, count, 40):
        await store.commit(Change(put=tuple(grants[start : start + 40])))

    found = await store.listed(AccessGrant, "grant_by_grantee", "sub-listed")
    later = await store.listed(
        AccessGrant, "grant_by_grantee", "sub-listed", lo=sort_time(AT + timedelta(days=60))
    )

    assert [one.id for one in found] == [one.id for one in grants]
    assert [one.id for one in later] == [one.id for one in grants[60:]]
