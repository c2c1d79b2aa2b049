"""Runs the simulator on loopback behind real TLS that asks for the client's certificate."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn

from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.simulator.app import Simulator

_STOP_SECONDS = 2


class _Server(uvicorn.Server):
    """A server among others in one process: signals are its owner's business."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    listener = socket.create_server((host, port))
    server = _Server(
        uvicorn.Config(
            simulator,
            ssl_certfile=certificates.server_certificate,
            ssl_keyfile=certificates.server_key,
            ssl_ca_certs=certificates.ca_certificate,
            ssl_cert_reqs=ssl.CERT_REQUIRED,
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="transunion simulator")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        ready.cancel()
        simulator.close()
        server.should_exit = True
        await task
        listener.close()
