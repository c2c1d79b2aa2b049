"""Runs the gateway inside a process that does other things too: `almoner dev`, and tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.app import create_app
from gateway.config import CannotStart, Config
from gateway.front import Gateway
from gateway.health import operations_app
from gateway.listening import bind
from gateway.metrics import exposition
from gateway.server import Server, gateway_server, spare_the_collector
from gateway.telemetry import start_tracing, stop_tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that runs in this process, with its operations port."""

    gateway: Server
    operations: Server


@asynccontextmanager
async def run_in_process(config: Config, *, app: Gateway | None = None) -> AsyncIterator[Running]:
    """Run gateway and operations port on the current event loop, for `almoner dev` and tests.

    Both ports are bound before anything is opened. Raises CannotStart where that is not possible.
    """
    tracing = start_tracing(config)
    served = app or create_app(config, tracer_provider=tracing)
    gateway = bind(config.host, config.port, "ALMONER_PORT")
    try:
        operations = bind(config.operations_host, config.operations_port, "ALMONER_OPERATIONS_PORT")
    except CannotStart:
        gateway.close()
        raise
    counters = served.state.metrics
    public = gateway_server(served, gateway, config)
    private = Server(
        operations_app(lambda: exposition(counters.registry), lambda: {"status": "live"}),
        operations,
    )
    try:
        async with private, public:
            spare_the_collector()
            yield Running(gateway=public, operations=private)
    finally:
        stop_tracing(tracing)
