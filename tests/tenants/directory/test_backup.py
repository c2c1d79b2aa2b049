"""The rehearsal of losing the control plane, and what a restore refuses to do."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.agencies import Agency
from domain.errors import StoreUnavailable
from tenants.directory.backup import backup, restore
from tenants.directory.port import Directory
from tenants.directory.sqlite import DIRECTORY_FILE, SqliteDirectory, open_directory
from tenants.keys.home import KEYRING_FILE, HomeKeys, KeySettings, open_keys
from tenants.keys.keyring import AgencyKeys, LocalKeyring, unwrap_agency_keys
from tenants.keys.keyring_file import PASSPHRASE_LENGTH_MIN
from tests.tenants.directory.directory_samples import (
    OPERATORS,
    a_key,
    a_member,
    a_revocation,
    an_agency,
    audit,
)
from tests.tenants.keys.key_samples import random_agency_keys, wrap_agency_keys

pytestmark = pytest.mark.usefixtures("cheap_passphrases")
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return tmp_path / "almoner-directory.backup"


@asynccontextmanager
async def opened(
    home: Path, *, create: bool = False, keyring_passphrase: str | None = None
) -> AsyncIterator[tuple[SqliteDirectory, HomeKeys]]:
    async with open_keys(home, KeySettings(), keyring_passphrase, create=create) as keys:
        path = home / DIRECTORY_FILE
        directory = open_directory(path, keys.derive("directory"), create=create)
        try:
            yield directory, keys
        finally:
            await directory.aclose()


def bring_back(saved: Path, home: Path, passphrase: str, *, overwrite: bool = False) -> None:
    asyncio.run(restore(saved, home, passphrase, overwrite=overwrite))


async def write_world(home: Path, saved: Path) -> tuple[list[Agency], list[AgencyKeys]]:
    """Make a home with two agencies and their keys, and back it up."""
    async with opened(home, create=True) as (directory, keyring):
        return await fill(directory, keyring, saved)


async def fill(
    directory: SqliteDirectory, home_keys: HomeKeys, saved: Path
) -> tuple[list[Agency], list[AgencyKeys]]:
    agencies = [an_agency("harbor"), an_agency("summit")]
    keys = [random_agency_keys() for _ in agencies]
    for agency, own in zip(agencies, keys, strict=True):
        wrapped = await wrap_agency_keys(home_keys.keyring, agency.id, own)
        await directory.add_agency(agency, wrapped, audit())
        await directory.put_staff(agency.id, a_member(), audit())
        await directory.add_api_key(agency.id, a_key(), audit())
    await directory.set_operator_pool(OPERATORS, audit())
    await directory.revoke(agencies[0].id, a_revocation("jti", "t1"), audit())
    await backup(directory, home_keys, saved, PASSPHRASE)
    return agencies, keys


async def everything(directory: Directory) -> list[object]:
    scopes: list[str | None] = [None, *(agency.id for agency in await directory.agencies())]
    return [
        await directory.agencies(),
        await directory.operator_pool(),
        [await directory.staff(scope) for scope in scopes if scope],
        [await directory.api_keys(scope) for scope in scopes if scope],
        [await directory.audit_lines(scope, None, 99) for scope in scopes],
        [directory.epoch(scope) for scope in scopes],
    ]


async def read_world(home: Path) -> list[object]:
    async with opened(home) as (directory, _):
        return await everything(directory)


def test_the_whole_rehearsal(home: Path, saved: Path) -> None:
    """Create, back up, lose the home, restore: all records are there and all keys unwrap."""
    agencies, keys = asyncio.run(write_world(home, saved))
    before = asyncio.run(read_world(home))
    shutil.rmtree(home)
    bring_back(saved, home, PASSPHRASE)

    async def unwrapped() -> list[AgencyKeys]:
        async with opened(home) as (directory, restored):
            assert await directory.is_revoked(
                agencies[0].id, subject="-", issued_at=audit().at, jti="t1", origin_jti=None
            )
            return [
                await unwrap_agency_keys(
                    restored.keyring, one.id, await directory.wrapped_keys(one.id)
                )
                for one in agencies
            ]

    assert asyncio.run(read_world(home)) == before
    assert asyncio.run(unwrapped()) == keys
    assert sorted(path.name for path in home.iterdir()) == [DIRECTORY_FILE, KEYRING_FILE]
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}


async def test_a_backup_is_taken_while_the_directory_is_used(home: Path, saved: Path) -> None:
    """Backing up waits for nobody, and holds one moment: the file is its owner's and sealed."""
    await write_world(home, saved)
    async with opened(home) as (directory, keys):
        await asyncio.gather(
            backup(directory, keys, saved, PASSPHRASE, overwrite=True),
            *(directory.record_audit(None, audit()) for _ in range(20)),
        )
    content = await asyncio.to_thread(saved.read_bytes)

    assert keys.root not in content
    assert b"harbor" not in content
    assert (await asyncio.to_thread(saved.stat)).st_mode & 0o777 == 0o600
    left = await asyncio.to_thread(lambda: [path.name for path in saved.parent.iterdir()])
    assert sorted(left) == [saved.name, home.name]


