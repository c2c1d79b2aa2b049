"""Files of an agency, such as a bureau's answer as it came: sealed here, kept by a backend.

A file is sealed in chunks. Agency, id, number of the chunk, whether it is the last, and the data
key's id are associated data: no chunk can be moved, left out or added.
"""

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from cryptography.exceptions import InvalidTag

from domain.errors import StoreUnavailable
from tenants.records.sealing import NONCE_BYTES, FieldSealer
from tenants.sqlite.sqlcipher import make_private_directory, sync_directory, translate

T = TypeVar("T")
CHUNK_BYTES = 64 * 1024
BLOB_BYTES_MAX = 64 * 1024 * 1024
_TAG_BYTES = 16
_SEALED_CHUNK_BYTES = NONCE_BYTES + CHUNK_BYTES + _TAG_BYTES
_FORMAT = b"AlmB1 "
_HEADER_BYTES_MAX = 128
_ID = re.compile(r"[0-9A-Z]{26}")


class BlobBackend(Protocol):
    """Keeps sealed files by id; all methods may raise StoreUnavailable."""

    async def put(self, blob_id: str, sealed: bytes) -> None:
        """Keep the bytes, whole or not at all, durable on return; replaces what has the id."""
        ...

    async def get(self, blob_id: str) -> bytes | None:
        """Return the bytes, or None."""
        ...

    async def delete(self, blob_id: str) -> None:
        """Remove the bytes; an id that is gone is no error."""
        ...

    async def ids(self) -> list[str]:
        """Return the ids there are, oldest first."""
        ...


@runtime_checkable
class TakesUploads(Protocol):
    """A backend that clients can send files to by themselves; may raise StoreUnavailable."""

    async def upload_address(
        self, name: str, *, media_type: str, size: int, seconds: int
    ) -> tuple[str, dict[str, str]]:
        """Return where one file of this type and size may be sent by PUT, and with which headers.

        Who sends it is not known, and what comes is not sealed.
        """
        ...

    async def take_incoming(self, name: str, *, bytes_max: int) -> bytes | None:
        """Return what was sent, None where nothing was; of more than announced, a byte more."""
        ...

    async def drop_incoming(self, name: str) -> None:
        """Remove what was sent; nothing there is no error."""
        ...


class Blobs:
    """One agency's files: bytes in, bytes out, sealed in between. Ids are ULIDs."""

    def __init__(self, agency_id: str, backend: BlobBackend | None, sealer: FieldSealer) -> None:
        self._agency_id = agency_id
        self._backend = backend
        self._sealer = sealer

    @property
    def incoming(self) -> TakesUploads | None:
        """Return where clients send files by themselves; None where they cannot."""
        backend: object = self._backend
        return backend if isinstance(backend, TakesUploads) else None

    async def put(self, blob_id: str, plain: bytes) -> None:
        """Keep a file, durable on return. Raises ValueError beyond BLOB_BYTES_MAX."""
        if len(plain) > BLOB_BYTES_MAX:
            raise ValueError(f"a file has at most {BLOB_BYTES_MAX} bytes")
        key_id = self._sealer.current_key
        sealed = await asyncio.to_thread(self._seal, _checked(blob_id), key_id, plain)
        await self._held().put(blob_id, sealed)

    async def get(self, blob_id: str) -> bytes | None:
        """Return the file, or None; raises StoreUnavailable for one that does not open."""
        sealed = await self._held().get(_checked(blob_id))
        if sealed is None:
            return None
        return await asyncio.to_thread(self._unseal, blob_id, sealed)

    async def delete(self, blob_id: str) -> None:
        """Remove a file; one that is gone is no error."""
        await self._held().delete(_checked(blob_id))

    async def ids(self) -> list[str]:
        """Return the ids there are, oldest first."""
        return [] if self._backend is None else await self._backend.ids()

    async def sealed_under(self, blob_id: str) -> str | None:
        """Return the id of the data key that a file is sealed under; None where there is none."""
        sealed = await self._held().get(_checked(blob_id))
        return None if sealed is None else _key_id(sealed)

    async def reseal(self, blob_id: str) -> bool:
        """Seal a file anew under the current data key; say whether there was anything to do."""
        if await self.sealed_under(blob_id) in {None, self._sealer.current_key}:
            return False
        plain = await self.get(blob_id)
        if plain is None:
            return False
        await self.put(blob_id, plain)
        return True

    def _held(self) -> BlobBackend:
        if self._backend is None:
            raise StoreUnavailable("There is no place for files of this agency.")
        return self._backend

    def _seal(self, blob_id: str, key_id: str, plain: bytes) -> bytes:
        chunks = [plain[at : at + CHUNK_BYTES] for at in range(0, len(plain), CHUNK_BYTES)] or [b""]
        sealed = [
            self._sealer.encrypt(key_id, chunk, self._place(blob_id, number, len(chunks)))
            for number, chunk in enumerate(chunks)
        ]
        return b"".join((_FORMAT, key_id.encode(), b"\n", *sealed))

    def _unseal(self, blob_id: str, sealed: bytes) -> bytes:
        key_id = _key_id(sealed)
        chunks = list(_chunks(sealed))
        try:
            return b"".join(
                self._sealer.decrypt(key_id, chunk, self._place(blob_id, number, len(chunks)))
                for number, chunk in enumerate(chunks)
            )
        except (InvalidTag, KeyError, ValueError) as error:
            raise StoreUnavailable(
                "A file cannot be opened: it was sealed for another place, under a key that is "
                "not here, or is damaged."
            ) from error

    def _place(self, blob_id: str, number: int, count: int) -> dict[str, str]:
        return {"blob": blob_id, "chunk": str(number), "last": str(number == count - 1)}


