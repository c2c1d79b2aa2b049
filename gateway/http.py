"""Reads a GraphQL request off HTTP: method, media types, body and query string, all bounded.

Whatever is not a GraphQL request is refused here, before anybody asked who sent it.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from domain.errors import MalformedRequest
from gateway.config import Limits
from gateway.errors import Refused, malformed
from gateway.headers import HeaderFields, HeaderLines
from gateway.limits import json_depth_exceeds, json_list_exceeds
from gateway.negotiation import is_json_in_utf8

IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
OPERATION_NAME_CHARACTERS_MAX = 256
ALLOWED = "GET, POST, OPTIONS"
DOCUMENT_ID_CHARACTERS_MAX = 256
MEMBERS = ("query", "documentId", "operationName", "variables", "extensions")

UNPARSABLE = "Unable to parse GraphQL query."
EMPTY = "Request body is empty."

_DECODER = msgspec.json.Decoder()
_MEMBER = re.compile(rb'"(?:query|documentId|operationName|variables|extensions)"|\\u00')


class ClientLeft(Exception):
    """The client went away before it could be answered."""


class Request(Protocol):
    """A request as it came, by whatever it came.

    address_bytes: how long path and query string are. client: the address that it came from, as far
    as trusted proxies tell it. is_whole: the body has been read. answer_headers: that whatever is
    answered is sent with, whoever made the answer.
    """

    answer_headers: HeaderLines

    @property
    def method(self) -> str: ...  # noqa: D102 -- the class tells

    @property
    def query_string(self) -> bytes: ...  # noqa: D102

    @property
    def address_bytes(self) -> int: ...  # noqa: D102

    @property
    def headers(self) -> HeaderFields: ...  # noqa: D102

    @property
    def client(self) -> str | None: ...  # noqa: D102

    @property
    def is_whole(self) -> bool: ...  # noqa: D102

    async def body(self, bytes_max: int) -> bytes:
        """Return the body. Raises Refused as soon as it is known to be larger, and ClientLeft."""
        ...

    async def gone(self) -> None:
        """Wait until the client has gone; what it still sends before is thrown away."""
        ...


class AsgiRequest:
    """A request that an ASGI server brings."""

    __slots__ = ("_receive", "_scope", "_whole", "answer_headers", "headers", "is_whole")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Take what the server calls an application with."""
        self._scope = scope
        self._receive = receive
        self._whole: asyncio.Event | None = None
        self.answer_headers: HeaderLines = ()
        self.headers = HeaderFields(scope["headers"])
        self.is_whole = scope["method"] != "POST"

    @property
    def method(self) -> str:
        """Return the method."""
        method: str = self._scope["method"]
        return method

    @property
    def query_string(self) -> bytes:
        """Return what comes after the path."""
        query: bytes = self._scope["query_string"]
        return query

    @property
    def address_bytes(self) -> int:
        """Return how long path and query string are."""
        scope = self._scope
        return len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])

    @property
    def client(self) -> str | None:
        """Return the client's address."""
        client = self._scope.get("client")
        return str(client[0]) if client else None

    async def body(self, bytes_max: int) -> bytes:
        """Return the body, see Request.

        Content-Length is believed only where it admits to too much.
        """
        announced = self.headers.get(b"content-length") or ""
        if announced.isdecimal() and int(announced[:20]) > bytes_max:
            raise too_large(bytes_max)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > bytes_max:
                raise too_large(bytes_max)
            chunks.append(chunk)
            if not message.get("more_body", False):
                self._read()
                return b"".join(chunks)

    async def gone(self) -> None:
        """Wait until the client has gone; until the body is read, nothing is taken from it."""
        if not self.is_whole:
            self._whole = asyncio.Event()
            await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _read(self) -> None:
        self.is_whole = True
        if self._whole is not None:
            self._whole.set()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the client asks, as it came: a document and what goes with it.

    document: its text, or None where document_id names it.
    """

    document: str | None
    document_id: str | None = None
    operation_name: str | None = None
    variables: Mapping[str, object] = {}


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """The members of a request that brings a document; what msgspec skips it does not look at."""

    query: str
    operationName: str | None = None  # noqa: N815 -- JSON's name
    variables: dict[str, object] | None = None
    extensions: dict[str, object] | None = None
    documentId: str | None = None  # noqa: N815


async def read_request(request: Request, limits: Limits) -> Asked:
    """Return what is asked. Raises Refused, and ClientLeft where the body never ends."""
    if request.method == "POST":
        check_body_headers(request.headers)
        body = await request.body(limits.body_bytes)
        return _read_plain(body, limits) or asked_of(decode_object(body, limits))
    if request.method == "GET":
        return asked_of(decode_query(request.query_string, limits))
    raise Refused(
        MalformedRequest("Ask by POST, or by GET for queries."),
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        headers={"allow": ALLOWED},
    )


def idempotency_key(headers: HeaderFields) -> str | None:
    """Return the Idempotency-Key header; raises Refused for one that cannot be a key."""
    given = headers.every(b"idempotency-key")
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not key or not key.isascii() or not key.isprintable():
        raise malformed("Idempotency-Key is one printable ASCII text.")
    if len(key) > IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise malformed(f"Idempotency-Key has at most {IDEMPOTENCY_KEY_CHARACTERS_MAX} characters.")
    return key


def check_body_headers(headers: HeaderFields) -> None:
    """Raise Refused for a body that is not plain JSON in UTF-8."""
    content_types = headers.every(b"content-type")
    if len(content_types) != 1 or not is_json_in_utf8(content_types[0]):
        raise malformed(
            "Send application/json in UTF-8, and say so by Content-Type.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    if (headers.get(b"content-encoding") or "identity").strip().lower() != "identity":
        raise malformed(
            "Send the body uncompressed: Content-Encoding is not supported.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )


def too_large(bytes_max: int) -> Refused:
    """Return the refusal of a body that is larger than `bytes_max`."""
    return Refused(
        MalformedRequest(f"The request body is larger than {bytes_max} bytes."),
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        headers={"connection": "close"},
        unread=True,
    )


def too_late() -> Refused:
    """Return the refusal of a request whose body did not come in time."""
    late = malformed("The request took too long to arrive.", HTTPStatus.REQUEST_TIMEOUT)
    late.headers["connection"] = "close"
    return late


def _read_plain(body: bytes, limits: Limits) -> Asked | None:
    """Return what nearly every body asks; None where it has to be read with more care.

    That is wherever a limit could be reached, a member may be named twice, or is not as it should.
    """
    if (
        body.count(b"{") + body.count(b"[") > min(limits.json_depth, limits.json_members)
        or body.count(b",") >= min(limits.list_items, limits.json_members - limits.json_depth)
        or body.count(b'"query"') > 1
        or body.count(b'"variables"') > 1
        or body.count(b'"operationName"') > 1
        or body.count(b'"extensions"') > 1
        or body.count(b'"documentId"') > 1
        or b"\\u00" in body
    ):
        return None
    try:
        plain = _PLAIN_DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    name = plain.operationName or None
    if name is not None and len(name) > OPERATION_NAME_CHARACTERS_MAX:
        return None
    if not plain.query or plain.query.isspace():
        return None
    return Asked(
        document=plain.query, operation_name=name, variables=plain.variables or _NO_VARIABLES
    )


_PLAIN_DECODER = msgspec.json.Decoder(_Plain)
_NO_VARIABLES: Mapping[str, object] = {}


def decode_object(body: bytes, limits: Limits) -> Mapping[str, object]:
    """Return the members of a JSON object; strict, so that no other reader sees another text.

    Raises Refused.
    """
    if not body.strip():
        raise malformed(EMPTY)
    # Counted in the bytes, before anything is made of them: a megabyte of brackets is half a
    # million objects, and nobody has been asked yet who sent them.
    containers, commas = body.count(b"{") + body.count(b"["), body.count(b",")
    if containers + commas > limits.json_members:
        raise malformed(f"The JSON has more than {limits.json_members} values.")
    try:
        value = _DECODER.decode(body)
        named = _MEMBER.findall(body)
        if len(set(named)) != len(named) or b"\\u00" in named:
            _refuse_repeated(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise malformed(UNPARSABLE) from None
    if isinstance(value, list) and value:
        raise malformed("Send one operation: lists of operations are not supported.")
    if not isinstance(value, dict):
        raise malformed(UNPARSABLE)
    depth_max = limits.json_depth
    if containers > depth_max and json_depth_exceeds(value, depth_max):
        raise malformed(f"The JSON is nested deeper than {depth_max} levels.")
    if commas >= limits.list_items and json_list_exceeds(value, limits.list_items):
        raise malformed(f"A list in the JSON has more than {limits.list_items} items.")
    return value


def _refuse_repeated(body: bytes) -> None:
    """Raise Refused where a member is named twice: readers differ in which one they take."""
    objects: list[Sequence[tuple[str, object]]] = []
    json.loads(body, object_pairs_hook=objects.append)
    outermost = [name for name, _ in objects[-1]] if objects else []
    if len(set(outermost)) != len(outermost):
        raise malformed("A member of the request is named twice.")


def decode_query(query_string: bytes, limits: Limits) -> Mapping[str, object]:
    """Return the members of a request that lie in its address; raises Refused."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query_string),
            errors="strict",
            max_num_fields=20,
        )
    except ValueError:  # covers what is not UTF-8
        raise malformed(UNPARSABLE) from None
    members: dict[str, object] = {}
    for name, text in pairs:
        if name in members:
            raise malformed("A member of the request is named twice.")
        if name in ("variables", "extensions"):
            members[name] = _decode_parameter(text, limits.json_depth)
        elif name in MEMBERS:
            members[name] = text or None
    return members


