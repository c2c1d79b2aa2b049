"""One execution of an operation plan: what it works with, and what has gone wrong in it."""

from collections.abc import Callable
from typing import Any, cast

import strawberry
from graphql import GraphQLError, GraphQLSchema
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues

from gateway.engine.levels import Fetched, Group
from resolvers.context import RequestContext


class Run:
    """One execution of a plan. dead: a null has reached the root, and there is no data."""

    __slots__ = (
        "_build",
        "_executor",
        "context",
        "dead",
        "info",
        "reads",
        "root",
        "schema",
        "variables",
    )

    def __init__(
        self,
        schema: GraphQLSchema,
        context: Any,
        variables: VariableValues,
        build: Callable[[], Executor[Any]],
        root: object = None,
    ) -> None:
        """Take what resolvers get; `build` gives graphql-core's executor, where one is needed."""
        self.schema = schema
        self.context = context
        self.variables = variables
        self.root = root
        self.reads = context.guard.reads if isinstance(context, RequestContext) else None
        # Of Strawberry's own, resolvers read the context alone, which it takes from here.
        self.info = strawberry.Info(_raw_info=cast("Any", self), _field=cast("Any", None))
        self.dead = False
        self._build = build
        self._executor: Executor[Any] | None = None

    @property
    def executor(self) -> Executor[Any]:
        """Return graphql-core's executor of this operation, which also collects the errors."""
        if self._executor is None:
            self._executor = self._build()
        return self._executor

    @property
    def errors(self) -> list[GraphQLError]:
        """Return the errors so far."""
        return [] if self._executor is None else self._executor.collected_errors.errors

    def resolve_info(self, group: Group, number: int, field: Fetched) -> Any:
        """Return what graphql-core tells a resolver."""
        return self.executor.build_resolve_info(
            field.definition, field.nodes, field.parent_type, group.path_of(number, field)
        )
