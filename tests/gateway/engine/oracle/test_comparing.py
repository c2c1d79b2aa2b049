"""The oracle notices what it is there to notice: each way of being wrong, put in on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import msgspec
import pytest

from tests.gateway.engine.oracle.comparing import Answer, Everything, Told, differences
from tests.gateway.engine.oracle.documents import Shapes
from tests.gateway.engine.oracle.executors import Case, Oracle, parsed
from tests.gateway.engine.oracle.things import Plain, Run, Script, Thing
from tests.gateway.engine.oracle.things import Told as Failed

QUERY = "{ slow_int wait_thing_L { call_int plain_text read_int_N } quick_float }"
MUTATION = "mutation { a: wait_int b: call_int c: slow_int }"


def root() -> Thing:
    """Return an object of which each selected field has a value, and one an error."""
    made, one, two = Thing("root"), Plain("one"), Plain("two")
    for name, value in (("slow_int", 1), ("wait_int", 2), ("call_int", 3), ("quick_float", 1.0)):
        made.scripts[name] = Script(_giving(value), turns=2)
    made.scripts["wait_thing_L"] = Script(lambda _: [one, None, two])
    for thing in (one, two):
        thing.scripts["call_int"] = Script(_giving(7))
        thing.plain_text = "text"  # type: ignore[attr-defined] # attributes are the schema's
        thing.read_int_N_inside = 5  # type: ignore[attr-defined] # as above
    two.scripts["call_int"] = Script(lambda _: Failed("told"), raises=True)
    return made


def _giving(value: object) -> Callable[[Sequence[Thing]], object]:
    return lambda _: value


CASE = Case(QUERY, parsed(QUERY), make_root=root)
CHANGES = Case(MUTATION, parsed(MUTATION), make_root=root)
Spoil = Callable[[Answer], Answer]


def _data(old: bytes, new: bytes) -> Spoil:
    def spoil(answer: Answer) -> Answer:
        assert old in answer.data
        return replace(answer, data=answer.data.replace(old, new, 1))

    return spoil


def _reversed(answer: Answer) -> Answer:
    data = msgspec.json.decode(answer.data)
    return replace(answer, data=msgspec.json.encode(dict(reversed(data.items()))))


def _error(**changes: object) -> Spoil:
    def spoil(answer: Answer) -> Answer:
        (error,) = answer.errors
        return replace(answer, errors=(replace(error, **changes),))  # type: ignore[arg-type] # named

    return spoil


SPOILT: dict[str, Spoil] = {
    "keys in another order": _reversed,
    "null in place of a value": _data(b'"slow_int":1', b'"slow_int":null'),
    "a value in place of null": _data(b"null", b"{}"),
    "an int in place of a float": _data(b"1.0", b"1"),
    "a text in place of an int": _data(b":5", b':"5"'),
    "a key too many": _data(b'{"slow_int"', b'{"more":1,"slow_int"'),
    "no data at all": lambda answer: replace(answer, data=b"null"),
    "a missing error": lambda answer: replace(answer, errors=()),
    "an error told twice": lambda answer: replace(answer, errors=answer.errors * 2),
    "another path": _error(path=("wait_thing_L", 0, "call_int")),
    "no path": _error(path=None),
    "another place": _error(places=((1, 2),)),
    "no place": _error(places=()),
    "another message": _error(message="Told"),
    "refused": lambda answer: replace(answer, refused=True),
}


def told_by(
    shapes: Shapes, case: Case, ours: Callable[[Oracle, Case, Run, Thing | None], Awaitable[Answer]]
) -> list[str]:
    """Return what the oracle finds where our answer is had by a function."""
    oracle = Oracle(shapes.schema)
    oracle._ours = lambda *arguments: ours(oracle, *arguments)
    return asyncio.run(oracle.both(case)).found


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_answer_is_noticed(shapes: Shapes, spoil: Spoil) -> None:
    """Whatever differs in data or errors is told."""

    async def ours(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        return spoil(await oracle.by_core(case, run, root))

    assert told_by(shapes, CASE, ours)


@pytest.mark.parametrize("case", [CASE, CHANGES], ids=["query", "mutation"])
def test_equal_answers_are_the_same(shapes: Shapes, case: Case) -> None:
    """graphql-core beside itself differs in nothing."""

    async def ours(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        return await oracle.by_core(case, run, root)

    assert told_by(shapes, case, ours) == []


def test_a_function_called_twice_is_noticed(shapes: Shapes) -> None:
    """The answer may be the same: whoever executed a part twice is found out."""

    async def ours(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        text = "{ slow_int }"
        await oracle.by_core(Case(text, parsed(text)), run, root)
        return await oracle.by_core(case, run, root)

    assert any(one.startswith("called 2 times") for one in told_by(shapes, CASE, ours))


def test_mutations_in_another_order_are_noticed(shapes: Shapes) -> None:
    """Root fields of a mutation that are called side by side, or turned around, are found out."""

    async def side_by_side(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        query = Case(MUTATION, parsed(MUTATION.replace("mutation", "query")))
        return await oracle.by_core(query, run, root)

    async def turned(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        text = "mutation { b: call_int a: wait_int c: slow_int }"
        await oracle.by_core(Case(text, parsed(text)), run, root)
        return await oracle.by_core(case, Run(), root)

    for ours in (side_by_side, turned):
        assert any(one.startswith("order") for one in told_by(shapes, CHANGES, ours))


def test_what_is_forgotten_or_left_behind_is_noticed(shapes: Shapes) -> None:
    """A coroutine that nobody awaits, and a task that goes on after the answer, are found out."""
    text = "{ slow_int }"
    kept: list[asyncio.Task[None]] = []

    async def forgets(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        asyncio.sleep(0)  # type: ignore[unused-coroutine] # which is the point
        return await oracle.by_core(case, run, root)

    async def leaves(oracle: Oracle, case: Case, run: Run, root: Thing | None) -> Answer:
        kept.append(asyncio.create_task(asyncio.sleep(0.01)))
        return await oracle.by_core(case, run, root)

    case = Case(text, parsed(text), make_root=root)
    assert told_by(shapes, case, forgets) == ["coroutine 'sleep' was never awaited"]
    assert told_by(shapes, case, leaves) == ["left behind: 1 tasks, not 0"]


A, A_X, A_Y, B = (Told(path, ((1, 1),), "m") for path in (("a",), ("a", "x"), ("a", "y"), ("b",)))
A_Z = Told(("a", "z"), ((1, 1),), "m")
NULL_A = b'{"a":null,"b":null}'
ALL = Everything(
    (A_X, A_Y, A_Z, B), {("a",): False, ("a", "x"): True, ("a", "y"): True, ("b",): False}
)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ((A_X, B), (A_Y, B), True),
        ((A_X, A_Y, B), (A_Y, B), True),
        ((A_X, A_Z, B), (A_X, B), True),
        ((A_Z, B), (A_X, B), False),
        ((B,), (A_X, B), False),
        ((A_X,), (A_X, B), False),
        ((A_X, B, B), (A_X, B), False),
        ((A_X, A_X, B), (A_Y, B), False),
        ((A, B), (A_X, B), False),
        ((A_X, replace(A_Y, message="n"), B), (A_X, B), False),
        ((A_X, replace(A_Y, places=()), B), (A_X, B), False),
    ],
    ids=str,
)
def test_beneath_a_wiped_out_position_there_is_a_choice(
    ours: Sequence[Told], theirs: Sequence[Told], *, same: bool
) -> None:
    """There, errors have to be possible ones, none twice, and one has to say why; no others may."""
    own, core = (Answer(NULL_A, tuple(told)) for told in (ours, theirs))

    assert (differences(own, core, ALL) == []) is same


def test_without_a_null_there_is_no_choice() -> None:
    """Where the position is there, another error of the same part is a difference."""
    data = b'{"a":{"x":null,"y":null},"b":null}'
    loose = replace(ALL, strict={})

    assert differences(Answer(data, (A_X,)), Answer(data, (A_Y,)), loose)
    assert differences(Answer(data, (A_X, A_Y)), Answer(data, (A_Y,)), loose)
