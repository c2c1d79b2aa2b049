"""Executes operations: by their plans, and by graphql-core what has no plan, or none yet."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeGuard, cast

import msgspec
from graphql import GraphQLError, GraphQLSchema, execute
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable

from gateway.engine.arguments import VariablesOf
from gateway.engine.documents import Operation
from gateway.engine.plans import SIGHTS_BEFORE_PLAN, Means, Plans
from gateway.engine.run import Run
from gateway.engine.running import run_plan
from resolvers.context import RequestContext

# Strawberry declares it as a plain test, which is what graphql-core calls it as.
_IS_AWAITABLE = cast("Callable[[object], TypeGuard[Awaitable[object]]]", optimized_is_awaitable)


class Outcome(msgspec.Struct, frozen=True):
    """What came of an operation.

    data: to be encoded by msgspec. errors: as graphql-core words them. Where the operation could
    not be begun there is no data, and no error has a path. odd: how many values of a plan were not
    as their types say, and completed by graphql-core.
    """

    data: Any
    errors: list[GraphQLError]
    means: Means
    odd: int = 0


class Execution:
    """Executes the operations of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        executor: type[Executor[Any]] = Executor,
        errors_max: int = 50,
        hide: bool = False,
        plan_bytes: int = 32_000_000,
        plans_max: int = 1_000,
        sights: int = SIGHTS_BEFORE_PLAN,
    ) -> None:
        """Take the schema.

        executor: graphql-core's, for what has no plan. errors_max: of coercing variables. hide: no
        suggestions in errors. plan_bytes, plans_max: what is kept. sights: on which one an
        operation is compiled, for each way of being steered.
        """
        self._schema = schema
        self._executor = executor
        self._errors_max = errors_max
        self._hide = hide
        self._build = self._built
        self.plans = Plans(
            schema, bytes_max=plan_bytes, plans_max=plans_max, hide=hide, sights=sights
        )

    async def run(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: object,
        root: object = None,
    ) -> Outcome:
        """Execute an operation; `root` is the value that the root fields are read of."""
        coerced = self.coerced(operation, variables)
        if not isinstance(coerced, VariableValues):
            return Outcome(None, coerced, Means.PLAN)
        plan = self.plans.find(operation, coerced.coerced, context)
        if isinstance(plan, Means):
            return await self._by_core(operation, variables, context, root, plan)
        run = Run(self._schema, operation, variables, coerced, context, root, self._build)
        if run.reads is not None:
            cast("RequestContext", context).loaders.excerpts = plan.excerpts
        data = await run_plan(plan, run)
        return Outcome(data, run.errors, Means.PLAN, run.odd)

    def coerced(
        self, operation: Operation, variables: Mapping[str, Any]
    ) -> VariableValues | list[GraphQLError]:
        """Return the variables as graphql-core coerces them, or what is wrong with them."""
        coercing = operation.coercing
        if coercing is None:
            coercing = operation.coercing = VariablesOf(
                self._schema, operation.node, errors_max=self._errors_max, hide=self._hide
            )
        return coercing.coerced(variables)

    async def _by_core(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: object,
        root: object,
        means: Means,
    ) -> Outcome:
        started = execute(
            self._schema,
            operation.document,
            root,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
            executor_class=self._executor,
            is_awaitable=_IS_AWAITABLE,
            max_coercion_errors=self._errors_max,
            hide_suggestions=self._hide,
        )
        result = await started if isinstance(started, Awaitable) else started
        return Outcome(result.data, result.errors or [], means)

    def _built(self, run: Run) -> Executor[Any]:
        executor = self._executor.build(
            self._schema,
            run.operation.document,
            root_value=run.root,
            context_value=run.context,
            raw_variable_values=dict(run.given),
            operation_name=run.operation.name,
            is_awaitable=_IS_AWAITABLE,
            max_coercion_errors=self._errors_max,
            hide_suggestions=self._hide,
        )
        assert isinstance(executor, Executor), "the operation and its variables have been judged"
        return executor
