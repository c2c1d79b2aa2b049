"""The rules of the specification about requests, variables and operations, a row a case."""
# ruff: noqa: E501 -- a document is one text, and so is an error

import asyncio
from typing import Any

from tests.gateway.engine.oracle.spec import Bag, Row, echo, fails, later, obj

ABC = "type Query { a: Int b: Int }"
ROOT = obj(a=1, b=2)
E = "type Query { echo(a: Int, b: Int): Any }"
ECHO = obj(echo=echo)
IN = 'input In { a: Int! b: String = "b" c: [Int!] in: In } type Query { echo(in: In): Any }'
NUM = """type Num { theNumber: Int } type Query { a: Int }
type Mutation { change(to: Int): Num fail: Num must: Num! slow(to: Int): Num }"""


def numbers() -> Bag:
    """Return the example of the section on serial execution: a number that mutations change."""
    held = obj(theNumber=0)

    def change(_info: Any, to: int | None = None) -> Any:
        held["theNumber"] = to
        return obj(theNumber=lambda _info: held["theNumber"])

    async def slow(info: Any, to: int | None = None) -> Any:
        await asyncio.sleep(0)
        return change(info, to)

    return obj(change=change, slow=slow, fail=fails("no"), must=fails("must"))


REQUESTS = (
    Row(
        rule="GetOperation: operationName is null, and there is one operation",
        sdl=ABC,
        document="query Only { a }",
        root=ROOT,
        data={"a": 1},
    ),
    Row(
        rule="GetOperation: an operation without a name",
        sdl=ABC,
        document="{ a }",
        root=ROOT,
        data={"a": 1},
    ),
    Row(
        rule="GetOperation: the operation of that name",
        sdl=ABC,
        document="query A { a } query B { b }",
        root=ROOT,
        operation="B",
        data={"b": 2},
    ),
    Row(
        rule="GetOperation: the only one, by its name",
        sdl=ABC,
        document="query A { a }",
        root=ROOT,
        operation="A",
        data={"a": 1},
    ),
    Row(
        rule="GetOperation: beside an operation of another kind",
        sdl="type Query { a: Int } type Mutation { b: Int }",
        document="query A { a } mutation B { b }",
        root=ROOT,
        operation="B",
        data={"b": 2},
    ),
    Row(
        rule="Executing Requests: comments have no effect",
        sdl=ABC,
        document="# none\n{ a # none\n,,, b }",
        root=ROOT,
        data={"a": 1, "b": 2},
    ),
    Row(
        rule="CoerceVariableValues: no variables are defined, those sent are ignored",
        sdl=ABC,
        document="{ a }",
        root=ROOT,
        variables={"v": 1},
        data={"a": 1},
    ),
    Row(
        rule="CoerceVariableValues: not sent, and there is a default",
        sdl=E,
        document="query ($v: Int = 5) { echo(a: $v) }",
        root=ECHO,
        data={"echo": {"a": 5}},
    ),
    Row(
        rule="CoerceVariableValues: not sent, and the default is null",
        sdl=E,
        document="query ($v: Int = null) { echo(a: $v) }",
        root=ECHO,
        data={"echo": {"a": None}},
    ),
    Row(
        rule="CoerceVariableValues: sent as null, and there is a default",
        sdl=E,
        document="query ($v: Int = 5) { echo(a: $v) }",
        root=ECHO,
        variables={"v": None},
        data={"echo": {"a": None}},
    ),
    Row(
        rule="CoerceVariableValues: sent, and there is a default",
        sdl=E,
        document="query ($v: Int = 5) { echo(a: $v) }",
        root=ECHO,
        variables={"v": 6},
        data={"echo": {"a": 6}},
    ),
    Row(
        rule="CoerceVariableValues: a non-null type is not sent",
        sdl=E,
        document="query ($v: Int!) { echo(a: $v) }",
        root=ECHO,
        errors=(
            "- at 1:8: Variable '$v' has invalid value: Expected a value of non-null type 'Int!' to be provided.",
        ),
    ),
    Row(
        rule="CoerceVariableValues: a non-null type is sent as null",
        sdl=E,
        document="query ($v: Int!) { echo(a: $v) }",
        root=ECHO,
        variables={"v": None},
        errors=(
            "- at 1:8: Variable '$v' has invalid value: Expected value of non-null type 'Int!' not to be None.",
        ),
    ),
    Row(
        rule="CoerceVariableValues: a non-null type with a default is not sent",
        sdl=E,
        document="query ($v: Int! = 5) { echo(a: $v) }",
        root=ECHO,
        data={"echo": {"a": 5}},
    ),
    Row(
        rule="CoerceVariableValues: a non-null type with a default is sent as null",
        sdl=E,
        document="query ($v: Int! = 5) { echo(a: $v) }",
        root=ECHO,
        variables={"v": None},
        errors=(
            "- at 1:8: Variable '$v' has invalid value: Expected value of non-null type 'Int!' not to be None.",
        ),
    ),
    Row(
        rule="CoerceVariableValues: sent as null",
        sdl=E,
        document="query ($v: Int) { echo(a: $v) }",
        root=ECHO,
        variables={"v": None},
        data={"echo": {"a": None}},
    ),
    Row(
        rule="CoerceVariableValues: not sent, and nothing is entered",
        sdl=E,
        document="query ($v: Int) { echo(a: $v) }",
        root=ECHO,
        data={"echo": {}},
    ),
    Row(
        rule="CoerceVariableValues: cannot be coerced",
        sdl=E,
        document="query ($v: Int) { echo(a: $v) }",
        root=ECHO,
        variables={"v": "x"},
        errors=(
            "- at 1:8: Variable '$v' has invalid value: Int cannot represent non-integer value: 'x'",
        ),
    ),
    Row(
        rule="CoerceVariableValues: all that cannot be coerced is told",
        sdl=E,
        document="query ($v: Int, $w: Int!) { echo(a: $v, b: $w) }",
        root=ECHO,
        variables={"v": "x"},
        errors=(
            "- at 1:8: Variable '$v' has invalid value: Int cannot represent non-integer value: 'x'",
            "- at 1:17: Variable '$w' has invalid value: Expected a value of non-null type 'Int!' to be provided.",
        ),
    ),
    Row(
        rule="CoerceVariableValues: coerced by its type",
        sdl=E,
        document="query ($v: Int) { echo(a: $v) }",
        root=ECHO,
        variables={"v": 7.0},
        data={"echo": {"a": 7}},
    ),
    Row(
        rule="CoerceVariableValues: nothing is executed where one does not fit",
        sdl="type Query { a: Int } type Mutation { a(b: Int): Int }",
        document="mutation ($v: Int!) { a(b: $v) }",
        root=obj(a=fails("executed")),
        variables={"v": True},
        errors=(
            "- at 1:11: Variable '$v' has invalid value: Int cannot represent non-integer value: True",
        ),
    ),
    Row(
        rule="CoerceVariableValues: an input object, its defaults filled in",
        sdl=IN,
        document="query ($v: In) { echo(in: $v) }",
        root=ECHO,
        variables={"v": {"a": 1}},
        data={"echo": {"in": {"a": 1, "b": "b"}}},
    ),
    Row(
        rule="CoerceVariableValues: an input object within another",
        sdl=IN,
        document="query ($v: In) { echo(in: $v) }",
        root=ECHO,
        variables={"v": {"a": 1, "b": None, "in": {"a": 2, "c": 3}}},
        data={"echo": {"in": {"a": 1, "b": None, "in": {"a": 2, "b": "b", "c": [3]}}}},
    ),
    Row(
        rule="CoerceVariableValues: what is wrong deep in an input object",
        sdl=IN,
        document="query ($v: In) { echo(in: $v) }",
        root=ECHO,
        variables={"v": {"a": 1, "in": {"a": None, "c": [1, None, "x"], "d": 1}}},
        errors=(
            "- at 1:8: Variable '$v' has invalid value at .in.a: Expected value of non-null type 'Int!' not to be None.",
            "- at 1:8: Variable '$v' has invalid value at .in.c[1]: Expected value of non-null type 'Int!' not to be None.",
            "- at 1:8: Variable '$v' has invalid value at .in.c[2]: Int cannot represent non-integer value: 'x'",
            "- at 1:8: Variable '$v' has invalid value at .in: Expected value of type 'In' not to include unknown field 'd'. Did you mean 'a', 'b', or 'c'? Found: {'a': None, 'c': [1, None, 'x'], 'd': 1}.",
        ),
    ),
    Row(
        rule="CoerceVariableValues: the default of an input object is coerced",
        sdl=IN,
        document="query ($v: In = {a: 1, c: 2}) { echo(in: $v) }",
        root=ECHO,
        data={"echo": {"in": {"a": 1, "b": "b", "c": [2]}}},
    ),
    Row(
        rule="ExecuteQuery: the fields of the initial value",
        sdl=ABC,
        document="query { a b }",
        root=ROOT,
        data={"a": 1, "b": 2},
    ),
    Row(
        rule="ExecuteQuery: without an initial value, fields are null",
        sdl=ABC,
        document="{ a b }",
        root=None,
        data={"a": None, "b": None},
    ),
    Row(
        rule="ExecuteMutation: fields one after the other",
        sdl=NUM,
        document="mutation { first: change(to: 1) { theNumber } second: slow(to: 3) { theNumber } third: change(to: 2) { theNumber } }",
        root=numbers(),
        data={"first": {"theNumber": 1}, "second": {"theNumber": 3}, "third": {"theNumber": 2}},
    ),
    Row(
        rule="ExecuteMutation: what fails does not stop the next",
        sdl=NUM,
        document="mutation { change(to: 1) { theNumber } fail { theNumber } last: change(to: 2) { theNumber } }",
        root=numbers(),
        data={"change": {"theNumber": 1}, "fail": None, "last": {"theNumber": 2}},
        errors=("fail at 1:40: no",),
    ),
    Row(
        rule="ExecuteMutation: a null that reaches the root ends it",
        sdl=NUM,
        document="mutation { change(to: 1) { theNumber } must { theNumber } slow(to: 2) { theNumber } }",
        root=numbers(),
        errors=("must at 1:40: must",),
    ),
    Row(
        rule="ExecuteMutation: the same field twice is one",
        sdl=NUM,
        document="mutation { change(to: 1) { theNumber } change(to: 1) { __typename } }",
        root=numbers(),
        data={"change": {"theNumber": 1, "__typename": "Num"}},
    ),
    Row(
        rule="ExecuteMutation: skipped fields are not executed",
        sdl=NUM,
        document="mutation { fail @skip(if: true) { theNumber } change(to: 1) { theNumber } }",
        root=numbers(),
        data={"change": {"theNumber": 1}},
    ),
    Row(
        rule="ExecuteSubscriptionEvent: the event is the initial value",
        sdl="type Query { a: Int } type Subscription { event: O } type O { a: Int b: Int! }",
        document="subscription { event { a b } }",
        root=obj(event=obj(a=1, b=2)),
        data={"event": {"a": 1, "b": 2}},
    ),
    Row(
        rule="ExecuteSubscriptionEvent: under an alias, by a fragment",
        sdl="type Query { a: Int } type Subscription { event: O } type O { a: Int b: Int! }",
        document="subscription { ...F } fragment F on Subscription { e: event { a } }",
        root=obj(event=later(obj(a=1, b=2))),
        data={"e": {"a": 1}},
    ),
    Row(
        rule="ExecuteSubscriptionEvent: errors of one event are in its result",
        sdl="type Query { a: Int } type Subscription { event: O! } type O { a: Int b: Int! }",
        document="subscription { event { a b } }",
        root=obj(event=obj(a=1, b=None)),
        errors=("event.b at 1:26: Cannot return null for non-nullable field O.b.",),
    ),
    Row(
        rule="ExecuteSubscriptionEvent: with arguments",
        sdl="type Query { a: Int } type Subscription { event(of: Int): Any }",
        document="subscription ($v: Int) { event(of: $v) }",
        root=obj(event=echo),
        variables={"v": 4},
        data={"event": {"of": 4}},
    ),
)
