"""The nasty schema: every kind of output in every nesting of lists and nulls, had in every way.

A field's name says all of it: `wait_int_NLN` is `[Int!]!`, by an asynchronous function. The ways:

read, dig    an attribute of another name than the field's, `dig` through an object in between
plain        no resolver: graphql-core's default one reads the attribute or calls the method
call, wait   a resolver as graphql-core has them, synchronous and asynchronous
quick, slow  a function of one parent that the schema declares as such
batch        a function of all parents at once

Codes read from outside in: N is "not null", L is "list of". What the functions give is their
parent's business (`things.py`), so that two executors over equal objects see equal data.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    build_schema,
)
from graphql.pyutils import Path

from schema.fetch import FETCH, Attribute, Batch, Call
from tests.gateway.engine.oracle.things import Run, Thing, Told

LEAVES = {
    "int": "Int",
    "text": "String",
    "float": "Float",
    "flag": "Boolean",
    "id": "ID",
    "color": "Color",
    "odd": "Odd",
    "any": "Any",
}
OBJECTS = {"thing": "Thing", "pet": "Pet", "cat": "Cat", "beast": "Beast", "some": "Some"}
CODES = ("", "N", "L", "LN", "NL", "NLN", "LL", "NLNLN", "LNL", "NLLLN")
FETCHED = ("call", "wait", "quick", "slow", "batch")
WAYS = ("read", "plain", "dig", *FETCHED)
TABLED = ("Query", "Mutation", "Subscription", "Thing")
"""The types that have the whole table of fields."""

ECHOES = {
    "leaves": "i: Int, f: Float, s: String, b: Boolean, id: ID, c: Color, o: Odd",
    "defaults": 'i: Int = 7, f: Float! = 1.5, s: String! = "s", n: Int = null, c: Color! = GREEN, '
    'l: [Int!]! = [1, 2], in: In! = {a: 1, l: [{a: 2}]}, one: One = {b: "x"}, o: Odd = 3',
    "lists": "l: [Int], n: [Int!], m: [[Int]], c: [Color!], z: [[Int!]!]! = [[]]",
    "inputs": "in: In, ins: [In!], one: One, must: In! = {a: 0}",
    "musts": "i: Int!, c: Color!, l: [Int!]!",
    "info": "i: Int",
}
"""Arguments of the fields that answer with what they were called with."""

INPUTS = """
scalar Odd
scalar Any
enum Color { RED GREEN BLUE }
input In {
  a: Int!
  b: String = "b"
  c: Color
  d: Float! = 2.5
  l: [In!]
  o: Odd
  renamed: [Boolean!]
}
input One @oneOf { a: Int b: String in: In c: [Color!] }
"""
PET = "name: String age: Int! nick(length: Int! = 3): String {friend} kin: [Pet!] home: Thing!"
PETS = f"""
interface Pet {{ {PET.format(friend="friend: Pet")} }}
interface Beast implements Pet {{ {PET.format(friend="friend: Pet")} teeth: [Int!]! }}
union Some = Thing | Cat | Dog
type Cat implements Pet & Beast {{ {PET.format(friend="friend: Cat")} teeth: [Int!]! cat: Cat! }}
type Dog implements Pet {{ {PET.format(friend="friend: Pet")} barks: [Any] }}
type Bird {{ {PET.format(friend="friend: Pet")} }}
"""
PET_WAYS = {
    "Cat": {
        "name": "plain",
        "age": "read",
        "nick": "call",
        "friend": "wait",
        "kin": "batch",
        "home": "read",
        "teeth": "call",
        "cat": "plain",
    },
    "Dog": {
        "name": "slow",
        "age": "quick",
        "nick": "batch",
        "friend": "read",
        "kin": "plain",
        "home": "batch",
        "barks": "read",
    },
    "Bird": dict.fromkeys(("name", "age", "nick", "friend", "kin", "home"), "plain"),
}


class Hue(Enum):
    """What a colour is inside."""

    BLUE = "inner blue"


def field_name(way: str, kind: str, code: str) -> str:
    """Return the name of a field of the table."""
    return f"{way}_{kind}_{code}" if code else f"{way}_{kind}"


def way_of(type_name: str, name: str) -> str:
    """Return how a field of an object type is had."""
    return PET_WAYS[type_name][name] if type_name in PET_WAYS else name.partition("_")[0]


def attribute_of(way: str, name: str) -> str:
    """Return the attribute in which a field's value lies, where it lies in one."""
    return name if way == "plain" else f"{name}_inside"


