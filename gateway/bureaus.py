"""Opens each agency's credit bureau when it is first asked for, and counts the calls to it."""

from dataclasses import fields
from time import perf_counter
from typing import Protocol

from domain.agencies import Agency
from domain.credit import CreditBureau, CreditFile, CreditSubject, PullKind
from domain.errors import Upstream
from gateway.config import CannotStart, TransUnionConfig
from gateway.errors import INTERNAL
from integrations.transunion.adapter import VENDOR, TransUnion, open_transunion
from integrations.transunion.settings import RequestForm, TransUnionSettings


class VendorCalled(Protocol):
    """Hears of a call to a vendor: `ok`, or the code of the error that it ended with."""

    def __call__(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note the call."""
        ...


class AgencyBureau:
    """One agency's credit bureau: opened at its first call, every call counted."""

    name = TransUnion.name

    def __init__(self, agency_id: str, settings: TransUnionSettings, called: VendorCalled) -> None:
        self._agency_id = agency_id
        self._settings = settings
        self._called = called
        self._open: TransUnion | None = None

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> CreditFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""
        if self._open is None:
            self._open = open_transunion(self._agency_id, self._settings)
        began, outcome = perf_counter(), INTERNAL
        try:
            file = await self._open.pull(subject, kind, reference=reference)
            outcome = "ok"
        except Upstream as error:
            outcome = error.code
            raise
        finally:
            self._called(VENDOR, outcome, perf_counter() - began)
        return file

    async def aclose(self) -> None:
        """Close the connections."""
        if self._open is not None:
            await self._open.aclose()


class Bureaus:
    """The bureaus of all agencies: each has its own connections and its own circuit breaker."""

    def __init__(self, settings: TransUnionSettings | None, called: VendorCalled) -> None:
        self._settings = settings
        self._called = called
        self._bureaus: dict[str, AgencyBureau] = {}

    def of(self, agency: Agency) -> CreditBureau | None:
        """Return the agency's bureau; None where no bureau is configured."""
        if self._settings is None:
            return None
        found = self._bureaus.get(agency.id)
        if found is None:
            found = AgencyBureau(agency.id, self._settings, self._called)
            self._bureaus[agency.id] = found
        return found

    async def aclose(self) -> None:
        """Close all connections."""
        for bureau in self._bureaus.values():
            await bureau.aclose()
        self._bureaus.clear()


async def open_bureaus(config: TransUnionConfig, called: VendorCalled) -> Bureaus:
    """Return the bureaus. Raises CannotStart where settings or certificates cannot be right."""
    settings = transunion_settings(config)
    if settings is not None:
        try:
            trial = open_transunion("any agency", settings)
        except ValueError as error:
            raise CannotStart(f"{error}.") from error
        await trial.aclose()
    return Bureaus(settings, called)


def transunion_settings(config: TransUnionConfig) -> TransUnionSettings | None:
    """Return the adapter's settings; None where no address is configured.

    Raises CannotStart for settings that cannot be right.
    """
    if config.url is None:
        return None
    if config.certificate_file is None or config.key_file is None:
        raise CannotStart(
            "TransUnion wants a client certificate: set ALMONER_TRANSUNION_CERTIFICATE_FILE and "
            "ALMONER_TRANSUNION_KEY_FILE."
        )
    given = {field.name: getattr(config, field.name) for field in fields(config)}
    given["concurrency_max"] = given.pop("concurrency")
    given["request_form"] = RequestForm(config.request_form)
    for name in ("frozen_error_codes", "no_hit_error_codes"):
        given[name] = frozenset(given[name])
    try:
        return TransUnionSettings(**given)
    except ValueError as error:
        raise CannotStart(f"The settings of TransUnion (ALMONER_TRANSUNION_…): {error}.") from error
