"""Runs one operation: the single place that knows by what means a document is executed.

The gateway asks twice: `find` before anything is done, because the kind of an operation decides
whether GET may carry it and whether it ends with its client; then `execute`, which gives bytes.
"""

from collections.abc import Callable, Mapping

import msgspec
import strawberry
from graphql import GraphQLError, GraphQLSchema
from graphql.execution.values import VariableValues

from gateway.config import Limits
from gateway.engine.documents import Documents, Operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution, Outcome
from gateway.engine.faults import document_entry, field_errors
from gateway.engine.judging_apart import JudgeApart
from gateway.engine.plans import Means
from gateway.engine.subscribing import Subscribed, subscribed
from gateway.engine.variables import variable_faults
from gateway.errors import VALIDATION_FAILED, DocumentRefused, entry_of
from resolvers.context import RequestContext
from schema.build import core_schema, field_names


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an operation that was run.

    body: the JSON to send. codes: of its errors, one each. answered: false where there are errors
    and nothing besides null was answered. retry_after: the seconds that an error asks to wait.
    failures: what was masked, for the log alone.
    """

    body: bytes
    codes: tuple[str, ...] = ()
    answered: bool = True
    retry_after: int | None = None
    failures: tuple[BaseException, ...] = ()

    def __repr__(self) -> str:
        return f"Result(codes={self.codes!r})"  # neither data nor messages


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
        executed: Callable[[Means], None] = lambda _means: None,
        apart: JudgeApart | None = None,
    ) -> None:
        """Take the schema; `seen` hears of each document whether it was known already.

        executed: hears of each operation by what means it was executed. apart: judges new documents
        of this schema in a process of its own, which ends with the engine.
        """
        self._schema: GraphQLSchema = core_schema(schema)
        self.field_names = field_names(self._schema)
        self._limits = limits
        self._executed = executed
        self._execution = Execution(
            self._schema,
            executor=schema.execution_context_class,
            errors_max=limits.errors,
            hide=not suggestions,
            plan_bytes=limits.cached_plan_bytes,
            plans_max=limits.cached_plans,
        )
        self._documents = Documents(
            self._schema,
            limits,
            suggestions=suggestions,
            introspection=introspection,
            seen=seen,
            apart=apart,
        )

    async def find(self, document: str, operation_name: str | None) -> Operation:
        """Return the operation that a request names, checked against limits and schema.

        Raises DocumentTooComplex, DocumentRefused, and Refused for an operation not named well.
        """
        return await self._documents.find(document, operation_name)

    async def execute(
        self,
        operation: Operation,
        variables: Mapping[str, object],
        context: RequestContext,
        root: object = None,
    ) -> Result:
        """Run an operation; a subscription's, on what one event is about: `root`.

        Raises DocumentRefused where its variables do not fit.
        """
        outcome = await self._execution.run(operation, variables, context, root)
        errors = outcome.errors
        if outcome.data is None and errors and all(error.path is None for error in errors):
            raise DocumentRefused(self._request_entries(operation, variables, errors))
        self._executed(outcome.means)
        return _finish(outcome, context.request.id)

    def subscribed(self, operation: Operation, variables: Mapping[str, object]) -> Subscribed:
        """Return what a subscription subscribes to.

        Raises DocumentRefused where its variables do not fit.
        """
        coerced = self._execution.coerced(operation, variables)
        if not isinstance(coerced, VariableValues):
            raise DocumentRefused(self._request_entries(operation, variables, coerced))
        try:
            return subscribed(self._schema, operation, coerced)
        except GraphQLError as error:
            raise DocumentRefused([document_entry(error, VALIDATION_FAILED)]) from None

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


def _finish(outcome: Outcome, request_id: str) -> Result:
    body = b'{"data":' + encode(outcome.data)
    if not outcome.errors:
        return Result(body=body + b"}")
    errors = field_errors(outcome.errors, request_id)
    return Result(
        body=body + b',"errors":' + encode(errors.entries) + b"}",
        codes=errors.codes,
        answered=_answers(outcome.data),
        retry_after=errors.retry_after,
        failures=errors.failures,
    )


def _answers(data: object) -> bool:
    """Say whether any root field has a value."""
    if isinstance(data, msgspec.Struct):
        values = msgspec.structs.astuple(data)
        return values.count(None) < len(values)
    return isinstance(data, dict) and any(value is not None for value in data.values())
