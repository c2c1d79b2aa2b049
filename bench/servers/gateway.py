"""The gateway in one process, as it is configured; or without the lines that reads leave.

What is left out of it here is what `python -m bench.audited` wants to know the price of.
"""

import asyncio
import os
import sys

import uvloop

import gateway.app
from bench.servers.arguments import port_given
from gateway.app import create_app
from gateway.config import load_config
from gateway.listening import bind
from gateway.server import gateway_server, spare_the_collector

UNAUDITED = "unaudited"


async def _leave_none(*_given: object, **_more: object) -> None:
    return


async def _serve() -> None:
    config = load_config(os.environ, command="serve")
    app = create_app(config)
    async with gateway_server(app, bind(config.host, port_given()), config) as server:
        spare_the_collector()
        await server.wait()


if __name__ == "__main__":
    if UNAUDITED in sys.argv[3:]:
        gateway.app.leave_lines = _leave_none  # type: ignore[attr-defined] # its own name for it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
