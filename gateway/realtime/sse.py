"""Subscriptions as an event stream over HTTP: graphql-sse's distinct connections mode.

https://github.com/enisdenko/graphql-sse/blob/master/PROTOCOL.md. A request that accepts nothing but
`text/event-stream` is answered by a stream of `next`, each with the cursor as its id, until
`complete`; who comes back with `Last-Event-ID` is told first what was missed.
"""

import asyncio
from collections import deque
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from domain.errors import GatewayError
from gateway.engine.encoding import encode
from gateway.errors import DocumentRefused, Refused, kind_of, malformed
from gateway.events.port import Cursor
from gateway.http import (
    AsgiRequest,
    ClientLeft,
    check_body_headers,
    decode_object,
    decode_query,
    too_late,
)
from gateway.identity.credentials import read_credential
from gateway.negotiation import MediaType
from gateway.realtime.frames import errors_of
from gateway.realtime.hub import Hub
from gateway.realtime.live import Subscription
from gateway.realtime.measuring import Wire
from gateway.realtime.wanted import Refusal, Wanted, wanted_of
from gateway.replies import Reply, document_refusal, error_refusal, refusal, send_reply

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # proxies that gather would keep events back
)
_COMPLETE = b"event: complete\ndata: \n\n"
_KEEP_ALIVE = b":\n\n"


async def stream(hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for an event stream, until its client leaves or the subscription ends."""
    request = AsgiRequest(scope, receive)
    try:
        wanted = await _wanted(hub, request)
        async with hub.connection(Wire.SSE, wanted.credential, wanted.source_ip):
            with hub.streaming(EventStream(hub)) as events:
                subscription = await hub.begin(wanted, events)
                await events.run(subscription, request, send)
    except ClientLeft:
        return
    except (GatewayError, Refused, DocumentRefused) as why:
        hub.note_end(why)
        await send_reply(_reply(why), receive, send)


class EventStream:
    """One client's stream: the connection of its only subscription, and that one's outlet."""

    def __init__(self, hub: Hub) -> None:
        """Take what bounds it."""
        limits = hub.served.config.realtime
        self.waiting_bytes = 0
        self.connection = self
        self._bytes_max = limits.waiting_bytes
        self._keep_alive_seconds = limits.keep_alive_seconds
        self._seconds_max = limits.connection_seconds
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._news = asyncio.Event()
        self._sent = asyncio.Event()
        self._over = False
        self._is_complete = False
        self._hub = hub
        self._sending: asyncio.Task[None] | None = None

    def tell(self, payload: bytes, cursor: Cursor | None) -> None:
        """Send an event."""
        place = b"" if cursor is None else b"id: %b\n" % cursor.encode()
        self._put(b"%bevent: next\ndata: %b\n\n" % (place, payload))

    def end(self, error: GatewayError) -> None:
        """Send why it has ended."""
        payload = encode({"data": None, "errors": errors_of(error)})
        self._put(b"event: next\ndata: %b\n\n" % payload)
        self.complete()

    def complete(self) -> None:
        """Send that it has ended."""
        self._is_complete = True
        self.finish()

    def is_behind(self) -> bool:
        """Say whether more waits than may."""
        return self.waiting_bytes + self._unsent_bytes > self._bytes_max

    async def room(self) -> None:
        """Wait until all was sent, or the client has gone."""
        while self._unsent and not self._over:
            self._sent.clear()
            await self._sent.wait()

    def drop(self, error: GatewayError) -> None:
        """Have done with a client that does not read."""
        self._hub.note_end(error)
        if self._sending is not None:
            self._sending.cancel()

    def finish(self) -> None:
        """Send what there still is, and nothing more."""
        self._over = True
        self._news.set()
        self._sent.set()

    async def run(self, subscription: Subscription, request: AsgiRequest, send: Send) -> None:
        """Send what comes until the client leaves or the subscription ends."""
        self._put(_KEEP_ALIVE)  # so that proxies and clients see at once that it has begun
        sending = self._sending = asyncio.create_task(self._send_all(send))
        left = asyncio.create_task(request.gone())
        subscription.begin()
        try:
            await asyncio.wait(
                {sending, left}, timeout=self._seconds_max, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            subscription.stop()
            for task in (sending, left):
                task.cancel()
            await asyncio.gather(sending, left, return_exceptions=True)
            self._sent.set()
        if left.cancelled():
            # Without `complete` it has not ended for the client, which comes back.
            last = _COMPLETE if self._is_complete else b""
            await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
        while self._unsent or not self._over:
            if self._unsent:
                chunk = self._unsent.popleft()
                self._unsent_bytes -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                continue
            self._sent.set()
            self._news.clear()
            try:
                async with asyncio.timeout(self._keep_alive_seconds):
                    await self._news.wait()
            except TimeoutError:
                self._put(_KEEP_ALIVE)

    def _put(self, chunk: bytes) -> None:
        self._unsent.append(chunk)
        self._unsent_bytes += len(chunk)
        self._news.set()


async def _wanted(hub: Hub, request: AsgiRequest) -> Wanted:
    """Return what is asked for; raises Refused, InvalidInput and ClientLeft."""
    limits = hub.served.config.limits
    if request.method == "POST":
        check_body_headers(request.headers)
        try:
            async with asyncio.timeout(limits.deadline_seconds):
                body = await request.body(limits.body_bytes)
        except TimeoutError:
            raise too_late() from None
        members = decode_object(body, limits)
    elif request.method == "GET":
        members = decode_query(request.query_string, limits)
    else:
        raise malformed("Subscribe by POST, or by GET.", HTTPStatus.METHOD_NOT_ALLOWED)
    last = request.headers.get(b"last-event-id")
    return wanted_of(members, read_credential(request.headers), request.client, after=last)


def _reply(why: Refusal) -> Reply:
    match why:
        case DocumentRefused():
            return document_refusal(why, MediaType.GRAPHQL)
        case Refused():
            return refusal(why, MediaType.JSON)
        case _ if kind_of(why.code).status != HTTPStatus.OK:
            return error_refusal(why, MediaType.JSON)
    # Beneath a stream there is no 200 with errors: its client would take it for the stream.
    return refusal(Refused(why, status=HTTPStatus.BAD_REQUEST), MediaType.JSON)
