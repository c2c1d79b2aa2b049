"""Holds what goes to the simulator, and what it answers, against Plaid's own document."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent
_URI = "urn:plaid"
_JUDGED_OF_A_LIST = 3


@cache
def document() -> dict[str, Any]:
    """Return the extract of Plaid's OpenAPI document."""
    found: dict[str, Any] = json.loads((HERE / "plaid_openapi.json").read_text("utf-8"))
    return found


def examples() -> list[tuple[str, Any]]:
    """Return Plaid's documented answers by endpoint."""
    return [
        (path, example)
        for path, endpoint in document()["endpoints"].items()
        for example in endpoint["examples"]
    ]


def faults_of(path: str, part: str, body: bytes) -> list[str]:
    """Return what of a `request` or an `answer` is not as Plaid's document has it."""
    return _faults(document()["endpoints"][path][part], json.loads(body))


def faults_of_refusal(body: bytes) -> list[str]:
    """Return what of an error is not as Plaid's document has it."""
    return _faults({"$ref": "#/components/schemas/PlaidError"}, json.loads(body))


def unknown_fields(path: str, body: bytes) -> set[str]:
    """Return fields of a request that Plaid's document does not know."""
    schema = document()["endpoints"][path]["request"]
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(json.loads(body)) - set(schema["properties"])


def _faults(schema: Any, value: Any) -> list[str]:
    reference = schema if "$ref" not in schema else {"$ref": _URI + schema["$ref"]}
    validator = Draft202012Validator(
        reference, registry=_registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(
        {"components": document()["components"]}, default_specification=DRAFT202012
    )
    registry: Registry[Any] = Registry()
    found: Registry[Any] = registry.with_resource(_URI, resource)
    return found


def _shortened(body: bytes) -> bytes:
    """Return an answer with the ends of its long lists alone: one page has 500 transactions."""
    answer = json.loads(body)
    for name, value in answer.items():
        if isinstance(value, list) and len(value) > 2 * _JUDGED_OF_A_LIST:
            answer[name] = value[:_JUDGED_OF_A_LIST] + value[-_JUDGED_OF_A_LIST:]
    return json.dumps(answer).encode()


class Judged:
    """An ASGI app around the simulator that keeps what is wrong with requests and answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.faults: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and look at it."""
        path = scope.get("path", "")
        if path not in document()["endpoints"]:
            await self._app(scope, receive, send)
            return
        asked, told = bytearray(), bytearray()
        status = 0

        async def listening() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def telling(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            told.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, listening, telling)
        if status == 200:
            found = faults_of(path, "answer", _shortened(bytes(told)))
            found += faults_of(path, "request", bytes(asked))
            found += sorted(unknown_fields(path, bytes(asked)))
        else:
            found = faults_of_refusal(bytes(told))
        self.faults += [f"{path} {status}: {fault}" for fault in found]
