"""Settings under which an agency's adapter speaks to the simulator: development and tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrations.plaid.settings import PlaidSettings
from integrations.plaid.simulator import Simulator, SimulatorAccount
from integrations.serving import serving


def simulator_settings(url: str, account: SimulatorAccount | None = None) -> PlaidSettings:
    """Return settings that the simulator at `url` accepts."""
    account = account or SimulatorAccount()
    return PlaidSettings(url=url, client_id=account.client_id, secret=account.secret)


@asynccontextmanager
async def running_simulator(simulator: Simulator, *, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback while the context is open; yields the address. Port 0 takes a free one."""
    async with serving(simulator, simulator.close, port=port) as bound:
        yield f"http://127.0.0.1:{bound}"
