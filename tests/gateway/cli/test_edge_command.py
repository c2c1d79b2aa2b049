"""`almoner edge`: routing kept in the directory, a signed table, and what it refuses."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.gateway.cli.command import Done, almoner, made

SITES = {"ALMONER_EDGE_SITE": "https://{slug}.almoner.example"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


def edge(home: Path, *arguments: str) -> Done:
    return almoner(home, "edge", *arguments, environment=SITES)


def test_routing_is_kept_and_compiled(home: Path, tmp_path: Path) -> None:
    """What `route` sets is in the table that `compile` writes and `show` and `verify` read."""
    done = edge(
        home, "route", "harbor", "--weight", "70", "--partner", "spring", "--crowded", "--json"
    )
    assert json.loads(done.output) == {
        "slug": "harbor",
        "weight": 70,
        "accepting": False,
        "partnerCodes": ["SPRING"],
    }
    file = str(tmp_path / "edge.json")
    compiled = json.loads(edge(home, "compile", "--out", file, "--json").output)
    assert (compiled["agencies"], compiled["states"]) == (["harbor"], ["MI"])
    (shown,) = json.loads(edge(home, "show", file, "--json").output)
    assert (shown["site"], shown["weight"]) == ("https://harbor.almoner.example", 70)
    assert shown["partnerCodes"] == ["SPRING"]
    assert json.loads(edge(home, "verify", file, "--json").output) == compiled
    assert "secret" not in edge(home, "show", file).output

    assert "no_such" not in edge(home, "route", "harbor", "--no-partners", "--open").output
    later = json.loads(edge(home, "compile", "--out", file, "--json").output)
    assert later["version"] > compiled["version"]


def test_misuse_and_faults_are_told(home: Path, tmp_path: Path) -> None:
    """Nothing to change is misuse; bad values, unknown agencies and foreign files are failures."""
    assert edge(home, "route", "harbor").status == 2
    assert edge(home, "route", "harbor", "--partner", "A1", "--no-partners").status == 2
    assert edge(home, "route", "harbor", "--weight", "2000").faults == ("routing.weight",)
    assert edge(home, "route", "nobody", "--weight", "1").status == 1
    assert edge(home, "verify", str(tmp_path / "none.json")).status == 1
    bad = tmp_path / "bad.json"
    bad.write_text("{}", "utf-8")
    assert edge(home, "verify", str(bad)).faults == ("file",)
    assert almoner(home, "edge", "compile", "--out", str(tmp_path / "x.json")).faults == (
        "harbor.site",
    )
    assert not (tmp_path / "x.json").exists()


def test_a_code_belongs_to_one_agency(home: Path) -> None:
    """A second agency is refused the first one's code."""
    almoner(home, "agency", "add", "lake", "--name", "Lake", "--state", "WI")
    assert edge(home, "route", "harbor", "--partner", "SPRING").status == 0
    refused = edge(home, "route", "lake", "--partner", "spring")
    assert (refused.status, "harbor" in refused.output) == (1, True)


def test_a_table_that_shrinks_has_to_be_meant(home: Path, tmp_path: Path) -> None:
    """Where a state has nobody any more, the file that is there stays until --allow-shrink."""
    file = tmp_path / "edge.json"
    almoner(home, "agency", "add", "lake", "--name", "Lake", "--state", "WI")
    assert edge(home, "compile", "--out", str(file)).status == 0
    before = file.read_bytes()
    almoner(home, "agency", "suspend", "lake", "--reason", "test")

    assert edge(home, "compile", "--out", str(file)).faults == ("states", "agencies")
    assert file.read_bytes() == before
    assert edge(home, "compile", "--out", str(file), "--allow-shrink").status == 0


def test_only_a_table_of_ours_is_bundled(home: Path, tmp_path: Path) -> None:
    """A verified table goes into the package as it is; another home's does not."""
    file, package = tmp_path / "edge.json", tmp_path / "build" / "edge.zip"
    edge(home, "compile", "--out", str(file))
    other = made(tmp_path / "other")
    assert edge(other, "bundle", str(file), "--out", str(package)).faults == ("file",)
    assert not package.exists()

    done = edge(home, "bundle", str(file), "--out", str(package), "--json")
    assert json.loads(done.output)["bytes"] == package.stat().st_size
    assert zipfile.ZipFile(package).read("routing.json") == file.read_bytes()


def test_the_commands_leave_audit_lines(home: Path, tmp_path: Path) -> None:
    """Who changed what visitors are routed by, and why, is in the agency's own ledger."""
    edge(home, "route", "harbor", "--weight", "5", "--reason", "a quiet month")
    tail = almoner(home, "audit", "tail", "harbor", "--reason", "test", "--json").output
    assert "cli:edge route" in tail
    assert "a quiet month" in tail
