"""Every rule of the specification's chapter on execution has its case, and plans keep to it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, parse, validate

from gateway.engine.documents import choose_operation
from gateway.engine.plans import Means
from gateway.errors import Refused
from schema.fetch import FETCH, Attribute, Batch, Call
from tests.gateway.engine.oracle.executors import Case, Oracle, parsed
from tests.gateway.engine.oracle.spec import Row
from tests.gateway.engine.oracle.spec_arguments import ARGUMENTS
from tests.gateway.engine.oracle.spec_completion import COMPLETION
from tests.gateway.engine.oracle.spec_errors import ERRORS
from tests.gateway.engine.oracle.spec_requests import REQUESTS
from tests.gateway.engine.oracle.spec_selections import SELECTIONS
from tests.gateway.engine.oracle.things import Thing

ROWS = (*REQUESTS, *SELECTIONS, *ARGUMENTS, *COMPLETION, *ERRORS)
Declare = Callable[[GraphQLSchema, Row], None]
CHAPTER = {
    "GetOperation",
    "CoerceVariableValues",
    "ExecuteQuery",
    "ExecuteMutation",
    "ExecuteSubscriptionEvent",
    "CollectFields",
    "DoesFragmentTypeApply",
    "CollectSubfields",
    "ExecuteCollectedFields",
    "Errors and Non-Null",
    "ExecuteField",
    "CoerceArgumentValues",
    "ResolveFieldValue",
    "CompleteValue",
    "CoerceResult",
    "ResolveAbstractType",
    "Handling Execution Errors",
}
"""The algorithms and sections of the chapter that an executor has part in. Source streams and their
mapping to responses are not: what is executed is one event."""


def fields_of(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Yield the fields of all object types."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            yield from named.fields.items()


def by_default(_schema: GraphQLSchema, _row: Row) -> None:
    """Leave all fields to the default resolver."""


def read(schema: GraphQLSchema, row: Row) -> None:
    """Have fields read as attributes, but for those that are functions in the row."""
    functions = set(called_in(row.root))
    for name, field in fields_of(schema):
        if row.root is not None and not field.args and name not in functions:
            field.extensions[FETCH] = Attribute(name)
            field.resolve = reader(name)


def reader(name: str) -> Callable[..., Any]:
    """Return a resolver that reads an attribute."""
    return lambda source, _info: getattr(source, name)


def called_in(value: Any) -> Iterator[str]:
    """Yield the names of fields that are functions somewhere, or not given everywhere."""
    for name in ("name", "age", "lives", "barks", "a", "b", "c", "o", "theNumber"):
        if not given_everywhere(value, name):
            yield name
    yield from _called_in(value)


def _called_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _called_in(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if callable(inner):
                yield name
            yield from _called_in(inner)


def given_everywhere(value: Any, name: str) -> bool:
    """Say whether no object lacks the field."""
    if isinstance(value, list):
        return all(given_everywhere(item, name) for item in value)
    if isinstance(value, dict):
        return name in value and all(given_everywhere(item, name) for item in value.values())
    return True


def called(schema: GraphQLSchema, _row: Row) -> None:
    """Have each field's value by a function of its parent that the schema declares."""
    for name, field in fields_of(schema):
        function = value_of(name)
        field.extensions[FETCH] = Call(function=function)
        field.resolve = function


def batched(schema: GraphQLSchema, _row: Row) -> None:
    """Have each field's values by a function of all parents."""
    for name, field in fields_of(schema):
        function = value_of(name)
        field.extensions[FETCH] = Batch(function=of_all(function))
        field.resolve = awaiting(function)


def value_of(name: str) -> Callable[..., Any]:
    """Return a function that gives what the default resolver gives."""

    def function(source: Any, info: Any, **arguments: Any) -> Any:
        value = source.get(name) if source is not None else None
        return value(info, **arguments) if callable(value) else value

    return function


def awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine function that gives the same."""

    async def fetch(source: Any, info: Any, **arguments: Any) -> Any:
        value = function(source, info, **arguments)
        return await value if asyncio.iscoroutine(value) else value

    return fetch


def of_all(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a batch of a function of one parent."""
    one = awaiting(function)

    async def fetch(parents: Any, info: Any, **arguments: Any) -> Any:
        return await asyncio.gather(
            *(one(parent, info, **arguments) for parent in parents), return_exceptions=True
        )

    return fetch


@pytest.mark.parametrize("declare", [by_default, read, called, batched])
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_rule_of_the_specification_is_kept(row: Row, declare: Declare) -> None:
    """graphql-core gives what the row says, and a plan gives the same, however values are had."""
    schema = build_schema(f"scalar Any {row.sdl}")
    declare(schema, row)
    assert validate(schema, parse(row.document)) == []
    oracle = Oracle(schema)
    root = cast("Thing | None", row.root)  # anything that the row's fields can be had of
    operation = parsed(row.document, row.operation)
    case = Case(row.document, operation, row.variables, lambda: root)

    verdict = await oracle.both(case)

    assert str(verdict.theirs.value) == str(row.data)
    assert sorted(map(str, verdict.theirs.errors)) == sorted(row.errors)
    assert verdict.found == []
    assert set(oracle.means) == {Means.PLAN if row.planned else Means.FALLBACK}


def test_the_chapter_is_covered() -> None:
    """Each algorithm that an executor has part in has rows, and no two are of the same rule."""
    rules = [row.rule for row in ROWS]

    assert {rule.partition(":")[0] for rule in rules} >= CHAPTER
    assert len(set(rules)) == len(rules)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("query A { a } query B { a }", None),
        ("query A { a }", "B"),
        ("{ a }", "B"),
        ("fragment F on Query { a }", None),
    ],
)
def test_an_operation_that_is_not_there_is_a_request_error(document: str, name: str | None) -> None:
    """GetOperation raises a request error, where graphql-core does."""
    theirs = asyncio.run(core_refusal(document, name))

    with pytest.raises(Refused):
        choose_operation(parse(document), name)
    assert theirs


async def core_refusal(document: str, name: str | None) -> bool:
    """Say whether graphql-core refuses to choose an operation."""
    from graphql import ExecutionResult, execute

    result = execute(build_schema("type Query { a: Int }"), parse(document), operation_name=name)
    assert isinstance(result, ExecutionResult)
    return result.data is None and all(one.path is None for one in result.errors or ())
