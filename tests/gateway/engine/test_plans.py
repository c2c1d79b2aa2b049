"""Plans: compiled on second sight, one for each way of being steered, kept within bounds."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    parse,
)

from domain.access import Scope
from domain.actors import Group
from gateway.engine.compiling import Plan
from gateway.engine.documents import Operation, choose_operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution
from gateway.engine.plans import COMBINATIONS_MAX, Means, Plans
from tests.resolvers.world import CORE, World, open_world

NUMBERS = GraphQLSchema(
    GraphQLObjectType(
        "Query",
        {f"n{n}": GraphQLField(GraphQLInt, resolve=lambda *_, n=n: n) for n in range(50)},
    )
)


@pytest.fixture
async def agency(tmp_path: Path) -> AsyncIterator[World]:
    """Open an agency with a store of its own, empty."""
    async with open_world(tmp_path) as opened:
        yield opened


def operation(text: str) -> Operation:
    document = parse(text)
    return Operation(document, choose_operation(document, None))


def kept_by(plans: Plans, asked: Operation, variables: Mapping[str, Any] | None = None) -> bool:
    """Ask for a plan; say whether it was there already."""
    before = sum(len(plan) for plan in [asked.plans])
    plans.find(asked, variables or {}, None)
    return len(asked.plans) == before


async def test_an_operation_is_compiled_when_it_is_seen_again() -> None:
    """Once by graphql-core, and by its plan from then on, to the same bytes."""
    execution = Execution(NUMBERS)
    asked = operation("{ n1 n2 }")
    found = [await execution.run(asked, {}, None) for _ in range(3)]
    assert [one.means for one in found] == [Means.FIRST_SIGHT, Means.PLAN, Means.PLAN]
    assert {encode(one.data) for one in found} == {b'{"n1":1,"n2":2}'}
    assert len(execution.plans) == 1


async def test_introspection_is_left_to_graphql_core() -> None:
    """It has no plan, and is not tried again."""
    execution = Execution(NUMBERS, sights=0)
    asked = operation("{ __schema { queryType { name } } n1 }")
    for _ in range(2):
        outcome = await execution.run(asked, {}, None)
        assert outcome.means is Means.FALLBACK
        assert outcome.data["n1"] == 1
    assert len(execution.plans) == 0


def test_steering_variables_have_plans_of_their_own() -> None:
    """What is skipped is no part of the plan; other variables make no difference."""
    plans = Plans(NUMBERS, bytes_max=10_000_000, plans_max=100, hide=True, sights=1)
    asked = operation("query ($a: Boolean!, $b: Int) { n1 @skip(if: $a) n2 @include(if: $a) }")
    assert not kept_by(plans, asked, {"a": True, "b": 1})
    assert kept_by(plans, asked, {"a": True, "b": 2})
    assert not kept_by(plans, asked, {"a": False})
    assert len(plans) == 2


def test_the_number_of_plans_is_bounded() -> None:
    """The oldest go first, but for those that have been used since."""
    plans = Plans(NUMBERS, bytes_max=10_000_000, plans_max=3, hide=True, sights=1)
    first, *others = [operation(f"{{ n{n} }}") for n in range(6)]
    plans.find(first, {}, None)
    for one in others:
        plans.find(one, {}, None)
        assert kept_by(plans, first)
    assert len(plans) == 3
    assert not kept_by(plans, others[0])


def test_the_memory_of_plans_is_bounded() -> None:
    """What all of them take stays below the bound, and is given back when they go."""
    plans = Plans(NUMBERS, bytes_max=100_000, plans_max=1_000, hide=True, sights=1)
    for n in range(50):
        plans.find(operation(" ".join(["{", *(f"n{m}" for m in range(n % 7 + 1)), "}"])), {}, None)
        assert 0 < plans.bytes <= 100_000
    small = Plans(NUMBERS, bytes_max=1, plans_max=10, hide=True, sights=1)
    assert isinstance(small.find(operation("{ n1 }"), {}, None), Plan)
    assert small.bytes == len(small) == 0


async def test_each_way_of_being_steered_is_seen_before_it_is_compiled() -> None:
    """A client that tries many has a few plans at a time; one that is in use keeps its own."""
    execution = Execution(NUMBERS)
    names = [f"v{n}" for n in range(8)]
    declared = " ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"n{n} @include(if: $v{n})" for n in range(8))
    asked = operation(f"query ({declared}) {{ {fields} n9 }}")
    usual = dict.fromkeys(names, True)
    found: Counter[Means] = Counter()
    for number in range(60):
        variables = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        for _ in range(2):
            found[(await execution.run(asked, variables, None)).means] += 1
            latest = (await execution.run(asked, usual, None)).means
    assert latest is Means.PLAN
    assert len(asked.plans) == len(execution.plans) == COMBINATIONS_MAX
    assert found[Means.FIRST_SIGHT] >= 60
    assert found[Means.FALLBACK] == 0


async def test_where_all_ways_are_in_use_a_new_one_waits() -> None:
    """It is answered by graphql-core, and has a plan once another is out of use."""
    execution = Execution(NUMBERS, sights=1)
    names = [f"v{n}" for n in range(5)]
    declared = " ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"n{n} @include(if: $v{n})" for n in range(5))
    asked = operation(f"query ({declared}) {{ {fields} n9 }}")
    ways = [
        {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        for number in range(COMBINATIONS_MAX + 1)
    ]
    for way in [*ways[:-1], *ways[:-1]]:
        assert (await execution.run(asked, way, None)).means is Means.PLAN
    assert (await execution.run(asked, ways[-1], None)).means is Means.FALLBACK
    assert (await execution.run(asked, ways[-1], None)).means is Means.PLAN


async def test_levels_of_runtime_types_count(agency: World) -> None:
    """What an abstract type's plan takes on when it is used is part of what is bounded."""
    consumer = await agency.add_consumer("subject")
    application = await agency.add_application(consumer)
    execution = Execution(CORE, sights=0, plan_bytes=100_000)
    text = f'{{ node(id: "{application.id}") {{ ... on Application {{ id incomes {{ id }} }} }} }}'
    asked = operation(text)
    context = agency.context(agency.person(Group.COUNSELORS))
    plan = execution.plans.find(asked, {}, context)
    assert isinstance(plan, Plan)
    before = execution.plans.bytes
    await execution.run(asked, {}, agency.context(agency.key()))
    await execution.run(asked, {}, agency.context(agency.key()))
    assert execution.plans.bytes > before + 10_000
    assert execution.plans.bytes == sum(one.weight for one in asked.plans.values())


