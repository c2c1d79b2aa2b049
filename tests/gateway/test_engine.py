"""The seam to execution: documents are checked once, remembered within bounds, and never block."""

import asyncio
import dataclasses
import gc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from graphql import OperationDefinitionNode, OperationType, Undefined, build_schema, parse

from domain.errors import MalformedRequest
from gateway.config import Limits
from gateway.engine.documents import Operation
from gateway.engine.execute import Engine, Result
from gateway.engine.variables import argument_paths, variable_faults
from gateway.errors import DocumentRefused, Refused
from resolvers.context import RequestContext, RequestMeta
from schema.build import create_schema
from tests.gateway.small_gateway import World, small_schema
from tests.gateway.steps import steps_of
from tests.gateway.test_limits import chain

STEPS_A_LEVEL = 1_000


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(small_schema(World()), Limits())
    gc.freeze()  # as the gateway does: a full collection would be measured as somebody's document
    yield engine
    gc.unfreeze()
    engine.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Engine]:
    engine = Engine(create_schema(), Limits())
    yield engine
    engine.close()


def context() -> RequestContext:
    meta = RequestMeta(id="r-1", at=datetime.now(UTC))
    return cast("RequestContext", dataclasses.make_dataclass("Context", ["request"])(meta))


async def run(engine: Engine, text: str, variables: Mapping[str, object] | None = None) -> Result:
    return await engine.execute(await engine.find(text, None), variables or {}, context())


async def test_an_answer_comes_as_bytes(engine: Engine) -> None:
    """What is executed comes out as the JSON to send, with what decides about its status."""
    done = await run(engine, "query ($n: String!) { hello(name: $n) }", {"n": "☃"})
    failed = await run(engine, "{ boom }")

    assert msgspec.json.decode(done.body) == {"data": {"hello": "hello ☃"}}
    assert (done.codes, done.answered, done.failures) == ((), True, ())
    assert (failed.codes, failed.answered) == (("INTERNAL",), False)
    assert [type(error) for error in failed.failures] == [ValueError]


async def test_the_kind_is_known_before_anything_runs(engine: Engine) -> None:
    """`find` tells queries from mutations."""
    assert (await engine.find("{ hello }", None)).kind is OperationType.QUERY
    assert (await engine.find("mutation A { change }", "A")).kind is OperationType.MUTATION


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("query A { hello } query B { hello }", "B", "B"),
        ("query A { hello }", None, "A"),
        ("{ hello }", None, None),
    ],
)
async def test_operations_are_found_by_name(
    engine: Engine, text: str, name: str | None, found: str | None
) -> None:
    """The one that is named is run; a single one needs no name."""
    assert (await engine.find(text, name)).name == found


@pytest.mark.parametrize(("text", "name"), [("{ hello }", "A"), ("query A { hello }", "a")])
async def test_an_unknown_operation_is_not_echoed(engine: Engine, text: str, name: str) -> None:
    """An operation that is not there is refused without repeating what was asked for."""
    with pytest.raises(Refused) as raised:
        await engine.find(text, name + "x" * 200)

    assert "xxx" not in raised.value.error.message


async def test_documents_are_remembered_within_bounds() -> None:
    """Many short documents and few long ones reach a bound; refused ones are not kept."""
    seen: list[bool] = []
    limits = Limits(cached_documents=10, cached_characters=1024)
    engine = Engine(small_schema(World()), limits, seen=seen.append)
    documents = engine._documents

    for number in range(30):
        await engine.find(f"query Q{number} {{ hello }}", None)
    assert len(documents) == 10
    await engine.find("query Q29 { hello }", None)
    await engine.find("{ hello #" + "x" * 600 + "\n}", None)
    assert len(documents) < 6
    await engine.find("{ hello #" + "x" * 2000 + "\n}", None)
    kept = len(documents)
    with pytest.raises(DocumentRefused):
        await engine.find("{ nothing }", None)
    assert len(documents) == kept
    assert seen.count(True) == 1


async def test_thirty_levels_of_chained_fragments_are_answered(engine: Engine) -> None:
    """2^30 spreads of one field are one field, by graphql-core and by plan."""
    text = chain(30)
    first, again = await run(engine, text), await run(engine, text)

    assert msgspec.json.decode(first.body) == {"data": {"node": {"name": "node"}}}
    assert again.body == first.body


