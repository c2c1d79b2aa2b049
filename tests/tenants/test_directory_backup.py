"""The rehearsal of losing the control plane, and what a restore refuses to do."""

import asyncio
import shutil
from pathlib import Path

import pytest

from domain.agencies import Agency
from domain.errors import StoreUnavailable
from tenants.directory import Directory
from tenants.directory_backup import (
    DIRECTORY_FILE,
    KEYRING_FILE,
    PASSPHRASE_LENGTH_MIN,
    backup,
    restore,
)
from tenants.keyring import (
    AgencyKeys,
    LocalKeyring,
    new_agency_keys,
    unwrap_agency_keys,
    wrap_agency_keys,
)
from tenants.sqlite_directory import SqliteDirectory, open_directory
from tests.tenants.directory_samples import (
    OPERATORS,
    a_key,
    a_member,
    a_revocation,
    an_agency,
    audit,
)

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return tmp_path / "almoner-directory.backup"


def opened(home: Path, *, create: bool = False) -> tuple[SqliteDirectory, LocalKeyring]:
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=create)
    path = home / DIRECTORY_FILE
    return open_directory(path, keyring.derive("directory"), create=create), keyring


async def write_world(home: Path, saved: Path) -> tuple[list[Agency], list[AgencyKeys]]:
    """Make a home with two agencies and their keys, and back it up."""
    directory, keyring = opened(home, create=True)
    agencies, keys = [an_agency("harbor"), an_agency("summit")], [new_agency_keys() for _ in "12"]
    for agency, own in zip(agencies, keys, strict=True):
        wrapped = await wrap_agency_keys(keyring, agency.id, own)
        await directory.add_agency(agency, wrapped, audit())
        await directory.put_staff(agency.id, a_member(), audit())
        await directory.add_api_key(agency.id, a_key(), audit())
    await directory.set_operator_pool(OPERATORS, audit())
    await directory.revoke(agencies[0].id, a_revocation("jti", "t1"), audit())
    await backup(directory, keyring, saved, PASSPHRASE)
    await directory.aclose()
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
    directory, _ = opened(home)
    content = await everything(directory)
    await directory.aclose()
    return content


def test_the_whole_rehearsal(home: Path, saved: Path) -> None:
    """Create, back up, lose the home, restore: all records are there and all keys unwrap."""
    agencies, keys = asyncio.run(write_world(home, saved))
    before = asyncio.run(read_world(home))
    shutil.rmtree(home)
    restore(saved, home, PASSPHRASE)

    async def unwrapped() -> list[AgencyKeys]:
        directory, keyring = opened(home)
        found = [
            await unwrap_agency_keys(keyring, one.id, await directory.wrapped_keys(one.id))
            for one in agencies
        ]
        revoked = await directory.is_revoked(
            agencies[0].id, subject="-", issued_at=audit().at, jti="t1", origin_jti=None
        )
        assert revoked
        await directory.aclose()
        return found

    assert asyncio.run(read_world(home)) == before
    assert asyncio.run(unwrapped()) == keys
    assert sorted(path.name for path in home.iterdir()) == [DIRECTORY_FILE, KEYRING_FILE]
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}


async def test_a_backup_is_taken_while_the_directory_is_used(home: Path, saved: Path) -> None:
    """Backing up waits for nobody, and holds one moment: the file is its owner's and sealed."""
    await write_world(home, saved)
    directory, keyring = opened(home)
    await asyncio.gather(
        backup(directory, keyring, saved, PASSPHRASE, overwrite=True),
        *(directory.record_audit(None, audit()) for _ in range(20)),
    )
    await directory.aclose()
    content = await asyncio.to_thread(saved.read_bytes)

    assert keyring.export_key() not in content
    assert b"harbor" not in content
    assert (await asyncio.to_thread(saved.stat)).st_mode & 0o777 == 0o600
    left = await asyncio.to_thread(lambda: [path.name for path in saved.parent.iterdir()])
    assert sorted(left) == [saved.name, home.name]


