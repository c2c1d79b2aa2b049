"""Files: sealed in chunks, kept whole or not at all, opened in their own place alone."""

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.records.blobs import (
    BLOB_BYTES_MAX,
    CHUNK_BYTES,
    BlobBackend,
    Blobs,
    FileBlobs,
    delete_files,
)
from tenants.records.sealing import NONCE_BYTES, FieldSealer
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import AT
from tests.tenants.stores import AGENCY_ID

ROOT = Path(__file__).parents[2]
KEYS = random_agency_keys()
ID, OTHER = new_ulid(AT, randomness=1), new_ulid(AT, randomness=2)
SEALED_CHUNK_BYTES = NONCE_BYTES + CHUNK_BYTES + 16


def blobs_in(folder: Path, agency: str = AGENCY_ID) -> Blobs:
    return Blobs(AGENCY_ID, FileBlobs(folder), FieldSealer(agency, KEYS))


class Memory(BlobBackend):
    """Keeps files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, blob_id: str, sealed: bytes) -> None:
        """Keep."""
        self.files[blob_id] = sealed

    async def get(self, blob_id: str) -> bytes | None:
        """Give back."""
        return self.files.get(blob_id)

    async def delete(self, blob_id: str) -> None:
        """Forget."""
        self.files.pop(blob_id, None)

    async def ids(self) -> list[str]:
        """List."""
        return sorted(self.files)


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
async def test_a_file_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    """Every byte of a file of any size is given back; nothing of it can be read on the disk."""
    blobs, plain = blobs_in(tmp_path / "a"), b"almoner " * (size // 8) + b"x" * (size % 8)
    await blobs.put(ID, plain)
    assert await blobs.get(ID) == plain
    content = (tmp_path / "a" / ID).read_bytes()
    assert b"almoner almoner" not in content
    assert await blobs.sealed_under(ID) == KEYS.current_data_key


async def test_files_are_their_owner_s_alone(tmp_path: Path) -> None:
    """A file has mode 0600 in a folder of mode 0700, and nothing else lies beside it."""
    blobs = blobs_in(tmp_path / "blobs" / "a")
    await blobs.put(ID, b"x")
    await blobs.put(ID, b"y")
    folder = tmp_path / "blobs" / "a"
    assert [file.name for file in folder.iterdir()] == [ID]
    assert stat.S_IMODE((folder / ID).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_files_are_listed_and_removed(tmp_path: Path) -> None:
    """Ids come oldest first; what a killed writer left is no file; what is gone may go again."""
    folder = tmp_path / "a"
    blobs = blobs_in(folder)
    assert await blobs.ids() == []
    for blob_id in (OTHER, ID):
        await blobs.put(blob_id, b"x")
    (folder / f".{ID}.0123").write_bytes(b"half")
    assert await blobs.ids() == [ID, OTHER]
    await blobs.delete(ID)
    await blobs.delete(ID)
    assert await blobs.get(ID) is None
    assert await blobs.sealed_under(ID) is None
    assert not await blobs.reseal(ID)
    assert await blobs.ids() == [OTHER]
    delete_files(folder)
    delete_files(folder)
    assert not folder.exists()


async def test_a_file_opens_in_its_own_place_alone(tmp_path: Path) -> None:
    """Under another id, for another agency or without its key a file is refused."""
    blobs, folder = blobs_in(tmp_path), tmp_path
    await blobs.put(ID, b"x" * 10)
    (folder / OTHER).write_bytes((folder / ID).read_bytes())
    keyless = Blobs(AGENCY_ID, FileBlobs(folder), FieldSealer(AGENCY_ID, random_agency_keys()))
    for opener, blob_id in ((blobs, OTHER), (blobs_in(folder, "other"), ID), (keyless, ID)):
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            await opener.get(blob_id)
    for content in (b"", b"foreign", b"AlmB1 no line end", b"\xff" * 200):
        (folder / OTHER).write_bytes(content)
        with pytest.raises(StoreUnavailable, match="damaged"):
            await blobs.get(OTHER)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_chunk_can_be_moved_left_out_or_added(data: st.DataObject) -> None:
    """Whatever order and choice of chunks is made of a file, only the file's own opens."""
    backend = Memory()
    blobs = Blobs(AGENCY_ID, backend, FieldSealer(AGENCY_ID, KEYS))
    plain = bytes(2 * CHUNK_BYTES) + b"end"
    asyncio.run(blobs.put(ID, plain))
    head, _, rest = backend.files[ID].partition(b"\n")
    chunks = [rest[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(rest), SEALED_CHUNK_BYTES)]
    order = data.draw(st.just([0, 1, 2]) | st.lists(st.integers(0, 2), max_size=4))
    changed = b"".join(chunks[number] for number in order)
    changed = changed[: len(changed) - data.draw(st.integers(0, 40))]
    backend.files[ID] = head + b"\n" + changed
    if changed == rest:
        assert asyncio.run(blobs.get(ID)) == plain
    else:
        with pytest.raises(StoreUnavailable):
            asyncio.run(blobs.get(ID))


async def test_a_file_is_sealed_anew_once(tmp_path: Path) -> None:
    """After a rotation a file is sealed under the new key, and the second time nothing is done."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    blobs = Blobs(AGENCY_ID, FileBlobs(tmp_path), sealer)
    await blobs.put(ID, b"plain")
    rotated = with_new_data_key(KEYS)
    sealer.use_keys(rotated)
    assert await blobs.get(ID) == b"plain"
    assert await blobs.reseal(ID)
    assert not await blobs.reseal(ID)
    assert await blobs.sealed_under(ID) == rotated.current_data_key
    assert await blobs.get(ID) == b"plain"


async def test_what_is_no_file_of_ours_is_a_mistake(tmp_path: Path) -> None:
    """Ids that are none, files beyond the limit, and an agency without a place are refused."""
    blobs = blobs_in(tmp_path)
    for blob_id in ("", "../x", f"{ID}/..", ID.lower(), f"{ID}\n"):
        with pytest.raises(ValueError, match="ULID"):
            await blobs.get(blob_id)
    with pytest.raises(ValueError, match="at most"):
        await blobs.put(ID, bytes(BLOB_BYTES_MAX + 1))
    nowhere = Blobs(AGENCY_ID, None, FieldSealer(AGENCY_ID, KEYS))
    assert await nowhere.ids() == []
    with pytest.raises(StoreUnavailable, match="no place"):
        await nowhere.put(ID, b"x")


async def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    """What the system refuses is a typed error, and nothing is left half written."""
    (tmp_path / "a").write_bytes(b"a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await blobs_in(tmp_path / "a" / "b").put(ID, b"x")


_WRITER = """
import asyncio, sys
from pathlib import Path
from tests.tenants.records.test_blobs import FileBlobs, ID
async def run():
    blobs = FileBlobs(Path(sys.argv[1]))
    for number in range(10**9):
        await blobs.put(ID, b"%d" % (number % 10) * 300_000)
        if number == 0:
            print("ready", flush=True)
asyncio.run(run())
"""


@pytest.mark.parametrize("seconds", [0.0, 0.011, 0.037])
async def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, seconds: float) -> None:
    """Whenever a process that replaces a file is killed, the file is one of those it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WRITER, str(tmp_path)), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await asyncio.sleep(seconds)
    process.kill()
    await process.wait()
    content = await FileBlobs(tmp_path).get(ID)
    assert content is not None
    assert len(content) == 300_000
    assert len(set(content)) == 1