class FileBlobs:
    """Sealed files in a folder of the agency's own, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, blob_id: str, sealed: bytes) -> None:
        """Write the file beside its place, make it durable, and move it there."""
        await _in_thread(lambda: self._write(blob_id, sealed))

    async def get(self, blob_id: str) -> bytes | None:
        """Return the file's bytes, or None."""

        def read() -> bytes | None:
            try:
                return (self._folder / blob_id).read_bytes()
            except FileNotFoundError:
                return None

        return await _in_thread(read)

    async def delete(self, blob_id: str) -> None:
        """Remove the file; one that is gone is no error."""

        def remove() -> None:
            (self._folder / blob_id).unlink(missing_ok=True)
            if self._folder.is_dir():
                sync_directory(self._folder)

        await _in_thread(remove)

    async def ids(self) -> list[str]:
        """Return the ids of the files there are; what a killed writer left is not one."""

        def names() -> list[str]:
            if not self._folder.is_dir():
                return []
            return sorted(file.name for file in self._folder.iterdir() if _ID.fullmatch(file.name))

        return await _in_thread(names)

    def _write(self, blob_id: str, sealed: bytes) -> None:
        make_private_directory(self._folder)
        unfinished = self._folder / f".{blob_id}.{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / blob_id)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        sync_directory(self._folder)


def delete_files(folder: Path) -> None:
    """Remove an agency's folder with all its files; one that is not there is no error."""
    if folder.is_dir():
        shutil.rmtree(folder)
        sync_directory(folder.parent)


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise translate(error) from error


def _checked(blob_id: str) -> str:
    if not _ID.fullmatch(blob_id):
        raise ValueError("a file's id is a ULID")
    return blob_id


def _key_id(sealed: bytes) -> str:
    head, found, _ = sealed[:_HEADER_BYTES_MAX].partition(b"\n")
    if not found or not head.startswith(_FORMAT):
        raise StoreUnavailable("A file is damaged, or is none of Almoner's.")
    return head.removeprefix(_FORMAT).decode("ascii", "replace")


def _chunks(sealed: bytes) -> Iterator[bytes]:
    start = sealed.index(b"\n") + 1
    for at in range(start, max(len(sealed), start + 1), _SEALED_CHUNK_BYTES):
        yield sealed[at : at + _SEALED_CHUNK_BYTES]
