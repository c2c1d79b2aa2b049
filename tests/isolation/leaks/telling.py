"""Mistakes about what is said: in answers, errors, headers, logs, metrics and traces."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import structlog

import gateway.app
import gateway.engine.execute
import gateway.engine.faults
from domain.access import Principal
from gateway.agency import settle_agency
from gateway.app import answer as answer_request
from gateway.app import reply_to as reply_to_request
from gateway.http import read_request
from gateway.identity.credentials import read_credential
from gateway.metrics import Metrics
from gateway.telemetry import describe_span
from tests.isolation.leaks.leak import Leaks, Patch

LEAKS = Leaks()
leak = LEAKS.enter


@leak("a refusal that repeats what was refused")
def _error_text_with_values(patch: Patch) -> None:
    patch.setattr(gateway.engine.execute, "variable_faults", lambda *_: None)


@leak("an internal error told as it is")
def _unmasked_internal_error(patch: Patch) -> None:
    honest = gateway.engine.faults.field_errors

    def told(errors: Any, request_id: str) -> Any:
        listed = list(errors)
        result = honest(listed, request_id)
        entries = [
            entry | {"message": str(error)} if entry["errorType"] == "InternalFailure" else entry
            for entry, error in zip(result.entries, listed, strict=True)
        ]
        return replace(result, entries=tuple(entries))

    patch.setattr(gateway.engine.execute, "field_errors", told)


@leak("a log line of what was asked")
def _log_line_with_variables(patch: Patch) -> None:
    honest = read_request

    async def read(*given: Any) -> Any:
        asked = await honest(*given)
        structlog.get_logger("almoner").info("asked", variables=dict(asked.variables))
        return asked

    patch.setattr(gateway.app, "read_request", read)


@leak("the message of an exception in a log line")
def _log_line_with_an_exception(patch: Patch) -> None:
    honest = answer_request

    async def answer(*given: Any) -> Any:
        reply = await honest(*given)
        for failure in given[-1].failures:  # the exchange
            structlog.get_logger("almoner").error("failed", error=str(failure))
        return reply

    patch.setattr(gateway.app, "answer", answer)


@leak("the credential in a log line")
def _log_line_with_the_credential(patch: Patch) -> None:
    honest = read_credential

    def read(headers: Any) -> Any:
        structlog.get_logger("almoner").debug("headers", given=dict(headers.raw))
        return honest(headers)

    patch.setattr("gateway.identity.credentials.read_credential", read)


@leak("people counted by name")
def _metric_label_with_a_value(patch: Patch) -> None:
    honest = settle_agency
    counting = Metrics.request_ended
    named = ["nobody"]

    async def settle(principal: Principal, *given: Any, **more: Any) -> Any:
        named[0] = principal.display_name
        return await honest(principal, *given, **more)

    def ended(self: Metrics, **facts: Any) -> None:
        counting(self, **facts)
        self.requests.labels("asked", named[0]).inc()

    patch.setattr(gateway.app, "settle_agency", settle)
    patch.setattr(Metrics, "request_ended", ended)


@leak("variables in a trace")
def _span_attribute_with_a_value(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute

    async def execute(self: Any, operation: Any, variables: Mapping[str, object], at: Any) -> Any:
        describe_span({"graphql.variables": json.dumps(variables)})
        return await honest(self, operation, variables, at)

    patch.setattr(engine, "execute", execute)


@leak("a header that says who is answered")
def _response_header_with_a_value(patch: Patch) -> None:
    honest = reply_to_request

    def reply_to(result: Any, *more: Any) -> Any:
        reply = honest(result, *more)
        preview = base64.b64encode(result.body[:300])
        return msgspec.structs.replace(reply, headers=(*reply.headers, (b"x-preview", preview)))

    patch.setattr(gateway.app, "reply_to", reply_to)
