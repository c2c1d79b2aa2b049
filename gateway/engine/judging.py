"""Judges the text of a document: parses it, holds it to the limits and to the rules.

What graphql-core would spend on a document beyond its length is bounded here and in the rules:
comparing fields, looking for line ends once an error, and printing a whole literal for each fault.
"""

import gc
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from graphql import DocumentNode, GraphQLError, GraphQLSchema, Source, Token, parse, validate
from graphql.language import SourceLocation

from gateway.config import Limits
from gateway.engine.faults import document_entry
from gateway.engine.rules import Rules
from gateway.errors import PARSE_FAILED, VALIDATION_FAILED, DocumentRefused, Entry
from gateway.limits import check_document, check_length, check_text

MESSAGE_CHARACTERS_MAX = 500
FULL_AFTER_MIN = 10_000  # objects that have grown old

_LINE_END = re.compile(r"\r\n|[\n\r]")

Verdict = tuple[DocumentNode, Sequence[Entry]]
"""A document that has been parsed, and its faults."""


class Strictness(NamedTuple):
    """What a judge goes by, besides its schema."""

    limits: Limits
    suggestions: bool = False
    introspection: bool = True


class Judge:
    """Judges documents against one schema, in whatever thread or process it is asked."""

    def __init__(self, schema: GraphQLSchema, strictness: Strictness) -> None:
        self._schema = schema
        self._limits = strictness.limits
        self._suggestions = strictness.suggestions
        self._rules = Rules(
            strictness.limits.validation_steps, introspection=strictness.introspection
        )

    def verdict(self, text: str) -> Verdict:
        """Return the document and its faults.

        Raises DocumentTooComplex, and DocumentRefused for what cannot be parsed.
        """
        check_length(text, self._limits)
        check_text(text, self._limits)
        try:
            document = parse(LinedSource(text), max_lexical_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise DocumentRefused([_entry(error, PARSE_FAILED)]) from None
        unlink_tokens(document)
        check_document(document, self._limits)
        faults = validate(
            self._schema,
            document,
            self._rules.for_text(text),
            max_errors=self._limits.errors,
            hide_suggestions=not self._suggestions,
        )
        entries = [_entry(fault, VALIDATION_FAILED) for fault in faults[: self._limits.errors]]
        return document, entries


class LinedSource(Source):
    """A document's text that knows where its lines begin, however often it is asked."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._line_ends = [match.span() for match in _LINE_END.finditer(text)]

    def get_location(self, position: int) -> SourceLocation:
        """Return line and column of a position in the text, both counted from 1."""
        line = bisect_left(self._line_ends, (position,))
        start = self._line_ends[line - 1][1] if line else 0
        return SourceLocation(line + 1, position + 1 - start)


def unlink_tokens(document: DocumentNode) -> None:
    """Take the lexer's tokens apart, each of which names its neighbours.

    A document that is forgotten holds no rings then, for which the collector would have to come.
    """
    token: Token | None = document.loc.start_token if document.loc is not None else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following


@contextmanager
def collected_young() -> Iterator[None]:
    """Collect what judging leaves behind before it grows old.

    It leaves rings that hold the document, thousands of objects. Left to itself the collector would
    look at them again and again as they come.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _COLLECTOR.collect()
        if was_enabled:
            gc.enable()


class _Collector:
    """Collects the young, and what is due besides, as the interpreter would left to itself.

    By its counts nothing older is ever due where the young have just been collected; and what other
    requests held meanwhile has grown old, and would stay for good. A full collection stops the
    interpreter for as long as all that lives takes: as there, it comes when a quarter is new.
    """

    def __init__(self) -> None:
        self._grown_old = 0
        self._old: int | None = None

    def collect(self) -> None:
        gc.collect(0)
        if gc.get_count()[1] <= gc.get_threshold()[1]:
            return
        if self._old is None:
            self._old = len(gc.get_objects(generation=2))
        middle = len(gc.get_objects(generation=1))
        self._grown_old += middle - gc.collect(1)
        if self._grown_old > max(FULL_AFTER_MIN, self._old // 4):
            gc.collect()
            self._grown_old, self._old = 0, None


_COLLECTOR = _Collector()


def _entry(fault: GraphQLError, code: str) -> Entry:
    if len(fault.message) > MESSAGE_CHARACTERS_MAX:
        fault.message = f"{fault.message[:MESSAGE_CHARACTERS_MAX]} …"
    return document_entry(fault, code)
