"""Every kind of field in every nesting, whichever part of its value comes late, fails or is wrong.

What leaf values there are is `test_leaves.py`'s subject; here it is in what shape a value arrives.
A shape says for each level, the whole value first and the innermost item last, what is done to it:
`late as_is` is a list to await, `as_is late` a list of what is to be awaited, each on its own.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from graphql import Undefined

from tests.gateway.engine.oracle.executors import Case, Oracle, parsed
from tests.gateway.engine.oracle.placing import put_read, put_script, put_value
from tests.gateway.engine.oracle.synthetic import (
    FETCHED,
    LEAVES,
    OBJECTS,
    WAYS,
    attribute_of,
    field_name,
)
from tests.gateway.engine.oracle.things import (
    Cat,
    Dog,
    Expected,
    Later,
    Plain,
    Recipe,
    Script,
    Streamed,
    Thing,
    Told,
)
from tests.gateway.engine.oracle.values import PLAIN

KINDS = (*LEAVES, *OBJECTS)
CODES = ("", "N", "L", "LN", "NLN", "LL")
"""Of `synthetic.py`: T, T!, [T], [T!], [T!]! and [[T]]."""
SELECTIONS = {
    "thing": ("read_int slow_int", "__typename"),
    "pet": ("age",),
    "cat": ("age name",),
    "beast": ("name",),
    "some": ("... on Cat { age } ... on Dog { name }",),
}
_THING, _CAT, _DOG = range(3)
_OBJECTS = {"thing": _THING, "pet": _CAT, "cat": _CAT, "beast": _CAT, "some": _DOG}
Change = Callable[[Recipe], Recipe]
"""Does something to a value."""


def fail() -> Any:
    """Raise, in place of a value that was awaited."""
    raise Told("it fails late")


async def awaited(make: Callable[[], Any]) -> Any:
    """Return a value, as a coroutine."""
    return make()


def late(make: Recipe) -> Recipe:
    """Have a value awaited."""
    return lambda things: Later(1, lambda: make(things))


CHANGES: Mapping[str, Change] = {
    "as_is": lambda make: make,
    "late": late,
    "at_once": lambda make: lambda things: Later(0, lambda: make(things)),
    "late_twice": lambda make: late(late(make)),
    "coroutine": lambda make: lambda things: awaited(lambda: make(things)),
    "expected": lambda _: lambda things: Expected("expected", things[_CAT]),
    "failed": lambda _: lambda _things: Told("it was told to fail"),
    "fails_late": lambda _: lambda _things: Later(1, fail),
    "failed_late": lambda _: late(lambda _things: Told("it failed before")),
    "null": lambda _: lambda _things: None,
    "null_late": lambda _: late(lambda _things: None),
    "null_late_twice": lambda _: late(late(lambda _things: None)),
    "undefined": lambda _: lambda _things: Undefined,
    "undefined_late": lambda _: late(lambda _things: Undefined),
    "number": lambda _: lambda _things: 2,
    "text": lambda _: lambda _things: "text",
    "dict": lambda _: lambda _things: {"a": 1},
    "listed": lambda make: lambda things: [make(things)],
    "listed_late": lambda make: late(lambda things: [make(things)]),
    "empty": lambda _: lambda _things: [],
    "generated": lambda make: lambda things: (make(things) for _ in range(2)),
    "streamed": lambda make: lambda things: Streamed([make(things)]),
}
_ONLY_AN_ITEM = frozenset({"coroutine"})
"""What nobody awaits where a function that was awaited gives it in place of an object."""
_USUAL = ("as_is", "late")
_ALWAYS = (
    frozenset(_USUAL),
    *(frozenset({"as_is", one}) for one in ("expected", "failed", "fails_late", "null", "number")),
)
"""What each field of each kind is asked for; of all other shapes it is asked for one in so many."""
OTHERS_ONE_IN = 12


@functools.cache
def shapes_of(code: str) -> tuple[tuple[str, ...], ...]:
    """Return what is done to each level of a value of that code.

    Levels are as they are or late, in all combinations; and each change is made to each level, with
    all others as they are, and with all others late.
    """
    levels = code.count("L") + 1
    shapes = list(itertools.product(_USUAL, repeat=levels))
    for change, level in itertools.product(CHANGES, range(levels)):
        if change in _USUAL or (level == 0 and change in _ONLY_AN_ITEM):
            continue
        shapes += [
            tuple(change if one == level else usual for one in range(levels))
            for usual in _USUAL[: 1 if levels == 1 else None]
        ]
    return tuple(shapes)


def shapes_drawn(code: str, turn: int) -> Iterator[tuple[str, ...]]:
    """Yield the shapes that every field has, and those whose turn it is."""
    others = 0
    for shape in shapes_of(code):
        always = any({*shape} <= one for one in _ALWAYS)
        others += not always
        if always or others % OTHERS_ONE_IN == turn % OTHERS_ONE_IN:
            yield shape


def recipe_of(shape: Sequence[str], plain: Recipe) -> Recipe:
    """Return the recipe of a value of that shape; each list has a plain item before it."""
    *outer, innermost = shape
    make = CHANGES[innermost](plain)
    for change in reversed(outer):
        make = CHANGES[change](functools.partial(_pair, plain, make))
        plain = functools.partial(_single, plain)
    return make


def _single(make: Recipe, things: Sequence[Thing]) -> list[Any]:
    return [make(things)]


def _pair(first: Recipe, second: Recipe, things: Sequence[Thing]) -> list[Any]:
    return [first(things), second(things)]


def plain_of(kind: str) -> Recipe:
    """Return the recipe of a value that is as its type says."""
    if kind in LEAVES:
        value = PLAIN[LEAVES[kind]][0]
        return lambda _: value
    return lambda things: things[_OBJECTS[kind]]


def values_of() -> list[Thing]:
    """Return the objects that values are made of, with all that is selected on them."""
    things: list[Thing] = [Plain("thing"), Cat("cat"), Dog("dog")]
    for number, thing in enumerate(things):
        values: dict[str, Any] = {"read_int_inside": number, "age_inside": number, "name": "name"}
        for name, value in values.items():
            setattr(thing, name, value)
        thing.scripts["slow_int"] = Script(lambda _, value=number: value)  # type: ignore[misc] # mypy knows no default there
        thing.scripts["name"] = Script(lambda _: "name")
        thing.scripts["age"] = Script(lambda _: 3)
        thing.objects = things
    return things


def root_of(name: str, way: str, scripts: Sequence[Script]) -> Thing:
    """Return a root with one thing for each value that is had of the field."""
    values = values_of()
    holders: list[Thing] = []
    for number, script in enumerate(scripts):
        holder = Plain(f"holder{number}")
        holder.objects = values
        place(name, way, script, holder)
        holders.append(holder)
    root = Thing("root")
    root.scripts["slow_thing_L"] = Script(lambda _: [alone(one) for one in holders])
    return root


def alone(thing: Thing) -> Thing:
    """Return a thing behind which there is one.

    Of a list that has one odd item, graphql-core completes all: so each is put behind its own.
    """
    outer = Plain(f"before {thing.label}")
    outer.scripts["slow_thing"] = Script(lambda _: thing)
    return outer


def place(name: str, way: str, script: Script, thing: Thing) -> None:
    """Put a value where the field looks for it."""
    inside, inner = attribute_of(way, name), way == "dig"
    if way in FETCHED:
        put_script(name, script, thing, thing.objects)
    elif script.raises or script.awaits:
        put_read(inside, script, thing, thing.objects, inner=inner)
    else:
        put_value(inside, script.make, thing, thing.objects, inner=inner, called=False)


def scripts_of(kind: str, code: str, turn: int) -> list[Script]:
    """Return all that is had of a field: values of several shapes, and what is raised for them."""
    given = [
        Script(recipe_of(shape, plain_of(kind)), turns=number % 3)
        for number, shape in enumerate(shapes_drawn(code, turn))
    ]
    told: Recipe = lambda _: Told("it raises")  # noqa: E731 -- a recipe
    whole = recipe_of(["as_is"] * (code.count("L") + 1), plain_of(kind))
    return [
        *given,
        Script(told, raises=True),
        Script(told, raises=True, awaits=True, turns=2),
        Script(whole, awaits=True, turns=2),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_value_of_any_shape_is_completed_as_by_graphql_core(
    oracle: Oracle, way: str, kind: str
) -> None:
    """Whatever of a value is late, missing, wrong or raised, answer and errors are the same."""
    turn = WAYS.index(way) + KINDS.index(kind)
    for code in CODES:
        name, scripts = field_name(way, kind, code), scripts_of(kind, code, turn)
        for selection in SELECTIONS.get(kind, ("",)):
            below = selection and f"{{ {selection} }}"
            text = f"{{ slow_thing_L {{ slow_thing {{ {name} {below} }} }} }}"
            make_root = functools.partial(root_of, name, way, scripts)
            verdict = await oracle.both(Case(text, parsed(text), make_root=make_root))

            assert verdict.found == [], text
            assert len(verdict.theirs.errors) > 1


def test_every_shape_has_its_turn() -> None:
    """What one field is not asked for, another one of the same nesting and way is."""
    for code in CODES:
        turns = [set(shapes_drawn(code, turn)) for turn in range(len(KINDS))]

        assert set().union(*turns) == set(shapes_of(code))
        assert all(len(shapes) > len(_ALWAYS) for shapes in turns)
