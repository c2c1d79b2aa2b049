"""Over our own schema, plans answer as graphql-core does, to every kind of principal."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from graphql import GraphQLError, parse, specified_rules, validate
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gateway.engine.plans import Means
from tenants.records.kinds import KINDS
from tests.gateway.engine.oracle.comparing import Answer, Everything, differences, wiped_out
from tests.gateway.engine.oracle.conftest import DOCUMENTS, OF_OURS, SEED
from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.executors import parsed
from tests.gateway.engine.oracle.own_documents import OwnDocument, OwnDocuments, OwnForms
from tests.gateway.engine.oracle.own_executors import (
    Names,
    OwnOracle,
    by_core,
    ids_in,
    notes_apart,
)
from tests.gateway.engine.oracle.own_world import MAKERS, OPERATORS, ROLES, Place, open_places
from tests.gateway.engine.oracle.reducing import reduced
from tests.isolation.operations import MUTATIONS, QUERIES
from tests.resolvers.world import CORE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]
BYTES = 100
CHANGES, CHANGES_MIN = 25, 200
"""One in so many of the documents is a mutation, and so many are: most kinds of them succeed."""


@dataclass(slots=True)
class Session:
    """The two places, on an event loop of their own, and what came of the documents so far."""

    runner: asyncio.Runner
    places: tuple[Place, Place]
    forms: OwnForms
    oracle: OwnOracle = field(default_factory=OwnOracle)
    counts: Counter[str] = field(default_factory=Counter)
    answered: set[tuple[str, str]] = field(default_factory=set)

    def draw(self, source: bytes, *, mutates: bool = False) -> tuple[str, OwnDocument]:
        """Return who asks, and what."""
        draws = Draws(source)
        role = draws.pick(ROLES)
        return role, OwnDocuments(self.forms, draws, self.places[0]).draw(mutates=mutates)

    def compare(self, source: bytes) -> None:
        """Compare one document; raises Different."""
        role, document = self.draw(source)
        operation = parsed(document.text)
        both = self.oracle.both(self.places, role, operation, document.variables)
        verdict = self.runner.run(both)
        if verdict.found:
            raise Different(source, role, document)
        self.counts["documents"] += 1
        self.counts["with errors"] += bool(verdict.theirs.errors)
        self.counts["refused"] += verdict.theirs.refused
        values = verdict.theirs.value or {}
        found = [key for key, value in values.items() if value not in (None, {}, [])]
        self.counts["with data"] += bool(found)
        self.answered.update((role, key.partition("_")[2]) for key in found)

    async def told(self, different: "Different") -> str:
        """Return what helps to find out why a document differs."""
        role, document = different.role, different.document

        async def found(text: str) -> list[str]:
            operation = parsed(text)
            verdict = await self.oracle.both(self.places, role, operation, document.variables)
            return [*verdict.found, f"ours {verdict.ours}", f"theirs {verdict.theirs}"]

        async def shows(text: str) -> bool:
            try:
                return not validate(CORE, parse(text)) and len(await found(text)) > 2
            except GraphQLError:
                return False

        text = await reduced(parse(document.text), shows)
        given = {name: one for name, one in document.variables.items() if f"${name}" in text}
        again = f"again: --oracle-case {different.source.hex()}"
        return "\n".join((role, text, f"variables {given}", *await found(text), again))


class Different(Exception):
    """A document on which ours is unlike theirs."""

    def __init__(self, source: bytes, role: str, document: OwnDocument) -> None:
        super().__init__(source.hex())
        self.source = source
        self.role = role
        self.document = document


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Two equal places."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        path = tmp_path_factory.mktemp("places")
        places = runner.run(stack.enter_async_context(open_places(path)))
        yield Session(runner, places, OwnForms(CORE))
        runner.run(stack.aclose())


@pytest.fixture(scope="module")
def compared(session: Session, request: pytest.FixtureRequest) -> Session:
    """Compare all queries; fail with the first that differs."""
    documents = request.config.getoption("--oracle-documents", DOCUMENTS) // OF_OURS
    case = request.config.getoption("--oracle-case", None)

    @seed(request.config.getoption("--oracle-seed", SEED))
    @settings(
        max_examples=documents,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=BYTES, max_size=BYTES))
    def compare(source: bytes) -> None:
        session.compare(source)

    try:
        if case is not None:
            if ":" not in case:
                session.compare(bytes.fromhex(case))
            pytest.skip("the case of --oracle-case alone was compared, and is the same")
        compare()
    except Different as different:
        pytest.fail(session.runner.run(session.told(different)), pytrace=False)
    return session


@pytest.mark.timeout(24 * 3600)
def test_queries_are_answered_alike_to_everybody(compared: Session) -> None:
    """Equal data, errors and audit notes, whoever asks."""
    counts, means = compared.counts, compared.oracle.means
    share = {name: 100 * count / counts["documents"] for name, count in counts.items()}

    assert set(means) == {Means.PLAN}
    assert 40 < share["with data"] < 95
    assert 30 < share["with errors"] < 90
    assert 1 < share["refused"] < 15


@pytest.mark.timeout(24 * 3600)
def test_everybody_sees_something(compared: Session) -> None:
    """Each kind of principal is answered, and each root field answers somebody."""
    if compared.counts["documents"] < DOCUMENTS // OF_OURS:
        pytest.skip("too few documents for all of them")
    assert {role for role, _ in compared.answered} == set(ROLES)
    asked = {field for _, field in compared.answered}
    assert set(QUERIES) <= asked
    assert {"agency", "document", "plan"} <= asked, "by node, each under its own name"


@pytest.mark.timeout(24 * 3600)
def test_a_level_costs_no_more_calls_than_graphql_core_makes(compared: Session) -> None:
    """What the store is asked by plans is at most what it is asked by graphql-core's executor."""
    theirs, ours = (place.world.backend.calls for place in compared.places)

    assert theirs["children_many"] > 20
    more = {name: (count, theirs[name]) for name, count in ours.items() if count > theirs[name]}
    assert more.keys() <= {"epoch"}, "which is a number in memory and asks nothing"


