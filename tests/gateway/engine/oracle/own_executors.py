"""Executes documents of our own schema by graphql-core and by plan, and compares also the notes.

Every kind of principal asks through one and the same `Execution`, so that a plan made for one of
them must not be had by another.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, cast

from graphql import ExecutionResult, execute
from graphql.execution.executor import Executor
from strawberry.execution import optimized_is_awaitable

from gateway.engine.documents import Operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution
from gateway.engine.plans import Means
from resolvers.context import RequestContext
from resolvers.reads import Reads
from tests.gateway.engine.oracle.comparing import (
    Answer,
    Everything,
    answer_of,
    as_json,
    differences,
    told_of,
)
from tests.gateway.engine.oracle.executors import everything_of, settled
from tests.gateway.engine.oracle.own_world import Place
from tests.resolvers.world import CORE, SCHEMA

_EXECUTOR: type[Executor[Any]] = SCHEMA.execution_context_class
_IS_AWAITABLE = cast("Callable[[object], TypeGuard[Awaitable[object]]]", optimized_is_awaitable)
_MADE = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|da2-[0-9a-z]+")
_CURSOR = re.compile(r"[A-Za-z0-9_-]{60,}")  # ids have 59 characters at most


@dataclass(slots=True)
class Names:
    """Names what is made at random while one executor changes its place: ids, and secrets.

    known: what was there before, which keeps its name. Cursors carry ids, sealed, and go unnamed.
    """

    known: frozenset[str]
    made: dict[str, str] = field(default_factory=dict)

    def named(self, text: str) -> str:
        """Return a text in which what was made has a number in its place, by its first sight."""
        return _MADE.sub(lambda found: self._name(found.group()), _CURSOR.sub("cursor", text))

    def _name(self, found: str) -> str:
        if found in self.known:
            return found
        return self.made.setdefault(found, f"made-{len(self.made)}")

    def unnamed(self, text: str) -> str:
        """Return a text in which all that was made is alike."""
        return _MADE.sub(lambda found: found.group() if found.group() in self.known else "#", text)


def ids_in(texts: Iterable[str]) -> frozenset[str]:
    """Return all ids that stand in texts."""
    return frozenset(found for text in texts for found in _MADE.findall(text))


@dataclass(slots=True)
class OwnVerdict:
    """What came of one document. found: in what ours is unlike theirs."""

    found: list[str]
    ours: Answer
    theirs: Answer


@dataclass(slots=True)
class OwnOracle:
    """Compares executions of our own schema."""

    execution: Execution = field(
        default_factory=lambda: Execution(CORE, executor=_EXECUTOR, sights=1)
    )
    means: Counter[Means] = field(default_factory=Counter)

    async def both(
        self,
        places: tuple[Place, Place],
        role: str,
        operation: Operation,
        variables: Mapping[str, Any],
    ) -> OwnVerdict:
        """Execute a query in both places, and compare."""
        before = asyncio.all_tasks()
        core, own = (place.context(role) for place in places)
        theirs = await by_core(operation, variables, core)
        await settled(before)
        ours = await self.by_plan(operation, variables, own)
        await settled(before)
        everything = None
        if Counter(ours.errors) != Counter(theirs.errors):
            everything = await _everything(operation, variables, places[0].context(role))
        found = differences(ours, theirs, everything)
        if everything is None:
            found += notes_apart(own.guard.reads, core.guard.reads)
        return OwnVerdict(found, ours, theirs)

    async def by_plan(
        self, operation: Operation, variables: Mapping[str, Any], context: RequestContext
    ) -> Answer:
        """Execute by our engine, on sight."""
        outcome = await self.execution.run(operation, variables, context)
        self.means[outcome.means] += 1
        return answer_of(outcome.data, outcome.errors, encode)


async def by_core(
    operation: Operation,
    variables: Mapping[str, Any],
    context: RequestContext,
    executor: type[Executor[Any]] = _EXECUTOR,
) -> Answer:
    """Execute by graphql-core."""
    result = await _result(operation, variables, context, executor)
    return answer_of(result.data, result.errors or (), as_json)


async def _everything(
    operation: Operation, variables: Mapping[str, Any], context: RequestContext
) -> Everything:
    """Execute without null propagation, and give all that can go wrong."""
    executor, strict = everything_of(_EXECUTOR)
    result = await _result(operation, variables, context, executor)
    return Everything(tuple(told_of(one) for one in result.errors or ()), strict)


async def _result(
    operation: Operation,
    variables: Mapping[str, Any],
    context: RequestContext,
    executor: type[Executor[Any]],
) -> ExecutionResult:
    started = execute(
        CORE,
        operation.document,
        context_value=context,
        variable_values=dict(variables),
        operation_name=operation.name,
        executor_class=executor,
        is_awaitable=_IS_AWAITABLE,
    )
    return await started if isinstance(started, Awaitable) else started


def notes_of(reads: Reads) -> dict[str, list[str]]:
    """Return what was noted for the audit: whose data was read and refused, and why it might be."""
    noted: dict[str, Any] = {
        "asked": reads._asked,
        "read": reads._fields.items(),
        "refused": reads.refused,
        "stated": reads.stated,
        "consulted": reads.consulted,
        "reasons": reads._reasons.items(),
        "consumers": reads._consumers.items(),
        "covered": reads._covered,
    }
    return {name: [repr(one) for one in values] for name, values in noted.items()}


def notes_apart(ours: Reads, theirs: Reads, names: tuple[Names, Names] | None = None) -> list[str]:
    """Return in what the notes of both are unlike.

    names: of what ours and theirs made at random.
    """
    own, core = notes_of(ours), notes_of(theirs)
    found = []
    for name in own:
        told = [
            Counter(values if names is None else map(cast("Names", named).named, values))
            for named, values in zip(names or (None, None), (own[name], core[name]), strict=True)
        ]
        if told[0] != told[1]:
            found.append(f"noted as {name}: ours {told[0] - told[1]}, theirs {told[1] - told[0]}")
    if own["asked"] != core["asked"]:
        found.append(f"asked: ours {own['asked']}, theirs {core['asked']}")
    return found
