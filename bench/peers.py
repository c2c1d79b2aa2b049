"""Who is measured: each server's name, how it is started, and why it may be missing."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import SERVER_CORE, held_to, memory_mb, process_tree
from bench.synthetic.data import SCHEMA_FILE, Query, leaves
from bench.wire import Answer, ask_once, connect, request_bytes
from tests.e2e.platform_process import free_ports

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv" / "bench"
NODE_MODULES = VENV / "node" / "node_modules"
START_SECONDS_MAX = 30.0

ALMONER = "Almoner on ASGI"
ALMONER_DIRECT = "Almoner, directly"
STARLETTE = "Starlette, written by hand"
STRAWBERRY = "Strawberry, stock view"
MERCURIUS = "Mercurius with JIT"


class PeerFailed(Exception):
    """A server does not start, or answers something else than the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server. program: a Python module or a Node script; python: which environment it needs."""

    name: str
    program: str
    python: Path | None = None
    arguments: tuple[str, ...] = ()
    path: str = "/graphql"

    def missing(self) -> str | None:
        """Return why it cannot be started here; None where it can."""
        if self.python is not None:
            return None if self.python.exists() else "its packages are not installed"
        if shutil.which("node") is None:
            return "Node is not installed"
        return None if NODE_MODULES.is_dir() else "its npm packages are not installed"

    def command(self, port: int, data: Path) -> list[str]:
        """Return the command that starts it."""
        if self.python is not None:
            start = [str(self.python), "-m", self.program]
            return [*start, str(port), str(data), *self.arguments]
        script = str(ROOT / "bench" / "node" / self.program)
        return ["node", script, str(port), str(data), str(SCHEMA_FILE)]


OWN = Path(sys.executable)
THEIRS = VENV / "bin" / "python"
PEERS = (
    Peer(name=ALMONER, program="bench.servers.almoner_peer", python=OWN),
    Peer(
        name=ALMONER_DIRECT,
        program="bench.servers.almoner_peer",
        python=OWN,
        arguments=("direct",),
    ),
    Peer(
        name=STARLETTE,
        program="bench.servers.starlette_peer",
        python=THEIRS,
    ),
    Peer(name=MERCURIUS, program="mercurius.cjs"),
    Peer(
        name=STRAWBERRY,
        program="bench.servers.strawberry_peer",
        python=THEIRS,
        arguments=("stock",),
        path="/",
    ),
    Peer(
        name="Strawberry, its caches, orjson",
        program="bench.servers.strawberry_peer",
        python=THEIRS,
        arguments=("tuned",),
        path="/",
    ),
    Peer(name="Ariadne", program="bench.servers.ariadne_peer", python=THEIRS, path="/"),
    Peer(name="GraphQL Yoga", program="yoga.cjs"),
    Peer(name="Apollo Server", program="apollo.cjs", path="/"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A running server."""

    name: str
    port: int
    pid: int
    path: str = "/graphql"

    def pids(self) -> list[int]:
        """Return its process and all that it has started."""
        return process_tree(self.pid)

    def memory_mb(self) -> tuple[float, ...]:
        """Return the resident memory of each of them, the largest first."""
        return tuple(sorted(memory_mb(self.pids()), reverse=True))

    def request(self, query: Query, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the request for a query."""
        return request_bytes(self.port, self.path, headers or {}, query.body)

    def ask(self, query: Query, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a query. Raises PeerFailed where it is none."""
        answer = ask_once(self.port, self.request(query, headers))
        if answer.status != 200 or "errors" in json.loads(answer.body):
            raise PeerFailed(f"{self.name} answers {answer.status}: {answer.body[:400]!r}")
        return answer


@contextmanager
def running(
    peer: Peer, data: Path, log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """Run a server on the servers' core, with more in its environment.

    Raises PeerFailed where it does not start.
    """
    (port,) = free_ports(1)
    environment = dict(os.environ) | {"NODE_ENV": "production", "NODE_PATH": str(NODE_MODULES)}
    environment |= settings or {}
    with log.open("wb") as output, held_to(SERVER_CORE):
        process = subprocess.Popen(
            peer.command(port, data), cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                connect(port).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise PeerFailed(f"{peer.name}:\n{log.read_text()[-2000:]}") from None
                time.sleep(0.05)
        yield Started(name=peer.name, port=port, pid=process.pid, path=peer.path)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def demand_same_answers(servers: list[Started], query: Query) -> int:
    """Return the length of the answer. Raises PeerFailed where they differ as JSON."""
    first, *others = ((one, one.ask(query).body) for one in servers)
    expected = json.loads(first[1])
    if leaves(expected) != query.leaves:
        raise PeerFailed(f"{query.name} has {leaves(expected)} leaves, not {query.leaves}")
    for server, body in others:
        if json.loads(body) != expected:
            raise PeerFailed(f"{server.name} and {first[0].name} answer {query.name} differently")
    return len(first[1])
