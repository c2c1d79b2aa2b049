"""`almoner serve`: several processes on one port, restarted, drained, and never left behind."""

import asyncio
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.config import load_config
from gateway.serve import Supervisor
from gateway.settings import CannotStart
from tests.gateway.served import (
    PROGRAM,
    Served,
    end_hard,
    make_home,
    served,
    settings,
    wait_until_gone,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]
AGENCY = {"query": "{ agency { slug } }"}
# All is asked over plain HTTP, and httpx would read every root certificate anew for each request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("serve") / "home"
    return folder, asyncio.run(make_home(folder))


@pytest.fixture(scope="module")
def two(
    home: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str]]:
    log = tmp_path_factory.mktemp("log") / "log"
    with served(home[0], log, ALMONER_WORKERS="2", ALMONER_LINGER_MS="500") as running:
        yield running, home[1]


def ask(running: Served, secret: str | None) -> httpx.Response:
    """Ask over a connection of its own, which the kernel gives to any of the workers."""
    headers = {} if secret is None else {"x-api-key": secret}
    return httpx.post(f"{running.url}/graphql", json=AGENCY, headers=headers, verify=NO_TLS)


def of_operations(running: Served, path: str) -> httpx.Response:
    return httpx.get(f"{running.operations_url}/{path}", verify=NO_TLS)


def test_two_workers_answer_on_one_port_and_their_counts_are_added_up(
    two: tuple[Served, str],
) -> None:
    """Requests are answered by both, and the operations port tells their sum."""
    running, secret = two
    for _ in range(12):
        answer = ask(running, secret)
        assert answer.json() == {"data": {"agency": {"slug": "harbor"}}}
    refused = ask(running, None)

    def counted() -> float:
        metrics = of_operations(running, "metrics").text
        found = re.search(r'almoner_requests_total\{agency="harbor",outcome="ok"\} (\S+)', metrics)
        return float(found.group(1)) if found is not None else 0.0

    ends = time.monotonic() + 5  # workers hand their counts on each second
    while counted() < 12 and time.monotonic() < ends:
        time.sleep(0.1)
    assert refused.status_code == 401
    assert counted() == 12
    assert of_operations(running, "health").json() == {"status": "live", "workers": 2}
    assert len(running.workers()) == 2
    assert "almoner: serving http://127.0.0.1:" in running.log.read_text()


def test_a_worker_that_dies_is_started_again(two: tuple[Served, str]) -> None:
    """After kill -9 of a worker the other one answers, and soon there are two again."""
    running, secret = two
    before = running.workers()
    end_hard(before[0])

    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        answer = ask(running, secret)
        assert answer.status_code == 200
        health = of_operations(running, "health").json()
        if health["workers"] == 2 and before[0] not in running.workers():
            break
        time.sleep(0.1)

    assert health["workers"] == 2
    assert before[1] in running.workers()
    while '"event": "worker ended"' not in running.log.read_text():
        assert time.monotonic() < ends, running.log.read_text()
        time.sleep(0.1)


def test_sigterm_under_load_drops_no_request(two: tuple[Served, str]) -> None:
    """Told to stop in a stream of requests, every one is answered; exit status 0, port free."""
    running, secret = two
    answered: list[int] = []
    lost: list[str] = []

    def read() -> None:
        with httpx.Client(headers={"x-api-key": secret}, timeout=20, verify=NO_TLS) as client:
            while True:
                try:
                    answered.append(client.post(f"{running.url}/graphql", json=AGENCY).status_code)
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    lost.append(repr(error))
                    return

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    half_sent = socket.create_connection(("127.0.0.1", running.port))
    body = b'{"query": "{ agency { slug } }"}'
    half_sent.sendall(
        b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        + f"x-api-key: {secret}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body[:10]
    )
    ends = time.monotonic() + 20
    while len(answered) < 50 and time.monotonic() < ends:
        time.sleep(0.01)
    workers = running.workers()
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.8)
    half_sent.sendall(body[10:])
    finished = half_sent.makefile("rb").read()
    half_sent.close()
    status = running.process.wait(timeout=30)
    for reader in readers:
        reader.join()

    assert status == 0
    assert lost == []
    assert set(answered) == {200}
    assert len(answered) > 50
    assert finished.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in finished
    assert asyncio.run(wait_until_gone(workers, 1))


def test_no_orphan_keeps_the_port(home: tuple[Path, str], tmp_path: Path) -> None:
    """After kill -9 of the supervisor its workers end by themselves."""
    with served(home[0], tmp_path / "log", ALMONER_WORKERS="2") as running:
        workers = running.workers()
        assert len(workers) == 2
        end_hard(running.process.pid)
        running.process.wait(timeout=5)

        assert asyncio.run(wait_until_gone(workers, 8))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", running.port))


def test_a_second_signal_ends_everything_at_once(home: tuple[Path, str], tmp_path: Path) -> None:
    """Who cannot wait for the drain signals twice; the status says that it was cut short."""
    with served(home[0], tmp_path / "log") as running:
        workers = running.workers()
        stuck = socket.create_connection(("127.0.0.1", running.port))
        stuck.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        time.sleep(0.2)
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)

        assert running.process.wait(timeout=5) == 1
        assert asyncio.run(wait_until_gone(workers, 1))
        stuck.close()


def test_what_keeps_a_worker_from_starting_is_one_line(home: tuple[Path, str]) -> None:
    """What the first of several workers finds in the way is one clear line and status 1."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=settings(home[0], ALMONER_AGENCY="nowhere", ALMONER_WORKERS="2"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "there is no agency nowhere to serve" in done.stderr


def test_what_keeps_it_from_starting_is_one_line(home: tuple[Path, str], tmp_path: Path) -> None:
    """A taken port and a missing home are one clear line, before there is any worker."""
    environment, unset = settings(home[0]), settings(home[0])
    del unset["ALMONER_HOME"]
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment["ALMONER_PORT"])))
        taken.listen()
        for words, given in {
            f"port {environment['ALMONER_PORT']} on 127.0.0.1 is taken": environment,
            f"there is no directory in {tmp_path / 'empty'}": settings(tmp_path / "empty"),
            "ALMONER_HOME is not set": unset,
            f"there is no directory in {tmp_path / 'file'}": settings(tmp_path / "file" / "home"),
        }.items():
            with pytest.raises(CannotStart) as refused:
                asyncio.run(Supervisor(load_config(given, command="serve")).run())
            assert words in str(refused.value)
            assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
