"""`almoner serve` in processes of its own, over a home folder with one agency and one key."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from domain.access import ApiKey, Scope
from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency
from domain.ids import new_ulid
from gateway.config import child_environment
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import Workspace, open_workspace
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix
from tests.e2e.platform_process import NO_TLS

PROGRAM = """
import sys
from gateway.config import CannotStart, load_config_here
from gateway.serve import serve
try:
    sys.exit(serve(load_config_here("serve")))
except CannotStart as error:
    sys.exit(f"almoner: {error.message}")
"""


async def make_home(home: Path, scopes: Iterable[Scope] = (Scope.AGENCY_READ,)) -> str:
    """Make a home folder with an agency; return the secret of a key of it."""
    async with open_workspace(home, create=True) as workspace:
        agency = await add_agency(
            workspace, slug="harbor", name="Harbor", states=("MI",), reason="test"
        )
        return await add_key(workspace, agency, scopes)


async def add_key(workspace: Workspace, agency: Agency, scopes: Iterable[Scope]) -> str:
    """Give an agency a key for a day; return its secret."""
    secret, now = new_secret(), datetime.now(UTC)
    key = ApiKey(
        id=f"key_{new_ulid()}",
        name="test",
        prefix=secret_prefix(secret),
        hash=secret_hash(secret),
        scopes=frozenset(scopes),
        created_by=Actor(id="os:test", kind=PrincipalKind.OPERATOR, display_name="test"),
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    audit = cli_audit("key create", subject=key.id, reason="test")
    await workspace.directory.add_api_key(agency.id, key, audit)
    return secret


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Served:
    """A running `almoner serve`."""

    process: subprocess.Popen[bytes]
    port: int
    operations_port: int
    log: Path

    @property
    def url(self) -> str:
        """Return the gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def operations_url(self) -> str:
        """Return the operations port's address."""
        return f"http://127.0.0.1:{self.operations_port}"

    async def ask(self, document: str, headers: Mapping[str, str]) -> Any:
        """Return the data of an operation."""
        async with httpx.AsyncClient(verify=NO_TLS, timeout=30) as client:
            body = {"query": document}
            answer = await client.post(f"{self.url}/graphql", json=body, headers=headers)
        return answer.json()["data"]

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def wait_ready(self, seconds: float = 40) -> None:
        """Return once all workers are ready."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and self.process.poll() is None:
            if "almoner: serving" in self.log.read_text():
                ready = httpx.get(f"{self.url}/health/ready", verify=NO_TLS)
                assert ready.status_code == 200
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-4000:])


def settings(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a gateway on ports of its own."""
    given = {
        "ALMONER_HOME": str(home),
        "ALMONER_PORT": str(free_port()),
        "ALMONER_OPERATIONS_PORT": str(free_port()),
    }
    environment = {k: v for k, v in child_environment({}).items() if not k.startswith("ALMONER_")}
    return environment | given | more


@contextmanager
def served(home: Path, log: Path, *, wait: bool = True, **more: str) -> Iterator[Served]:
    """Run `almoner serve`; whatever is left of it at the end is killed."""
    environment = settings(home, **more)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = Served(
        process,
        int(environment["ALMONER_PORT"]),
        int(environment["ALMONER_OPERATIONS_PORT"]),
        log,
    )
    try:
        if wait:
            running.wait_ready()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)


def is_alive(process_id: int) -> bool:
    """Say whether a process exists and is not merely waiting to be collected."""
    with suppress(OSError):
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def end_hard(process_id: int) -> None:
    """Kill a process that the test started."""
    os.kill(process_id, signal.SIGKILL)


async def wait_until_gone(process_ids: list[int], seconds: float) -> bool:
    """Say whether all of the processes end in time."""
    ends = time.monotonic() + seconds
    while any(is_alive(process_id) for process_id in process_ids):
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(0.05)
    return True