@pytest.mark.timeout(24 * 3600)
def test_changes_are_made_alike(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The same mutations by the same people leave equal answers, notes and records in both.

    They follow from the seed alone: each depends on what those before it have left.
    """
    documents = request.config.getoption("--oracle-documents", DOCUMENTS)
    seed_of_all = request.config.getoption("--oracle-seed", SEED)
    done = asyncio.run(_change(seed_of_all, max(documents // CHANGES, CHANGES_MIN), tmp_path))

    assert len(done) > len(MUTATIONS) // 3, done  # others take a vendor, or what only one answers


async def _change(seed_of_all: int, count: int, path: Path) -> set[str]:
    """Change both places, compare, and return which mutations were done."""
    forms, oracle = OwnForms(CORE), OwnOracle()
    async with open_places(path) as places:
        before = [await _rows(place) for place in places]
        assert before[0] == before[1]
        known = ids_in(before[0]) | ids_in(map(str, places[0].ids.values()))
        names = Names(known), Names(known)
        done = set[str]()
        for number in range(count):
            draws = Draws(random.Random(f"{seed_of_all}.{number}").randbytes(BYTES))
            role = draws.pick(MAKERS if draws.chance(70) else ROLES)
            document = OwnDocuments(forms, draws, places[0]).draw(mutates=True)
            made = Counter(form.name for form in document.forms)
            if made["startApplication"] > 1:  # of one moment, they stand in any order in listings
                continue
            theirs, found = await _unlike(oracle, places, names, role, document)
            assert not found, f"{role}\n{document.text}\n{document.variables}\n{found}"
            values = theirs.value or {}
            done.update(key.partition("_")[2] for key, value in values.items() if value)
            for place in places:
                place.world.later(seconds=1)
        after = [
            Counter(map(n.unnamed, await _rows(p))) for n, p in zip(names, places, strict=True)
        ]
    assert after[0] == after[1]
    assert after[0] != Counter(before[0])
    assert set(oracle.means) == {Means.PLAN}
    return done & set(MUTATIONS)


async def _unlike(
    oracle: OwnOracle,
    places: tuple[Place, Place],
    names: tuple[Names, Names],
    role: str,
    document: OwnDocument,
) -> tuple[Answer, list[str]]:
    """Return graphql-core's answer, and in what our plan's and its notes are unlike."""
    operation = parsed(document.text)
    own, core = (place.context(role) for place in places)
    theirs = await by_core(operation, document.variables, core)
    ours = await oracle.by_plan(operation, document.variables, own)
    answers = [
        Answer(
            name.named(one.data.decode()).encode(),
            tuple(replace(told, message=name.named(told.message)) for told in one.errors),
            one.refused,
        )
        for name, one in zip(names, (ours, theirs), strict=True)
    ]
    wiped = wiped_out(answers[1])
    found = differences(
        answers[0], answers[1], Everything((*answers[0].errors, *answers[1].errors), wiped)
    )
    apart = notes_apart(own.guard.reads, core.guard.reads, names)
    # Where a null goes up, graphql-core leaves fields out which a plan has judged: more is noted.
    found += [one for one in apart if not wiped or not one.endswith("theirs Counter()")]
    return answers[1], found


async def _rows(place: Place) -> list[str]:
    """Return all records of a place as text."""
    store = place.world.store
    return [repr(record) for kind in KINDS async for record in store.scan(kind.record)]


def test_drawn_documents_are_valid(session: Session) -> None:
    """No document is drawn that the validator would refuse."""
    for number in range(60):
        source = random.Random(number).randbytes(BYTES)
        for mutates in (False, True):
            _, document = session.draw(source, mutates=mutates)
            assert validate(CORE, parse(document.text), specified_rules) == [], document.text


def test_notes_that_differ_are_noticed(session: Session) -> None:
    """What one executor notes and the other does not is told."""
    text = "{ applications(first: 2) { edges { node { id hardshipReason } } } }"
    contexts = [session.places[0].context("key") for _ in range(2)]
    for context in contexts:
        session.runner.run(by_core(parsed(text), {}, context))
    reads, others = (context.guard.reads for context in contexts)
    assert notes_apart(reads, others) == []

    reads.refuse("Query.staff")
    assert len(notes_apart(reads, others)) == 1
    reads.read(next(iter(reads._fields)), 1 << 40)
    assert len(notes_apart(reads, others)) == 2


def test_all_kinds_of_principals_ask(session: Session) -> None:
    """There is a principal of each kind, operators have what they were granted, and no more."""
    principals = session.places[0].principals

    assert len({one.kind for one in principals.values()}) >= 5
    assert sorted(len(principals[role].grants) for role in OPERATORS) == [0, 2, 5]