def test_a_restore_never_overwrites_by_itself(home: Path, saved: Path) -> None:
    """A home with a directory stays as it is, to the byte, until it is told to go."""
    asyncio.run(write_world(home, saved))
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    with pytest.raises(StoreUnavailable, match=DIRECTORY_FILE):
        restore(saved, home, PASSPHRASE)

    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_overwriting_moves_the_old_pair_aside(home: Path, saved: Path, tmp_path: Path) -> None:
    """Told to overwrite, a restore keeps the other directory and keyring under new names."""
    asyncio.run(write_world(tmp_path / "first", saved))
    asyncio.run(write_world(home, tmp_path / "other.backup"))
    old = {path.read_bytes() for path in home.iterdir()}
    (home / f"{DIRECTORY_FILE}-wal").write_bytes(b"a log of the old directory")
    expected = asyncio.run(read_world(tmp_path / "first"))
    restore(saved, home, PASSPHRASE, overwrite=True)

    assert asyncio.run(read_world(home)) == expected
    aside = {path.read_bytes() for path in home.iterdir() if ".replaced-" in path.name}
    assert aside == old | {b"a log of the old directory"}


def test_a_lost_directory_beside_its_own_keyring_is_restored(home: Path, saved: Path) -> None:
    """Where the directory alone is gone, or a restore was interrupted, no force is needed."""
    asyncio.run(write_world(home, saved))
    before = asyncio.run(read_world(home))
    (home / DIRECTORY_FILE).unlink()
    restore(saved, home, PASSPHRASE)

    assert asyncio.run(read_world(home)) == before


def test_another_keyring_is_not_overwritten_by_itself(home: Path, saved: Path) -> None:
    """A keyring with another key opens something else: it stays until it is told to go."""
    asyncio.run(write_world(home, saved))
    shutil.rmtree(home)
    LocalKeyring.from_file(home / KEYRING_FILE, create=True)
    with pytest.raises(StoreUnavailable, match=KEYRING_FILE):
        restore(saved, home, PASSPHRASE)


def test_what_is_not_a_backup_restores_nothing(home: Path, saved: Path) -> None:
    """Damaged, cut off, foreign, empty or under another passphrase: one clear error, no home."""
    asyncio.run(write_world(home, saved))
    shutil.rmtree(home)
    whole = saved.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[:30], whole[:-1], whole[:-9000], whole + b"\x00"):
        saved.write_bytes(content)
        with pytest.raises(StoreUnavailable, match="not a backup of a directory"):
            restore(saved, home, PASSPHRASE)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    saved.write_bytes(flipped)
    with pytest.raises(StoreUnavailable, match="not a backup of a directory"):
        restore(saved, home, PASSPHRASE)
    saved.write_bytes(whole)
    with pytest.raises(StoreUnavailable, match="passphrase is wrong"):
        restore(saved, home, PASSPHRASE.upper())
    with pytest.raises(StoreUnavailable, match="No such file"):
        restore(saved.with_name("nowhere"), home, PASSPHRASE)

    assert not home.exists()


async def test_a_backup_needs_a_real_passphrase_and_a_place(home: Path, saved: Path) -> None:
    """A short passphrase and a folder that is not there are refused, and nothing is left over."""
    await write_world(home, saved)
    directory, keyring = opened(home)
    with pytest.raises(ValueError, match=str(PASSPHRASE_LENGTH_MIN)):
        await backup(directory, keyring, saved, "x" * (PASSPHRASE_LENGTH_MIN - 1))
    with pytest.raises(StoreUnavailable, match="There is no folder"):
        await backup(directory, keyring, saved.parent / "nowhere" / "file", PASSPHRASE)
    await directory.aclose()


async def test_a_backup_replaces_no_file_by_itself(home: Path, saved: Path) -> None:
    """A file of that name is kept; told to overwrite, a backup is replaced and nothing else is."""
    await write_world(home, saved)
    directory, keyring = opened(home)
    before = await asyncio.to_thread(saved.read_bytes)
    with pytest.raises(StoreUnavailable, match="already"):
        await backup(directory, keyring, saved, PASSPHRASE)
    assert await asyncio.to_thread(saved.read_bytes) == before
    await backup(directory, keyring, saved, PASSPHRASE, overwrite=True)
    assert await asyncio.to_thread(saved.read_bytes) != before

    whole = await asyncio.to_thread((home / KEYRING_FILE).read_bytes)
    with pytest.raises(StoreUnavailable, match="no backup"):
        await backup(directory, keyring, home / KEYRING_FILE, PASSPHRASE, overwrite=True)
    assert await asyncio.to_thread((home / KEYRING_FILE).read_bytes) == whole
    await directory.aclose()
