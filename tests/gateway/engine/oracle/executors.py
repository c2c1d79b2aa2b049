"""Executes one case by graphql-core and by ours, each over objects of its own, and compares.

`both` is the whole of it. A case has passed when the answers are the same, when nothing was called
twice or for nothing, when a mutation's fields were called in the same order, and when nothing that
was begun is left behind.
"""

import asyncio
import gc
import itertools
import traceback
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLSchema,
    execute,
    is_non_null_type,
    parse,
)
from graphql.execution.executor import Executor

from gateway.engine.documents import Operation, choose_operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution
from gateway.engine.plans import Means
from tests.gateway.engine.oracle.comparing import (
    Answer,
    Everything,
    Steps,
    answer_of,
    as_json,
    differences,
    told_of,
)
from tests.gateway.engine.oracle.things import Run, Thing

Execute = Callable[["Case", Run, Thing | None], Awaitable[Answer]]
"""Executes a case for the oracle, over a run and its root."""


@dataclass(frozen=True, slots=True)
class Case:
    """One document with what it is executed with.

    make_root: gives the root of objects made anew. fault: as `Run` has it. operation: the document,
    parsed; the same one for all cases of one document.
    """

    text: str
    operation: Operation
    variables: Mapping[str, Any] = field(default_factory=dict)
    make_root: Callable[[], Thing | None] = lambda: None
    fault: str = ""


@dataclass(slots=True)
class Verdict:
    """What came of a case. found: in what ours is unlike theirs."""

    found: list[str]
    ours: Answer
    theirs: Answer
    means: Means | None = None


def parsed(text: str, operation_name: str | None = None) -> Operation:
    """Return an operation of a document, as the engine is asked to execute it."""
    document = parse(text)
    return Operation(document, choose_operation(document, operation_name))


class Oracle:
    """Compares executions of one schema; `ours` can be put in the place of our executor."""

    def __init__(self, schema: GraphQLSchema, *, ours: Execute | None = None) -> None:
        self.schema = schema
        self.execution = Execution(schema, sights=1)
        self.means: Counter[Means] = Counter()
        self._ours = ours or self.by_plan

    async def both(self, case: Case) -> Verdict:
        """Execute a case by both, and compare."""
        before = asyncio.all_tasks()
        core, own = Run(fault=case.fault), Run(fault=case.fault)
        theirs = await self.by_core(case, core, case.make_root())
        left_by_core = await settled(before)
        with _forgotten() as forgotten:
            ours = await self._answered(case, own)
            left = await settled(before)
        everything = None
        if Counter(ours.errors) != Counter(theirs.errors) or own.calls != core.calls:
            everything, whole = await self._everything(case)
            found = differences(ours, theirs, everything) + _calls(own, whole)
        else:
            found = differences(ours, theirs, None)
        if case.operation.kind.value == "mutation":
            found += _order(own, core)
        if not theirs.errors:  # of what fails, siblings are let go
            found += [str(warning.message) for warning in forgotten or ()]
            if own.batches > core.batches:
                found.append(f"{own.batches} calls of batches, not {core.batches}")
            if left > left_by_core:
                found.append(f"left behind: {left} tasks, not {left_by_core}")
        return Verdict(found, ours, theirs)

    async def _answered(self, case: Case, run: Run) -> Answer:
        """Return our answer; an exception is one that is like no other."""
        try:
            return await self._ours(case, run, case.make_root())
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is what we came to find
            line = traceback.extract_tb(error.__traceback__)[-1]
            return Answer(f"{error!r} at {line.filename}:{line.lineno}".encode(), ())

    async def by_core(self, case: Case, run: Run, root: Thing | None) -> Answer:
        """Execute by graphql-core."""
        result = execute(
            self.schema,
            case.operation.document,
            root,
            context_value=run,
            variable_values=dict(case.variables),
            operation_name=case.operation.name,
        )
        result = await result if isinstance(result, Awaitable) else result
        return answer_of(result.data, result.errors or (), as_json)

    async def by_plan(self, case: Case, run: Run, root: Thing | None) -> Answer:
        """Execute by our engine, on sight."""
        outcome = await self.execution.run(case.operation, case.variables, run, root)
        self.means[outcome.means] += 1
        return answer_of(outcome.data, outcome.errors, encode)

    async def _everything(self, case: Case) -> tuple[Everything, Run]:
        """Execute without null propagation, and give all that can go wrong and be called."""
        run, before = Run(fault=case.fault), asyncio.all_tasks()
        whole, strict = everything_of(Executor)
        result = execute(
            self.schema,
            case.operation.document,
            case.make_root(),
            context_value=run,
            variable_values=dict(case.variables),
            operation_name=case.operation.name,
            executor_class=whole,
        )
        result = await result if isinstance(result, Awaitable) else result
        await settled(before)
        return Everything(tuple(told_of(one) for one in result.errors or ()), strict), run


def everything_of(base: type[Executor[Any]]) -> tuple[type[Executor[Any]], dict[Steps, bool]]:
    """Return an executor that lets no null go further than where it is.

    Beside it, what it fills: which positions of the answer may not be null.
    """
    strict: dict[Steps, bool] = {}

    class Whole(base):  # type: ignore[misc,valid-type] # which is a class
        """graphql-core's executor, without null propagation."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.error_propagation = False

        def complete_value(
            self, return_type: Any, details: Any, info: Any, path: Any, *rest: Any
        ) -> Any:
            strict.setdefault(tuple(path.as_list()), is_non_null_type(return_type))
            return super().complete_value(return_type, details, info, path, *rest)

        def handle_field_error(
            self, raw_error: Exception, return_type: Any, details: Any, path: Any
        ) -> None:
            strict.setdefault(tuple(path.as_list()), is_non_null_type(return_type))
            super().handle_field_error(raw_error, return_type, details, path)

    return Whole, strict


async def settled(before: Container[Any]) -> int:
    """Wait for what was begun since and not awaited; return how much of it there was.

    What ends by itself at once does not count: graphql-core's default type resolver lets go of
    `is_type_of` that it does not need any more.
    """
    for _ in range(3):
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task not in before]
    if left:
        await asyncio.wait(left)
    return len(left)


@contextmanager
def _forgotten() -> Iterator[list[warnings.WarningMessage] | None]:
    """Note what is made to be awaited and is not; what was forgotten before is not looked for."""
    gc.disable()
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            yield noted
    finally:
        gc.enable()


def _calls(own: Run, whole: Run) -> list[str]:
    """Return what was called more often than there is reason for."""
    return [
        f"called {count + whole.calls[call]} times, not {whole.calls[call]}: {call}"
        for call, count in (own.calls - whole.calls).items()
    ]


def _order(own: Run, core: Run) -> list[str]:
    """Return in what a mutation's root fields were called in another order, or side by side."""
    found = []
    if own.order != core.order:
        found.append(f"order: ours {own.order}\n       not {core.order}")
    if _overlap(own) and not _overlap(core):  # which goes on before it has let go what failed
        found.append(f"side by side: {own.nested}")
    return found


def _overlap(run: Run) -> bool:
    """Say whether something was called beneath one root field after the next one had begun."""
    roots = [root for root, _ in itertools.groupby(place[0] for place in run.nested)]
    return len(set(roots)) != len(roots)


def sweep() -> None:
    """Collect what graphql-core left unawaited beside what failed, and warn of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()