def synthetic_schema() -> GraphQLSchema:
    """Return the schema; building it takes about a second."""
    table = " ".join(_table())
    types = " ".join(f"type {name} {{ bird: Bird {table} }}" for name in TABLED)
    schema = build_schema(f"{INPUTS} {PETS} {types}")
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            for name, field in named.fields.items():
                way = "plain" if name == "bird" else way_of(named.name, name)
                _provide(field, name, way)
    _tell_types(schema)
    _shape_leaves(schema)
    return schema


def _table() -> Sequence[str]:
    fields = []
    for way in WAYS:
        arguments = "(n: Int)" if way in FETCHED else ""
        for code in CODES:
            for kind, named in {**LEAVES, **OBJECTS}.items():
                given = arguments if kind in OBJECTS else ""
                fields.append(f"{field_name(way, kind, code)}{given}: {_wrapped(named, code)}")
    fields += [
        f"{field_name(way, kind, code)}({arguments}): {_wrapped('String', code)}"
        for way in FETCHED
        for kind, arguments in ECHOES.items()
        for code in ("", "N")
    ]
    return fields


def _wrapped(named: str, code: str) -> str:
    """Return the type: codes are read from outside in."""
    text = named
    for letter in reversed(code):
        text = f"{text}!" if letter == "N" else f"[{text}]"
    return text


def _provide(field: GraphQLField, name: str, way: str) -> None:
    """Give the field what it is had by."""
    inside = attribute_of(way, name)
    if way in {"read", "dig"}:
        path = inside if way == "read" else f"inner.{inside}"
        read = attrgetter(path)
        field.extensions[FETCH] = Attribute(path)
        field.resolve = lambda source, _info: read(source)
    elif way == "call":
        field.resolve = _call(name)
    elif way == "wait":
        field.resolve = _wait(name)
    elif way in {"quick", "slow"}:
        function = _quick(name) if way == "quick" else _slow(name)
        field.extensions[FETCH] = Call(function=function, is_async=way == "slow")
        field.resolve = function
    elif way == "batch":
        fetch = _batch(name)
        field.extensions[FETCH] = Batch(function=fetch)
        field.resolve = _one_by_one(fetch)


def _call(name: str) -> Callable[..., Any]:
    def resolve(source: Any, info: GraphQLResolveInfo[Run], **arguments: Any) -> Any:
        run: Run = info.context
        with run.at(source, name, arguments, info.path):
            if name.startswith("call_info"):
                return spelled_info(info)
            return run.give(source, name, arguments)

    return resolve


def _wait(name: str) -> Callable[..., Any]:
    async def resolve(source: Any, info: GraphQLResolveInfo[Run], **arguments: Any) -> Any:
        run: Run = info.context
        with run.at(source, name, arguments, info.path):
            await run.suspend(source, name)
            if name.startswith("wait_info"):
                return spelled_info(info)
            return run.give(source, name, arguments)

    return resolve


def spelled_info(info: GraphQLResolveInfo[Run]) -> str:
    """Return what a resolver is told, as far as it can be spelled."""
    places = [node.loc.start for node in info.field_nodes if node.loc is not None]
    told = (
        info.field_name,
        info.path.as_list(),
        [step.typename for step in _steps(info.path)],
        str(info.parent_type),
        str(info.return_type),
        places,
        sorted(info.fragments),
        info.operation.operation.value,
        info.root_value,
        info.variable_values.coerced,
        sorted(info.variable_values.sources),
        info.schema.query_type is not None,
    )
    return repr(told)


def _steps(path: Path | None) -> Iterator[Path]:
    while path is not None:
        yield path
        path = path.prev


