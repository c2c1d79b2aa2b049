"""One execution of an operation plan: what it works with, and what has gone wrong in it."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLSchema
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues

from gateway.engine.documents import Operation
from gateway.engine.levels import Fetched, Group
from resolvers.context import RequestContext


class Run:
    """One execution of a plan, and what the schema's own functions get as `info`.

    context: all that those functions read of it. given: the variables as they came. dead: a null
    has reached the root, and there is no data. odd: how many values graphql-core had to complete.
    """

    __slots__ = (
        "_build",
        "_executor",
        "context",
        "dead",
        "given",
        "odd",
        "operation",
        "reads",
        "root",
        "schema",
        "variables",
    )

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: Operation,
        given: Mapping[str, Any],
        variables: VariableValues,
        context: Any,
        root: object,
        build: "Callable[[Run], Executor[Any]]",
    ) -> None:
        """Take what resolvers get; `build` gives graphql-core's executor, where one is needed."""
        self.schema = schema
        self.operation = operation
        self.given = given
        self.context = context
        self.variables = variables
        self.root = root
        self.reads = context.guard.reads if context.__class__ is RequestContext else None
        self.dead = False
        self.odd = 0
        self._build = build
        self._executor: Executor[Any] | None = None

    @property
    def executor(self) -> Executor[Any]:
        """Return graphql-core's executor of this operation, which also collects the errors."""
        if self._executor is None:
            self._executor = self._build(self)
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
