"""Prints who may use which field, from the rules that the schema enforces: `docs/access.md`.

Renew the page by `python -m schema.access_table`; a test says when it is not current.
"""

from pathlib import Path

import strawberry
from graphql import GraphQLObjectType

from domain.actors import Group
from schema.build import core_schema, create_schema, object_types, rule_of
from schema.rules import ANY_SCOPE, Rule

PAGE = Path(__file__).parent.parent / "docs" / "access.md"

_HEAD = """# Who may use which field

Generated from the rules that the schema enforces; do not edit. Renew by
`.venv/bin/python -m schema.access_table`.

A rule says which kinds of principal may use a field. Which objects are within their reach is the
guard's business (`resolvers/guard.py`): consumers reach their own record and applications,
counselors the applications they hold a live grant for and the consumers of these, machines all of
their agency. What is out of reach is answered as if it did not exist.

A field that is refused is null, with the error `Not Authorized to access <field> on type <Type>`
(code FORBIDDEN; REAUTHENTICATE where a fresher sign-in would do). A machine needs one of the scopes
named. `node` and every listing apply the rule of the object's own field as well.
"""


def access_table(schema: strawberry.Schema) -> str:
    """Return the page: one row for all fields of a type that are under the same rule."""
    groups = list(Group)
    lines = [
        _HEAD,
        f"| type | fields | {' | '.join(groups)} | API key with | sign-in |",
        f"|---|---|{'---|' * len(groups)}---|---|",
    ]
    types = object_types(core_schema(schema))
    for object_type in sorted(types, key=lambda one: (one.name not in _ROOTS, one.name)):
        lines += [
            _row(object_type.name, fields, rule) for rule, fields in _by_rule(object_type).items()
        ]
    return "\n".join(lines) + "\n"


_ROOTS = ("Query", "Mutation")


def _by_rule(object_type: GraphQLObjectType) -> dict[Rule, list[str]]:
    fields: dict[Rule, list[str]] = {}
    for name, field in object_type.fields.items():
        fields.setdefault(rule_of(field), []).append(name)
    return fields


def _row(type_name: str, fields: list[str], rule: Rule) -> str:
    people = ["yes" if rule.everyone or group in rule.groups else "–" for group in Group]
    if rule.everyone or rule.scopes == ANY_SCOPE:
        scopes = "any scope"
    else:
        scopes = " or ".join(f"`{scope}`" for scope in sorted(rule.scopes)) or "–"
    seconds = rule.sign_in_seconds_max
    fresh = "any" if seconds is None else f"≤ {seconds // 60} minutes"
    return f"| {type_name} | {', '.join(fields)} | {' | '.join(people)} | {scopes} | {fresh} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(access_table(create_schema()), encoding="utf-8")


if __name__ == "__main__":
    main()
