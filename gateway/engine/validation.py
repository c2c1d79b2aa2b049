"""Judges the text of a document that has not been seen before, off the event loop and in bounds.

One thread does it, so that nobody waits for a hostile document but who sent it. It shares the
processor with the loop: it gives way within a tenth of a millisecond, rests four times as long as
it worked, and no more than a few hundred documents wait for it. What graphql-core would spend on a
document beyond its length is bounded here: comparing fields, looking for line ends once an error,
and printing a whole literal for each fault in it.
"""

import asyncio
import gc
import re
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Source,
    Token,
    parse,
    specified_rules,
    validate,
)
from graphql.language import SourceLocation
from graphql.validation import (
    ASTValidationRule,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValuesOfCorrectTypeRule,
)
from graphql.validation.specified_rules import recommended_rules
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from domain.errors import RateLimited
from gateway.config import Limits
from gateway.engine.faults import document_entry
from gateway.errors import PARSE_FAILED, VALIDATION_FAILED, DocumentRefused, Entry
from gateway.limits import check_document, check_length, check_text

WAITING_MAX = 256
GIVES_WAY_AFTER_SECONDS = 0.0001
MESSAGE_CHARACTERS_MAX = 500
PRINTED_CHARACTERS_MAX = 4_000

_LINE_END = re.compile(r"\r\n|[\n\r]")


_Verdict = tuple[DocumentNode, Sequence[Entry]]


class Checks:
    """Turns texts into checked documents, one at a time, in a thread that it holds."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        suggestions: bool = False,
        introspection: bool = True,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._suggestions = suggestions
        self._rules = validation_rules(limits.validation_steps, introspection=introspection)
        self._waiting_max = waiting_max
        self._rests = 100 / limits.checking_percent - 1  # for each second of work
        self._waiting: dict[str, _Waiting] = {}
        self._rested_at = 0.0
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="documents", initializer=_give_way
        )

    async def check(
        self, text: str, refuse: Callable[[DocumentNode], None] = lambda _document: None
    ) -> DocumentNode:
        """Return the document, parsed and valid. What `refuse` raises goes before its faults.

        A text is judged once for all who ask for it at the same time. Raises DocumentTooComplex,
        DocumentRefused, and RateLimited where too many others wait already.
        """
        check_length(text, self._limits)
        waiting = self._waiting.get(text)
        if waiting is None:
            if len(self._waiting) >= self._waiting_max:
                raise RateLimited("Too many new documents are being checked. Wait and repeat.")
            loop = asyncio.get_running_loop()
            verdict = loop.run_in_executor(self._thread, self._in_turn, text)
            waiting = self._waiting[text] = _Waiting(verdict)
        waiting.count += 1
        try:
            document, entries = await asyncio.shield(waiting.verdict)
        finally:
            waiting.count -= 1
            if not waiting.count:  # be it that the last one gave up
                waiting.verdict.cancel()
                if self._waiting.get(text) is waiting:
                    del self._waiting[text]
        return _passed(document, entries, refuse)

    def judge(
        self, text: str, refuse: Callable[[DocumentNode], None] = lambda _document: None
    ) -> DocumentNode:
        """Do the same at once, in the caller's thread and at any rate."""
        return _passed(*self._verdict(text), refuse)

    def _verdict(self, text: str) -> _Verdict:
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
            self._rules,
            max_errors=self._limits.errors,
            hide_suggestions=not self._suggestions,
        )
        entries = [_entry(fault, VALIDATION_FAILED) for fault in faults[: self._limits.errors]]
        return document, entries

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _in_turn(self, text: str) -> _Verdict:
        """Judge, resting before it for what the document before took."""
        time.sleep(max(0.0, self._rested_at - time.monotonic()))
        began = time.thread_time()
        try:
            with _collected_young():
                return self._verdict(text)
        finally:
            self._rested_at = time.monotonic() + self._rests * (time.thread_time() - began)


class _Waiting:
    """A text that is to be judged, and how many wait for its verdict."""

    __slots__ = ("count", "verdict")

    def __init__(self, verdict: "asyncio.Future[_Verdict]") -> None:
        self.verdict = verdict
        self.count = 0


def _passed(
    document: DocumentNode, entries: Sequence[Entry], refuse: Callable[[DocumentNode], None]
) -> DocumentNode:
    # Before its faults: a schema without subscriptions would be blamed for what HTTP cannot do.
    refuse(document)
    if entries:
        raise DocumentRefused(entries)
    return document


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

    A document that is forgotten is freed at once then, and not when the collector comes by.
    """
    token: Token | None = document.loc.start_token if document.loc is not None else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following


def validation_rules(steps_max: int, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """Return the rules that documents are held to.

    The check for overlapping fields is quadratic; graphql-core's own bound on it lets a request of
    4 KB take most of a second, so a subclass spends less. Another subclass ends once faults of
    literals, each of which repeats the literal around it, have filled a page.
    """

    class OverlappingFields(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = steps_max

    bounded: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
        OverlappingFieldsCanBeMergedRule: OverlappingFields,
        ValuesOfCorrectTypeRule: _BoundedValues,
    }
    rules = [bounded.get(rule, rule) for rule in (*specified_rules, *recommended_rules)]
    rules += [MaybeNullValidationRule, OneOfInputValidationRule]
    if not introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    return tuple(rules)


class _BoundedValues(ValuesOfCorrectTypeRule):
    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._printed = 0

    def report_error(self, error: GraphQLError) -> None:
        super().report_error(error)
        self._printed += len(error.message)
        if self._printed > PRINTED_CHARACTERS_MAX:
            raise ValidationAbortedError("There may be more faults in literals.")


@contextmanager
def _collected_young() -> Iterator[None]:
    """Collect what validation leaves behind before it grows old.

    It leaves rings that hold the document, thousands of objects. Left to itself the collector would
    look at them again and again as they come, and at last walk through all that is cached to be
    rid of them, while the loop stands still.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if was_enabled:
            gc.enable()


def _give_way() -> None:
    """Have Python's threads take turns faster than by default, now that there is a busy one."""
    sys.setswitchinterval(min(sys.getswitchinterval(), GIVES_WAY_AFTER_SECONDS))


def _entry(fault: GraphQLError, code: str) -> Entry:
    if len(fault.message) > MESSAGE_CHARACTERS_MAX:
        fault.message = f"{fault.message[:MESSAGE_CHARACTERS_MAX]} …"
    return document_entry(fault, code)