def _decode_parameter(text: str, depth_max: int) -> object:
    if not text:
        return None
    try:
        value = _DECODER.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise malformed(UNPARSABLE) from None
    if json_depth_exceeds(value, depth_max):
        raise malformed(f"The JSON is nested deeper than {depth_max} levels.")
    return value


def asked_of(members: Mapping[str, object]) -> Asked:
    """Return what the members of a request ask; raises Refused."""
    name = members.get("operationName")
    if name is not None and not (
        isinstance(name, str) and len(name) <= OPERATION_NAME_CHARACTERS_MAX
    ):
        raise malformed("operationName is a text or null.")
    for member in ("variables", "extensions"):
        if not isinstance(members.get(member), dict | None):
            raise malformed(f"{member} is an object or null.")
    document = members.get("query")
    document_id = None
    if document is None or document == "":
        document = None
        document_id = _document_id(members)
    elif not isinstance(document, str) or not document.strip():
        raise malformed(UNPARSABLE)
    variables = members.get("variables") or {}
    assert isinstance(variables, dict)
    return Asked(
        document=document,
        document_id=document_id,
        operation_name=name or None,
        variables=variables,
    )


def _document_id(members: Mapping[str, object]) -> str:
    """Return the hash that stands for a document; raises Refused where there is none either."""
    given = members.get("documentId")
    extensions = members.get("extensions")
    if given is None and isinstance(extensions, dict):
        persisted = extensions.get("persistedQuery")
        given = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(given, str) or not given.strip():
        raise malformed(UNPARSABLE)
    if len(given) > DOCUMENT_ID_CHARACTERS_MAX:
        raise malformed(f"documentId has at most {DOCUMENT_ID_CHARACTERS_MAX} characters.")
    return given
