"""The GraphQL endpoint as an ASGI application: one request in, one reply out, whatever happens.

The stages themselves are in gateway/app.py. Here are the things around them: the deadline, the
client that leaves, the mapping of errors to replies, and the one log line.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from opentelemetry.trace import Tracer
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from domain.access import Principal
from domain.errors import DeadlineExceeded, GatewayError
from gateway.config import Config
from gateway.deadlines import InFlight, Work, answer_within
from gateway.engine.documents import Operation
from gateway.errors import INTERNAL, KINDS, DocumentRefused, Refused, malformed, masked, stack_of
from gateway.http import ALLOWED, ClientLeft
from gateway.identity.refusals import reason_of
from gateway.logs import request_line
from gateway.metrics import Metrics
from gateway.negotiation import MediaType, choose
from gateway.replies import (
    Reply,
    document_refusal,
    error_refusal,
    refusal,
    send_reply,
)
from gateway.telemetry import StageClock, describe_span, request_span
from resolvers.context import RequestMeta

OPERATION_NAME_LOGGED_MAX = 64
CLIENT_LEFT = 499  # never sent: there is nobody to read it


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request on its way through the stages, with what was learned of it for the log.

    The resolvers never see it: what they get is the frozen RequestContext.
    """

    id: str
    scope: Scope
    receive: Receive
    headers: Headers
    clock: StageClock
    media_type: MediaType = MediaType.JSON
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    work: Work = field(default_factory=Work)
    meta: RequestMeta | None = None
    principal: Principal | None = None
    agency: str | None = None
    operation: Operation | None = None
    reason: str | None = None
    failures: tuple[BaseException, ...] = ()

    @property
    def source_ip(self) -> str | None:
        """Return the client's address, as far as the trusted proxies say it."""
        client = self.scope.get("client")
        return str(client[0]) if client else None


class GraphQLEndpoint:
    """Answers `/graphql` by running `answer` under the deadline."""

    def __init__(
        self,
        answer: Callable[[Exchange], Coroutine[Any, Any, Reply]],
        config: Config,
        metrics: Metrics,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._answer = answer
        self._config = config
        self._metrics = metrics
        self._tracer = tracer
        self.in_flight = InFlight()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(raw=scope["headers"])
        if scope["method"] == "OPTIONS":
            reply = Reply(status=HTTPStatus.NO_CONTENT, headers=((b"allow", ALLOWED.encode()),))
            await send_reply(reply, receive, send)
            return
        exchange = Exchange(
            id=scope["request_id"],
            scope=scope,
            receive=receive,
            headers=headers,
            clock=StageClock(self._metrics.stage_ended, self._tracer),
        )
        self._metrics.in_flight.inc()
        try:
            with request_span(self._tracer, headers) as trace_id:
                reply = await self._reply(exchange)
                self._observe(exchange, reply, trace_id)
        finally:
            self._metrics.in_flight.dec()
        if reply.status == CLIENT_LEFT:
            return
        await send_reply(self._timed(exchange, reply), receive, send)

    async def _reply(self, exchange: Exchange) -> Reply:
        """Return the answer, whatever came of the stages."""
        accepted = choose(", ".join(exchange.headers.getlist("accept")))
        if accepted is None:
            message = f"Accept names none of {', '.join(MediaType)}."
            return refusal(malformed(message, HTTPStatus.NOT_ACCEPTABLE), exchange.media_type)
        exchange.media_type = accepted
        try:
            return await answer_within(
                self._config.limits.deadline_seconds,
                self._answer(exchange),
                work=exchange.work,
                receive=exchange.receive,
                in_flight=self.in_flight,
                unheard=partial(_log_unheard, exchange),
            )
        except Exception as error:  # noqa: BLE001 - what is not known is masked, and logged
            return _reply_to_error(exchange, error)

    def _timed(self, exchange: Exchange, reply: Reply) -> Reply:
        if not self._config.server_timing:
            return reply
        timing = (b"server-timing", exchange.clock.server_timing().encode())
        return replace(reply, headers=(*reply.headers, timing))

    def _observe(self, exchange: Exchange, reply: Reply, trace_id: str | None) -> None:
        """Count the request; write its line if it was refused, failed or slow."""
        seconds = exchange.clock.elapsed()
        outcome = outcome_of(reply)
        self._metrics.request_ended(
            outcome=outcome, seconds=seconds, agency=exchange.agency, codes=reply.codes
        )
        slow = seconds * 1000 >= self._config.slow_request_ms
        if not (reply.codes or slow or self._tracer):
            return
        operation = exchange.operation
        name = operation.name if operation is not None else None
        facts: dict[str, object] = {
            "request_id": exchange.id,
            "trace_id": trace_id,
            "operation": name[:OPERATION_NAME_LOGGED_MAX] if name else None,
            "kind": operation.kind.value if operation is not None else None,
            "outcome": outcome,
            "status": int(reply.status),
            "codes": sorted(set(reply.codes)) or None,
            "reason": exchange.reason,
            "duration_ms": round(seconds * 1000, 1),
            "agency": exchange.agency,
            "stages_ms": {n: round(s * 1000, 2) for n, s in exchange.clock.seconds} or None,
        }
        describe_span({"almoner.outcome": outcome, "http.response.status_code": reply.status})
        if reply.codes or slow:
            failed = outcome == "failed"
            request_line("error" if failed else "warning" if slow else "info", facts)
        for failure in exchange.failures:
            structlog.get_logger("almoner").error(
                "internal error",
                request_id=exchange.id,
                trace_id=trace_id,
                raised=stack_of(failure),
            )


def outcome_of(reply: Reply) -> str:
    """Return how a request ended, in one word for counters."""
    if reply.status == CLIENT_LEFT:
        return "left"
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or INTERNAL in reply.codes:
        return "failed"
    if not reply.codes:
        return "ok"
    return "partial" if reply.executed else "refused"


def _reply_to_error(exchange: Exchange, error: Exception) -> Reply:
    """Return the reply where a stage gave an error instead of an answer."""
    match error:
        case ClientLeft():
            return Reply(status=CLIENT_LEFT, codes=("CLIENT_LEFT",))
        case Refused():
            return refusal(error, exchange.media_type)
        case DocumentRefused():
            return document_refusal(error, exchange.media_type)
        case DeadlineExceeded() if not exchange.work.listening.is_set():
            late = malformed("The request took too long to arrive.", HTTPStatus.REQUEST_TIMEOUT)
            late.headers["connection"] = "close"
            return refusal(late, exchange.media_type)
        case GatewayError() if error.code in KINDS:
            reason = reason_of(error)
            exchange.reason = None if reason is None else reason.value
            return error_refusal(error, exchange.media_type)
        case _:
            exchange.failures = (error,)
            return error_refusal(masked(exchange.id), exchange.media_type)


def _log_unheard(exchange: Exchange, task: asyncio.Task[Reply]) -> None:
    """Log how a change ended that nobody waited for any more."""
    if task.cancelled():
        return
    error = task.exception()
    failures = exchange.failures if error is None else (error,)
    codes = task.result().codes if error is None else (getattr(error, "code", INTERNAL),)
    log = structlog.get_logger("almoner").bind(request_id=exchange.id, agency=exchange.agency)
    log.warning("ended after its answer", codes=sorted(set(codes)))
    for failure in failures:
        if not isinstance(failure, GatewayError):
            log.error("internal error", raised=stack_of(failure))
