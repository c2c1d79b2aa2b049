"""The nasty schema, built once, and how many documents are compared over it."""

import gc
from collections.abc import Iterator

import pytest

from tests.gateway.engine.oracle.documents import Shapes
from tests.gateway.engine.oracle.executors import Oracle, sweep
from tests.gateway.engine.oracle.synthetic import synthetic_schema

DOCUMENTS, SEED = 1_500, 2026
"""How many are compared outside of CI: of as many, all that there is to ask has been asked."""
OF_OURS = 5
"""One in so many of the documents is over our own schema, all others over the nasty one."""


@pytest.fixture(scope="session")
def shapes() -> Shapes:
    """Build the nasty schema, and find out what documents over it are made of."""
    return Shapes(synthetic_schema())


@pytest.fixture(scope="session")
def oracle(shapes: Shapes) -> Oracle:
    """Put our executor beside graphql-core's, over the nasty schema."""
    return Oracle(shapes.schema)


@pytest.fixture(scope="module", autouse=True)
def swept() -> Iterator[None]:
    """Collect what graphql-core left unawaited beside what failed where it can be told.

    Within a named tuple's making the collector could not even import what warns of it.
    """
    gc.disable()
    yield
    sweep()
    gc.enable()
