"""Opens each agency's access to bank data when it is first asked for, and counts the calls to it.

All agencies share one client of Plaid's, and with it Plaid's limits: one `Pacing` for all of them.
"""

from dataclasses import replace
from datetime import datetime

from domain.agencies import Agency
from domain.banking import (
    AccountFacts,
    ItemFacts,
    LiabilityFacts,
    LinkedItem,
    LinkRequest,
    LinkToken,
    OwnerFacts,
    Progress,
    StreamFacts,
    TransactionChanges,
    WebhookFacts,
)
from gateway.adapters import AgencyAdapter, ByAgency, VendorCalled
from gateway.config import CannotStart, PlaidConfig
from gateway.secrets import Secrets
from integrations.plaid.adapter import Plaid, open_plaid
from integrations.plaid.pacing import Allowances, Pacing
from integrations.plaid.refusals import VENDOR
from integrations.plaid.settings import PlaidSettings

WEBHOOKS_PATH = "/webhooks/plaid"


class AgencyBank:
    """One agency's bank data: opened at its first call, every call counted; see BankData."""

    name = Plaid.name

    def __init__(
        self, agency: Agency, settings: PlaidSettings, called: VendorCalled, pacing: Pacing
    ) -> None:
        self._slug = agency.slug

        def opens(current: PlaidSettings) -> Plaid:
            return open_plaid(agency.id, current, pacing=pacing)

        self._adapter = AgencyAdapter(VENDOR, self._own(settings), opens, called)

    async def create_link_token(self, request: LinkRequest) -> LinkToken:
        """Return what opens Link."""
        async with self._adapter.calling() as plaid:
            return await plaid.create_link_token(request)

    async def exchange(self, public_token: str) -> LinkedItem:
        """Return the lasting token for a public one."""
        async with self._adapter.calling() as plaid:
            return await plaid.exchange(public_token)

    async def item(self, access_token: str) -> ItemFacts:
        """Return how the link stands."""
        async with self._adapter.calling() as plaid:
            return await plaid.item(access_token)

    async def accounts(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances as last known."""
        async with self._adapter.calling() as plaid:
            return await plaid.accounts(access_token)

    async def balances(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances asked of the bank now."""
        async with self._adapter.calling() as plaid:
            return await plaid.balances(access_token)

    async def transactions(
        self, access_token: str, cursor: str | None, progress: Progress | None = None
    ) -> TransactionChanges:
        """Return all that changed since `cursor`."""
        async with self._adapter.calling() as plaid:
            return await plaid.transactions(access_token, cursor, progress)

    async def streams(self, access_token: str) -> tuple[StreamFacts, ...]:
        """Return recurring payments in and out."""
        async with self._adapter.calling() as plaid:
            return await plaid.streams(access_token)

    async def liabilities(self, access_token: str) -> tuple[LiabilityFacts, ...]:
        """Return what is owed."""
        async with self._adapter.calling() as plaid:
            return await plaid.liabilities(access_token)

    async def owners(self, access_token: str) -> tuple[OwnerFacts, ...]:
        """Return whom the bank names as owners of the accounts."""
        async with self._adapter.calling() as plaid:
            return await plaid.owners(access_token)

    async def remove(self, access_token: str) -> None:
        """End the link."""
        async with self._adapter.calling() as plaid:
            await plaid.remove(access_token)

    async def verified(self, signature: str | None, body: bytes, at: datetime) -> WebhookFacts:
        """Return what a webhook says; hardly ever a call, so none is counted."""
        async with self._adapter.calling(counted=False) as plaid:
            return await plaid.verified(signature, body, at)

    async def renew(self, settings: PlaidSettings) -> None:
        """Use other settings from the next call on; calls under way end as they began."""
        await self._adapter.renew(self._own(settings))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._adapter.aclose()

    def _own(self, settings: PlaidSettings) -> PlaidSettings:
        """Return the settings with the address at which Plaid tells of this agency's links."""
        if settings.webhook_url is None:
            return settings
        base = settings.webhook_url.rstrip("/")
        return replace(settings, webhook_url=f"{base}{WEBHOOKS_PATH}/{self._slug}")


class Banks(ByAgency[AgencyBank, PlaidSettings]):
    """The bank data of all agencies."""

    def __init__(self, settings: PlaidSettings | None, called: VendorCalled) -> None:
        pacing = Pacing(settings.allowances if settings else None)
        super().__init__(
            settings, lambda agency, current: AgencyBank(agency, current, called, pacing)
        )


def open_banks(
    config: PlaidConfig,
    called: VendorCalled,
    secrets: Secrets | None = None,
    *,
    processes: int = 1,
) -> Banks:
    """Return the bank data of all agencies, which follow Plaid's secret as it changes.

    processes: how many share the client's limits. Raises CannotStart where settings cannot be
    right.
    """
    banks = Banks(plaid_settings(config, secrets, processes=processes), called)
    if secrets is not None:

        async def renew() -> None:
            changed = plaid_settings(config, secrets, processes=processes)
            if changed is not None:
                await banks.renew(changed)

        secrets.on_change(renew)
    return banks


def plaid_settings(
    config: PlaidConfig, secrets: Secrets | None = None, *, processes: int = 1
) -> PlaidSettings | None:
    """Return the adapter's settings; None where no address is configured.

    Raises CannotStart for settings that cannot be right.
    """
    if config.url is None:
        return None
    current, previous = config.secret, None
    if secrets is not None:
        secret = secrets.of("plaid.secret", config.secret)
        current, previous = secret.current, secret.previous
    try:
        return PlaidSettings(
            url=config.url,
            client_id=config.client_id,
            secret=current,
            previous_secret=previous,
            webhook_url=config.webhook_url,
            redirect_uri=config.redirect_uri,
            days_requested=config.days_requested,
            pages_max=config.pages,
            deadline_seconds=config.deadline_seconds,
            balance_seconds=config.balance_seconds,
            concurrency_max=config.concurrency,
            allowances=Allowances(processes=processes),
        )
    except ValueError as error:
        raise CannotStart(f"The settings of Plaid (ALMONER_PLAID_…): {error}.") from error
