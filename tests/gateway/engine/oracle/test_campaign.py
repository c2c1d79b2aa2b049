"""Whatever is asked of whatever data, plans answer as graphql-core does."""

import asyncio
from collections.abc import Callable

import pytest
from graphql import parse, specified_rules, validate
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.engine.plans import Means
from tests.gateway.engine.oracle.campaign import (
    Different,
    Tally,
    compare_case,
    run_campaign,
    told_of,
)
from tests.gateway.engine.oracle.cases import DOCUMENT_BYTES, Seeds
from tests.gateway.engine.oracle.conftest import DOCUMENTS, OF_OURS, SEED
from tests.gateway.engine.oracle.documents import Shapes
from tests.gateway.engine.oracle.executors import Oracle
from tests.gateway.engine.oracle.synthetic import CODES, ECHOES, LEAVES, OBJECTS, PET_WAYS, WAYS

pytestmark = [
    pytest.mark.slow,
    # graphql-core forgets what it began beside what fails.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]
VALIDATED = 100
DOCUMENTS_WITH_EVERY_FAULT = 3_000  # the rarest comes in one of 400
FAULTS = (
    "Cannot return null for",
    "Expected Iterable, but",
    "Int cannot represent non-",
    "Int cannot represent non 3",
    "Float cannot represent",
    "String cannot represent",
    "Boolean cannot represent",
    "ID cannot represent",
    "Enum 'Color' cannot",
    "Expected value of type 'Cat'",
    "Abstract type 'Pet' must",
    "Abstract type 'Beast' must",
    "Abstract type 'Some' must",
    "Abstract type 'Pet' was resolved",
    "Runtime Object type '",
    "Expected `Odd.coerce_output",
    "it does not know its type",
    "rabid dog bites",
    "nothing to say",
    "the list breaks",
    "the batch is broken",
    "a batch of another size",
    "it was told to fail",
    "typed",
    "of GraphQL's own",
    "Variable '$",
    "Argument '",
)
"""How the errors begin that occur in any thousands of documents."""


def of_nasty(documents: int) -> int:
    """Return how many of the documents are over the nasty schema."""
    return documents - documents // OF_OURS


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest, shapes: Shapes, oracle: Oracle) -> Tally:
    """Compare all documents; fail with the first that differs."""
    documents = of_nasty(request.config.getoption("--oracle-documents", DOCUMENTS))
    seed = request.config.getoption("--oracle-seed", SEED)
    case = request.config.getoption("--oracle-case", None)
    try:
        if case is not None:
            if ":" in case:
                compare_case(shapes, oracle, case)
            pytest.skip("the case of --oracle-case alone was compared, and is the same")
        return run_campaign(shapes, oracle, documents=documents, seed_of_all=seed)
    except Different as different:
        pytest.fail(asyncio.run(told_of(oracle, different)), pytrace=False)


@pytest.mark.timeout(24 * 3600)
def test_plans_answer_as_graphql_core_does(
    tally: Tally, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """Equal data to the byte, equal errors, no function called twice, in thousands of documents."""
    record_property("oracle", str(tally))

    documents = request.config.getoption("--oracle-documents", DOCUMENTS)
    assert tally.documents >= of_nasty(documents)


@pytest.mark.timeout(24 * 3600)
def test_documents_run_by_plan(tally: Tally, oracle: Oracle) -> None:
    """What is compared is plans: graphql-core takes over where null steers a selection, alone."""
    assert set(oracle.means) <= {Means.PLAN, Means.FALLBACK}
    assert oracle.means[Means.PLAN] > 0.98 * tally.counts["executions"]


@pytest.mark.timeout(24 * 3600)
def test_usual_and_abnormal_ways_are_both_walked(tally: Tally) -> None:
    """Neither faults nor their absence crowd the other out, and all kinds of operation occur."""
    between = {
        "as the schema says": (30, 70),
        "odd": (20, 60),
        "wrong": (20, 60),
        "with errors": (15, 60),
        "with several errors": (5, 40),
        "without data": (3, 30),
        "refused": (1, 12),
        "query": (55, 85),
        "mutation": (10, 30),
        "subscription": (4, 16),
        "with fragments": (30, 90),
        "with variables": (40, 95),
        "steered": (20, 75),
    }
    outside = {
        name: tally.share(name)
        for name, (low, high) in between.items()
        if not low <= tally.share(name) <= high
    }

    assert not outside, str(tally)


@pytest.mark.timeout(24 * 3600)
def test_every_way_kind_and_nesting_is_asked_for(tally: Tally) -> None:
    """Each way of having each kind of value, and each nesting of each kind, occurs often."""
    if tally.documents < of_nasty(DOCUMENTS):
        pytest.skip("too few documents for all of them")
    tabled = [name for kind, name in tally.used if kind not in PET_WAYS and name != "bird"]
    ways = {tuple(name.split("_")[:2]) for name in tabled}
    nestings = {tuple([*name.split("_"), ""][1:3]) for name in tabled}
    pets = {(kind, name) for kind, name in tally.used if kind in PET_WAYS}

    assert ways >= {(way, kind) for way in WAYS for kind in (*LEAVES, *OBJECTS)}
    assert nestings >= {(kind, code) for kind in (*LEAVES, *OBJECTS) for code in CODES}
    assert {kind for _, kind in ways} >= set(ECHOES)
    assert pets >= {(kind, name) for kind in ("Cat", "Dog") for name in PET_WAYS[kind]}
    if tally.documents >= DOCUMENTS_WITH_EVERY_FAULT:
        assert [
            one for one in FAULTS if not any(told.startswith(one) for told in tally.messages)
        ] == []


def test_drawn_documents_are_valid(shapes: Shapes) -> None:
    """The generator makes no document that the validator would refuse."""
    rules = (*specified_rules, OneOfInputValidationRule)
    for number in range(VALIDATED):
        drawn = Seeds(
            bytes((number * 37 + n * n * 11) % 256 for n in range(DOCUMENT_BYTES)), b"", b""
        )
        text = drawn.draw(shapes).document.text

        assert validate(shapes.schema, parse(text), rules) == [], text


def test_the_same_seeds_are_the_same_case(shapes: Shapes) -> None:
    """A case follows from what a failing run prints, and from nothing else."""
    drawn = Seeds(bytes(range(200, 100, -1)), bytes(range(100, 160)), bytes(range(250, 50, -1)))
    first, again = (seeds.draw(shapes) for seeds in (drawn, Seeds.of(str(drawn))))

    assert first.document.text == again.document.text
    assert len(first.document.text) > 100
    assert [case.variables for case in first.cases] == [case.variables for case in again.cases]
    assert [data.odd for data in first.data] == [data.odd for data in again.data]
