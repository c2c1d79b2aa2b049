"""The operations that the explorer offers: a file each; who may run them, the schema's rules say.

A file begins with comments: a title, what is to be known, and `with:`, a query whose answer has a
value for each variable of the operation that has no default. The page asks it as who is signed in;
of several, those after the first are for whom it answers nothing. What has a value by the name
`not` is passed over, and so is what has another value by the name `is_X` than X.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import strawberry
from graphql import FieldNode, GraphQLSchema, OperationDefinitionNode, parse

from domain.actors import Group
from schema.build import core_schema, rule_of
from schema.rules import Rule

FOLDER = Path(__file__).with_name("operations")
_COMMENT = "# "
_WITH = "with: "


class OfferedOperation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One operation.

    groups: the people who may run it. machines: API keys may, with the scope that it takes.
    variables: those that need a value. lookups: queries whose answers may have them.
    """

    name: str
    kind: str
    title: str
    about: str
    groups: list[Group]
    machines: bool
    document: str
    variables: list[str]
    lookups: list[str]


def offered_operations(schema: strawberry.Schema) -> Iterator[OfferedOperation]:
    """Give all operations, in the order of their files."""
    core = core_schema(schema)
    for path in sorted(FOLDER.glob("*.graphql")):
        yield read_operation(path.read_text(encoding="utf-8"), core)


def read_operation(text: str, core: GraphQLSchema) -> OfferedOperation:
    """Return the operation that a file's text declares."""
    lines = text.splitlines(keepends=True)
    notes = [line.removeprefix(_COMMENT).strip() for line in lines if line.startswith(_COMMENT)]
    told = [note for note in notes if not note.startswith(_WITH)]
    document = "".join(line for line in lines if not line.startswith(_COMMENT))
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name is not None
    rules = list(_rules(operation, core))
    return OfferedOperation(
        name=operation.name.value,
        kind=operation.operation.value,
        title=told[0],
        about=" ".join(told[1:]),
        groups=[group for group in Group if all(_allows(rule, group) for rule in rules)],
        machines=all(rule.everyone or rule.scopes for rule in rules),
        document=document,
        variables=[
            declared.variable.name.value
            for declared in operation.variable_definitions or ()
            if declared.default_value is None
        ],
        lookups=[note.removeprefix(_WITH) for note in notes if note.startswith(_WITH)],
    )


def _rules(operation: OperationDefinitionNode, core: GraphQLSchema) -> Iterator[Rule]:
    """Give the rule of each field that the operation begins with."""
    root = core.get_root_type(operation.operation)
    assert root is not None
    for selected in operation.selection_set.selections:
        assert isinstance(selected, FieldNode)
        yield rule_of(root.fields[selected.name.value])


def _allows(rule: Rule, group: Group) -> bool:
    if group is Group.OPERATORS:
        return rule.for_operators
    return rule.everyone or group in rule.groups
