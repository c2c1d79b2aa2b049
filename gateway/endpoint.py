"""The GraphQL endpoint: one request in, one reply out, whatever happens.

The stages themselves are in gateway/app.py. Here are the things around them: the deadline, the
client that leaves, the mapping of errors to replies, and the one log line.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from opentelemetry.trace import Tracer

from domain.access import Principal
from domain.errors import DeadlineExceeded, GatewayError
from gateway.config import Config
from gateway.deadlines import Attempt, InFlight
from gateway.engine.documents import Operation
from gateway.errors import INTERNAL, KINDS, DocumentRefused, Refused, malformed, masked, stack_of
from gateway.headers import HeaderFields
from gateway.http import ClientLeft, Request, too_late
from gateway.identity.refusals import reason_of
from gateway.logs import request_line
from gateway.metrics import Metrics
from gateway.negotiation import MediaType, choose
from gateway.replies import (
    CLIENT_LEFT,
    Reply,
    document_refusal,
    error_refusal,
    refusal,
    with_headers,
)
from gateway.telemetry import StageClock, describe_span, request_span, stage_clock, trace_id_of
from resolvers.context import RequestMeta

OPERATION_NAME_LOGGED_MAX = 64


@dataclass(slots=True, eq=False)
class Exchange:
    """One request on its way through the stages, with what was learned of it for the log.

    The resolvers never see it: what they get is the frozen RequestContext. shielded: a mutation has
    begun.
    """

    id: str
    request: Request
    clock: StageClock
    endpoint: "GraphQLEndpoint"
    tell: Callable[[Reply], None]
    at: datetime
    headers: HeaderFields
    media_type: MediaType = MediaType.JSON
    shielded: bool = False
    meta: RequestMeta | None = None
    principal: Principal | None = None
    agency: str | None = None
    operation: Operation | None = None
    reason: str | None = None
    trace_id: str | None = None
    failures: tuple[BaseException, ...] = ()

    async def run(self) -> Reply:
        """Run the stages."""
        return await self.endpoint.reply(self)

    async def gone(self) -> None:
        """Wait until the client has gone."""
        await self.request.gone()

    def settled(self, outcome: Reply | Exception) -> None:
        """Hear what came of it: the stages' own reply, or why it was not waited for."""
        self.endpoint.settle(self, outcome)

    def unheard(self, outcome: Reply | Exception) -> None:
        """Log how a change ended that nobody waited for any more."""
        reply = _reply_to_error(self, outcome) if isinstance(outcome, Exception) else outcome
        log = structlog.get_logger("almoner").bind(request_id=self.id, agency=self.agency)
        log.warning("ended after its answer", codes=sorted(set(reply.codes)))
        for failure in self.failures:
            log.error("internal error", raised=stack_of(failure))

    def abandoned(self) -> None:
        """Hear that the server has given the request up."""
        self.endpoint.abandon()


class GraphQLEndpoint:
    """Answers requests by running `answer` under the deadline."""

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
        self._seconds = config.limits.deadline_seconds
        self.in_flight = InFlight()

    def begin(
        self, request: Request, request_id: str, tell: Callable[[Reply], None]
    ) -> Attempt[Reply]:
        """Begin to answer a request; `tell` hears the reply once, and not before this returns."""
        exchange = Exchange(
            request_id,
            request,
            stage_clock(self._tracer),
            self,
            tell,
            datetime.now(UTC),
            request.headers,
        )
        self._metrics.in_flight.now += 1
        return Attempt(exchange, self.in_flight, seconds=self._seconds)

    async def reply(self, exchange: Exchange) -> Reply:
        """Return the answer, made under a span that continues the caller's trace."""
        if self._tracer is None:
            return await self._reply(exchange)
        with request_span(self._tracer, exchange.headers.get(b"traceparent")) as trace_id:
            exchange.trace_id = trace_id
            reply = await self._reply(exchange)
            outcome = {"almoner.outcome": outcome_of(reply)}
            describe_span({**outcome, "http.response.status_code": reply.status})
            return reply

    async def _reply(self, exchange: Exchange) -> Reply:
        """Return the answer, whatever came of the stages."""
        given = exchange.headers.every(b"accept")
        accepted = choose(given[0] if len(given) == 1 else ", ".join(given))
        if accepted is None:
            message = f"Accept names none of {', '.join(MediaType)}."
            return refusal(malformed(message, HTTPStatus.NOT_ACCEPTABLE), exchange.media_type)
        exchange.media_type = accepted
        try:
            return await self._answer(exchange)
        except Exception as error:  # noqa: BLE001 - what is not known is masked, and logged
            return _reply_to_error(exchange, error)
        finally:
            exchange.clock.stop()

    def settle(self, exchange: Exchange, outcome: Reply | Exception) -> None:
        """Count the request, and tell its reply: the stages' own, or why it was not waited for."""
        self._metrics.in_flight.now -= 1
        exchange.clock.stop_timing()
        reply = _reply_to_error(exchange, outcome) if isinstance(outcome, Exception) else outcome
        try:
            self._observe(exchange, reply)
        finally:  # a line that cannot be written keeps no answer back
            if self._config.server_timing:
                timing = (b"server-timing", exchange.clock.server_timing().encode())
                reply = with_headers(reply, (timing,))
            exchange.tell(reply)

    def abandon(self) -> None:
        """Count a request that the server has given up as no longer being answered."""
        self._metrics.in_flight.now -= 1

    def _observe(self, exchange: Exchange, reply: Reply) -> None:
        """Count the request; write its line if it was refused, failed or slow."""
        seconds = exchange.clock.elapsed()
        outcome = outcome_of(reply)
        self._metrics.request_ended(
            outcome=outcome,
            seconds=seconds,
            agency=exchange.agency,
            codes=reply.codes,
            stages=exchange.clock.seconds,
        )
        slow = seconds * 1000 >= self._config.slow_request_ms
        if not (reply.codes or slow):
            return
        operation = exchange.operation
        name = operation.name if operation is not None else None
        trace_id = exchange.trace_id or trace_id_of(exchange.headers.get(b"traceparent"))
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
        case DeadlineExceeded() if not exchange.request.is_whole:
            return refusal(too_late(), exchange.media_type)
        case GatewayError() if error.code in KINDS:
            reason = reason_of(error)
            exchange.reason = None if reason is None else reason.value
            return error_refusal(error, exchange.media_type)
        case _:
            exchange.failures = (error,)
            return error_refusal(masked(exchange.id), exchange.media_type)
