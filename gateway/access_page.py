"""Writes the table of fields and rules into docs/security.md: `python -m gateway.access_page`.

It is made from what is enforced: the rules of the schema's fields, the gates that note their reads,
and the groups under which the store seals what they tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import strawberry
from graphql import GraphQLObjectType, get_named_type

from domain.actors import Group
from schema.build import core_schema, create_schema, field_names, gate_of, object_types
from schema.rules import ANY_SCOPE, Rule
from tenants.records.kinds import KINDS

PAGE = Path(__file__).parent.parent / "docs" / "security.md"
BEGIN = "<!-- Written by `python -m gateway.access_page`; a test compares it. -->\n"
END = "<!-- The end of what is written. -->\n"

_ROOTS = ("Query", "Mutation")
_DEFINITION = "strawberry-definition"
_BLOBS = {"CreditReport.raw": "blob"}
_HEAD = """
| type | fields | people | API key with | sign-in | purpose | personal | sealed with |
|---|---|---|---|---|---|---|---|
"""
# What is computed from a sealed attribute, or read out of one.
_DERIVED = {
    "Consumer.ssnLast4": "ssn",
    "Plan.acceptedAt": "acceptance",
    "Plan.schedule": "creditors",
    "CreditReport.hit": "file",
    "CreditReport.summary": "file",
    "CreditReport.score": "file",
    "CreditReport.tradelines": "file",
    "CreditReport.collections": "file",
    "CreditReport.inquiries": "file",
    "CreditReport.publicRecords": "file",
    "CreditReport.alerts": "file",
}


class _Told(NamedTuple):
    """Whether a field tells of a consumer, so that its reads are audited, and how it is sealed."""

    personal: bool
    sealed: str | None


class _Terms(NamedTuple):
    """What the table says of a field; fields of a type with the same terms share a row."""

    rule: Rule
    purpose: bool
    told: _Told


def access_table(schema: strawberry.Schema) -> str:
    """Return the table: one row for all fields of a type of which the same is to be said."""
    core = core_schema(schema)
    types = object_types(core)
    told = _told(types, field_names(core).personal)
    rows = [
        _row(one.name, fields, terms)
        for one in sorted(types, key=lambda one: (one.name not in _ROOTS, one.name))
        for terms, fields in _by_terms(one, told).items()
    ]
    return f"{_HEAD}{''.join(rows)}\n"


def page_with(table: str, page: str) -> str:
    """Return the page with the table in place of the one between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table}{END}{after}"


def _told(types: list[GraphQLObjectType], noted: int) -> dict[str, _Told]:
    """Return what each field tells; `noted` are the bits of the fields that are personal.

    What is no record of its own is as that through which it is reached, where that is alike.
    """
    groups = _groups()
    told = {
        f"{one.name}.{name}": _told_by(one, name, groups, noted)
        for one in types
        for name in one.fields
    }
    values = [one for one in types if not _record_name(one) and one.name not in _ROOTS]
    for _ in values:  # as many steps as there may be one within another
        for value in values:
            ways = {told[name] for name in _ways_to(value, types)}
            if len(ways) == 1:
                told.update(dict.fromkeys((f"{value.name}.{name}" for name in value.fields), *ways))
    return told


def _told_by(
    one: GraphQLObjectType, name: str, groups: Mapping[tuple[str, str], str], noted: int
) -> _Told:
    field, full_name = one.fields[name], f"{one.name}.{name}"
    python_name: str = field.extensions[_DEFINITION].python_name
    attribute = _DERIVED.get(full_name, python_name)
    sealed = _BLOBS.get(full_name) or groups.get((_record_name(one), attribute))
    return _Told(bool(gate_of(field).bit & noted) or sealed is not None, sealed)


def _ways_to(value: GraphQLObjectType, types: list[GraphQLObjectType]) -> Iterator[str]:
    for one in types:
        for name, field in one.fields.items():
            if get_named_type(field.type) is value:
                yield f"{one.name}.{name}"


def _groups() -> Mapping[tuple[str, str], str]:
    """Return the sealed groups by the record's name and the attribute."""
    return {
        place: f"{spec.kind} {group}"
        for spec in KINDS
        for group, paths in spec.sealed.items()
        for path in paths
        for place in _within(spec.record, path)
    }


def _within(record: type, path: str) -> Iterator[tuple[str, str]]:
    """Yield what a path seals: an attribute, and those of the lines in a list sealed as a whole."""
    yield _placed(record, path)
    if "." not in path:
        for line in get_args(get_type_hints(record)[path]):
            if is_dataclass(line) and isinstance(line, type):
                yield from ((line.__name__, item.name) for item in fields(line))


def _placed(record: type, path: str) -> tuple[str, str]:
    """Return whose attribute a path names: the record's, or that of the lines in a list of its."""
    outer, _, inner = path.partition(".")
    return (outer.removesuffix("s").capitalize(), inner) if inner else (record.__name__, outer)


def _record_name(one: GraphQLObjectType) -> str:
    """Return the class of the records that are of the type; empty where values are."""
    origin: Any = one.extensions[_DEFINITION].origin
    record: type | None = origin.record_of_type
    return "" if record is None else record.__name__


def _by_terms(one: GraphQLObjectType, told: Mapping[str, _Told]) -> dict[_Terms, list[str]]:
    found: dict[_Terms, list[str]] = {}
    for name, field in one.fields.items():
        purpose = one.name not in _ROOTS and "purpose" in field.args
        terms = _Terms(gate_of(field).rule, purpose, told[f"{one.name}.{name}"])
        found.setdefault(terms, []).append(name)
    return found


def _row(type_name: str, fields: list[str], terms: _Terms) -> str:
    rule = terms.rule
    seconds = rule.sign_in_seconds_max
    cells = (
        type_name,
        ", ".join(fields),
        _people(rule),
        _scopes(rule),
        "any" if seconds is None else f"≤ {seconds // 60} minutes",
        "stated" if terms.purpose else "–",
        "yes" if terms.told.personal else "–",
        terms.told.sealed or "–",
    )
    return f"| {' | '.join(cells)} |\n"


def _people(rule: Rule) -> str:
    if rule.everyone:
        return "everyone"
    by_grant = rule.for_operators and Group.OPERATORS not in rule.groups
    people = [group.value for group in Group if group in rule.groups]
    return ", ".join([*people, "operators by grant"] if by_grant else people) or "–"


def _scopes(rule: Rule) -> str:
    if rule.everyone or rule.scopes == ANY_SCOPE:
        return "any scope"
    return " or ".join(f"`{scope}`" for scope in sorted(rule.scopes)) or "–"


def main() -> None:
    """Write the table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page_with(access_table(create_schema()), page), encoding="utf-8")


if __name__ == "__main__":
    main()
