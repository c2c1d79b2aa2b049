"""The plans of operations: compiled when a document is seen again, and kept within bounds."""

from collections.abc import Mapping
from typing import Any

from cachetools import LRUCache
from graphql import GraphQLSchema

from gateway.engine.compiling import Plan, Steering, compile_plan, steering_of
from gateway.engine.documents import Operation
from gateway.engine.levels import NotPlanned
from resolvers.context import RequestContext

_Key = tuple[Operation, tuple[Any, ...], int]


class Plans:
    """Plans by operation, by the values of the variables that steer it, and by refused rules.

    No plan is shared by two callers of whom one is refused what the other is not. Bounded twice, as
    documents are: each weighs at least its share of the greatest number.
    """

    def __init__(
        self, schema: GraphQLSchema, *, bytes_max: int, plans_max: int, hide: bool
    ) -> None:
        self._schema = schema
        self._hide = hide
        share = max(1, bytes_max // plans_max)
        self._plans: LRUCache[_Key, Plan | None] = LRUCache(
            maxsize=bytes_max,
            getsizeof=lambda plan: share if plan is None else max(share, plan.weight),
        )

    def __len__(self) -> int:
        """Return how many plans are kept."""
        return len(self._plans)

    def find(
        self, operation: Operation, variables: Mapping[str, Any], context: object
    ) -> Plan | None:
        """Return the plan for this caller; None where graphql-core has to execute the operation."""
        if not operation.is_steered:
            operation.steering = self._steering(operation)
            operation.is_steered = True
        steering = operation.steering
        if steering is None:
            return None
        steered = tuple(variables.get(name) for name in steering.variables)
        refused = _refused(steering, context)
        key = (operation, steered, refused)
        try:
            return self._plans[key]
        except KeyError:
            pass
        plan = self._compiled(operation, steering, steered, refused)
        if plan is None or plan.weight <= self._plans.maxsize:
            self._plans[key] = plan
        return plan

    def _steering(self, operation: Operation) -> Steering | None:
        try:
            return steering_of(self._schema, operation.document, operation.node)
        except NotPlanned:
            return None

    def _compiled(
        self, operation: Operation, steering: Steering, steered: tuple[Any, ...], refused: int
    ) -> Plan | None:
        given = zip(steering.variables, steered, strict=True)
        try:
            return compile_plan(
                self._schema,
                operation.document,
                operation.node,
                {name: value for name, value in given if value is not None},
                [rule for bit, rule in enumerate(steering.rules) if refused >> bit & 1],
                hide=self._hide,
            )
        except NotPlanned:
            return None


def _refused(steering: Steering, context: object) -> int:
    """Return as bits which of an operation's rules the caller does not pass, judged this once."""
    if not steering.rules:
        return 0
    if not isinstance(context, RequestContext):
        raise TypeError("a schema with access rules needs the context of a request")
    refused = 0
    principal, at = context.principal, context.request.at
    for bit, rule in enumerate(steering.rules):
        if rule.refusal(principal, at, "", "") is not None:
            refused |= 1 << bit
    return refused
