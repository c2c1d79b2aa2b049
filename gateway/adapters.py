"""One adapter of a vendor per agency: opened when first asked for, every call to it counted.

Settings change while calls are under way (a secret is rotated, a certificate renewed): those calls
end as they began, with an adapter that is closed behind the last of them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.errors import INTERNAL


class VendorCalled(Protocol):
    """Hears of a call to a vendor: `ok`, or the code of the error that it ended with."""

    def __call__(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note the call."""
        ...


class Adapter(Protocol):
    """Whatever speaks to a vendor, and has connections to close."""

    async def aclose(self) -> None:
        """Close the connections."""
        ...


_A = TypeVar("_A", bound=Adapter)
_S = TypeVar("_S")
_S_contra = TypeVar("_S_contra", contravariant=True)
_P = TypeVar("_P", bound="OneAgencys[Any]")


@dataclass(slots=True, eq=False)
class Opened(Generic[_A]):
    """An opened adapter and the calls that are under way with it."""

    adapter: _A
    calls: int = 0
    retired: bool = False


class AgencyAdapter(Generic[_A, _S]):
    """One agency's adapter."""

    def __init__(
        self, vendor: str, settings: _S, opens: Callable[[_S], _A], called: VendorCalled
    ) -> None:
        self._vendor = vendor
        self._settings = settings
        self._opens = opens
        self._called = called
        self._open: Opened[_A] | None = None

    @asynccontextmanager
    async def calling(self, *, counted: bool = True) -> AsyncIterator[_A]:
        """Give the adapter for one call. counted: whether the call goes to the vendor."""
        opened = self._open
        if opened is None:
            opened = self._open = Opened(self._opens(self._settings))
        began, outcome = perf_counter(), INTERNAL
        opened.calls += 1
        try:
            yield opened.adapter
            outcome = "ok"
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            if counted:
                self._called(self._vendor, outcome, perf_counter() - began)
            opened.calls -= 1
            if opened.retired and not opened.calls:
                await opened.adapter.aclose()

    async def renew(self, settings: _S) -> None:
        """Use other settings from the next call on; calls under way end as they began."""
        self._settings = settings
        retired, self._open = self._open, None
        if retired is not None:
            retired.retired = True
            if not retired.calls:
                await retired.adapter.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._open is not None:
            await self._open.adapter.aclose()


class OneAgencys(Protocol[_S_contra]):
    """What an agency has of a vendor."""

    async def renew(self, settings: _S_contra) -> None:
        """Use other settings from now on."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class ByAgency(Generic[_P, _S]):
    """What all agencies have of one vendor: each its own connections, its own circuit breaker."""

    def __init__(self, settings: _S | None, make: Callable[[Agency, _S], _P]) -> None:
        """Take how an agency's is made; without settings, there is none."""
        self._settings = settings
        self._make = make
        self._made: dict[str, _P] = {}

    def of(self, agency: Agency) -> _P | None:
        """Return the agency's; None where the vendor is not configured."""
        if self._settings is None:
            return None
        found = self._made.get(agency.id)
        if found is None:
            found = self._made[agency.id] = self._make(agency, self._settings)
        return found

    async def renew(self, settings: _S) -> None:
        """Use other settings for every agency."""
        self._settings = settings
        for made in self._made.values():
            await made.renew(settings)

    async def aclose(self) -> None:
        """Close all connections."""
        for made in self._made.values():
            await made.aclose()
        self._made.clear()
