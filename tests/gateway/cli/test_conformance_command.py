"""`almoner conformance`: exit status, table and JSON, and where credentials come from."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.facts import load_facts
from gateway.cli import root
from tests.gateway.served import Served, make_home, served


class Always(BaseHTTPRequestHandler):
    """Answers everything alike, and keeps the credentials and bodies that it is sent."""

    seen: list[str | None] = []  # noqa: RUF012 -- emptied for each server
    bodies: list[bytes] = []  # noqa: RUF012 -- as above

    def do_POST(self) -> None:
        """Answer that there is data."""
        self.seen.append(self.headers["x-api-key"])
        body = self.rfile.read(int(self.headers["content-length"]))
        self.bodies.append(body)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"data":{"__typename":"Query"}}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def always() -> Iterator[str]:
    Always.seen.clear()
    Always.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Always) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/graphql"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """Give a served gateway, and a file with a key for it."""
    folder = tmp_path_factory.mktemp("conformance")
    (folder / "key").write_text(asyncio.run(make_home(folder / "home")) + "\n")
    with served(folder / "home", folder / "log") as running:
        yield running, folder / "key"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(root, ["conformance", *arguments], input=text)


def test_the_gateway_answers_as_appsync_does(gateway: tuple[Served, Path]) -> None:
    """Status 0, a line a fact, and the counts; nothing of the key is printed."""
    running, key = gateway
    url = f"{running.url}/graphql"

    done = run(url, "--api-key-file", str(key), "--only", "answers", "--only", "scalars")

    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].split() == ["FACT", "EXPECTED", "VERDICT", "GOT"]
    (empty,) = (line for line in lines if line.startswith("answers/empty_body"))
    assert "  ok  " in empty
    assert "400 MalformedHttpRequestException: Request body" in empty
    assert f"{url}: {len(load_facts(['answers', 'scalars']))} facts: " in done.output
    assert "no argument of the schema takes one" in done.output
    assert key.read_text().strip() not in done.output


def test_servers_are_shown_side_by_side(gateway: tuple[Served, Path]) -> None:
    """Two servers have a verdict each in a fact's line; status 1, because one deviates."""
    running, key = gateway
    with always() as other:
        done = run(
            f"{running.url}/graphql", other, "--api-key-file", str(key), "--only", "answers/no_json"
        )

    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[:2] == [f"1: {running.url}/graphql", f"2: {other}"]
    assert lines[3].split()[:2] == ["answers/no_json", "W"]
    assert lines[3].split().count("ok") == lines[3].split().count("differs") == 1
    assert "status: expected 400, got 200" in done.output


def test_verdicts_as_json() -> None:
    """Every verdict is a row that says the fact, its source, what came and why it differs."""
    with always() as url:
        done = run(url, "--api-key-file", "-", "--only", "answers/no_", "--json", text="key-1\n")

    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    found = {row["fact"]: row for row in rows}
    assert found["answers/no_json"] == {
        "server": url,
        "fact": "answers/no_json",
        "says": "The body meow is refused.",
        "confidence": "W",
        "source": found["answers/no_json"]["source"],
        "verdict": "differs",
        "expected": "400 MalformedHttpRequestException: Unable to parse GraphQL quer…",
        "got": "200 data",
        "why": found["answers/no_json"]["why"],
    }
    assert found["answers/no_schema"]["verdict"] == "not asked"
    assert Always.seen
    assert set(Always.seen) == {"key-1"}


def test_a_credential_on_the_command_line_is_taken_and_told_of() -> None:
    """It works, and standard error says who else can read it, without repeating it."""
    with always() as url:
        done = run(url, "--api-key", "key-2", "--only", "answers/post", "--query", "{ a }")

    assert done.exit_code == 0, done.output
    assert "others on this machine can see --api-key" in done.stderr
    assert "key-2" not in done.output
    assert set(Always.seen) == {"key-2"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://a/graphql"], "give --api-key-file or --token-file"),
        (["ftp://a/graphql", "--token", "t"], "no http or https address"),
        (["http://[::1/graphql", "--token", "t"], "no http or https address"),
        (["http://a/graphql", "--token", "t\u00e9"], "one line of ASCII"),
        (["http://u:p@a/graphql", "--token", "t"], "has a password in it"),
        (["http://a/", "http://b/", "--token", "t", "--realtime", "ws://c"], "one URL"),
        (["http://a/", "--token", "t", "--only", "nothing"], "no fact's name begins with nothing"),
        (["http://a/", "--token", "t", "--token-file", "-"], "exclude each other"),
        (["http://a/", "--token-file", "-"], "its first line is empty"),
        (["http://a/", "--token", "t", "--query", "@nowhere.graphql"], "cannot be read"),
        (["http://a/", "--token", "t", "--seconds", "0"], "0"),
        ([], "Missing argument"),
    ],
)
def test_misuse_is_told_before_anything_is_asked(arguments: list[str], message: str) -> None:
    """Status 2, and what to give instead."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_nobody_at_the_address_is_a_failure() -> None:
    """Status 1, and the address."""
    done = run("http://127.0.0.1:1/graphql", "--token", "t")
    assert done.exit_code == 1
    assert "nothing answers at http://127.0.0.1:1/graphql" in done.stderr


def test_a_document_can_lie_in_a_file(tmp_path: Path) -> None:
    """`@FILE` is read, and its text is what is asked."""
    (tmp_path / "query.graphql").write_text("{ fromFile }")
    with always() as url:
        given = f"@{tmp_path / 'query.graphql'}"
        done = run(url, "--api-key-file", "-", "--query", given, "--only", "answers/post", text="k")
    assert done.exit_code == 0, done.output
    assert json.loads(Always.bodies[-1]) == {"query": "{ fromFile }"}
