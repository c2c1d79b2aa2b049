"""The running platform that the isolation test asks, and the world of the isolation harness."""

import asyncio
from collections.abc import Iterator

import pytest
import strawberry

from schema.build import core_schema, create_schema
from tests.e2e.conftest import dev
from tests.isolation.campaign import Draw, deck
from tests.isolation.key_sets import KeySetServer
from tests.isolation.people import AGENCIES, OPERATORS
from tests.isolation.world import World, build_world

__all__ = ["dev"]


@pytest.fixture(scope="session")
def isolation_seed(request: pytest.FixtureRequest) -> int:
    """Return what decides the order of requests."""
    seed: int = request.config.getoption("isolation_seed")
    return seed


@pytest.fixture(scope="session")
def isolation_requests(request: pytest.FixtureRequest) -> int:
    """Return how many requests the clean run makes."""
    requests: int = request.config.getoption("isolation_requests")
    return requests


@pytest.fixture(scope="session")
def served_schema() -> strawberry.Schema:
    """Return the schema that every run serves."""
    return create_schema()


@pytest.fixture(scope="session")
def draws(served_schema: strawberry.Schema) -> list[Draw]:
    """Return every draw of the campaign."""
    return deck(core_schema(served_schema))


@pytest.fixture(scope="session")
def planted_world(tmp_path_factory: pytest.TempPathFactory, isolation_seed: int) -> Iterator[World]:
    """Return a world of three agencies, for every run to copy."""
    home = tmp_path_factory.mktemp("isolation") / "home"
    with KeySetServer((*AGENCIES, OPERATORS)).serving() as server:
        yield asyncio.run(build_world(home, server.signers, isolation_seed))