def _quick(name: str) -> Callable[..., Any]:
    def fetch(source: Any, info: Any, **arguments: Any) -> Any:
        run: Run = info.context
        with run.at(source, name, arguments):
            return run.give(source, name, arguments)

    return fetch


def _slow(name: str) -> Callable[..., Any]:
    async def fetch(source: Any, info: Any, **arguments: Any) -> Any:
        run: Run = info.context
        with run.at(source, name, arguments):
            await run.suspend(source, name)
            return run.give(source, name, arguments)

    return fetch


def _batch(name: str) -> Callable[..., Awaitable[list[Any]]]:
    async def fetch(parents: Sequence[Any], info: Any, **arguments: Any) -> list[Any]:
        run: Run = info.context
        return await run.give_all(parents, name, arguments)

    return fetch


def _one_by_one(fetch: Callable[..., Awaitable[list[Any]]]) -> Callable[..., Any]:
    async def resolve(source: Any, info: GraphQLResolveInfo[Run], **arguments: Any) -> Any:
        results = await fetch([source], info, **arguments)
        if len(results) != 1:
            raise TypeError(f"{len(results)} results came back for 1 objects")
        return results[0]

    return resolve


def _tell_types(schema: GraphQLSchema) -> None:
    """Let each abstract type be resolved in a way of its own, and some objects be checked."""
    types = cast("dict[str, GraphQLObjectType]", schema.type_map)
    interfaces = cast("dict[str, GraphQLInterfaceType]", schema.type_map)

    def pet(value: Any, _info: Any, _type: Any) -> Any:
        return value.tell() if isinstance(value, Thing) else None

    async def beast(value: Any, info: GraphQLResolveInfo[Run], _type: Any) -> Any:
        run: Run = info.context
        await run.pause(1)
        return pet(value, info, _type)

    def is_dog(value: Any, _info: Any) -> bool:
        if isinstance(value, Thing) and value.label.startswith("rabid"):
            raise Told(f"{value.label} bites")
        return isinstance(value, Thing) and value.kind == "Dog"

    async def is_cat(value: Any, info: GraphQLResolveInfo[Run]) -> bool:
        run: Run = info.context
        await run.pause(1)
        return isinstance(value, Thing) and value.kind == "Cat"

    interfaces["Pet"].resolve_type = pet
    interfaces["Beast"].resolve_type = beast
    types["Dog"].is_type_of = is_dog
    types["Cat"].is_type_of = is_cat


def _shape_leaves(schema: GraphQLSchema) -> None:
    """Give enums their inner values, scalars their coercion, inputs their names within."""
    color = cast("GraphQLEnumType", schema.type_map["Color"])
    for name, value in (("RED", 1), ("GREEN", ("green", "inside")), ("BLUE", Hue.BLUE)):
        color.values[name].value = value
    odd = cast("GraphQLScalarType", schema.type_map["Odd"])
    odd.coerce_output_value = _odd_out
    odd.coerce_input_value = _odd_in
    within = cast("GraphQLInputObjectType", schema.type_map["In"])
    within.fields["renamed"].out_name = "within"
    one = cast("GraphQLInputObjectType", schema.type_map["One"])
    one.out_type = lambda given: ("one", given)  # type: ignore[method-assign,assignment] # as above


def _odd_out(value: Any) -> Any:
    """Give odd numbers and texts, some of them late; refuse others in each way that there is."""
    if isinstance(value, str):
        return _odd_late(value) if value.startswith("late") else value.upper()
    if not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} is not odd")
    if value % 2:
        return value
    if value % 4:
        raise GraphQLError(f"{value} is even")
    return None if value else Undefined


async def _odd_late(value: str) -> Any:
    """Give a text, or null, when it is awaited."""
    return None if value == "late null" else value.upper()


def _odd_in(value: Any) -> Any:
    if value == "undefined":
        return Undefined
    if value == "told":
        raise GraphQLError("Odd was told to refuse.")
    if not isinstance(value, int) or value % 2 == 0:
        raise ValueError(f"{value!r} is not odd")
    return value * 100
