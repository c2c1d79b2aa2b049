"""Serves a simulator on loopback, in the process of who asks for it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

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
async def serving(
    app: ASGIApp,
    close: Callable[[], None],
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    tls: dict[str, Any] | None = None,
) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port. Port 0 takes a free one.

    close: lets go of everybody who is kept waiting. tls: uvicorn's options, None for plain HTTP.
    Raises OSError where the port is taken.
    """
    listener = socket.create_server((host, port))
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            **(tls or {}),
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="simulator")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            yield listener.getsockname()[1]
    finally:
        ready.cancel()
        close()
        server.should_exit = True
        await task
        listener.close()
