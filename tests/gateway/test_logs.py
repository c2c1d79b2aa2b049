"""One line for each refused, failed or slow request, and nothing personal in any line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog

from gateway.logs import configure_logs
from tests.gateway.small_gateway import (
    COUNSELOR,
    SECRET_VALUE,
    World,
    client_of,
    small_app,
    small_config,
)

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logs("info", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers, root.level = before


async def ask(client: httpx.AsyncClient, query: str, **variables: object) -> httpx.Response:
    return await client.post("/graphql?x=secret-in-address", json={"query": query} | variables)


async def test_ordinary_requests_leave_no_line(lines: Lines, client: httpx.AsyncClient) -> None:
    """What went well is counted, not logged; health checks neither."""
    await ask(client, "{ hello }")
    await client.get("/health/ready")

    assert lines() == []


async def test_a_refused_request_leaves_one_line(lines: Lines, client: httpx.AsyncClient) -> None:
    """The line says which request, what, how long and for which agency."""
    response = await ask(client, "query Naming { node { forbidden } }")

    (line,) = lines()
    assert line["event"] == "request"
    assert line["request_id"] == response.headers["x-amzn-requestid"]
    assert (line["operation"], line["kind"], line["agency"]) == ("Naming", "query", "harbor")
    assert (line["outcome"], line["status"], line["codes"]) == ("partial", 200, ["FORBIDDEN"])
    assert line["level"] == "info"
    assert line["duration_ms"] >= 0
    assert set(line["stages_ms"]) > {"limits", "identity", "execute"}


async def test_a_failed_request_is_an_error_with_its_place(
    lines: Lines, client: httpx.AsyncClient
) -> None:
    """What nobody raised on purpose is logged by type, file and line, without its message."""
    response = await ask(client, "{ boom }")

    request, internal = lines()
    assert (request["level"], request["outcome"]) == ("error", "failed")
    assert internal["request_id"] == response.headers["x-amzn-requestid"]
    assert internal["raised"][0] == "ValueError"
    assert any(place.endswith(" boom") for place in internal["raised"])


async def test_a_slow_request_is_a_warning(lines: Lines, world: World) -> None:
    """From the configured duration on, a request is logged although it went well."""
    async with client_of(small_app(world, small_config(slow_request_ms=20))) as client:
        await ask(client, "{ wait(seconds: 0.05) }")

    (line,) = lines()
    assert (line["level"], line["outcome"], line.get("codes")) == ("warning", "ok", None)


async def test_nothing_personal_is_logged(lines: Lines, client: httpx.AsyncClient) -> None:
    """Documents, variables, tokens, addresses and query strings appear in no line."""
    name = {"variables": {"n": SECRET_VALUE}}
    await ask(client, "query ($n: String!) { boom hello(name: $n) }", **name)
    await ask(client, "query ($n: Int!) { hello }", **name)
    await ask(client, f'{{ nothing(name: "{SECRET_VALUE}") }}')
    await ask(client, f'query {{ hello(name: "{SECRET_VALUE}" }}')
    client.headers["Authorization"] = COUNSELOR + "x"
    await ask(client, "{ hello }")
    await client.get("/graphql", params={"query": SECRET_VALUE})

    text = json.dumps(lines())
    assert len(lines()) == 7
    assert "48-4418" not in text
    assert "secret" not in text
    assert "counselor." not in text


async def test_names_of_operations_are_bounded(lines: Lines, client: httpx.AsyncClient) -> None:
    """A client cannot write a page into the log by naming an operation."""
    await ask(client, "query " + "N" * 5000 + " { node { forbidden } }")

    (line,) = lines()
    assert line["operation"] == "N" * 64


def test_lines_of_libraries_take_the_same_form(lines: Lines) -> None:
    """A warning of a library is JSON like ours, and its exception is told without its message."""
    try:
        int("Robert Uphold")
    except ValueError:
        logging.getLogger("some.library").exception("went wrong")
    logging.getLogger("httpx").warning("GET https://host/?token=secret")
    logging.getLogger("some.library").info("chatter")

    (line,) = lines()
    assert (line["event"], line["logger"], line["level"]) == ("went wrong", "some.library", "error")
    assert line["raised"][0] == "ValueError"
    assert "Uphold" not in json.dumps(line)


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Under `dev` lines are readable text."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logs("warning", "text", stream)
    structlog.get_logger("almoner").info("left out")
    structlog.get_logger("almoner").warning("kept", request_id="r-1")
    structlog.reset_defaults()
    root.handlers, root.level = before

    assert "kept" in stream.getvalue()
    assert "request_id=r-1" in stream.getvalue()
    assert "left out" not in stream.getvalue()
