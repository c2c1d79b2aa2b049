"""Starts Almoner as its users do, in processes of their own, and speaks to it over real HTTP."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

ALMONER = str(Path(sys.executable).parent / "almoner")
START_SECONDS_MAX = 60
# All is asked over plain HTTP, and httpx would read every root certificate anew for each request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def dev_environment(home: Path) -> dict[str, str]:
    """Return the environment of a platform of its own, beside any other on this machine."""
    gateway, issuer, operations, bureau, banks, secure, edge = free_ports(7)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ALMONER_")}
    return clean | {
        "ALMONER_HOME": str(home),
        "ALMONER_PORT": str(gateway),
        "ALMONER_ISSUER_PORT": str(issuer),
        "ALMONER_OPERATIONS_PORT": str(operations),
        "ALMONER_TRANSUNION_PORT": str(bureau),
        "ALMONER_PLAID_PORT": str(banks),
        "ALMONER_TLS_PORT": str(secure),
        "ALMONER_EDGE_PORT": str(edge),
    }


@dataclass
class Running:
    """A running `almoner dev` or `almoner serve`."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    tokens: dict[str, str] = field(init=False, default_factory=dict)

    @property
    def url(self) -> str:
        """Return the address of the GraphQL endpoint."""
        return f"http://127.0.0.1:{self.environment['ALMONER_PORT']}/graphql"

    @property
    def edge_url(self) -> str:
        """Return the address of the edge router; `almoner dev` alone has one."""
        return f"http://127.0.0.1:{self.environment['ALMONER_EDGE_PORT']}"

    @property
    def operations_url(self) -> str:
        """Return the address of the operations port."""
        return f"http://127.0.0.1:{self.environment['ALMONER_OPERATIONS_PORT']}"

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [ALMONER, *self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.wait_ready()
        except BaseException:
            self.end()
            raise
        return self

    def wait_ready(self) -> None:
        """Return once the gateway answers that it is ready; fails with the log's end."""
        deadline = time.monotonic() + START_SECONDS_MAX
        ready = self.url.removesuffix("/graphql") + "/health/ready"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(ready, timeout=2, verify=NO_TLS).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"almoner did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        """Kill it where it still runs: a test that fails leaves nothing behind."""
        started = getattr(self, "process", None)
        if started is not None and started.poll() is None:
            self.kill()

    def command_output(self, *arguments: str) -> str:
        """Return what a command prints, run in the same environment; it must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the same environment."""
        return run_almoner(self.environment, *arguments, text=text)

    def token(self, user: str, *, anew: bool = False) -> str:
        """Return the token that a demo user has, as a client keeps it; `anew` gets another."""
        if anew or user not in self.tokens:
            self.tokens[user] = self.command_output("token", user)
        return self.tokens[user]

    def ask(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the answer to a GraphQL request."""
        answer: dict[str, Any] = self.post(
            document, variables, token=token, key=key, headers=headers
        ).json()
        return answer

    def post(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Return the HTTP response to a GraphQL request."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = token
        if key is not None:
            sent["x-api-key"] = key
        return httpx.post(
            self.url,
            json={"query": document, "variables": variables},
            headers=sent,
            timeout=40,
            verify=NO_TLS,
        )


def run_almoner(
    environment: dict[str, str], *arguments: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [ALMONER, *arguments],
        env=environment,
        input=text or "",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def data_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the data of an answer without errors."""
    assert "errors" not in answer, json.dumps(answer["errors"], indent=2)
    data: dict[str, Any] = answer["data"]
    return data


def code_of(answer: dict[str, Any]) -> str:
    """Return the code of an answer's only error."""
    assert len(answer["errors"]) == 1, answer
    code: str = answer["errors"][0]["errorInfo"]["code"]
    return code
