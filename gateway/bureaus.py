"""Opens each agency's credit bureau when it is first asked for, and counts the calls to it."""

from dataclasses import dataclass, fields
from time import perf_counter
from typing import Protocol

from domain.agencies import Agency
from domain.credit import CreditBureau, CreditSubject, PulledFile, PullKind
from domain.errors import Upstream
from gateway.config import CannotStart, TransUnionConfig
from gateway.errors import INTERNAL
from gateway.secrets import Secrets
from integrations.transunion.adapter import VENDOR, TransUnion, open_transunion
from integrations.transunion.settings import RequestForm, TransUnionSettings


class VendorCalled(Protocol):
    """Hears of a call to a vendor: `ok`, or the code of the error that it ended with."""

    def __call__(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note the call."""
        ...


@dataclass(slots=True, eq=False)
class _Adapter:
    """An opened adapter and the pulls that are under way with it."""

    bureau: TransUnion
    pulls: int = 0
    retired: bool = False


class AgencyBureau:
    """One agency's credit bureau: opened at its first call, every call counted."""

    name = TransUnion.name

    def __init__(self, agency_id: str, settings: TransUnionSettings, called: VendorCalled) -> None:
        self._agency_id = agency_id
        self._settings = settings
        self._called = called
        self._open: _Adapter | None = None

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""
        adapter = self._open
        if adapter is None:
            adapter = self._open = _Adapter(open_transunion(self._agency_id, self._settings))
        began, outcome = perf_counter(), INTERNAL
        adapter.pulls += 1
        try:
            file = await adapter.bureau.pull(subject, kind, reference=reference)
            outcome = "ok"
        except Upstream as error:
            outcome = error.code
            raise
        finally:
            self._called(VENDOR, outcome, perf_counter() - began)
            adapter.pulls -= 1
            if adapter.retired and not adapter.pulls:
                await adapter.bureau.aclose()
        return file

    async def renew(self, settings: TransUnionSettings) -> None:
        """Use other settings from the next pull on; pulls under way end as they began."""
        self._settings = settings
        retired, self._open = self._open, None
        if retired is not None:
            retired.retired = True
            if not retired.pulls:
                await retired.bureau.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._open is not None:
            await self._open.bureau.aclose()


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

    async def renew(self, settings: TransUnionSettings) -> None:
        """Use other settings for every agency; raises CannotStart where they cannot be right."""
        await _try(settings)
        self._settings = settings
        for bureau in self._bureaus.values():
            await bureau.renew(settings)

    async def aclose(self) -> None:
        """Close all connections."""
        for bureau in self._bureaus.values():
            await bureau.aclose()
        self._bureaus.clear()


async def open_bureaus(
    config: TransUnionConfig, called: VendorCalled, secrets: Secrets | None = None
) -> Bureaus:
    """Return the bureaus, which follow their passwords and certificates as these change.

    Raises CannotStart where settings or certificates cannot be right.
    """
    settings = transunion_settings(config, secrets)
    bureaus = Bureaus(settings, called)
    if settings is not None:
        await _try(settings)
    if secrets is not None:

        async def renew() -> None:
            changed = transunion_settings(config, secrets)
            if changed is not None:
                await bureaus.renew(changed)

        secrets.on_change(renew)
    return bureaus


async def _try(settings: TransUnionSettings) -> None:
    """Raise CannotStart where certificate and key cannot be used."""
    try:
        trial = open_transunion("any agency", settings)
    except ValueError as error:
        raise CannotStart(f"{error}.") from error
    await trial.aclose()


def transunion_settings(
    config: TransUnionConfig, secrets: Secrets | None = None
) -> TransUnionSettings | None:
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
    for name in ("frozen_error_codes", "no_hit_error_codes", "credential_error_codes"):
        given[name] = frozenset(given[name])
    if secrets is not None:
        for name in ("system_password", "password"):
            secret = secrets.of(f"transunion.{name}", given[name])
            given |= {name: secret.current, f"previous_{name}": secret.previous}
        passphrase = secrets.of("transunion.key_passphrase", config.key_passphrase)
        given["key_passphrase"] = passphrase.current or None
    try:
        return TransUnionSettings(**given)
    except ValueError as error:
        raise CannotStart(f"The settings of TransUnion (ALMONER_TRANSUNION_…): {error}.") from error
