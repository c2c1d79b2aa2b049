"""What `almoner doctor` finds of the bank data's vendor: settings and secret, without a call."""

from collections.abc import AsyncIterator

from gateway.banks import open_banks
from gateway.cli.findings import Finding, fine
from gateway.config import CannotStart, Config
from gateway.local.serve_file import SERVE_FILE
from gateway.secrets import open_secrets

_PAGE = "docs/banking.md has the settings"


async def of_banks(config: Config) -> AsyncIterator[Finding]:
    """Yield one finding: what serving would refuse at its start fails."""
    if config.plaid.url is None:
        if (config.home / SERVE_FILE).is_file():
            yield fine("plaid", "the simulator of `almoner dev`")
            return
        yield Finding(
            check="plaid", state="warn", finding="not configured: no bank is linked", remedy=_PAGE
        )
        return
    try:
        async with open_secrets(config, watch=False) as secrets:
            await open_banks(config.plaid, lambda *_: None, secrets).aclose()
    except CannotStart as error:
        yield Finding(check="plaid", state="FAIL", finding=str(error), remedy=_PAGE)
        return
    if config.plaid.webhook_url is None:
        yield Finding(
            check="plaid",
            state="warn",
            finding="without webhooks nothing is heard of new transactions or ended links",
            remedy="set ALMONER_PLAID_WEBHOOK_URL to where Plaid reaches the gateway",
        )
        return
    yield fine("plaid", f"settings and secret can be read; {config.plaid.url}")
