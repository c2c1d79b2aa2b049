"""Almoner as a peer: its engine over the synthetic schema, with data in memory and no identity.

The path of a request is that of `gateway/app.py` without the stages that know who asks: headers
within their limits, negotiation, body, document, cost, execution, answer. Served by the gateway's
own server.
"""

import asyncio
from typing import Any

import uvloop
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from bench.servers.arguments import KEEP_ALIVE_SECONDS, applications_given, port_given
from bench.synthetic.engine import Anybody, create_schema
from domain.errors import CostExceeded
from gateway.app import permit
from gateway.config import Limits
from gateway.engine.cost import Prices
from gateway.engine.execute import Engine
from gateway.errors import DocumentRefused, Refused, status_of_answer
from gateway.front import check_headers
from gateway.http import read_request
from gateway.listening import bind
from gateway.negotiation import MediaType, choose
from gateway.replies import Reply, document_refusal, error_refusal, refusal, send_reply
from gateway.server import Server, spare_the_collector
from schema.build import core_schema


class Peer:
    """The ASGI application."""

    def __init__(self, limits: Limits) -> None:
        schema = create_schema(applications_given())
        self._engine = Engine(schema, limits)
        self._prices = Prices(core_schema(schema), limits)
        self._limits = limits
        self._context = Anybody.now()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(raw=scope["headers"])
        media_type = MediaType.JSON
        try:
            check_headers(scope, headers, self._limits)
            media_type = choose(headers.get("accept")) or media_type
            reply = await self._answer(scope, receive, headers, media_type)
        except Refused as refused:
            reply = refusal(refused, media_type)
        except DocumentRefused as refused:
            reply = document_refusal(refused, media_type)
        await send_reply(reply, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, media_type: MediaType
    ) -> Reply:
        asked = await read_request(scope, receive, headers, self._limits)
        operation = await self._engine.find(asked.document or "", asked.operation_name)
        permit(operation, by_get=asked.by_get)
        try:
            self._prices.of(operation, asked.variables)
        except CostExceeded as error:
            return error_refusal(error, media_type)
        result = await self._engine.execute(operation, asked.variables, self._context)
        status = status_of_answer(result.codes, answered=result.answered, mutation=False)
        return Reply(
            status=status,
            body=result.body,
            media_type=media_type,
            codes=result.codes,
            executed=True,
        )


async def _serve() -> None:
    limits = Limits()
    peer: Any = Peer(limits)
    listener = bind("127.0.0.1", port_given())
    async with Server(
        peer, listener, limits=limits, keep_alive_seconds=KEEP_ALIVE_SECONDS
    ) as server:
        spare_the_collector()
        await server.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
