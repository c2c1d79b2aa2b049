"""What the gateway and every command open first: the home folder's keys, directory and stores."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StoreUnavailable
from gateway.config import Config
from gateway.secrets import read_passphrase
from gateway.settings import CannotStart
from tenants.directory.sqlite import DIRECTORY_FILE, SqliteDirectory, open_directory
from tenants.keys.home import HomeKeys, KeySettings, open_keys
from tenants.keys.keyring import Keyring
from tenants.records.blob_places import BlobSettings, open_places
from tenants.registry import BLOBS_FOLDER, StoreRegistry

ISSUER_FILE = "issuer.db"
STORES_FOLDER = "stores"
CERTIFICATES_FOLDER = "certificates"
TLS_FOLDER = "tls"
RUN_FOLDER = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened home folder."""

    home: Path
    keys: HomeKeys
    directory: SqliteDirectory
    registry: StoreRegistry

    @property
    def keyring(self) -> Keyring:
        """Return what wraps the agencies' keys."""
        return self.keys.keyring


def blobs_of(config: Config) -> BlobSettings:
    """Return where the agencies' files are."""
    return BlobSettings(place=config.documents.place, aws=config.keys.aws)


def prepare_home(home: Path) -> None:
    """Make the home folder and what it holds, readable by its owner alone.

    Raises CannotStart where that is not possible.
    """
    try:
        for folder in (home, home / STORES_FOLDER, home / RUN_FOLDER):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"cannot make {error.filename or home}: {error.strerror}. Set ALMONER_HOME to a folder "
            "that you may write to."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise CannotStart(
            f"cannot write to {home}. Set ALMONER_HOME to a folder that you may write to."
        )


def demand_directory(home: Path) -> None:
    """Raise CannotStart where the home folder holds no directory."""
    if not (home / DIRECTORY_FILE).is_file():
        raise CannotStart(
            f"there is no directory in {home}. `almoner dev` makes a demo one, `almoner agency "
            "add` begins a real one; ALMONER_HOME names the folder."
        )


@asynccontextmanager
async def open_workspace(
    home: Path,
    *,
    keys: KeySettings | None = None,
    blobs: BlobSettings | None = None,
    create: bool = False,
) -> AsyncIterator[Workspace]:
    """Open the home folder's keys and directory; `create` makes what is not there yet.

    keys: where the keys are, by default in a file without a passphrase. blobs: where agencies'
    files are, by default in the home. Raises CannotStart where
    there is nothing to open, StoreUnavailable for a wrong or damaged file.
    """
    if create:
        prepare_home(home)
    else:
        demand_directory(home)
    async with open_home_keys(home, keys, create=create) as opened:
        try:
            directory = open_directory(
                home / DIRECTORY_FILE, opened.derive("directory"), create=create
            )
        except StoreUnavailable as error:
            raise CannotStart(f"{home / DIRECTORY_FILE} does not open: {error.message}") from error
        try:
            async with open_places(blobs or BlobSettings(), home / BLOBS_FOLDER) as places:
                registry = StoreRegistry(directory, opened.keyring, home=home, blobs=places)
                try:
                    yield Workspace(home=home, keys=opened, directory=directory, registry=registry)
                finally:
                    await registry.aclose()
        finally:
            await directory.aclose()


@asynccontextmanager
async def open_home_keys(
    home: Path, keys: KeySettings | None = None, *, create: bool = False
) -> AsyncIterator[HomeKeys]:
    """Open the keys of a home folder alone; see open_workspace."""
    where = keys or KeySettings()
    passphrase = await read_passphrase(where.passphrase_file, where.aws)
    async with open_keys(home, where, passphrase, create=create) as opened:
        yield opened
