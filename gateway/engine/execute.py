"""Runs one operation: the single place that knows by what means a document is executed.

The gateway asks twice: `find` before anything is done, because the kind of an operation decides
whether GET may carry it and whether it ends with its client; then `execute`, which gives bytes.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard, cast

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, execute
from strawberry.execution import optimized_is_awaitable

from gateway.config import Limits
from gateway.engine.cost import check_cost
from gateway.engine.documents import Documents, Operation
from gateway.engine.faults import document_entry, field_errors
from gateway.engine.variables import variable_faults
from gateway.errors import VALIDATION_FAILED, DocumentRefused, entry_of
from resolvers.context import RequestContext
from schema.build import core_schema, field_names

_ENCODER = msgspec.json.Encoder()
# Strawberry declares it as a plain test, which is what graphql-core calls it as.
_IS_AWAITABLE = cast("Callable[[object], TypeGuard[Awaitable[object]]]", optimized_is_awaitable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to an operation that was run.

    body: the JSON to send. codes: of its errors, one each. answered: something besides null was
    answered. retry_after: the seconds that an error asks to wait. failures: what was masked, for
    the log alone.
    """

    body: bytes
    codes: tuple[str, ...] = ()
    answered: bool = True
    retry_after: int | None = None
    failures: tuple[BaseException, ...] = field(default=(), repr=False)


class Engine:
    """Executes documents against one schema."""

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: Limits,
        *,
        suggestions: bool = False,
        introspection: bool = True,
        seen: Callable[[bool], None] = lambda _hit: None,
    ) -> None:
        """Take the schema; `seen` hears of each document whether it was known already."""
        self._schema: GraphQLSchema = core_schema(schema)
        self.field_names = field_names(self._schema)
        self._executor = schema.execution_context_class
        self._limits = limits
        self._suggestions = suggestions
        self._documents = Documents(
            self._schema, limits, suggestions=suggestions, introspection=introspection, seen=seen
        )

    async def find(self, document: str, operation_name: str | None) -> Operation:
        """Return the operation that a request names, checked against limits and schema.

        Raises DocumentTooComplex, DocumentRefused, and Refused for an operation not named well.
        """
        return await self._documents.find(document, operation_name)

    async def execute(
        self, operation: Operation, variables: Mapping[str, object], context: RequestContext
    ) -> Result:
        """Run an operation.

        Raises CostExceeded before anything runs, DocumentRefused where its variables do not fit.
        """
        check_cost(self._schema, operation, variables, self._limits.cost)
        started = execute(
            self._schema,
            operation.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
            executor_class=self._executor,
            is_awaitable=_IS_AWAITABLE,
            max_coercion_errors=self._limits.errors,
            hide_suggestions=not self._suggestions,
            operation_extensions={},
        )
        result = await started if isinstance(started, Awaitable) else started
        if result.data is None and result.errors and all(e.path is None for e in result.errors):
            raise DocumentRefused(self._request_entries(operation, variables, result.errors))
        return _finish(result, context.request.id)

    def close(self) -> None:
        """Let go what the engine holds."""
        self._documents.close()

    def _request_entries(
        self,
        operation: Operation,
        variables: Mapping[str, object],
        errors: list[GraphQLError],
    ) -> list[dict[str, object]]:
        faults = variable_faults(self._schema, operation, variables, self._limits.errors)
        if faults is not None:
            return [entry_of(faults)]
        entries = [document_entry(error, VALIDATION_FAILED) for error in errors]
        return entries[: self._limits.errors]


def _finish(result: ExecutionResult, request_id: str) -> Result:
    data = result.data
    answered = data is not None and any(value is not None for value in data.values())
    if not result.errors:
        return Result(body=_ENCODER.encode({"data": data}), answered=answered)
    errors = field_errors(result.errors, request_id)
    return Result(
        body=_ENCODER.encode({"data": data, "errors": errors.entries}),
        codes=errors.codes,
        answered=answered,
        retry_after=errors.retry_after,
        failures=errors.failures,
    )
