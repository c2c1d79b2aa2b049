"""Runs the simulator on loopback behind real TLS that asks for the client's certificate."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrations.serving import serving
from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.simulator.app import Simulator


@asynccontextmanager
async def running_simulator(
    simulator: Simulator,
    certificates: CertificateFiles,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
) -> AsyncIterator[str]:
    """Serve while the context is open; yields the address (`https://localhost:PORT`).

    Port 0 takes a free one. Raises OSError where the port is taken.
    """
    tls = {
        "ssl_certfile": certificates.server_certificate,
        "ssl_keyfile": certificates.server_key,
        "ssl_ca_certs": certificates.ca_certificate,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    async with serving(simulator, simulator.close, port=port, host=host, tls=tls) as bound:
        yield f"https://localhost:{bound}"
