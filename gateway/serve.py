"""`almoner serve`: binds the ports once, starts the worker processes, and watches over them.

A worker that dies is started again, after waits that grow. SIGTERM and SIGINT drain: no new
requests, those in flight finish, exit status 0. A second one ends everything at once. SIGHUP has
the workers read again what their secrets refer to.
"""

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.config import CannotStart, Config, child_environment
from gateway.handover import FAILED, READY, hand_over
from gateway.health import operations_app
from gateway.listening import bind
from gateway.logs import configure_logs
from gateway.metrics import (
    MULTIPROCESS_VARIABLE,
    clean_folder,
    exposition_of_folder,
    process_ended,
)
from gateway.server import Server
from gateway.workspace import RUN_FOLDER, demand_directory, prepare_home

START_SECONDS_MAX = 60.0
RESTART_WAIT_SECONDS = 0.5
RESTART_WAIT_SECONDS_MAX = 30.0
HEALTHY_SECONDS = 60.0
GRACE_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class _Worker:
    """One worker process and when it became ready."""

    process: asyncio.subprocess.Process
    ready_at: float


def serve(config: Config) -> int:
    """Serve until a signal says to stop; return the exit status.

    Raises CannotStart, in one clear line, where a port is taken, the home folder cannot be written
    or a worker cannot start.
    """
    configure_logs(config.log_level, config.log_format)
    return asyncio.run(Supervisor(config).run())


class Supervisor:
    """Holds the ports and the workers of one `almoner serve`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._workers: set[_Worker] = set()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._log = structlog.get_logger("almoner")

    async def run(self) -> int:
        """Bind, start, watch, drain; return the exit status."""
        config = self._config
        demand_directory(config.home)
        prepare_home(config.home)
        listener = bind(config.host, config.port, "ALMONER_PORT")
        folder = clean_folder(config.home / RUN_FOLDER, listener.getsockname()[1])
        try:
            private = bind(
                config.operations_host, config.operations_port, "ALMONER_OPERATIONS_PORT"
            )
            operations = Server(
                operations_app(lambda: exposition_of_folder(folder), self._health), private
            )
            self._listen_to_signals()
            async with operations:
                return await self._serve_on(listener, operations, folder)
        finally:
            listener.close()

    async def _serve_on(self, listener: socket.socket, operations: Server, folder: Path) -> int:
        # One worker first: what keeps it from starting would keep all of them, and is said once.
        try:
            started = [await self._start(listener, folder)]
            others = range(self._config.workers - 1)
            started += await asyncio.gather(*(self._start(listener, folder) for _ in others))
        except CannotStart:
            await self._drain()
            raise
        watches = [asyncio.create_task(self._watch(worker, listener, folder)) for worker in started]
        address = listener.getsockname()
        scheme = "https" if self._config.tls_certificate_file else "http"
        sys.stderr.write(
            f"almoner: serving {scheme}://{address[0]}:{address[1]}/graphql, workers: "
            f"{self._config.workers}, metrics: {operations.url}/metrics\n"
        )
        await self._stop.wait()
        listener.close()  # the workers have it; the last of them to close it closes the port
        operations.drain.begin()
        clean = await self._drain()
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        return 0 if clean else 1

    async def _start(self, listener: socket.socket, folder: Path) -> _Worker:
        """Return a worker that is ready. Raises CannotStart where it does not become so."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # whatever lies in the current folder is not the program
            "-m",
            "gateway.worker",
            str(listener.fileno()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            env=child_environment({MULTIPROCESS_VARIABLE: str(folder)}),
            start_new_session=True,  # Ctrl-C is for the supervisor, which drains
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(hand_over(self._config) + b"\n")
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                said = (await process.stdout.readline()).decode().strip()
        except TimeoutError:
            said = f"{FAILED}it was not ready after {START_SECONDS_MAX:.0f} s"
        if said == READY:
            worker = _Worker(process, asyncio.get_running_loop().time())
            self._workers.add(worker)
            return worker
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        reason = said.removeprefix(FAILED) or f"it ended with status {process.returncode}"
        raise CannotStart(f"a worker cannot start: {reason}")

    async def _watch(self, worker: _Worker, listener: socket.socket, folder: Path) -> None:
        """Keep one worker's place filled until the gateway stops."""
        wait = RESTART_WAIT_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            status = await worker.process.wait()
            self._workers.discard(worker)
            process_ended(folder, worker.process.pid)
            if self._stop.is_set():
                return
            if loop.time() - worker.ready_at > HEALTHY_SECONDS:
                wait = RESTART_WAIT_SECONDS
            while True:
                self._log.error("worker ended", status=status, restart_seconds=wait)
                if await self._stopped_within(wait):
                    return
                wait = min(wait * 2, RESTART_WAIT_SECONDS_MAX)
                try:
                    worker = await self._start(listener, folder)
                    break
                except CannotStart as error:
                    self._log.error("worker not started", reason=error.message)

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    async def _drain(self) -> bool:
        """Ask every worker to drain; return whether all did so in time."""
        processes = [worker.process for worker in self._workers]
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        ended = asyncio.create_task(_all_ended(processes))
        hurry = asyncio.create_task(self._hurry.wait())
        config = self._config
        seconds = 2 * config.drain_seconds + config.linger_ms / 1000 + GRACE_SECONDS
        await asyncio.wait({ended, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        clean = ended.done()
        for process in processes:
            with suppress(ProcessLookupError):
                if process.returncode is None:
                    process.kill()
        await ended
        return clean and all(process.returncode == 0 for process in processes)

    def _listen_to_signals(self) -> None:
        def told() -> None:
            if self._stop.is_set():
                self._hurry.set()
            self._stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self._have_secrets_read)

    def _have_secrets_read(self) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGHUP)

    def _health(self) -> dict[str, object]:
        status = "draining" if self._stop.is_set() else "live"
        return {"status": status, "workers": len(self._workers)}


async def _all_ended(processes: list[asyncio.subprocess.Process]) -> bool:
    await asyncio.gather(*(process.wait() for process in processes))
    return True
