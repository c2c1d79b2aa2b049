"""What the gateway and every command open first: the home folder's keys, directory and stores."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StoreUnavailable
from gateway.settings import CannotStart
from tenants.directory_backup import DIRECTORY_FILE, KEYRING_FILE
from tenants.keyring import LocalKeyring
from tenants.registry import StoreRegistry
from tenants.sqlite_directory import SqliteDirectory, open_directory

ISSUER_FILE = "issuer.db"
STORES_FOLDER = "stores"
CERTIFICATES_FOLDER = "certificates"
RUN_FOLDER = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened home folder."""

    home: Path
    keyring: LocalKeyring
    directory: SqliteDirectory
    registry: StoreRegistry


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
async def open_workspace(home: Path, *, create: bool = False) -> AsyncIterator[Workspace]:
    """Open the home folder's keyring and directory; `create` makes what is not there yet.

    Raises CannotStart where there is nothing to open, StoreUnavailable for a wrong or damaged file.
    """
    if create:
        prepare_home(home)
    else:
        demand_directory(home)
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=create)
    try:
        directory = open_directory(
            home / DIRECTORY_FILE, keyring.derive("directory"), create=create
        )
    except StoreUnavailable as error:
        raise CannotStart(
            f"{home / DIRECTORY_FILE} does not open with the key in {KEYRING_FILE}: {error.message}"
        ) from error
    try:
        registry = StoreRegistry(directory, keyring, home=home)
        try:
            yield Workspace(home=home, keyring=keyring, directory=directory, registry=registry)
        finally:
            await registry.aclose()
    finally:
        await directory.aclose()
