"""Plaid's far end for tests and local runs: its sandbox's endpoints over real HTTP.

Worlds of accounts and transactions are made up from the access token, so that the same token has
the same world after a restart; faults come on demand, by the name that somebody signs in with.
Shares nothing with the adapter's codec, whose faults it would otherwise repeat.
"""

from integrations.plaid.simulator.account import SimulatorAccount
from integrations.plaid.simulator.app import Simulator

__all__ = ["Simulator", "SimulatorAccount"]
