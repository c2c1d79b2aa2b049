"""What every peer is measured with: one schema, one set of data, three queries."""

import json
from pathlib import Path

import pytest
from graphql import build_schema, execute_sync, lexicographic_sort_schema, parse, print_schema

from bench.peers import ROOT
from bench.synthetic.data import (
    QUERIES,
    SCHEMA_FILE,
    Query,
    leaves,
    read_applications,
    write_applications,
)
from bench.synthetic.engine import create_schema
from schema.build import core_schema

NODE = ROOT / "bench" / "node"


def test_declarations_and_schema_text_are_one_schema(tmp_path: Path) -> None:
    """What Strawberry is given is what the other servers read as text."""
    write_applications(tmp_path / "data.json")
    declared = core_schema(create_schema(read_applications(tmp_path / "data.json")))

    texts = [
        print_schema(lexicographic_sort_schema(one))
        for one in (declared, build_schema(SCHEMA_FILE.read_text()))
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_queries_are_as_large_as_they_say(query: Query, tmp_path: Path) -> None:
    """About 2, 140 and 900 leaves."""
    write_applications(tmp_path / "data.json")
    schema = core_schema(create_schema(read_applications(tmp_path / "data.json")))

    result = execute_sync(schema, parse(query.text), variable_values=query.variables)

    assert result.errors is None
    assert leaves(result.data) == query.leaves


def test_the_lock_of_the_node_peers_names_no_registry() -> None:
    """Packages are locked by hash and installed from whatever registry npm is set up with."""
    packages = json.loads((NODE / "package-lock.json").read_text())["packages"]
    installed = {name: found for name, found in packages.items() if name}

    assert all(found["integrity"].startswith("sha512-") for found in installed.values())
    assert not [name for name, found in installed.items() if "resolved" in found]
    assert "omit-lockfile-registry-resolved=true" in (NODE / ".npmrc").read_text()
