"""TransUnion's far end for tests and local runs: XML 2.33 over real mutual TLS.

Answers the vendor's own sample for the sample's persona, files made up from the subject for
everybody else, and faults on demand by last name. Reads requests and writes answers with code of
its own: it shares nothing with the adapter's codec, whose faults it would otherwise repeat.
"""

from integrations.transunion.simulator.account import SimulatorAccount
from integrations.transunion.simulator.app import Simulator
from integrations.transunion.simulator.server import running_simulator

__all__ = ["Simulator", "SimulatorAccount", "running_simulator"]
