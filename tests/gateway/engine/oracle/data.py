"""Draws the data of a case: objects, and for each selected field what is had of each of them.

Nearly all is as the schema says. How much is odd (a text for a number, a generator for a list,
something to await) and how much is wrong depends on the case: half of the cases have none of it,
so that fast paths are walked as well as the others.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLScalarType,
    Undefined,
    is_abstract_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
)

from tests.gateway.engine.oracle.documents import Document, Shapes
from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.placing import put_read, put_script, put_value
from tests.gateway.engine.oracle.synthetic import FETCHED, attribute_of, way_of
from tests.gateway.engine.oracle.things import (
    BROKEN,
    SHORT,
    Bird,
    Cat,
    Dog,
    Later,
    Once,
    Plain,
    Recipe,
    Script,
    Streamed,
    Thing,
    Told,
    TypedError,
)
from tests.gateway.engine.oracle.values import ODD, PLAIN, WRONG

PROFILES = (
    (0.0, 0.0),
    (0.0, 0.0),
    (6.0, 0.0),
    (0.0, 6.0),
    (8.0, 8.0),
    (16.0, 16.0),
    (30.0, 0.0),
    (0.0, 25.0),
)
"""How many of a hundred values are odd, and how many are wrong."""

SPOILT = (
    (),
    ("Int", "Color"),
    ("Float", "Any"),
    ("String", "Odd"),
    ("Boolean", "ID"),
)
"""Leaf types of which a case may have many odd and wrong values."""
_LIST_MAX = 4


@dataclass(frozen=True, slots=True)
class Data:
    """What is had of each object; every run makes its own, all equal.

    given: by the number of an object, what is put into it. fault: what all batches do wrong. odd,
    wrong: how many values are unusual, and how many cannot be.
    """

    makers: tuple[Callable[[], Thing], ...]
    given: tuple[tuple[int, Callable[[Thing, Sequence[Thing]], None]], ...]
    fault: str
    odd: int
    wrong: int

    def make(self) -> Thing:
        """Return the root of objects made anew."""
        objects = [make() for make in self.makers]
        for number, one in enumerate(objects):
            one.objects = objects
            if number == 0:
                one.label = "root"
        for number, give in self.given:
            give(objects[number], objects)
        return objects[0]


_MAKERS: tuple[Callable[[], Thing], ...] = (
    functools.partial(Thing, "root"),
    functools.partial(Plain, "thing1"),
    functools.partial(Plain, "thing2"),
    functools.partial(Cat, "cat1"),
    functools.partial(Cat, "cat2"),
    functools.partial(Dog, "dog1"),
    functools.partial(Dog, "dog2"),
    functools.partial(Bird, "bird1"),
)
_NUMBERS = {"Thing": (1, 2), "Cat": (3, 4), "Dog": (5, 6), "Bird": (7,)}
_THING, _DOG, _BIRD = (_NUMBERS[name][0] for name in ("Thing", "Dog", "Bird"))
_ROOTS = ("Query", "Mutation", "Subscription")


class DataDraws:
    """Draws the data for one document."""

    def __init__(self, shapes: Shapes, draws: Draws) -> None:
        self._shapes = shapes
        self._draws = draws
        self._odd_percent, self._wrong_percent = draws.pick(PROFILES)
        self._odd = 0
        self._wrong = 0
        self._once = False
        self._spoilt = draws.pick(SPOILT) if self._odd_percent or self._wrong_percent else ()

    def draw(self, document: Document) -> Data:
        """Return what is had of each object for the fields that the document selects."""
        makers = list(_MAKERS)
        if self._wrong_percent and self._draws.chance(20):
            makers[_DOG] = functools.partial(Dog, "rabid dog")
        given = [
            (number, give)
            for type_name, names in document.used.items()
            for name in names
            for number in ((0,) if type_name in _ROOTS else _NUMBERS[type_name])
            for give in self._gift(type_name, name)
        ]
        if self._wrong_percent:
            given += self._told_types()
        fault = ""
        if self._wrong_percent and self._draws.chance(6):
            fault = self._draws.pick((SHORT, BROKEN))
        wrong = self._wrong + bool(fault)
        return Data(tuple(makers), tuple(given), fault, odd=self._odd, wrong=wrong)

    def _told_types(self) -> Iterator[tuple[int, Callable[[Thing, Sequence[Thing]], None]]]:
        """Let some objects name a type that they are not of."""
        for number in (*_NUMBERS["Cat"], *_NUMBERS["Dog"]):
            if self._draws.chance(2 * self._wrong_percent):
                self._wrong += 1
                tell = self._draws.pick(_TELLS)
                yield number, functools.partial(_tell, tell)

    def _gift(
        self, type_name: str, name: str
    ) -> Iterator[Callable[[Thing, Sequence[Thing]], None]]:
        definition = self._shapes.fields[type_name][name]
        way = "plain" if name == "bird" else way_of(type_name, name)
        if "(" in str(definition) or way in FETCHED:
            yield functools.partial(put_script, name, self._script(definition, way))
            return
        attribute = attribute_of(way, name)
        self._once = False  # what can be iterated over once is made anew for each who reads it
        script = self._script(definition, way)
        inner = way == "dig"
        if script.raises or script.awaits or self._once:
            yield functools.partial(put_read, attribute, script, inner=inner)
        else:
            called = way == "plain" and self._strange()
            yield functools.partial(put_value, attribute, script.make, inner=inner, called=called)

    def _script(self, definition: GraphQLField, way: str) -> Script:
        draws = self._draws
        suspends = way in {"wait", "slow", "batch"}
        fails = self._fails()
        make = draws.pick(_ERRORS) if fails else self._value(definition.type)
        awaits = not suspends and self._strange()
        turns = draws.below(4) if suspends or awaits else 0
        return Script(make, turns=turns, raises=fails, awaits=awaits)

    def _strange(self) -> bool:
        strange = self._odd_percent > 0 and self._draws.chance(self._odd_percent)
        self._odd += strange
        return strange

    def _fails(self) -> bool:
        fails = self._wrong_percent > 0 and self._draws.chance(self._wrong_percent)
        self._wrong += fails
        return fails

    def _value(self, kind: Any, *, within: bool = False) -> Recipe:
        """Return the recipe of a value of a type."""
        draws = self._draws
        if is_non_null_type(kind):
            if self._fails():
                return _same(None)
            return self._known(kind.of_type, within=within)
        if draws.chance(12):
            return _same(Undefined if self._strange() else None)
        return self._known(kind, within=within)

    def _known(self, kind: Any, *, within: bool) -> Recipe:
        """Return the recipe of a value other than null."""
        draws = self._draws
        if self._fails():
            return self._wrong_value(kind)
        if within and self._strange():
            return _later(self._known(kind, within=False), draws.below(3))
        if is_list_type(kind):
            count = draws.below(_LIST_MAX)
            items = [self._value(kind.of_type, within=True) for _ in range(count)]
            made = draws.pick(_LISTS) if self._strange() else _listed
            self._once |= made in {_generated, _streamed}
            return functools.partial(made, items)
        if is_abstract_type(kind):
            kind = self._shapes.schema.type_map[
                draws.pick(sorted(self._shapes.possible(kind.name)))
            ]
        if isinstance(kind, GraphQLScalarType) or is_enum_type(kind):
            return _same(self._leaf(kind.name))
        return _object(draws.pick(_NUMBERS[kind.name]))

    def _leaf(self, name: str) -> Any:
        """Return a value of a leaf type; of a type that is spoilt, many are odd and wrong."""
        draws = self._draws
        spoilt = name in self._spoilt and draws.chance(40)
        if spoilt and self._wrong_percent and WRONG[name]:
            self._wrong += 1
            return draws.pick(WRONG[name])
        if spoilt or self._strange():
            self._odd += 1
            return draws.pick(ODD[name])
        return draws.pick(PLAIN[name])

    def _wrong_value(self, kind: Any) -> Recipe:
        draws = self._draws
        way = draws.below(4)
        if way == 0:
            return draws.pick(_ERRORS)
        if way == 1:
            return _later_error(draws.pick(_ERRORS), draws.below(3))
        if is_list_type(kind):
            self._once = True
            return draws.pick(_NO_LISTS)
        wrong = WRONG.get(getattr(kind, "name", ""))
        if wrong is None:
            return draws.pick(_NO_OBJECTS)
        return _same(draws.pick(wrong)) if wrong else draws.pick(_ERRORS)


def _same(value: Any) -> Recipe:
    return lambda _objects: value


def _object(number: int) -> Recipe:
    return lambda objects: objects[number]


def _later(make: Recipe, turns: int) -> Recipe:
    return lambda objects: Later(turns, lambda: make(objects))


def _later_error(make: Recipe, turns: int) -> Recipe:
    def fail(objects: Sequence[Thing]) -> Any:
        raise make(objects)

    return _later(fail, turns)


def _listed(items: Sequence[Recipe], objects: Sequence[Thing]) -> Any:
    return [make(objects) for make in items]


def _generated(items: Sequence[Recipe], objects: Sequence[Thing]) -> Any:
    return (make(objects) for make in items)


def _tupled(items: Sequence[Recipe], objects: Sequence[Thing]) -> Any:
    return tuple(_listed(items, objects))


def _once(items: Sequence[Recipe], objects: Sequence[Thing]) -> Any:
    return Once(_listed(items, objects))


def _streamed(items: Sequence[Recipe], objects: Sequence[Thing]) -> Any:
    return Streamed(_listed(items, objects))


def _breaking(objects: Sequence[Thing]) -> Any:
    """Give one item and break; what the item is, no list can say."""

    def items() -> Iterator[Any]:
        yield None
        raise Told("the list breaks")

    return items()


_LISTS = (_tupled, _generated, _once, _streamed)
_NO_LISTS = (
    _same("text"),
    _same({"a": 1}),
    _same(7),
    _same(b"bytes"),
    _object(_THING),
    _breaking,
    _same([[], 1, "x", {}, None]),
)
_NO_OBJECTS = (
    _same({"plain_int": 1, "name": "in a dict", "__typename": "Thing"}),
    _same(7),
    _same("text"),
    _same([]),
    _object(_BIRD),
    _object(_THING),
    _object(_DOG),
    _same({"__typename": "Nothing"}),
)
_ERRORS: tuple[Recipe, ...] = (
    lambda _: Told("it was told to fail"),
    lambda _: TypedError("typed"),
    lambda _: GraphQLError("of GraphQL's own", extensions={"code": "X"}),
    lambda _: AttributeError("an attribute is missing"),
    lambda _: StopAsyncIteration("no more"),
    lambda _: KeyError("key"),
    lambda _: RecursionError("too deep"),
)


def _fail_to_tell() -> Any:
    raise Told("it does not know its type")


_TELLS: tuple[Callable[[], Any], ...] = (
    _fail_to_tell,
    lambda: None,
    lambda: "Nothing",
    lambda: "Pet",
    lambda: "Thing",
    lambda: "Bird",
    lambda: 7,
    lambda: Later(1, lambda: "Cat"),
    lambda: Later(1, _fail_to_tell),
)


def _tell(tell: Callable[[], Any], thing: Thing, _objects: Sequence[Thing]) -> None:
    thing.told = tell