@pytest.mark.parametrize(
    ("document", "variables", "faults"),
    [
        ("query ($n: Int!) { x }", {}, [("n", "REQUIRED")]),
        ("query ($n: Int!) { x }", {"n": None}, [("n", "REQUIRED")]),
        ("query ($n: Int! = 1) { x }", {}, []),
        ("query ($n: Int) { x }", {"n": None}, []),
        (
            "query ($n: [Int!]!) { x }",
            {"n": [1, None, "x"]},
            [("n.1", "REQUIRED"), ("n.2", "INVALID")],
        ),
        ("query ($n: [Int!]!) { x }", {"n": "x"}, [("n", "INVALID")]),
        ("query ($n: [Int!]!) { x }", {"n": 1}, []),
        ("query ($c: Color!) { x }", {"c": "PINK"}, [("c", "INVALID")]),
        ("query ($c: Color!) { x }", {"c": 3}, [("c", "INVALID")]),
        ("query ($p: Pick!) { x }", {"p": {}}, [("p", "INVALID")]),
        ("query ($p: Pick!) { x }", {"p": {"a": 1, "b": 2}}, [("p", "INVALID")]),
        ("query ($p: Pick!) { x }", {"p": {"a": 1}}, []),
        ("query ($p: Pick!) { x }", {"p": [1]}, [("p", "INVALID")]),
        ("query ($o: Odd) { x }", {"o": "even"}, [("o", "INVALID")]),
        ("query ($o: Odd) { x }", {"o": "told"}, [("o", "INVALID")]),
        ("query ($o: Odd) { x }", {"o": "nothing"}, [("o", "INVALID")]),
        ("query ($q: Query) { x }", {"q": 1}, []),
        (
            "query ($n: [Int!]!) { x }",
            {"n": ["x"] * 90},
            [(f"n.{i}", "INVALID") for i in range(20)],
        ),
    ],
)
def test_faults_of_variables_have_paths_and_no_values(
    document: str, variables: dict[str, object], faults: list[tuple[str, str]]
) -> None:
    """Lists, objects, enums and scalars each say where the fault is and what was expected."""
    schema = build_schema(
        "scalar Odd enum Color { RED GREEN } input Pick @oneOf { a: Int b: Int } "
        "type Query { x(n: Int, c: Color, p: Pick, o: Odd): Int }"
    )

    def odd(value: object) -> object:
        if value == "told":
            raise MalformedRequest("An odd number is needed.")
        if value == "nothing":
            return Undefined
        raise ValueError(value)

    schema.type_map["Odd"].coerce_input_value = odd  # type: ignore[attr-defined] # every kind has one
    found = variable_faults(schema, operation_of(document), variables, 20)

    fields = found.fields if found is not None else ()
    assert [(fault.path, fault.code) for fault in fields] == faults
    for fault in fields:
        assert not {"PINK", "even"} & set(fault.message.replace(".", "").split())
    if variables.get("c") == "PINK":
        assert fields[0].message == "One of RED, GREEN is needed."
    if variables.get("o") == "told":
        assert fields[0].message == "An odd number is needed."


def operation_of(text: str) -> Operation:
    document = parse(text)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return Operation(document, node)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("query ($i: X) { a(input: $i) }", {"i": "input"}),
        ("query ($n: X) { a(input: {lines: [{}, {net: $n}]}) }", {"n": "input.lines.1.net"}),
        ("query ($n: X) { a(ids: [$n]) }", {"n": "ids.0"}),
        ("query ($n: X) { a { b(x: {y: $n}) } c(z: $n) }", {"n": "x.y"}),
        ("query ($n: X, $m: X) { a(x: $m, y: $n) b(z: $m) }", {"m": "x", "n": "y"}),
        ("query ($n: X) { a @include(if: $n) }", {"n": "if"}),
        ("query ($n: X) { ...F b(y: $n) } fragment F on Q { a(x: $n) ...F }", {"n": "x"}),
        ("query ($n: X) { ... on Q { a(x: $n) } ...None }", {"n": "x"}),
        ("query ($n: X) { a } query B { a(x: $n) }", {}),
    ],
)
def test_a_variable_stands_for_the_argument_it_is_given_to(
    text: str, paths: dict[str, str]
) -> None:
    """Its path is that of its first use, also within an input and by way of a fragment."""
    assert argument_paths(operation_of(text)) == paths


def test_uses_of_variables_are_found_in_linear_time() -> None:
    """2^200 spreads of one fragment are walked as often as the document is long."""
    spread = operation_of(chain(200))
    assert argument_paths(spread) == {}
    assert steps_of(lambda: argument_paths(spread)) < 200 * STEPS_A_LEVEL


async def test_a_misspelled_variable_is_told_how_it_is_spelled(real: Engine) -> None:
    """A scalar's own words reach a client who sends variables, under the argument's name."""
    text = """mutation ($i: ID!, $lines: [IncomeInput!], $net: Money!, $born: AWSDate) {
      saveBudget(input: {applicationId: $i, incomes: $lines}) { id }
      b: saveBudget(input: {applicationId: $i, expenses: [
        {category: HOUSING, description: "x", amount: $net, frequency: MONTHLY}]}) { id }
      updateConsumer(input: {id: $i, dateOfBirth: $born}) { id } }"""
    line = {"source": "WAGES", "gross": "1,250.00", "net": 66648.4418, "frequency": "MONTHLY"}

    with pytest.raises(DocumentRefused) as raised:
        await run(real, text, {"i": "app_1", "lines": [line], "net": True, "born": "1/15/1980"})

    (entry,) = raised.value.entries
    info: Any = entry["errorInfo"]
    money = 'Give a string such as "1250.00", or an integer; never a float.'
    assert {fault["path"]: fault["message"] for fault in info["fields"]} == {
        "input.incomes.0.gross": money,
        "input.incomes.0.net": money,
        "input.expenses.0.amount": money,
        "input.dateOfBirth": "Give a date such as 2026-01-15.",
    }
    assert not [one for one in ("1,250", "66648", "1980") if one in str(entry)]


async def test_requests_do_not_see_each_other(engine: Engine) -> None:
    """Many at once over one cached document each get their own variables back."""
    text = "query ($n: String!) { hello(name: $n) }"
    results = await asyncio.gather(*(run(engine, text, {"n": str(i)}) for i in range(50)))

    answers: list[Any] = [msgspec.json.decode(result.body)["data"]["hello"] for result in results]
    assert answers == [f"hello {i}" for i in range(50)]
