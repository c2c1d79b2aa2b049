"""A provider over a copy of one file: keys take a while to make."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.local.issuer import LocalIssuer
from tests.gateway.local.identity_provider.running import FILE_KEY, Running, fill, running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("provider") / "issuer.db"
    issuer = LocalIssuer.open(path, FILE_KEY, create=True)
    fill(issuer)
    issuer.close()
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(template, tmp_path / "issuer.db"))


@pytest.fixture
def provider(path: Path) -> Iterator[Running]:
    with running(path) as found:
        yield found
