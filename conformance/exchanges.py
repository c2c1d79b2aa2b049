"""Asks for facts over HTTP: single exchanges, and the values of scalars."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from conformance.facts import Answer, Fact, Request
from conformance.matching import ABSENT, NOTHING, differences, is_pattern, shown
from conformance.schemas import INTROSPECTION, Put, Schema, literal, read_schema
from conformance.servers import NotAsked, Server
from conformance.verdicts import Seen


async def exchange(fact: Fact, server: Server, client: httpx.AsyncClient) -> Seen:
    """Send a fact's request, and compare its answer; raises NotAsked."""
    assert fact.request is not None
    assert fact.answer is not None
    expected = fact.answer
    try:
        response = await _send(fact.request, server, client)
    except httpx.HTTPError as error:
        lost = f"no answer ({type(error).__name__})"
        return Seen(expected=_told_pattern(expected), got=lost, differences=[lost])
    body = body_of(response)
    return Seen(
        expected=_told_pattern(expected),
        got=_told(response.status_code, body),
        differences=list(_compared(expected, response, body)),
    )


async def scalar_values(
    fact: Fact, server: Server, schema: Schema | None, client: httpx.AsyncClient
) -> Seen:
    """Have a server judge each value of a scalar as a literal; raises NotAsked."""
    assert fact.scalar is not None
    if schema is None:
        raise NotAsked("the schema cannot be introspected")
    document = schema.taking(fact.scalar)
    if document is None:
        raise NotAsked("no argument of the schema takes one")
    amiss = [v for v in fact.accepted if not await _reads(v, document, server, client)]
    passed = [v for v in fact.refused if await _reads(v, document, server, client)]
    accepted, refused = len(fact.accepted), len(fact.refused)
    return Seen(
        expected=f"reads {accepted}, refuses {refused}",
        got=f"reads {accepted - len(amiss)}, refuses {refused - len(passed)}",
        differences=[
            *(f"{shown(value)} is refused" for value in amiss),
            *(f"{shown(value)} is read" for value in passed),
        ],
    )


async def introspected(server: Server, client: httpx.AsyncClient) -> Schema | None:
    """Return the server's schema, None where it does not tell it.

    Raises httpx.HTTPError where nothing answers.
    """
    request = Request(members={"query": INTROSPECTION})
    body = body_of(await _send(request, server, client))
    try:
        return read_schema(body["data"])
    except (KeyError, TypeError):
        return None


async def run(server: Server, document: str, client: httpx.AsyncClient) -> None:
    """Run an operation, whatever comes of it."""
    with suppress(httpx.HTTPError):
        await _send(Request(members={"query": document}), server, client)


def _filled(value: Any, server: Server) -> Any:
    """Return JSON with each `$name` in it replaced by the server's document; raises NotAsked."""
    if isinstance(value, str) and value.startswith("$"):
        return server.origin if value == "$origin" else server.document(value[1:])
    if isinstance(value, Mapping):
        return {name: _filled(inner, server) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, server) for inner in value]
    return value


def body_of(response: httpx.Response) -> Any:
    """Return an answer's JSON, or its text where it is none."""
    try:
        return response.json()
    except ValueError:  # covers what is not UTF-8
        return response.text


async def _send(request: Request, server: Server, client: httpx.AsyncClient) -> httpx.Response:
    headers = server.credential(request.credential) | _filled(request.headers, server)
    members = _filled(request.members, server)
    url = server.url
    if request.beside is not None:
        scheme, host, _, _, _ = urlsplit(url)
        url = urlunsplit((scheme, host, request.beside, "", ""))
    if request.method == "OPTIONS":
        return await client.options(url, headers=headers)
    if request.method == "GET":
        params = {
            name: member if isinstance(member, str) else json.dumps(member)
            for name, member in (members or {}).items()
        }
        return await client.get(url, params=params, headers=headers)
    content = json.dumps(members) if request.body is None else request.body
    if request.body_bytes is not None:
        content = request.body_bytes * " "
    headers = {"Content-Type": "application/json", "Accept": "*/*"} | headers
    return await client.post(url, content=content, headers=headers)


async def _reads(value: object, document: Put, server: Server, client: httpx.AsyncClient) -> bool:
    """Say whether a value is read; where nothing answers, it is not."""
    try:
        text = document(literal(value))
        answer = body_of(await _send(Request(members={"query": text}), server, client))
    except httpx.HTTPError:
        return False
    return isinstance(answer, dict) and "data" in answer and not answer.get("errors")


def _compared(expected: Answer, response: httpx.Response, body: Any) -> Sequence[str]:
    statuses = expected.status if isinstance(expected.status, list) else [expected.status]
    found = []
    if response.status_code not in statuses:
        found.append(f"status: expected {_statuses(expected)}, got {response.status_code}")
    for name, pattern in expected.headers.items():
        found += differences(pattern, response.headers.get(name, ABSENT), name)
    if expected.body is not msgspec.UNSET:
        found += differences(expected.body, body)
    return found


def _told_pattern(expected: Answer) -> str:
    body = {} if expected.body is msgspec.UNSET else expected.body
    return " ".join(part for part in (_told(_statuses(expected), body), *expected.headers) if part)


def _statuses(expected: Answer) -> str:
    given = expected.status if isinstance(expected.status, list) else [expected.status]
    return " or ".join(str(status) for status in given)


def _told(status: int | str, body: Any) -> str:
    """Return an answer in a few words: status, and its first error or that there is data."""
    return f"{status} {told_body(body)}".rstrip()


def told_body(body: Any) -> str:
    """Return a body, or a pattern of one, in a few words."""
    if not isinstance(body, dict):
        return "no JSON object" if body else ""
    errors = body.get("errors")
    if errors and errors != NOTHING:
        first = errors[0] if isinstance(errors, list) else errors
        given = first if isinstance(first, dict) else {}
        words = [str(given[name]) for name in ("errorType", "message") if given.get(name)]
        return shown(": ".join(word for word in words if not is_pattern(word)) or "errors")
    return "data" if body.get("data") is not None else ""
