"""From stored body to answer: plans have decoded what they read, and write lines as they lie."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import parse

from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from domain.ids import new_ulid
from gateway.engine.documents import Operation, choose_operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution
from gateway.engine.plans import Means
from tenants.records.excerpts import class_of
from tests.resolvers.world import CORE, World, open_world
from tests.tenants.record_samples import an_application

LINES = "incomes { id source net monthly } debts { __typename id kind balance apr minimumPayment }"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Open an agency whose consumer has an application with lines of each kind."""
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def application(world: World) -> Application:
    consumer = await world.add_consumer("owner")
    sample = an_application(version=0, consumer_id=consumer.id, status=ApplicationStatus.DRAFT)
    return (await world.put(sample))[0]  # type: ignore[no-any-return]  # as put


async def answers(world: World, document: str, variables: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return what graphql-core answers and what the plan does; both note the same reads."""
    asked = parse(document)
    operation = Operation(asked, choose_operation(asked, None))
    execution, key = Execution(CORE, sights=0), world.key()
    by_core = Execution(CORE, sights=10)
    contexts = [world.context(key), world.context(key)]
    told = await by_core.run(operation, variables, contexts[0])
    operation.combinations.clear()
    world.store._reader._kept.clear()
    outcome = await execution.run(operation, variables, contexts[1])
    assert (told.means, outcome.means, outcome.odd) == (Means.FIRST_SIGHT, Means.PLAN, 0)
    assert outcome.errors == told.errors == []
    reads = [context.guard.reads for context in contexts]
    assert reads[0]._fields == reads[1]._fields
    return encode(told.data), encode(outcome.data)


def decoded(world: World, record_type: type) -> list[bool]:
    """Return of each record of a class that is held decoded whether it is an excerpt."""
    return [
        excerpt is not None
        for kept in world.store._reader._kept.values()
        for excerpt, record in kept.records.items()
        if record_type is class_of(record)
    ]


READ_AS_THEY_LIE = [
    f"query ($id: ID!) {{ application(id: $id) {{ id state {LINES} }} }}",
    f"query ($id: ID!) {{ application(id: $id) {{ as: createdAt hardshipReason {LINES} }} }}",
    "query ($id: ID!) { application(id: $id) { mine: debts { id } totals { monthlyIncome } } }",
    f"query {{ applications(first: 5) {{ edges {{ cursor node {{ id {LINES} }} }} }} }}",
    "query ($id: ID!) { application(id: $id) { debts { id } consumer { name { given } } } }",
    f"query ($id: ID!) {{ node(id: $id) {{ ... on Application {{ {LINES} }} }} }}",
]


@pytest.mark.parametrize("document", READ_AS_THEY_LIE)
async def test_lines_are_written_as_they_lie(
    world: World, application: Application, document: str
) -> None:
    """Where names and spelling are the body's, no application is decoded whole."""
    told, answered = await answers(world, document, {"id": application.id})
    assert msgspec.json.decode(answered) == msgspec.json.decode(told)
    if "node(" not in document:  # its type is learned from the record
        assert decoded(world, Application) == [True]


@pytest.mark.parametrize(
    "document",
    [
        "query ($id: ID!) { application(id: $id) { debts { it: id } } }",
        "query ($id: ID!) { application(id: $id) { debts { id accountLast4 } } }",
        "query ($id: ID!) { application(id: $id) { incomes { id description } } }",
        "query ($id: ID!) { application(id: $id) { a: debts { id } b: debts { id kind } } }",
        "query ($id: ID!) { application(id: $id) { totals { a: monthlyIncome } debts { id } } }",
        "query ($id: ID!) { application(id: $id) { debts { sourceKey: __typename } } }",
        "query ($id: ID!) { application(id: $id) { debts { balance: __typename id kind } } }",
        """query ($id: ID!) { a: application(id: $id) { debts { id } }
          b: application(id: $id) { state debts { kind } } }""",
    ],
)
async def test_what_is_asked_otherwise_is_answered_all_the_same(
    world: World, application: Application, document: str
) -> None:
    """Renamed, sealed, asked for twice and differently: then the record is read whole."""
    told, answered = await answers(world, document, {"id": application.id})
    assert msgspec.json.decode(answered) == msgspec.json.decode(told)


async def test_bodies_of_both_forms_come_in_one_page(
    world: World, application: Application
) -> None:
    """Where some lines would have to be spelled otherwise, all are written field by field."""
    root, own = application.id.partition("_")[2], new_ulid(application.created_at)
    (debt,) = application.debts
    inexact = replace(debt, id=debt.id.replace(root, own), minimum_payment=Decimal(35))
    other = replace(application, id=f"app_{own}", version=0, debts=(inexact,), incomes=())
    await world.put(other)
    document = f"{{ applications(first: 5) {{ edges {{ node {{ state {LINES} }} }} }} }}"
    told, answered = await answers(world, document, {})
    assert msgspec.json.decode(answered) == msgspec.json.decode(told)
    assert answered.count(b'"minimumPayment":"35.00"') == 2


async def test_no_lines_are_no_lines(world: World) -> None:
    """Where there are none, an empty list is answered, and no read of one is noted."""
    application = await world.add_application(await world.add_consumer("owner"))
    document = READ_AS_THEY_LIE[0]
    told, answered = await answers(world, document, {"id": application.id})
    assert answered == told
    assert b'"incomes":[]' in answered


async def test_a_consumers_number_stays_sealed(world: World, application: Application) -> None:
    """A plan that reads names has the name opened, and nothing else."""
    opened: list[str] = []
    honest = world.store.sealer.unseal

    def unseal(kind: str, record_id: str, group: str | None, sealed: str) -> bytes:
        opened.append(f"{kind}.{group}")
        return honest(kind, record_id, group, sealed)

    world.store.sealer.unseal = unseal  # type: ignore[method-assign]
    document = "query ($id: ID!) { application(id: $id) { consumer { name { family } } } }"
    operation = parse(document)
    asked = Operation(operation, choose_operation(operation, None))
    await Execution(CORE, sights=0).run(asked, {"id": application.id}, world.context(world.key()))
    assert opened == ["consumer.name"]


async def test_what_is_changed_is_read_whole(world: World, application: Application) -> None:
    """A mutation works on records, and what it answers is read off them."""
    owner = world.person(Group.CONSUMERS, subject="owner")
    document = """mutation ($input: UpdateApplicationInput!) { updateApplication(input: $input) {
      householdSize debts { id kind } } }"""
    change = {"input": {"id": application.id, "householdSize": 7}}
    answer = await world.ask(owner, document, change)
    assert answer["updateApplication"]["householdSize"] == 7
    assert len(answer["updateApplication"]["debts"]) == 1
    assert True not in decoded(world, Application)


async def test_a_principal_reads_their_own_alone(world: World, application: Application) -> None:
    """A stranger's application is no more within reach by a plan that reads excerpts."""
    await world.add_consumer("stranger")
    stranger = world.person(Group.CONSUMERS, subject="stranger")
    for _ in range(3):
        answer = await world.ask(stranger, READ_AS_THEY_LIE[0], {"id": application.id})
        assert answer["application"] is None
    assert (await world.store.get(Consumer, application.consumer_id)) is not None
