"""The proof of a removal: it sees what is there, and says so where something is left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.agencies import Agency
from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tenants.keys.keyring import LocalKeyring, new_agency_keys
from tenants.keys.removal import DirectoryPlace, holds, remove_agency
from tenants.registry import StoreRegistry
from tests.resolvers.world import line
from tests.tenants.record_samples import AT

KEYRING = LocalKeyring(bytes(range(32)))
HARBOR = Agency(
    id=new_ulid(), slug="harbor", name="Harbor", states=("MI",), store_url="sqlite:a.db", pools=()
)


@pytest.fixture
def place(tmp_path: Path) -> DirectoryPlace:
    return DirectoryPlace(path=tmp_path / "directory.db", key=b"d" * 32)


@pytest.fixture
async def directory(place: DirectoryPlace) -> AsyncIterator[SqliteDirectory]:
    opened = open_directory(place.path, place.key, create=True)
    yield opened
    await opened.aclose()


@pytest.fixture
async def registry(tmp_path: Path, directory: SqliteDirectory) -> AsyncIterator[StoreRegistry]:
    async with StoreRegistry(directory, KEYRING, home=tmp_path) as opened:
        yield opened


async def provision(directory: SqliteDirectory, registry: StoreRegistry) -> list[bytes]:
    """Bring the agency in, and return its wrapped keys."""
    keys, wrapped = await new_agency_keys(KEYRING, HARBOR.id, AT)
    await registry.create(HARBOR, keys)
    await directory.add_agency(HARBOR, wrapped, line(AT))
    store = await registry.open(HARBOR)
    await store.blobs.put(new_ulid(), b"x")
    return [key.wrapped for key in wrapped]


async def test_what_was_destroyed_is_in_no_page(
    directory: SqliteDirectory, registry: StoreRegistry, place: DirectoryPlace
) -> None:
    """The wrapped keys are seen in file or log before, in neither after, and all is gone."""
    wrapped = await provision(directory, registry)
    assert all(holds(place, [one]) for one in wrapped)
    assert not holds(place, [b"\x00never written\x00"])
    assert len(await remove_agency(directory, place, registry, HARBOR, line(AT))) == 4
    assert not holds(place, wrapped)
    assert not registry.blobs_folder(HARBOR).exists()


class Forgetful(SqliteDirectory):
    """A directory that says it has removed an agency, and has not."""

    async def remove_agency(self, agency_id: str, audit: AuditLine) -> None:
        """Remove nothing."""


async def test_a_removal_that_left_keys_is_not_taken_for_one(
    tmp_path: Path, place: DirectoryPlace
) -> None:
    """Where keys are still there, each claim that does not hold is named."""
    opened = open_directory(place.path, place.key, create=True)
    directory = Forgetful(opened._path, opened._reading, opened._writing, opened._clock)
    async with StoreRegistry(directory, KEYRING, home=tmp_path) as registry:
        wrapped = await provision(directory, registry)
        with pytest.raises(StoreUnavailable, match="could not be proved") as refused:
            await remove_agency(directory, place, registry, HARBOR, line(AT))
        for claim in ("holds no key", "in no page", "did not open any more"):
            assert claim in refused.value.message
        assert holds(place, wrapped)
    await directory.aclose()
    await opened.aclose()