async def test_what_one_caller_is_refused_is_in_no_plan_of_another(agency: World) -> None:
    """Callers of whom one may not read a field have plans apart; those alike share one."""
    consumer = await agency.add_consumer("subject")
    application = await agency.add_application(consumer)
    plans = Plans(CORE, bytes_max=10_000_000, plans_max=100, hide=True, sights=1)
    asked = operation(f'{{ application(id: "{application.id}") {{ id notes {{ text }} }} }}')
    callers = [
        agency.person(Group.COUNSELORS),
        agency.person(Group.CONSUMERS),
        agency.person(Group.ANALYSTS),
        agency.key(Scope.APPLICATIONS_READ),
        agency.person(Group.COUNSELORS),
    ]
    found = [plans.find(asked, {}, agency.context(one)) for one in callers]
    assert found[0] is found[4]
    assert found[1] is found[3]
    assert len({id(plan) for plan in found}) == len(plans) == 3


async def test_a_refused_field_costs_its_siblings_nothing(agency: World) -> None:
    """What is beside it is answered by the plan; nothing goes to graphql-core."""
    consumer = await agency.add_consumer("subject")
    application = await agency.add_application(consumer)
    execution = Execution(CORE, sights=0)
    asked = operation(
        f'{{ application(id: "{application.id}") {{ id notes {{ text }} version }} }}'
    )
    context = agency.context(agency.key(Scope.APPLICATIONS_READ))
    outcome = await execution.run(asked, {}, context)
    assert (outcome.means, outcome.odd) == (Means.PLAN, 0)
    assert [error.path for error in outcome.errors] == [["application", "notes"]]
    expected = f'{{"application":{{"id":"{application.id}","notes":null,"version":1}}}}'
    assert encode(outcome.data) == expected.encode()


async def test_a_denied_field_is_null_by_plan_and_by_graphql_core_alike(agency: World) -> None:
    """What an authorizer denies is refused of this caller alone, and its siblings are answered."""
    consumer = await agency.add_consumer("subject")
    application = await agency.add_application(consumer)
    text = (
        f'{{ me {{ kind agency {{ slug }} }} node(id: "{application.id}") {{ id ... on Application '
        "{ submittedAt status } } }"
    )
    key = agency.key(Scope.APPLICATIONS_READ)
    denied = frozenset({"Application.submittedAt", "Viewer.agency", "Query.queue"})
    found = []
    for sights, means in ((0, Means.PLAN), (100, Means.FIRST_SIGHT)):
        asked = operation(text)
        execution = Execution(CORE, sights=sights)
        outcome = await execution.run(asked, {}, agency.context(replace(key, denied_fields=denied)))
        assert outcome.means is means
        told = [(error.path, error.message) for error in outcome.errors]
        found.append((encode(outcome.data), sorted(told)))
        free = await execution.run(asked, {}, agency.context(key))
        assert free.errors == []
    assert found[0] == found[1]
    assert found[0][1] == [
        (["me", "agency"], "Not Authorized to access agency on type Viewer"),
        (["node", "submittedAt"], "Not Authorized to access submittedAt on type Application"),
    ]
    assert b'"submittedAt":null,"status":"DRAFT"' in found[0][0]
