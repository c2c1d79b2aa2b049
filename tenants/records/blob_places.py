"""Where agencies' files are kept: in folders of the home, or in a bucket; chosen by a setting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from domain.errors import StoreUnavailable
from tenants.aws import AwsSettings, open_client
from tenants.records.blobs import BlobBackend, FileBlobs, delete_files
from tenants.records.s3_blobs import S3Blobs

IN_FILES = "file"
IN_S3 = "s3:"


class BlobPlaces(Protocol):
    """Has a place for each agency's files; all methods may raise StoreUnavailable."""

    def of(self, agency_id: str) -> BlobBackend:
        """Return the agency's place; there is nothing in it before the first file."""
        ...

    async def destroy(self, agency_id: str) -> None:
        """Remove the place with all that is in it; none there is no error."""
        ...

    async def is_gone(self, agency_id: str) -> bool:
        """Say whether nothing is left of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Where files are: `file`, or `s3:<bucket>`, or `s3:<bucket>/<prefix>`."""

    place: str = IN_FILES
    aws: AwsSettings = field(default_factory=AwsSettings)


class FilePlaces:
    """A folder for each agency."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that the agencies' folders are in."""
        self._folder = folder

    def of(self, agency_id: str) -> BlobBackend:
        """Return the agency's folder."""
        return FileBlobs(self._folder / agency_id)

    async def destroy(self, agency_id: str) -> None:
        """Remove the agency's folder."""
        await asyncio.to_thread(delete_files, self._folder / agency_id)

    async def is_gone(self, agency_id: str) -> bool:
        """Say whether there is no such folder."""
        return not await asyncio.to_thread((self._folder / agency_id).exists)


class S3Places:
    """A prefix for each agency in one bucket."""

    def __init__(self, client: object, bucket: str, prefix: str) -> None:
        """Take an open client, and what all keys begin with."""
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def of(self, agency_id: str) -> S3Blobs:
        """Return the agency's part of the bucket."""
        return S3Blobs(self._client, self._bucket, f"{self._prefix}{agency_id}/")

    async def destroy(self, agency_id: str) -> None:
        """Remove all that the agency has there."""
        await self.of(agency_id).destroy()

    async def is_gone(self, agency_id: str) -> bool:
        """Say whether the agency has nothing there."""
        return await self.of(agency_id).is_empty()


@asynccontextmanager
async def open_places(settings: BlobSettings, folder: Path) -> AsyncIterator[BlobPlaces]:
    """Open the places of all agencies; folder: where files are kept that are not in a bucket.

    Raises StoreUnavailable for a setting that says neither, and where the driver is missing.
    """
    if settings.place == IN_FILES:
        yield FilePlaces(folder)
        return
    bucket, _, prefix = settings.place.removeprefix(IN_S3).partition("/")
    if not settings.place.startswith(IN_S3) or not bucket:
        raise StoreUnavailable(
            "ALMONER_DOCUMENTS_PLACE is `file`, or `s3:` and a bucket's name, such as s3:files."
        )
    async with open_client("s3", settings.aws) as client:
        yield S3Places(client, bucket, prefix.strip("/"))
