"""`almoner trust`: what is typed to trust the gateway at https://localhost."""

import json
from pathlib import Path

import pytest

from gateway.cli.trust import PLATFORMS
from gateway.local.authority import LocalTls, trusted
from tests.gateway.cli.command import almoner


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder with an authority, in a folder that a shell would split in two."""
    home = tmp_path / "my home"
    LocalTls.within(home).ensure()
    return home


def test_everything_names_the_file(home: Path) -> None:
    """File, fingerprint and end, and what to type, quoted as a shell needs it."""
    done = almoner(home, "trust")
    told = trusted(home)
    assert done.status == 0
    assert str(told.file) in done.output
    assert told.fingerprint in done.output
    assert f"NODE_EXTRA_CA_CERTS='{told.file}'" in done.output
    assert "https://localhost:8443" in done.output


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_has_its_way(home: Path, platform: str) -> None:
    """Alone, where it is asked for."""
    done = almoner(home, "trust", "--platform", platform, "--json")
    told = json.loads(done.output)
    assert set(told) == {"file", "sha256", "until", "ways"}
    assert list(told["ways"]) == [platform]
    assert any(told["file"] in way for way in told["ways"][platform])


def test_without_an_authority_it_fails(tmp_path: Path) -> None:
    """Nothing to trust is an error that says what makes it."""
    done = almoner(tmp_path, "trust")
    assert done.status == 1
    assert "almoner dev" in done.output
