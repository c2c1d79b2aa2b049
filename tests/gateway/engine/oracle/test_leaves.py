"""Every leaf value, had in every way, in every nesting: as its type says, odd, wrong and late."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from graphql import Undefined

from tests.gateway.engine.oracle.executors import Case, Oracle, parsed
from tests.gateway.engine.oracle.placing import put_script, put_value
from tests.gateway.engine.oracle.synthetic import (
    CODES,
    FETCHED,
    LEAVES,
    WAYS,
    attribute_of,
    field_name,
)
from tests.gateway.engine.oracle.things import Later, Plain, Recipe, Script, Thing, Told
from tests.gateway.engine.oracle.values import ODD, PLAIN, WRONG

pytestmark = pytest.mark.slow


def recipes(kind: str) -> Iterator[Recipe]:
    """Yield a recipe of every value that a case may have of a leaf type, and of others."""
    for value in (*PLAIN[kind], *ODD[kind], *WRONG[kind], None, Undefined, {"a": 1}, []):
        yield lambda _, value=value: value  # type: ignore[misc] # mypy knows no default there
    yield lambda _: Told("in place of a value")
    yield lambda _: Later(1, lambda: PLAIN[kind][0])
    yield lambda _: Later(0, fail)


def fail() -> Any:
    """Raise, in place of a value that was awaited."""
    raise Told("it fails late")


def nested(make: Recipe, plain: Any, code: str) -> Recipe:
    """Return the recipe of a value within as many lists as the code has."""
    for _ in range(code.count("L")):
        make = within(make, plain)
        plain = [plain]
    return make


def within(make: Recipe, plain: Any) -> Recipe:
    """Return the recipe of a list in which the value has a neighbour."""
    return lambda things: [plain, make(things)]


def things_with(name: str, way: str, makers: Sequence[Recipe]) -> Thing:
    """Return a root with one thing for each value, and behind each thing one that has it too."""
    root = Thing("root")
    things: list[Thing] = []
    for number, make in enumerate(makers):
        pair = Plain(f"thing{number}"), Plain(f"inner{number}")
        for thing in pair:
            thing.objects = things
            if way in FETCHED:
                put_script(name, Script(make, turns=number % 3), thing, things)
            else:
                inside = attribute_of(way, name)
                put_value(inside, make, thing, things, inner=way == "dig", called=False)
        pair[0].read_thing_inside = pair[1]  # type: ignore[attr-defined] # attributes are the schema's
        outer = Plain(f"outer{number}")  # a list that has one odd item would not be of a plan
        outer.scripts["slow_thing"] = Script(lambda _, thing=pair[0]: thing)  # type: ignore[misc] # mypy knows no default there
        things.append(outer)
    root.scripts["slow_thing_L"] = Script(lambda _: things)
    return root


@pytest.mark.parametrize(("kind", "named"), LEAVES.items())
@pytest.mark.parametrize("way", WAYS)
async def test_a_leaf_is_written_as_by_graphql_core(
    oracle: Oracle, way: str, kind: str, named: str
) -> None:
    """Whatever is had of a field, it is written, or refused in the same words."""
    for code in CODES:
        name = field_name(way, kind, code)
        makers = [nested(make, PLAIN[named][0], code) for make in recipes(named)]
        beneath = f"read_thing {{ {name} }}" if way in {"read", "dig"} else ""
        for selected in filter(None, (name, beneath)):
            text = f"{{ slow_thing_L {{ slow_thing {{ {selected} }} }} }}"
            case = Case(text, parsed(text), make_root=partial(things_with, name, way, makers))
            verdict = await oracle.both(case)

            assert verdict.found == [], text
            assert len(verdict.theirs.errors) >= len(WRONG[named])
