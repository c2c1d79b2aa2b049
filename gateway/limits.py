"""Limits on what a request asks for, each judged in time linear in the request.

The text is judged before it is parsed and the document before it is validated. Fragments are
summed up once and added at each use: a chain of fragments that each spread the next one twice is a
few hundred bytes long and 2^n fields wide, and costs no more here than its bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.errors import DocumentTooComplex
from gateway.config import Limits

COUNT_MAX = 1_000_000  # counts stop here: beyond every limit, and adding stays cheap
_INTROSPECTION = frozenset({"__schema", "__type"})
_TOKEN = re.compile(
    r'"""(?:\\"""|(?!""").)*(?:""")?'  # block string
    r'|"(?:\\.|[^"\\\n\r])*"?'  # string
    r"|#[^\n\r]*"  # comment
    r"|[_A-Za-z][_0-9A-Za-z]*"
    r"|-?[0-9][0-9A-Za-z_.+-]*"
    r"|\.\.\."
    r"|[^\s,\ufeff]",  # punctuation, and whatever the parser will refuse
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How much a definition asks for: nesting of fields, and aliases and directives in total."""

    depth: int
    aliases: int
    directives: int


@dataclass(slots=True)
class _Draft:
    """One definition by itself: its own shape, and what it spreads at which depth.

    A spread at depth None lies inside introspection, where nesting is not counted.
    """

    depth: int
    aliases: int
    directives: int
    spreads: list[tuple[str, int | None]]


def check_length(text: str, limits: Limits) -> None:
    """Raise DocumentTooComplex for a text that is too long to be looked at."""
    if len(text) > limits.document_characters:
        raise DocumentTooComplex(
            f"The document is longer than {limits.document_characters} characters."
        )


def check_text(text: str, limits: Limits) -> int:
    """Return how many tokens a document has; raises DocumentTooComplex beyond the limits.

    It may have as many lines as tokens: graphql-core counts them anew for each error that it finds.
    """
    check_length(text, limits)
    lines = text.count("\n") + text.count("\r") - text.count("\r\n")
    if lines > limits.tokens:
        raise DocumentTooComplex(f"The document has more than {limits.tokens} lines.")
    tokens = count_tokens(text, limits.tokens)
    if tokens > limits.tokens:
        raise DocumentTooComplex(f"The document has more than {limits.tokens} tokens.")
    return tokens


def count_tokens(text: str, enough: int) -> int:
    """Return how many tokens a document has, comments included; stops just past `enough`."""
    return sum(1 for _ in islice(_TOKEN.finditer(text), enough + 1))


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raise DocumentTooComplex for an operation that is too deep or has too many aliases, …."""
    fragments = {
        definition.name.value: _draft(definition.selection_set, definition.directives)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    shapes = _resolve(fragments)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            draft = _draft(definition.selection_set, definition.directives)
            for variable in definition.variable_definitions or ():
                draft.directives += len(variable.directives or ())
            _check(_total(draft, shapes), limits)


def json_depth_exceeds(value: object, depth_max: int) -> bool:
    """Say whether decoded JSON is nested deeper than `depth_max`; an object alone has depth 1."""
    level: list[object] = [value]
    for _ in range(depth_max):
        level = [inner for outer in level for inner in _containers_in(outer)]
        if not level:
            return False
    return True


def json_list_exceeds(value: object, items_max: int) -> bool:
    """Say whether any list in decoded JSON has more than `items_max` items."""
    level: list[object] = [value]
    while level:
        if any(isinstance(one, list) and len(one) > items_max for one in level):
            return True
        level = [inner for outer in level for inner in _containers_in(outer)]
    return False


def _containers_in(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if type(inner) in (dict, list)]
    if isinstance(value, list):
        return [inner for inner in value if type(inner) in (dict, list)]
    return ()


def _check(shape: Shape, limits: Limits) -> None:
    if shape.depth > limits.depth:
        raise DocumentTooComplex(
            f"The operation is nested {shape.depth} fields deep; {limits.depth} are allowed."
        )
    if shape.aliases > limits.aliases:
        raise DocumentTooComplex(
            f"The operation has more than {limits.aliases} aliases, fragments counted at each use."
        )
    if shape.directives > limits.directives:
        raise DocumentTooComplex(
            f"The operation has more than {limits.directives} directives, fragments counted at "
            "each use."
        )


def _draft(selections: SelectionSetNode, directives: Sequence[DirectiveNode] | None) -> _Draft:
    """Sum up one definition without following its spreads; a stack instead of recursion."""
    draft = _Draft(0, 0, len(directives or ()), [])
    stack: list[tuple[SelectionSetNode, int | None]] = [(selections, 0)]
    while stack:
        chosen, outer = stack.pop()
        for selection in chosen.selections:
            draft.directives += len(selection.directives or ())
            depth = outer
            if isinstance(selection, FragmentSpreadNode):
                draft.spreads.append((selection.name.value, depth))
                continue
            if isinstance(selection, FieldNode):
                name = selection.name.value
                if selection.alias is not None and name != "__typename":
                    draft.aliases += 1
                depth = None if outer is None or name in _INTROSPECTION else outer + 1
                draft.depth = max(draft.depth, depth or 0)
            inner = getattr(selection, "selection_set", None)
            if inner is not None:
                stack.append((inner, depth))
    return draft


def _resolve(drafts: Mapping[str, _Draft]) -> dict[str, Shape]:
    """Return each fragment's whole shape, those it spreads included.

    A spread that closes a cycle adds nothing: validation refuses it afterwards.
    """
    shapes: dict[str, Shape] = {}
    for root in drafts:
        waiting, path = [root], set[str]()
        while waiting:
            name = waiting[-1]
            if name not in path and name not in shapes:
                path.add(name)
                below = (spread for spread, _ in drafts[name].spreads)
                waiting.extend(s for s in below if s in drafts and s not in path)
                continue
            waiting.pop()
            if name not in shapes:
                shapes[name] = _total(drafts[name], shapes)
                path.discard(name)
    return shapes


def _total(draft: _Draft, shapes: Mapping[str, Shape]) -> Shape:
    depth, aliases, directives = draft.depth, draft.aliases, draft.directives
    for name, at in draft.spreads:
        shape = shapes.get(name)
        if shape is None:
            continue
        if at is not None:
            depth = max(depth, at + shape.depth)
        aliases += shape.aliases
        directives += shape.directives
    return Shape(depth, min(aliases, COUNT_MAX), min(directives, COUNT_MAX))
