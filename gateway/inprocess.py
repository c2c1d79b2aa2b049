"""Runs the gateway inside a process that does other things too: `almoner dev`, and tests."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.routing import BaseRoute

from gateway.app import create_app
from gateway.config import Config
from gateway.front import Gateway
from gateway.health import operations_app
from gateway.listening import bind
from gateway.metrics import exposition
from gateway.server import Server, Tls, gateway_server, spare_the_collector
from gateway.telemetry import start_tracing, stop_tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that runs in this process, with its operations port; secure: the same over TLS."""

    gateway: Server
    operations: Server
    secure: Server | None = None


@asynccontextmanager
async def run_in_process(
    config: Config,
    *,
    app: Gateway | None = None,
    also: Tls | None = None,
    routes: Sequence[BaseRoute] = (),
) -> AsyncIterator[Running]:
    """Run gateway and operations port on the current event loop, for `almoner dev` and tests.

    also: what the gateway is served with on its TLS port too. routes: more paths to serve, where
    no app is given. All ports are bound before anything is opened. Raises CannotStart where that is
    not possible.
    """
    tracing = start_tracing(config)
    served = app or create_app(config, tracer_provider=tracing, routes=routes)
    counters = served.state.metrics
    try:
        async with AsyncExitStack() as stack:
            # Closed again where a server has not come to it.
            gateway = stack.enter_context(bind(config.host, config.port, "ALMONER_PORT"))
            operations = stack.enter_context(
                bind(config.operations_host, config.operations_port, "ALMONER_OPERATIONS_PORT")
            )
            secure = None
            if also is not None:
                listener = bind(config.host, config.tls_port, "ALMONER_TLS_PORT")
                listener = stack.enter_context(listener)
                secure = gateway_server(served, listener, config, also=also)
            private = Server(
                operations_app(lambda: exposition(counters.registry), lambda: {"status": "live"}),
                operations,
            )
            await stack.enter_async_context(private)
            public = gateway_server(served, gateway, config)
            await stack.enter_async_context(public)
            if secure is not None:
                await stack.enter_async_context(secure)
            spare_the_collector()
            yield Running(gateway=public, operations=private, secure=secure)
    finally:
        stop_tracing(tracing)
