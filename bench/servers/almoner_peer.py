"""Almoner as a peer: its engine over the synthetic schema, with data in memory and no identity.

The gateway's own way of a request (`gateway/front.py`, `gateway/endpoint.py`), with those of its
stages that do not ask who it is: limits, document, cost, execution, answer. Served by the gateway's
own server, by ASGI or past it.
"""

import asyncio
import sys

import uvloop

from bench.servers.arguments import KEEP_ALIVE_SECONDS, applications_given, port_given
from bench.synthetic.engine import Anybody, create_schema
from gateway.app import permit, reply_to
from gateway.config import Config, Limits
from gateway.cors import CorsPolicy
from gateway.endpoint import Exchange, GraphQLEndpoint
from gateway.engine.cost import Prices
from gateway.engine.execute import Engine
from gateway.front import Front, Gateway
from gateway.http import read_request
from gateway.listening import bind
from gateway.metrics import new_metrics
from gateway.replies import Reply
from gateway.server import Server, spare_the_collector
from schema.build import core_schema

DIRECT = "direct"


class Peer:
    """The stages."""

    def __init__(self, limits: Limits) -> None:
        schema = create_schema(applications_given())
        self._engine = Engine(schema, limits)
        self._prices = Prices(core_schema(schema), limits)
        self._limits = limits
        self._context = Anybody.now()

    async def answer(self, exchange: Exchange) -> Reply:
        """Answer one request."""
        asked = await read_request(exchange.request, self._limits)
        operation = await self._engine.find(asked.document or "", asked.operation_name)
        permit(operation, by_get=exchange.request.method == "GET")
        self._prices.of(operation, asked.variables)
        result = await self._engine.execute(operation, asked.variables, self._context)
        return reply_to(result, operation, exchange.media_type, ((), None))


async def _serve(*, directly: bool) -> None:
    config = Config()
    endpoint = GraphQLEndpoint(Peer(config.limits).answer, config, new_metrics())
    gateway = Gateway(Front(endpoint, limits=config.limits, cors=CorsPolicy()))
    async with Server(
        gateway,
        bind("127.0.0.1", port_given()),
        limits=config.limits,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        front=gateway.front if directly else None,
    ) as server:
        spare_the_collector()
        await server.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(directly=DIRECT in sys.argv[3:]))
