"""The simulator as an ASGI app: credentials, endpoints, faults by user, and the Link page."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from integrations.plaid.simulator import link
from integrations.plaid.simulator.account import SimulatorAccount
from integrations.plaid.simulator.accounts import Json
from integrations.plaid.simulator.answers import ANSWERS, Asked
from integrations.plaid.simulator.faults import (
    BY_USER,
    LOGIN_REQUIRED,
    OK,
    Refused,
    bad_field,
    refused,
)
from integrations.plaid.simulator.items import Item, LinkSession, Memory
from integrations.plaid.simulator.sandbox import Sandbox, custom_of
from integrations.plaid.simulator.webhooks import Webhooks

REQUEST_BYTES_MAX = 1_000_000
_SEE_OTHER = 303
_encoder = msgspec.json.Encoder(decimal_format="number")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Simulator:
    """An ASGI app; one object keeps one memory. calls: endpoints, in the order they were called."""

    def __init__(self, account: SimulatorAccount | None = None) -> None:
        self.account = account or SimulatorAccount()
        self.memory = Memory()
        self.webhooks = Webhooks(self.account)
        self.calls: list[str] = []
        self._sandbox = Sandbox(self.account, self.memory, self.webhooks)
        self._numbers = itertools.count(1)
        self._closing = asyncio.Event()
        # Of no item in particular, then of one.
        self._plain: Mapping[str, Callable[[Json], Json]] = {
            "/link/token/create": self._link_token,
            "/item/public_token/exchange": self._exchange,
            "/sandbox/public_token/create": self._sandbox.public_token,
            "/webhook_verification_key/get": self._key,
        }
        self._of_item: Mapping[str, Callable[[Item, Json], Json]] = {
            "/item/remove": self._remove,
            "/sandbox/item/fire_webhook": self._sandbox.fire_webhook,
            "/sandbox/item/reset_login": lambda item, _: self._sandbox.reset_login(item),
            "/sandbox/transactions/create": self._sandbox.create_transactions,
        }
        endpoints = [*self._plain, *self._of_item, *ANSWERS]
        routes = [Route(path, self._endpoint, methods=["POST"]) for path in endpoints]
        routes.append(Route("/link", self._link_page, methods=["GET", "POST"]))
        self._app = Starlette(routes=routes)

    def close(self) -> None:
        """Let go of everybody who is kept waiting, and of webhooks under way."""
        self._closing.set()
        self.webhooks.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] == "http":
            await self._app(scope, receive, send)

    async def _endpoint(self, request: Request) -> Response:
        request_id = f"simulated{next(self._numbers):06d}"
        path = request.url.path
        self.calls.append(path)
        try:
            body = await _body(request)
            self._authenticate(request, body)
            status, answer, spoiled = OK, *await self._answer(path, body, request)
        except Refused as told:
            status, answer, spoiled = told.fault.status, told.fault.envelope(request_id), None
        content = _encoder.encode({**answer, "request_id": request_id})
        if spoiled is not None:
            content = spoiled(content)
        return Response(content, status_code=status, media_type="application/json")

    async def _answer(
        self, path: str, body: Json, request: Request
    ) -> tuple[Json, Callable[[bytes], bytes] | None]:
        """Return the answer, and what spoils its bytes for users who want that."""
        try:
            if path in self._plain:
                return self._plain[path](body), None
            item = self.memory.item(_text(body, "access_token"), self.account.now())
            if path in self._of_item:
                return self._of_item[path](item, body), None
            await self._meet_faults(item, path, request)
            answer = ANSWERS[path](Asked(item=item, body=body, at=self.account.now()))
        except KeyError as error:
            raise refused(
                "INVALID_REQUEST",
                "MISSING_FIELDS",
                f"the following required fields are missing: {error.args[0]}",
            ) from None
        return answer, _SPOILERS.get(item.user)

    async def _meet_faults(self, item: Item, path: str, request: Request) -> None:
        if item.user == "user_login_required" and not item.mutated:
            item.error, item.mutated = LOGIN_REQUIRED, True
        if path == "/item/get":
            return  # it tells of an item's error, and does not fail by it
        if item.error is not None:
            raise Refused(item.error)
        fault = BY_USER.get(item.user)
        if fault is not None:
            raise Refused(fault)
        waits = {"user_timeout": None, "user_slow": self.account.slow_seconds}
        if item.user in waits:
            await self._wait(waits[item.user], request)

    async def _wait(self, seconds: float | None, request: Request) -> None:
        """Wait, or say nothing until the client has left or the simulator closes."""
        waiting: set[asyncio.Future[object]] = {asyncio.ensure_future(self._closing.wait())}
        if seconds is None:
            waiting.add(asyncio.ensure_future(_disconnected(request)))
        _, left = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()

    def _authenticate(self, request: Request, body: Json) -> None:
        """Take credentials from the headers or from the body; raises Refused."""
        client_id = request.headers.get("PLAID-CLIENT-ID") or body.get("client_id")
        secret = request.headers.get("PLAID-SECRET") or body.get("secret")
        if (client_id, secret) != (self.account.client_id, self.account.secret):
            raise refused("INVALID_INPUT", "INVALID_API_KEYS", "invalid client_id or secret")

    def _link_token(self, body: Json) -> Json:
        for name in ("client_name", "language", "country_codes"):
            body[name]
        now = self.account.now()
        token = body.get("access_token")
        if isinstance(token, str):
            self.memory.item(token, now)
        elif not body.get("products"):
            raise bad_field("products must not be empty")
        webhook, redirect = body.get("webhook"), body.get("redirect_uri")
        session = self.memory.open_link(
            webhook=webhook if isinstance(webhook, str) else None,
            redirect_uri=redirect if isinstance(redirect, str) else None,
            access_token=token if isinstance(token, str) else None,
            at=now,
        )
        expiration = session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"link_token": session.token, "expiration": expiration}

    def _exchange(self, body: Json) -> Json:
        item = self.memory.exchange(_text(body, "public_token"), self.account.now())
        self._sandbox.tell_of_updates(item)
        return {"access_token": item.access_token, "item_id": item.item_id}

    def _remove(self, item: Item, _body: Json) -> Json:
        self.memory.remove(item)
        return {}

    def _key(self, body: Json) -> Json:
        return {"key": self.webhooks.key(_text(body, "key_id"))}

    async def _link_page(self, request: Request) -> Response:
        form: Mapping[str, list[str]] = {}
        if request.method == "POST":
            form = parse_qs((await _read(request)).decode("utf-8", "replace"))
            token = form.get("token", [""])[0]
        else:
            token = request.query_params.get("token", "")
        session = self.memory.links.get(token)
        if session is None or session.expires_at <= self.account.now():
            return HTMLResponse(link.gone_page(), status_code=404, headers=_HEADERS)
        if request.method == "GET":
            return HTMLResponse(link.form_page(session), headers=_HEADERS)
        try:
            public_token = self._linked(session, form)
        except Refused as told:
            page = link.form_page(session, fault=f"{told.fault.error_code}: {told.fault.message}")
            return HTMLResponse(page, status_code=400, headers=_HEADERS)
        del self.memory.links[token]
        back = link.back_to(session, public_token)
        if back is not None:
            return RedirectResponse(back, status_code=_SEE_OTHER, headers=_HEADERS)
        return HTMLResponse(link.done_page(public_token), headers=_HEADERS)

    def _linked(self, session: LinkSession, form: Mapping[str, list[str]]) -> str | None:
        """Return the public token of a sign-in; None where it mended a link that there was."""
        now = self.account.now()
        if session.access_token is not None:
            item = self.memory.item(session.access_token, now)
            item.error, item.mutated = None, True
            said = {"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED"}
            self.webhooks.fire(item.webhook, {**said, "item_id": item.item_id})
            return None
        user = form.get("user", [""])[0]
        return self.memory.sign_in(
            user=user,
            institution_id=form.get("institution", [""])[0],
            custom=custom_of(user, form.get("password", [""])[0]),
            webhook=session.webhook,
            at=now,
        )


async def _body(request: Request) -> Json:
    """Return the request's JSON object; raises Refused."""
    try:
        body: Json = msgspec.json.decode(await _read(request), type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise refused("INVALID_REQUEST", "INVALID_BODY", "body is not JSON") from None
    return body


async def _read(request: Request) -> bytes:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > REQUEST_BYTES_MAX:
                raise refused("INVALID_REQUEST", "INVALID_BODY", "body is too large")
    except ClientDisconnect:
        raise refused("INVALID_REQUEST", "INVALID_BODY", "body broke off") from None
    return bytes(content)


def _text(body: Json, name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise bad_field(f"{name} must be a string")
    return value


async def _disconnected(request: Request) -> None:
    receive: Callable[[], Awaitable[object]] = request.receive
    while True:
        message = await receive()
        if isinstance(message, dict) and message["type"] == "http.disconnect":
            return


_SPOILERS: Mapping[str, Callable[[bytes], bytes]] = {
    "user_garbage": lambda _: b"<html><body>We'll be back soon<br></body>",
    "user_truncated": lambda content: content[: len(content) // 2],
}
