"""docs/events.md, the catalogue and the resolvers say the same."""

import ast
import re
from pathlib import Path

from domain.event_catalogue import CATALOGUE
from domain.events import EventName
from gateway.events_page import events_page

ROOT = Path(__file__).parents[2]


def test_the_page_of_events_is_current() -> None:
    """docs/events.md is what the catalogue says: python -m gateway.events_page writes it."""
    assert (ROOT / "docs/events.md").read_text(encoding="utf-8") == events_page()


def test_every_event_is_on_the_page_once() -> None:
    """Each name has one row, with its version and its keys."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| `(\w+)_…` \| (.+?) \|", events_page(), re.MULTILINE)

    assert [row[0] for row in rows] == [name.value for name in EventName]
    for name, version, subject, data in rows:
        schema = CATALOGUE[EventName(name)]
        assert (int(version), subject) == (schema.version, schema.subject)
        keys = dict(re.findall(r"`(\w+)\??: (\w+)_…`", data))
        assert keys == {**schema.data, **schema.optional}


def test_every_described_event_is_written_somewhere_and_by_one_function_alone() -> None:
    """Resolvers name each event, and make them by `happened`, which holds them to the catalogue."""
    named: set[str] = set()
    for path in sorted((ROOT / "resolvers").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "EventName"
            ):
                named.add(node.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "Event" or path.name == "trail.py"
    assert named == {name.name for name in EventName}


def test_the_keys_that_resolvers_write_are_those_of_the_catalogue() -> None:
    """Where ids are spelled out at the call, they are the required ones, no more and no less."""
    found = 0
    for path in sorted((ROOT / "resolvers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id != "happened" or not isinstance(node.args[1], ast.Attribute):
                continue
            if isinstance(node.args[1].value, ast.Name) and node.args[1].value.id == "EventName":
                schema = CATALOGUE[EventName[node.args[1].attr]]
                assert {one.arg for one in node.keywords} == schema.data.keys(), path.name
                found += 1
    assert found >= 7
