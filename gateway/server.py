"""Runs an ASGI application on a port of its own: bound first, drained last.

At the end no request is lost: first every answer asks its client to let the connection go, then
idle connections are waited for a moment, then the port is closed, then what is in flight ends.
"""

import asyncio
import gc
import socket
import ssl
from collections.abc import Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.config import Config, Limits
from gateway.direct import DirectProtocol
from gateway.front import Front, Gateway, ServesLive
from gateway.health import Drain
from gateway.listening import BACKLOG, let_nobody_in
from gateway.protocol import BoundedProtocol, bounded
from gateway.realtime.socket import Socket
from gateway.settings import CannotStart
from integrations.tls import server_tls_context

CERTIFICATE_POLL_SECONDS = 30.0
NEW_OBJECTS_BEFORE_COLLECTING = 20_000
_TICK_SECONDS = 0.02
_SETTLE_SECONDS = 0.1

_log = structlog.get_logger("almoner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificate and key of a server; with `client_ca`, clients must bring a certificate too."""

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = None


class Server:
    """An application on a bound socket, as an async context manager: open, serving, drained.

    The application's own lifespan runs inside; what it raises at the start is raised here.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        *,
        drain: Drain | None = None,
        drain_seconds: float = 30,
        linger_ms: int = 0,
        keep_alive_seconds: int = 75,
        trusted_proxies: Sequence[str] = (),
        limits: Limits | None = None,
        tls: Tls | None = None,
        front: Front | None = None,
        live: ServesLive | None = None,
        is_opened: bool = False,
    ) -> None:
        """Take the application and its socket, which the server closes at its end.

        front: of the application, where GraphQL requests are to reach it past ASGI. live: who
        serves WebSockets. is_opened: by somebody else, who runs its lifespan around this.
        """
        self.drain = drain or Drain()
        self._app = app
        self._is_opened = is_opened
        self._listener = listener
        address = listener.getsockname()
        self.host: str = address[0]
        self.port: int = address[1]
        self._scheme = "https" if tls else "http"
        self._tls = tls
        try:
            self._tls_context = tls_context = None if tls is None else _tls_context(tls)
        except CannotStart:
            listener.close()
            raise
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none" if live is None else _sockets(app, live, trusted_proxies),
                http=_protocol(app, limits or Limits(), self.drain, front, trusted_proxies),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=list(trusted_proxies),
                backlog=BACKLOG,
                timeout_keep_alive=keep_alive_seconds,
                timeout_graceful_shutdown=max(1, int(drain_seconds)),
                ssl_context_factory=(lambda *_: tls_context) if tls_context else None,
            ),
            listener,
            self.drain,
            linger_ms / 1000,
        )
        self._serving: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Return the base address of what is served."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            if isinstance(self._app, Starlette) and not self._is_opened:
                await self._stack.enter_async_context(self._app.router.lifespan_context(self._app))
            self._serving = asyncio.create_task(self._uvicorn.serve([self._listener]))
            begun = asyncio.create_task(self._uvicorn.begun.wait())
            await asyncio.wait({self._serving, begun}, return_when=asyncio.FIRST_COMPLETED)
            begun.cancel()
            if self._serving.done():
                await self._serving
            if self._tls is not None:
                self._renewing = asyncio.create_task(self._renew_certificate(self._tls))
        except BaseException:
            self._listener.close()
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._serving is not None
        if self._renewing is not None:
            self._renewing.cancel()
        self._uvicorn.should_exit = True
        try:
            await self._serving
        finally:
            await self._stack.aclose()

    async def _renew_certificate(self, tls: Tls) -> None:
        """Show new connections the certificate that is in the files, as it is renewed."""
        assert self._tls_context is not None
        held = _contents(tls)
        while True:
            await asyncio.sleep(CERTIFICATE_POLL_SECONDS)
            found = await asyncio.to_thread(_contents, tls)
            if found == held:
                continue
            try:
                _tls_context(tls)  # a certificate whose key is still to come would spoil the real
                self._tls_context.load_cert_chain(tls.certificate_file, tls.key_file)
            except (CannotStart, OSError) as error:
                _log.warning("certificate not renewed", why=str(error))
                continue
            held = found
            _log.info("certificate renewed")

    async def wait(self) -> None:
        """Wait until the server ends, which it does by itself only where something is wrong."""
        assert self._serving is not None
        await asyncio.shield(self._serving)


def _protocol(
    app: Any,
    limits: Limits,
    drain: Drain,
    front: Front | None,
    trusted_proxies: Sequence[str],
) -> type[BoundedProtocol]:
    """Return what speaks HTTP on each connection: by ASGI alone, or past it where it can."""
    if front is None:
        return bounded(BoundedProtocol, limits, drain)
    protocol = bounded(DirectProtocol, limits, drain)
    protocol.front = front
    if trusted_proxies:
        protocol.proxies = ProxyHeadersMiddleware(app, list(trusted_proxies))
    return protocol


def _sockets(app: Any, live: ServesLive, trusted_proxies: Sequence[str]) -> type[asyncio.Protocol]:
    """Return what speaks WebSocket on each connection that asks for it."""
    sockets: Any = live.socket_class()
    if trusted_proxies:
        sockets.proxies = ProxyHeadersMiddleware(app, list(trusted_proxies))
    return sockets  # type: ignore[no-any-return]  # the class with another attribute


def gateway_server(
    app: Gateway, listener: socket.socket, config: Config, *, also: Tls | None = None
) -> Server:
    """Return the server of the gateway, as it is configured.

    also: of a second server of the same application, which the first one opens and closes.
    """
    return Server(
        app,
        listener,
        drain=app.state.drain,
        drain_seconds=config.drain_seconds,
        linger_ms=config.linger_ms,
        keep_alive_seconds=config.keep_alive_seconds,
        trusted_proxies=config.trusted_proxies,
        limits=config.limits,
        tls=also or _tls_of(config),
        front=app.front if config.http_protocol == "direct" else None,
        live=app.live,
        is_opened=also is not None,
    )


def _tls_of(config: Config) -> Tls | None:
    if config.tls_certificate_file is None or config.tls_key_file is None:
        return None
    return Tls(certificate_file=config.tls_certificate_file, key_file=config.tls_key_file)


def spare_the_collector() -> None:
    """Take all that lives now out of garbage collection: after the start it lives for good.

    Otherwise a full collection looks at every object of every library, for tens of milliseconds.
    And what a few dozen requests hold while they are answered is no reason to look for garbage:
    nearly all of it goes away by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BEFORE_COLLECTING)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a server. Raises CannotStart where its files cannot be used."""
    try:
        return server_tls_context(
            certificate_file=tls.certificate_file,
            key_file=tls.key_file,
            client_ca_file=tls.client_ca_file,
        )
    except ValueError as error:
        raise CannotStart(f"{error}.") from error


def _contents(tls: Tls) -> tuple[bytes, ...]:
    try:
        return tls.certificate_file.read_bytes(), tls.key_file.read_bytes()
    except OSError:
        return ()


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, and with a shutdown that loses no request."""

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, drain: Drain, linger_seconds: float
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._drain = drain
        self._linger_seconds = linger_seconds
        self.begun = asyncio.Event()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # wider
        """Leave signals to whoever runs the process."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        await super().startup(sockets)
        self.begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: ask clients to go, wait for the idle ones, close the port, finish the rest."""
        self._drain.begin()
        for connection in list(self.server_state.connections):
            assert isinstance(connection, BoundedProtocol | Socket)
            connection.let_go()
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._linger_seconds
        open_ones = self.server_state.connections
        while loop.time() < ends and open_ones:  # noqa: ASYNC110 - a plain set
            await asyncio.sleep(_TICK_SECONDS)
        let_nobody_in(self._listener)
        await asyncio.sleep(_TICK_SECONDS)  # those who wait to be accepted are
        for server in self.servers:
            server.close()
        if self.server_state.connections:
            await asyncio.sleep(_SETTLE_SECONDS)  # what they sent by now is read
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            assert isinstance(connection, BoundedProtocol | Socket)
            connection.give_up()
