"""Where stores live and how they are opened and removed: the backend of each URL scheme."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

from domain.agencies import Agency
from domain.errors import StoreUnavailable
from tenants.backend import StoreBackend
from tenants.keys.keyring import AgencyKeys
from tenants.sqlite.store import delete_sqlite, open_sqlite


@runtime_checkable
class HasCache(Protocol):
    """A backend that keeps pages in memory, within what the registry gives it."""

    def set_cache_kb(self, cache_kb: int) -> None:
        """Keep at most so much from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store lives: what its URL says, with the directory that relative paths start from."""

    location: str
    home: Path


class OpenBackend(Protocol):
    """Opens the store at a place; with `create`, makes it where there is none."""

    async def __call__(
        self, place: Place, keys: AgencyKeys, agency_id: str, *, create: bool
    ) -> StoreBackend:
        """Return the open store, or raise StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendKind:
    """How the stores of one URL scheme are opened and removed."""

    open: OpenBackend
    destroy: Callable[[Place], Awaitable[None]]


def place_of(agency: Agency, home: Path) -> tuple[BackendKind, Place]:
    """Return what opens the agency's store, and where it is; raises StoreUnavailable."""
    scheme, separator, location = agency.store_url.partition(":")
    kind = BACKENDS.get(scheme) if separator else None
    if kind is None:
        raise StoreUnavailable(f"There is no backend for stores of scheme {scheme!r}.")
    return kind, Place(location, home)


def sqlite_path(place: Place) -> Path:
    """Return the file that `sqlite:///absolute` or `sqlite:relative/to/home` names."""
    location = unquote(place.location)
    if location.startswith("///"):
        return Path(location[2:])
    if not location or location.startswith("/") or ".." in Path(location).parts:
        raise StoreUnavailable(
            "A store's address is sqlite:///<absolute path>, or sqlite:<path> below the home."
        )
    return place.home / location


async def _open_sqlite(
    place: Place, keys: AgencyKeys, agency_id: str, *, create: bool
) -> StoreBackend:
    path = sqlite_path(place)
    return await asyncio.to_thread(open_sqlite, path, keys.store_key, agency_id, create=create)


async def _destroy_sqlite(place: Place) -> None:
    await asyncio.to_thread(delete_sqlite, sqlite_path(place))


BACKENDS: dict[str, BackendKind] = {
    "sqlite": BackendKind(open=_open_sqlite, destroy=_destroy_sqlite),
}
"""The backend of each URL scheme."""
