"""Makes a document that shows a difference smaller, for whoever has to find out why.

Hypothesis has made the bytes simple by then; this takes away from the document what does not
matter, while the data stay as they are.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    print_ast,
    visit,
)

STEPS_MAX = 2_000

Shows = Callable[[str], Awaitable[bool]]
"""Says whether a document still shows the difference; never raises."""


async def reduced(document: DocumentNode, shows: Shows) -> str:
    """Return a document from which nothing can be taken away without losing the difference."""
    steps = 0
    found = True
    while found and steps < STEPS_MAX:
        found = False
        for smaller in _smaller(document):
            steps += 1
            if steps > STEPS_MAX:
                break
            if await shows(print_ast(smaller)):
                document, found = smaller, True
                break
    return print_ast(document)


def _smaller(document: DocumentNode) -> Iterator[DocumentNode]:
    """Yield documents that lack one thing each, the largest things first."""
    for place, definition in enumerate(document.definitions):
        for body in _smaller_selections(definition.selection_set):  # type: ignore[attr-defined]
            definitions = list(document.definitions)
            definitions[place] = replace(definition, selection_set=body)  # type: ignore[call-arg] # as above
            yield _tidied(DocumentNode(definitions=tuple(definitions)))
    yield from _inlined(document)


def _smaller_selections(selections: SelectionSetNode) -> Iterator[SelectionSetNode]:
    nodes = selections.selections
    for place in range(len(nodes)):
        if len(nodes) > 1:
            yield SelectionSetNode(selections=(*nodes[:place], *nodes[place + 1 :]))
    for place, node in enumerate(nodes):
        for smaller in _smaller_node(node):
            yield SelectionSetNode(selections=(*nodes[:place], *smaller, *nodes[place + 1 :]))


def _smaller_node(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, InlineFragmentNode):
        yield node.selection_set.selections
    if node.directives:
        yield (replace(node, directives=()),)
    if isinstance(node, FieldNode):
        if node.alias is not None:
            yield (replace(node, alias=None),)
        for argument in node.arguments or ():
            fewer = tuple(one for one in node.arguments or () if one is not argument)
            yield (replace(node, arguments=fewer),)
        if node.selection_set is not None:
            nothing = SelectionSetNode(selections=(_TYPENAME,))
            if print_ast(nothing) != print_ast(node.selection_set):
                yield (replace(node, selection_set=nothing),)
    inner = getattr(node, "selection_set", None)
    if inner is not None:
        for smaller in _smaller_selections(inner):
            yield (replace(node, selection_set=smaller),)


_TYPENAME = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())


def _inlined(document: DocumentNode) -> Iterator[DocumentNode]:
    """Yield documents in which a spread fragment stands where it was spread."""
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    for fragment in fragments:

        class Inline(Visitor):
            """Puts the fragment where it is spread."""

            def enter_fragment_spread(
                self, node: FragmentSpreadNode, *_: Any, fragment: Any = fragment
            ) -> Any:
                if node.name.value != fragment.name.value:
                    return None
                return InlineFragmentNode(
                    type_condition=fragment.type_condition,
                    directives=node.directives,
                    selection_set=fragment.selection_set,
                )

        yield _tidied(visit(document, Inline()))


def _tidied(document: DocumentNode) -> DocumentNode:
    """Return the document without fragments and variables that nothing uses any more."""
    spread: set[str] = set()
    named: set[str] = set()

    class Uses(Visitor):
        """Notes what is used."""

        def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
            spread.add(node.name.value)

        def enter_variable(self, node: VariableNode, _k: Any, parent: Any, *_: Any) -> None:
            if not isinstance(parent, VariableDefinitionNode):
                named.add(node.name.value)

    visit(document, Uses())
    definitions = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode) and definition.name.value not in spread:
            continue
        if isinstance(definition, OperationDefinitionNode):
            used = [
                one
                for one in definition.variable_definitions or ()
                if one.variable.name.value in named
            ]
            definition = replace(definition, variable_definitions=tuple(used))  # noqa: PLW2901 -- without what is unused
        definitions.append(definition)
    return DocumentNode(definitions=tuple(definitions))
