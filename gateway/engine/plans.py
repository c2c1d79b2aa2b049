"""The plans of operations: compiled when a document is seen again, and kept within bounds."""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLSchema

from gateway.engine.compiling import Plan, compile_plan
from gateway.engine.documents import Operation
from gateway.engine.levels import NotPlanned
from gateway.engine.steering import Steering, steering_of
from resolvers.context import RequestContext

_Refused = tuple[int, frozenset[str]]
_Key = tuple[tuple[Any, ...], _Refused]
_NOTHING: _Refused = (0, frozenset())
_UNSTEERED: _Key = ((), _NOTHING)
SIGHTS_BEFORE_PLAN = 2
COMBINATIONS_MAX = 16
"""Of steering variables and refused fields, for which one operation has plans."""


class Means(StrEnum):
    """By what an operation was executed."""

    PLAN = "plan"
    FIRST_SIGHT = "first_sight"
    FALLBACK = "fallback"


class Plans:
    """Plans by operation, by the values of the variables that steer it, and by refused fields.

    No plan is shared by two callers of whom one is refused what the other is not. Each combination
    is compiled when it is seen again, and a few of an operation at most: clients choose them. Plans
    are kept with their operations, and bounded over all by number and by memory: where there is no
    room, the oldest is forgotten that has not been used since it was last looked at.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        bytes_max: int,
        plans_max: int,
        hide: bool,
        sights: int = SIGHTS_BEFORE_PLAN,
    ) -> None:
        self._schema = schema
        self._hide = hide
        self._bytes_max = bytes_max
        self._plans_max = plans_max
        self._sights = sights
        self._kept: deque[tuple[Operation, _Key]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        """Return how many plans are kept."""
        return len(self._kept)

    def find(
        self, operation: Operation, variables: Mapping[str, Any], context: object
    ) -> Plan | Means:
        """Return the plan for this caller, or why graphql-core has to execute the operation."""
        steering = operation.steering
        if steering is None:
            steering = operation.steering = self._steering(operation)
        if not steering.covered:
            return Means.FALLBACK
        key = _UNSTEERED
        if steering.variables or steering.fields:
            steered = tuple([variables.get(name) for name in steering.variables])
            key = (steered, _refused(steering, context))
        plan = operation.plans.get(key)
        if plan is not None:
            plan.used = True
            return plan
        if not self._is_admitted(operation, key):
            return Means.FALLBACK
        operation.combinations[key] = seen = operation.combinations.get(key, 0) + 1
        if seen < self._sights:
            return Means.FIRST_SIGHT
        plan = self._compiled(operation, steering, *key)
        if plan is None:
            return Means.FALLBACK
        self._keep(operation, key, plan)
        return plan

    def _is_admitted(self, operation: Operation, key: _Key) -> bool:
        """Say whether there is room for the combination; the oldest out of use makes it."""
        known, plans = operation.combinations, operation.plans
        if key in known or len(known) < COMBINATIONS_MAX:
            return True
        idle = (one for one in known if one not in plans or not plans[one].used)
        oldest = next(idle, None)
        if oldest is None:
            for plan in plans.values():
                plan.used = False
            return False
        del known[oldest]
        if oldest in plans:
            self._kept.remove((operation, oldest))
            self._drop(operation, oldest)
        return True

    def _drop(self, operation: Operation, key: _Key) -> None:
        plan = operation.plans.pop(key)
        plan.kept = False
        self.bytes -= plan.weight

    def _keep(self, operation: Operation, key: _Key, plan: Plan) -> None:
        operation.plans[key] = plan
        self._kept.append((operation, key))
        self.bytes += plan.weight
        plan.kept = True
        self._make_room()

    def _grown(self, plan: Plan, weight: int) -> None:
        if plan.kept:
            self.bytes += weight
            self._make_room()

    def _make_room(self) -> None:
        while self.bytes > self._bytes_max or len(self._kept) > self._plans_max:
            self._forget_one()

    def _forget_one(self) -> None:
        """Forget the oldest plan unused since the last round; one in use has another round."""
        while True:
            operation, key = self._kept.popleft()
            plan = operation.plans[key]
            if not plan.used:
                self._drop(operation, key)
                return
            plan.used = False
            self._kept.append((operation, key))

    def _steering(self, operation: Operation) -> Steering:
        try:
            return steering_of(self._schema, operation.document, operation.node)
        except NotPlanned:
            return Steering(covered=False)

    def _compiled(
        self, operation: Operation, steering: Steering, steered: tuple[Any, ...], refused: _Refused
    ) -> Plan | None:
        given = zip(steering.variables, steered, strict=True)
        by_rule, denied = refused
        try:
            return compile_plan(
                self._schema,
                operation.document,
                operation.node,
                {name: value for name, value in given if value is not None},
                [rule for bit, rule in enumerate(steering.rules) if by_rule >> bit & 1],
                denied=denied,
                hide=self._hide,
                grown=self._grown,
            )
        except NotPlanned:
            operation.steering = Steering(covered=False)
            return None
        except GraphQLError:  # @include(if: null): an error whose place graphql-core decides
            return None


def _refused(steering: Steering, context: object) -> _Refused:
    """Return what the caller is refused: as bits by which rules, judged this once; which fields."""
    if not steering.fields:
        return _NOTHING
    if not isinstance(context, RequestContext):
        raise TypeError("a schema with access rules needs the context of a request")
    refused = 0
    principal, at = context.principal, context.request.at
    for bit, rule in enumerate(steering.rules):
        if rule.refusal(principal, at, "", "") is not None:
            refused |= 1 << bit
    return refused, principal.denied_fields & steering.fields
