"""One of the processes that answer requests; gateway/serve.py starts it and watches it.

The configuration comes as the first line of standard input, which then stays open: its end means
that the supervisor is gone, and an orphan must not keep the port. Standard output carries one
line back: `ready`, or why not.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import strawberry
import structlog

from domain.errors import GatewayError
from gateway.app import create_app
from gateway.config import Config
from gateway.engine.judging import Judge, Strictness
from gateway.engine.judging_apart import JudgeApart, judge_apart
from gateway.handover import FAILED, READY, take_over
from gateway.logs import configure_logs
from gateway.parents import die_with_parent
from gateway.server import gateway_server, spare_the_collector
from gateway.telemetry import start_tracing, stop_tracing
from schema.build import core_schema, create_schema

ORPHAN_SECONDS_MAX = 5.0


def main() -> None:
    """Serve until told to stop. Exit status 0: drained; 1: could not start."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(signal.SIGTERM)  # the supervisor
    schema = create_schema()
    apart = judge_apart(partial(Judge, core_schema(schema)))  # before the secrets come, which
    config = take_over(sys.stdin.buffer.readline())  # are no business of what reads documents
    configure_logs(config.log_level, config.log_format)
    if apart is not None:
        apart.begin(Strictness(config.limits, config.development, config.introspection))
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(config, listener, schema, apart))
    except GatewayError as error:
        _tell(FAILED + error.message.replace("\n", " "))
        sys.exit(1)


async def _serve(
    config: Config,
    listener: socket.socket,
    schema: strawberry.Schema,
    apart: JudgeApart | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    watch_parent(lambda: loop.call_soon_threadsafe(stop.set))
    tracing = start_tracing(config)
    try:
        app = create_app(config, schema=schema, tracer_provider=tracing, apart=apart)
        async with gateway_server(app, listener, config) as server:
            spare_the_collector()
            _tell(READY)
            ended = asyncio.create_task(server.wait())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            structlog.get_logger("almoner").info("draining", process_id=os.getpid())
        await ended
    finally:
        stop_tracing(tracing)


def watch_parent(gone: Callable[[], object]) -> None:
    """Call `gone` when the supervisor's end of standard input closes; leave for good soon after."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        gone()
        time.sleep(ORPHAN_SECONDS_MAX)
        os._exit(1)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.new_event_loop


def _tell(line: str) -> None:
    """Say it to the supervisor, who reads one line; what else is printed goes to standard error."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    os.dup2(2, 1)


if __name__ == "__main__":
    main()