def test_a_restore_never_overwrites_by_itself(home: Path, saved: Path) -> None:
    """A home with a directory stays as it is, to the byte, until it is told to go."""
    asyncio.run(write_world(home, saved))
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    with pytest.raises(StoreUnavailable, match=DIRECTORY_FILE):
        bring_back(saved, home, PASSPHRASE)

    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_overwriting_moves_the_old_pair_aside(home: Path, saved: Path, tmp_path: Path) -> None:
    """Told to overwrite, a restore keeps the other directory and keyring under new names."""
    asyncio.run(write_world(tmp_path / "first", saved))
    asyncio.run(write_world(home, tmp_path / "other.backup"))
    old = {path.read_bytes() for path in home.iterdir()}
    (home / f"{DIRECTORY_FILE}-wal").write_bytes(b"a log of the old directory")
    expected = asyncio.run(read_world(tmp_path / "first"))
    bring_back(saved, home, PASSPHRASE, overwrite=True)

    assert asyncio.run(read_world(home)) == expected
    aside = {path.read_bytes() for path in home.iterdir() if ".replaced-" in path.name}
    assert aside == old | {b"a log of the old directory"}


def test_a_lost_directory_beside_its_own_keyring_is_restored(home: Path, saved: Path) -> None:
    """Where the directory alone is gone, or a restore was interrupted, no force is needed."""
    asyncio.run(write_world(home, saved))
    before = asyncio.run(read_world(home))
    (home / DIRECTORY_FILE).unlink()
    bring_back(saved, home, PASSPHRASE)

    assert asyncio.run(read_world(home)) == before


def test_another_keyring_is_not_overwritten_by_itself(home: Path, saved: Path) -> None:
    """A keyring with another key opens something else: it stays until it is told to go."""
    asyncio.run(write_world(home, saved))
    shutil.rmtree(home)
    LocalKeyring.from_file(home / KEYRING_FILE, create=True)
    with pytest.raises(StoreUnavailable, match=KEYRING_FILE):
        bring_back(saved, home, PASSPHRASE)


def test_what_is_not_a_backup_restores_nothing(home: Path, saved: Path) -> None:
    """Damaged, cut off, foreign, empty or under another passphrase: one clear error, no home."""
    asyncio.run(write_world(home, saved))
    shutil.rmtree(home)
    whole = saved.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[:30], whole[:-1], whole[:-9000], whole + b"\x00"):
        saved.write_bytes(content)
        with pytest.raises(StoreUnavailable, match="not a backup of a directory"):
            bring_back(saved, home, PASSPHRASE)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    saved.write_bytes(flipped)
    with pytest.raises(StoreUnavailable, match="not a backup of a directory"):
        bring_back(saved, home, PASSPHRASE)
    saved.write_bytes(whole)
    with pytest.raises(StoreUnavailable, match="passphrase is wrong"):
        bring_back(saved, home, PASSPHRASE.upper())
    with pytest.raises(StoreUnavailable, match="No such file"):
        bring_back(saved.with_name("nowhere"), home, PASSPHRASE)

    assert not home.exists()


async def test_a_backup_needs_a_real_passphrase_and_a_place(home: Path, saved: Path) -> None:
    """A short passphrase and a folder that is not there are refused, and nothing is left over."""
    await write_world(home, saved)
    async with opened(home) as (directory, keys):
        with pytest.raises(ValueError, match=str(PASSPHRASE_LENGTH_MIN)):
            await backup(directory, keys, saved, "x" * (PASSPHRASE_LENGTH_MIN - 1))
        with pytest.raises(StoreUnavailable, match="There is no folder"):
            await backup(directory, keys, saved.parent / "nowhere" / "file", PASSPHRASE)


async def test_a_backup_replaces_no_file_by_itself(home: Path, saved: Path) -> None:
    """A file of that name is kept; told to overwrite, a backup is replaced and nothing else is."""
    await write_world(home, saved)
    async with opened(home) as (directory, keys):
        before = await asyncio.to_thread(saved.read_bytes)
        with pytest.raises(StoreUnavailable, match="already"):
            await backup(directory, keys, saved, PASSPHRASE)
        assert await asyncio.to_thread(saved.read_bytes) == before
        await backup(directory, keys, saved, PASSPHRASE, overwrite=True)
        assert await asyncio.to_thread(saved.read_bytes) != before

        whole = await asyncio.to_thread((home / KEYRING_FILE).read_bytes)
        with pytest.raises(StoreUnavailable, match="no backup"):
            await backup(directory, keys, home / KEYRING_FILE, PASSPHRASE, overwrite=True)
        assert await asyncio.to_thread((home / KEYRING_FILE).read_bytes) == whole


def test_a_restored_keyring_is_put_under_the_passphrase_that_is_set(
    home: Path, saved: Path
) -> None:
    """A home whose keyring has a passphrase gets it back so, and opens with that one alone."""
    asyncio.run(write_world(home, saved))
    before = asyncio.run(read_world(home))
    shutil.rmtree(home)
    asyncio.run(restore(saved, home, PASSPHRASE, keyring_passphrase="another long passphrase"))

    async def read_again() -> list[object]:
        async with opened(home, keyring_passphrase="another long passphrase") as (directory, _):
            return await everything(directory)

    assert asyncio.run(read_again()) == before
    with pytest.raises(StoreUnavailable, match="under a passphrase"):
        asyncio.run(read_world(home))


def test_a_backup_of_the_other_kind_of_keys_is_said(home: Path, saved: Path) -> None:
    """Where the settings name AWS KMS, a backup of a key in a file is refused in words."""
    asyncio.run(write_world(home, saved))
    shutil.rmtree(home)
    settings = KeySettings(keyring="kms:alias/almoner")
    with pytest.raises(StoreUnavailable, match="keys are in a file"):
        asyncio.run(restore(saved, home, PASSPHRASE, settings=settings))
    assert not list(home.iterdir())
