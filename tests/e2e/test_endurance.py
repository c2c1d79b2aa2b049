"""What survives: kill -9, restarts, taken ports, foreign keys; and what is in the files."""

import asyncio
import json
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.config import load_config
from gateway.local.platform import run_platform
from gateway.settings import CannotStart
from tenants.keys.keyring import LocalKeyring
from tests.e2e.platform_process import (
    NO_TLS,
    Running,
    code_of,
    data_of,
    dev_environment,
    free_ports,
    run_almoner,
)
from tests.gateway.cli.demo_home import copy_of

pytestmark = pytest.mark.slow

NOTE = "mutation ($id: ID!, $text: String!) { addNote(applicationId: $id, text: $text) { id } }"
PULL = """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) { id } }"""


@pytest.fixture
def own(seeded: Path, tmp_path: Path) -> Iterator[Running]:
    """Give a platform that the test may hurt."""
    home = copy_of(seeded, tmp_path / "home")
    running = Running(["dev"], dev_environment(home), tmp_path / "log")
    yield running
    running.end()


@pytest.fixture
def own_serve(serve: Running, tmp_path: Path) -> Iterator[Running]:
    """Give a running `almoner serve` beside the other, for the test to stop."""
    port, operations = free_ports(2)
    environment = serve.environment | {
        "ALMONER_PORT": str(port),
        "ALMONER_OPERATIONS_PORT": str(operations),
    }
    running = Running(["serve", "--workers", "2"], environment, tmp_path / "log").start()
    yield running
    running.end()


def first_application(running: Running, token: str, status: str = "IN_REVIEW") -> str:
    document = """query ($s: [ApplicationStatus!]) {
      applications(first: 1, filter: {statuses: $s}) { edges { node { id } } } }"""
    edges = data_of(running.ask(document, {"s": [status]}, token=token))["applications"]["edges"]
    identifier: str = edges[0]["node"]["id"]
    return identifier


def seconds_to_start(running: Running) -> float:
    started = time.monotonic()
    running.start()
    return time.monotonic() - started


def test_every_acknowledged_mutation_survives_kill_9(own: Running) -> None:
    """Killed in a stream of mutations and started again, it has each one that was answered.

    No orphan keeps a port: all are free at once.
    """
    orderly = seconds_to_start(own)
    token = own.token("counselor@harbor.test")
    application = first_application(own, token)
    acknowledged: list[str] = []

    def write(thread: int) -> None:
        with httpx.Client(timeout=5, verify=NO_TLS) as client:
            for number in range(10_000):
                text = f"note {thread}-{number}"
                body = {"query": NOTE, "variables": {"id": application, "text": text}}
                try:
                    answer = client.post(own.url, json=body, headers={"Authorization": token})
                except httpx.TransportError:
                    return
                assert "errors" not in answer.json(), answer.text
                acknowledged.append(answer.json()["data"]["addNote"]["id"])

    writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(1.5)
    own.kill()
    for name in ("ALMONER_PORT", "ALMONER_ISSUER_PORT", "ALMONER_OPERATIONS_PORT"):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(own.environment[name])))
    for writer in writers:
        writer.join()
    seconds = seconds_to_start(own)

    document = "query ($id: ID!) { application(id: $id) { notes { id } } }"
    notes = data_of(own.ask(document, {"id": application}, token=token))["application"]["notes"]
    assert len(acknowledged) > 20
    assert set(acknowledged) <= {note["id"] for note in notes}
    assert seconds < max(15, 4 * orderly)  # on a machine that is busy with something else
    assert own.stop() == 0


def test_a_pull_that_was_killed_is_never_repeated(own: Running) -> None:
    """Killed between the vendor's answer and the commit, a retry says OUTCOME_UNKNOWN."""
    own.start()
    token = own.token("counselor@harbor.test")
    document = """{ applications(first: 40) { edges { node { id consumer { name { family } }
      consents { id } } } } }"""
    edges = data_of(own.ask(document, token=token))["applications"]["edges"]
    slow = next(e["node"] for e in edges if e["node"]["consumer"]["name"]["family"] == "Slow")
    wanted = {
        "applicationId": slow["id"],
        "consentId": slow["consents"][0]["id"],
        "idempotencyKey": secrets.token_hex(8),
    }

    def pull() -> None:
        try:
            own.ask(PULL, {"input": wanted}, token=token)
        except httpx.TransportError:
            return

    puller = threading.Thread(target=pull)
    puller.start()
    time.sleep(1)
    own.kill()
    puller.join()
    own.start()

    assert code_of(own.ask(PULL, {"input": wanted}, token=token)) == "OUTCOME_UNKNOWN"
    fresh = wanted | {"idempotencyKey": secrets.token_hex(8)}
    assert code_of(own.ask(PULL, {"input": fresh}, token=token)) == "CONSENT_REQUIRED"
    own.stop()


def test_nothing_of_the_demo_is_readable_in_the_files(own: Running) -> None:
    """No name, address, number or text of the demo world is in any file under the home folder."""
    own.start()
    token = own.token("counselor@harbor.test")
    document = """{ applications(first: 40) { edges { node { hardshipReason
      consumer { name { family } email phone dateOfBirth address { line1 city } }
      incomes { description } debts { creditor } } } } }"""
    edges = data_of(own.ask(document, token=token))["applications"]["edges"]
    planted = {"counselor@harbor.test", "Nora Quist", "Harbor Credit Counseling", "666484418"}
    for edge in edges:
        consumer = edge["node"]["consumer"]
        planted |= {consumer["email"], consumer["address"]["line1"], edge["node"]["hardshipReason"]}
        planted |= {debt["creditor"] for debt in edge["node"]["debts"]}
    while_running = files_with(Path(own.environment["ALMONER_HOME"]), planted)
    own.kill()

    assert len(planted) > 60
    assert while_running == {}
    assert files_with(Path(own.environment["ALMONER_HOME"]), planted) == {}


