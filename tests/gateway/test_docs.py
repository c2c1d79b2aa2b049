"""The pages about HTTP, errors and settings say what the code does."""

import re
from pathlib import Path

from gateway.access_page import access_table, page_with
from gateway.app import answer
from gateway.errors import KINDS
from gateway.metrics import new_metrics
from gateway.settings_page import settings_page
from schema.build import core_schema, create_schema, object_types
from tenants.records import kinds

DOCS = Path(__file__).parent.parent.parent / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_code_is_documented_as_it_is_answered() -> None:
    """docs/errors.md has each code once, with its type and its status."""
    rows = re.findall(r"^\| ([A-Z_]+) \| (\w+) \| (\d+) \|", page("errors.md"), re.MULTILINE)

    documented = {code: (error_type, int(status)) for code, error_type, status in rows}
    assert len(rows) == len(documented)
    assert documented == {code: (kind.error_type, kind.status) for code, kind in KINDS.items()}


def test_the_page_of_settings_is_current() -> None:
    """docs/configuration.md is what the table says: python -m gateway.settings_page writes it."""
    assert page("configuration.md") == settings_page()


def test_the_table_of_fields_and_rules_is_current() -> None:
    """docs/security.md says what is enforced: python -m gateway.access_page writes it."""
    text = page("security.md")

    assert page_with(access_table(create_schema()), text) == text


def test_the_table_of_fields_and_rules_says_how_each_field_is_guarded() -> None:
    """Each field is in it once, under its type; what is sealed in a record is personal."""
    rows = [line.strip("| ").split(" | ") for line in page("security.md").splitlines()]
    table = [row for row in rows if len(row) == 8][1:]

    listed = [f"{row[0]}.{name}" for row in table for name in row[1].split(", ")]
    types = object_types(core_schema(create_schema()))
    assert sorted(listed) == sorted(f"{one.name}.{name}" for one in types for name in one.fields)
    terms = {f"{row[0]}.{name}": row[2:] for row in table for name in row[1].split(", ")}
    assert terms["Consumer.ssn"] == [
        "counselors",
        "–",
        "≤ 15 minutes",
        "stated",
        "yes",
        "consumer identity",
    ]
    sealed = {row[7] for row in table} - {"–", "blob"}
    groups = {f"{spec.kind} {group}" for spec in kinds.KINDS for group in spec.sealed}
    unseen = {"legal_hold reason", "invitation maker"}
    assert sealed == groups - unseen, "nothing shows a legal hold, nor who gave out a code"
    assert all(row[6] == "yes" for row in table if row[7] != "–")


def test_the_stages_are_documented_in_their_order() -> None:
    """docs/http.md lists the stages that gateway/app.py has."""
    source = Path(answer.__code__.co_filename).read_text(encoding="utf-8")

    listed = re.findall(r"^\d+\. \*\*(\w+)\*\*", page("http.md"), re.MULTILINE)
    assert listed == re.findall(r'clock\.begin\("(\w+)"\)', source)


def test_every_metric_is_documented() -> None:
    """docs/http.md names each counter."""
    text = page("http.md")

    for metric in new_metrics().registry.collect():
        assert f"`{metric.name}" in text
