"""Opens each agency's credit bureau when it is first asked for, and counts the calls to it."""

from dataclasses import fields
from functools import partial

from domain.credit import CreditSubject, PulledFile, PullKind
from gateway.adapters import AgencyAdapter, ByAgency, VendorCalled
from gateway.config import CannotStart, TransUnionConfig
from gateway.secrets import Secrets
from integrations.transunion.adapter import VENDOR, TransUnion, open_transunion
from integrations.transunion.settings import RequestForm, TransUnionSettings


class AgencyBureau:
    """One agency's credit bureau: opened at its first call, every call counted."""

    name = TransUnion.name

    def __init__(self, agency_id: str, settings: TransUnionSettings, called: VendorCalled) -> None:
        self._adapter = AgencyAdapter(VENDOR, settings, partial(open_transunion, agency_id), called)

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""
        async with self._adapter.calling() as bureau:
            return await bureau.pull(subject, kind, reference=reference)

    async def renew(self, settings: TransUnionSettings) -> None:
        """Use other settings from the next pull on; pulls under way end as they began."""
        await self._adapter.renew(settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._adapter.aclose()


class Bureaus(ByAgency[AgencyBureau, TransUnionSettings]):
    """The bureaus of all agencies."""

    def __init__(self, settings: TransUnionSettings | None, called: VendorCalled) -> None:
        super().__init__(settings, lambda agency, current: AgencyBureau(agency.id, current, called))

    async def renew(self, settings: TransUnionSettings) -> None:
        """Use other settings for every agency; raises CannotStart where they cannot be right."""
        await _try(settings)
        await super().renew(settings)


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