def files_with(home: Path, planted: set[str]) -> dict[str, str]:
    """Return the files that hold one of the texts, and which."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for text in planted:
                if text.encode() in content or text.encode("utf-16-le") in content:
                    found[str(path)] = text
    return found


def test_a_second_platform_says_which_port_is_taken(dev: Running, tmp_path: Path) -> None:
    """A taken port is one clear line, exit 1, and nothing half-made."""
    environment = dev_environment(tmp_path / "home")
    environment["ALMONER_PORT"] = dev.environment["ALMONER_PORT"]

    done = run_almoner(environment, "dev")

    assert done.returncode == 1
    assert environment["ALMONER_PORT"] in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home" / "directory.db").exists()


def test_an_unwritable_home_is_one_clear_line(tmp_path: Path) -> None:
    """A home that cannot be made: one line naming it, exit 1."""
    (tmp_path / "file").write_text("not a folder")

    done = run_almoner(dev_environment(tmp_path / "file" / "home"), "dev")

    assert done.returncode == 1
    assert "ALMONER_HOME" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_key_is_one_clear_line(own: Running) -> None:
    """Another installation's keyring opens nothing: one line, exit 1, files as they were."""
    home = Path(own.environment["ALMONER_HOME"])
    (home / "keyring.json").unlink()
    LocalKeyring.from_file(home / "keyring.json", create=True)
    before = (home / "directory.db").read_bytes()

    done = run_almoner(own.environment, "dev")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "key" in done.stderr
    assert (home / "directory.db").read_bytes() == before


def test_reset_leaves_alone_what_is_not_the_demo_s(own: Running) -> None:
    """A stranger's file or agency in the home folder stops `--reset`, in one clear line."""
    home = Path(own.environment["ALMONER_HOME"])
    precious = home / "precious.txt"
    precious.write_text("mine")

    done = own.run("dev", "--reset")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert precious.read_text() == "mine"

    precious.unlink()
    own.command_output("agency", "add", "lake", "--name", "Lake", "--state", "MI", "--reason", "x")
    refused = own.run("dev", "--reset")
    assert refused.returncode == 1
    assert "lake" in refused.stderr
    assert "lake" in own.command_output("agency", "list")


@pytest.mark.parametrize(
    "change",
    [
        {"ALMONER_HOME": ""},
        {"ALMONER_ISSUER_PORT": "8123", "ALMONER_PORT": "8123"},
        {"ALMONER_HOST": "0.0.0.0"},  # noqa: S104  it is refused
        {"ALMONER_HOME": "file"},
    ],
    ids=str,
)
def test_a_first_start_that_cannot_be_leaves_nothing(
    change: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty home, two services on one port, a home that is a file: nothing is made."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("not a folder")
    environment = dev_environment(tmp_path / "home") | change

    with pytest.raises(CannotStart) as refused:
        asyncio.run(
            run_platform(
                load_config(environment, command="dev"), reset=False, progress=print, ready=print
            )
        )

    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_serve_makes_nothing(tmp_path: Path) -> None:
    """Without a directory to serve it is one clear line, exit 1, and no home."""
    done = run_almoner(dev_environment(tmp_path / "home"), "serve")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_reset_starts_anew(own: Running) -> None:
    """`--reset` forgets what was written since the first start."""
    own.start()
    token = own.token("counselor@harbor.test")
    application = first_application(own, token)
    data_of(own.ask(NOTE, {"id": application, "text": "to be forgotten"}, token=token))
    own.stop()
    own.command = ["dev", "--reset"]
    own.start()

    document = "query ($id: ID!) { application(id: $id) { notes { text } } }"
    token = own.token("counselor@harbor.test", anew=True)
    notes = data_of(own.ask(document, {"id": application}, token=token))["application"]["notes"]
    assert "to be forgotten" not in json.dumps(notes)
    own.stop()


def test_sigterm_drops_no_request_of_a_stream(own_serve: Running, dev: Running) -> None:
    """Workers that are told to stop answer every request that they accepted."""
    own = own_serve
    token = dev.token("counselor@harbor.test")
    refused: list[str] = []
    answered: list[int] = []
    stopping = threading.Event()

    def read() -> None:
        document = "{ applications(first: 50) { edges { node { id debts { id } } } } }"
        with httpx.Client(timeout=20, verify=NO_TLS) as client:
            while True:
                body = {"query": document}
                try:
                    response = client.post(own.url, json=body, headers={"Authorization": token})
                except httpx.ConnectError:
                    if stopping.is_set():
                        return
                    raise
                except httpx.TransportError as error:
                    refused.append(repr(error))
                    return
                answered.append(response.status_code)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    time.sleep(1)
    stopping.set()
    own.process.send_signal(signal.SIGTERM)
    status = own.process.wait(timeout=40)
    for reader in readers:
        reader.join()

    assert status == 0
    assert set(answered) == {200}
    assert refused == []
