"""The documents that the campaign asks with, all made from the rows of operations.py.

Each row is asked as it stands, and once more with everything selected that its fields can show, so
that what a new type shows is asked for without a new row. Where a row takes variables, a third form
gives them wrongly typed values: what is wrong with them must not be said by repeating them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_required_argument,
    parse,
    print_ast,
)
from graphql.language import ast

from tests.isolation.operations import MUTATIONS, QUERIES, Operation
from tests.isolation.typed import ROWS, Fill

ARGUMENTS = {"purpose": '"isolation harness"'}
"""What required arguments of fields below the root are given."""

AFTER = "after"
ANY_NODE = "AnyNode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way of asking for a root field.

    name: of the root field. row: which row it was made from. text: the document. variables: from
    whose ids are named and what is typed. typed: the row is of typed.py. wrong: its variables are
    to be spoilt. paged: it takes a cursor as `$after`.
    """

    name: str
    row: int
    text: str
    variables: Fill
    mutates: bool
    typed: bool
    deep: bool = False
    wrong: bool = False
    paged: bool = False

    def __str__(self) -> str:
        """Return the field's name, the row's number and the form."""
        form = "deep " if self.deep else "wrong " if self.wrong else ""
        return f"{form}{self.name} {self.row}"


def forms(schema: GraphQLSchema) -> list[Form]:
    """Return all forms of all rows, those of typed.py included."""
    rows = [
        (name, row.document, _of_ids(row), False)
        for name, rows in {**QUERIES, **MUTATIONS}.items()
        for row in rows
    ]
    rows += [(name, *row, True) for name, typed in ROWS.items() for row in typed]
    return [
        form
        for number, (name, document, fill, typed) in enumerate(rows)
        for form in _forms_of(
            schema,
            Form(name=name, row=number, text=document, variables=fill, mutates=False, typed=typed),
        )
    ]


@cache
def told_in_full(schema: GraphQLSchema, topic: str) -> str:
    """Return the document that subscribes to a field of Subscription, with everything selected."""
    root = schema.subscription_type
    assert root is not None
    chosen = _everything(schema, root.fields[topic])
    assert chosen is not None
    text = f"subscription {{ {topic} {print_ast(chosen)} }}"
    if f"...{ANY_NODE}" in text:
        text += f" fragment {ANY_NODE} on Node {_any_of(schema, 'Node')}"
    return text


def spoilt(value: object, text: str) -> object:
    """Return a value of no type that anything takes, with what was typed in it."""
    return {**value, "wrong": text} if isinstance(value, dict) else {"wrong": text}


def _of_ids(row: Operation) -> Fill:
    return lambda ids, _typed: row.variables(ids)


def _forms_of(schema: GraphQLSchema, plain: Form) -> Iterator[Form]:
    (definition,) = parse(plain.text).definitions
    assert isinstance(definition, OperationDefinitionNode)
    mutates = definition.operation is OperationType.MUTATION
    root = schema.mutation_type if mutates else schema.query_type
    assert root is not None
    text, paged = _deepened(schema, definition, root)
    plain = replace(plain, mutates=mutates)
    yield plain
    yield replace(plain, text=text, paged=paged, deep=True)
    if definition.variable_definitions:
        yield replace(plain, wrong=True)


def _deepened(
    schema: GraphQLSchema, definition: OperationDefinitionNode, root: GraphQLObjectType
) -> tuple[str, bool]:
    """Return the operation with everything selected, and whether it takes a cursor."""
    paged = False
    fields = []
    for selected in definition.selection_set.selections:
        assert isinstance(selected, FieldNode)
        field = root.fields[selected.name.value]
        arguments = tuple(selected.arguments or ())
        if AFTER in field.args and not any(one.name.value == AFTER for one in arguments):
            cursor = VariableNode(name=NameNode(value=AFTER))
            arguments = (*arguments, ArgumentNode(name=NameNode(value=AFTER), value=cursor))
            paged = True
        chosen = _everything(schema, field)
        fields.append(
            FieldNode(
                name=selected.name,
                alias=selected.alias,
                arguments=arguments,
                directives=(),
                selection_set=chosen,
            )
        )
    operation = OperationDefinitionNode(
        operation=definition.operation,
        name=definition.name,
        variable_definitions=definition.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(fields)),
    )
    text = print_ast(operation)
    if f"...{ANY_NODE}" in text:
        text += f" fragment {ANY_NODE} on Node {_any_of(schema, 'Node')}"
    return (_with_cursor(text, definition) if paged else text), paged


def _with_cursor(text: str, definition: OperationDefinitionNode) -> str:
    """Return the text with `$after` declared."""
    word = definition.operation.value
    if definition.variable_definitions:
        return text.replace(f"{word} (", f"{word} (${AFTER}: String, ", 1).replace(
            f"{word}(", f"{word} (${AFTER}: String, ", 1
        )
    body = text.removeprefix(word).lstrip()
    return f"{word} (${AFTER}: String) {body}"


def _everything(schema: GraphQLSchema, field: GraphQLField) -> SelectionSetNode | None:
    named = get_named_type(field.type)
    if not is_composite_type(named):
        return None
    text = _selection(schema, named.name, ())
    parsed = parse(f"{{ root {text} }}").definitions[0]
    assert isinstance(parsed, ast.OperationDefinitionNode)
    (root,) = parsed.selection_set.selections
    assert isinstance(root, FieldNode)
    return root.selection_set


@cache
def _selection(schema: GraphQLSchema, name: str, within: tuple[str, ...]) -> str:
    """Return everything that a type shows, without coming back to a type that it stands within."""
    named = schema.type_map[name]
    if isinstance(named, GraphQLInterfaceType):
        return f"{{ ...{ANY_NODE} }}"
    assert isinstance(named, GraphQLObjectType)
    return f"{{ {_selected(schema, named, within)} }}"


def _any_of(schema: GraphQLSchema, name: str) -> str:
    """Return everything that the types of an interface show.

    Where they call fields of different types alike, each field gets a name of its type's own.
    """
    interface = schema.type_map[name]
    assert isinstance(interface, GraphQLInterfaceType)
    objects = schema.get_implementations(interface).objects
    called: dict[str, set[str]] = {}
    for one in objects:
        for field_name, field in one.fields.items():
            called.setdefault(field_name, set()).add(str(field.type))
    unlike = frozenset(field_name for field_name, kinds in called.items() if len(kinds) > 1)
    parts = [f"... on {one.name} {{ {_selected(schema, one, (), unlike)} }}" for one in objects]
    return f"{{ id {' '.join(parts)} }}"


def _selected(
    schema: GraphQLSchema,
    named: GraphQLObjectType,
    within: tuple[str, ...],
    unlike: frozenset[str] = frozenset(),
) -> str:
    parts = []
    for name, field in named.fields.items():
        inner = get_named_type(field.type)
        if inner.name in (*within, named.name):
            continue
        missing = [one for one, argument in field.args.items() if is_required_argument(argument)]
        given = ", ".join(f"{one}: {ARGUMENTS[one]}" for one in missing)
        text = f"{named.name}_{name}: {name}" if name in unlike else name
        if given:
            text += f"({given})"
        if is_composite_type(inner):
            text += f" {_selection(schema, inner.name, (*within, named.name))}"
        parts.append(text)
    return " ".join(parts)
