"""One running platform for all end-to-end tests, and the same gateway as `serve` runs it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.platform_process import Running, dev_environment, free_ports
from tests.gateway.cli.demo_home import seed


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a running `almoner dev` with a fresh demo world."""
    folder = tmp_path_factory.mktemp("dev")
    running = Running(["dev"], dev_environment(folder / "home"), folder / "log")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def serve(dev: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give `almoner serve --workers 2` beside it: the same home, issuer and simulators."""
    folder = tmp_path_factory.mktemp("serve")
    port, operations = free_ports(2)
    home = Path(dev.environment["ALMONER_HOME"])
    environment = dev.environment | {
        "ALMONER_CONFIG": str(home / "serve.toml"),
        "ALMONER_PORT": str(port),
        "ALMONER_OPERATIONS_PORT": str(operations),
    }
    running = Running(["serve", "--workers", "2"], environment, folder / "log")
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home of a demo that was made and never started, to be copied."""
    return seed(tmp_path_factory.mktemp("seeded") / "home", datetime.now(UTC))


@pytest.fixture(params=["dev", "serve"])
def gateway(request: pytest.FixtureRequest) -> Running:
    """Give each kind of running gateway in turn."""
    running: Running = request.getfixturevalue(request.param)
    return running
