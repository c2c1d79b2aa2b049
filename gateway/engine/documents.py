"""Turns a document's text into a checked operation, and remembers the documents it has checked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import (
    ASTValidationRule,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
)
from graphql.validation.specified_rules import recommended_rules
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from domain.errors import MalformedRequest
from gateway.config import Limits
from gateway.engine.faults import document_entry
from gateway.errors import PARSE_FAILED, VALIDATION_FAILED, DocumentRefused, entry_of, malformed
from gateway.limits import check_document, check_text

if TYPE_CHECKING:
    from gateway.engine.arguments import VariablesOf
    from gateway.engine.compiling import Plan, Steering

TOKENS_CHECKED_AT_ONCE = 250


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a checked document: what the client wants done.

    sights: how often it has been asked for. steering: what decides between its plans, once that is
    known. coercing: how its variables are coerced. plans: kept by `plans.py`.
    """

    document: DocumentNode
    node: OperationDefinitionNode
    sights: int = 0
    steering: "Steering | None" = None
    coercing: "VariablesOf | None" = None
    plans: dict[Any, "Plan"] = field(default_factory=dict)

    @property
    def kind(self) -> OperationType:
        """Return whether it reads, changes or subscribes."""
        return self.node.operation

    @property
    def name(self) -> str | None:
        """Return the name that the document gives it."""
        return self.node.name.value if self.node.name else None


class _Checked:
    """A document that has been checked, with those of its operations that were asked for."""

    __slots__ = ("document", "operations")

    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.operations: dict[str | None, Operation] = {}

    def operation(self, name: str | None) -> Operation:
        """Return the operation to run; raises Refused where there is no such one."""
        operation = self.operations.get(name)
        if operation is None:
            node = choose_operation(self.document, name)
            operation = self.operations[name] = Operation(self.document, node)
        operation.sights += 1
        return operation


class Documents:
    """Checked documents by their text, the least recently used forgotten first.

    Bounded twice: every document weighs at least its share of the greatest number of documents, so
    that many short ones and few long ones reach the same bound. Refused documents are not kept.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        suggestions: bool,
        introspection: bool,
        seen: Callable[[bool], None] = lambda _hit: None,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._suggestions = suggestions
        self._rules = validation_rules(limits.validation_steps, introspection=introspection)
        self._seen = seen
        share = max(1, limits.cached_characters // limits.cached_documents)
        self._checked: LRUCache[str, _Checked] = LRUCache(
            maxsize=limits.cached_characters,
            getsizeof=lambda checked: max(share, _length(checked.document)),
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="documents")

    async def find(self, text: str, operation_name: str | None) -> Operation:
        """Return the operation to run.

        Raises DocumentTooComplex, DocumentRefused, and Refused for an operation not named well.
        """
        checked = self._checked.get(text)
        self._seen(checked is not None)
        if checked is None:
            checked = _Checked(await self._check(text, operation_name))
            if _length(checked.document) <= self._checked.maxsize:
                self._checked[text] = checked
        else:
            refuse_subscription(checked.document, operation_name)
        return checked.operation(operation_name)

    def __len__(self) -> int:
        """Return how many documents are kept."""
        return len(self._checked)

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _check(self, text: str, operation_name: str | None) -> DocumentNode:
        if check_text(text, self._limits) <= TOKENS_CHECKED_AT_ONCE:
            return self._judge(text, operation_name)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._judge, text, operation_name)

    def _judge(self, text: str, operation_name: str | None) -> DocumentNode:
        try:
            document = parse(text, max_lexical_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise DocumentRefused([document_entry(error, PARSE_FAILED)]) from None
        check_document(document, self._limits)
        # Before validation: a schema without subscriptions would be blamed for what HTTP cannot do.
        refuse_subscription(document, operation_name)
        faults = validate(
            self._schema,
            document,
            self._rules,
            max_errors=self._limits.errors,
            hide_suggestions=not self._suggestions,
        )
        if faults:
            entries = [document_entry(fault, VALIDATION_FAILED) for fault in faults]
            raise DocumentRefused(entries[: self._limits.errors])
        return document


def choose_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the named operation, or the only one; raises Refused where there is no such one."""
    operations = _operations(document)
    chosen = _chosen(operations, name)
    if chosen is not None:
        return chosen
    if name is not None:
        message = "The document has no operation of that name."
    else:
        message = "Missing operation name." if operations else "The document has no operation."
    raise malformed(message, HTTPStatus.BAD_REQUEST, error_type="BadRequestException")


def refuse_subscription(document: DocumentNode, name: str | None) -> None:
    """Raise DocumentRefused where the operation to run is a subscription."""
    chosen = _chosen(_operations(document), name)
    if chosen is not None and chosen.operation is OperationType.SUBSCRIPTION:
        error = MalformedRequest("Subscriptions are not served over HTTP.")
        raise DocumentRefused([entry_of(error, error_type="OperationNotSupported")])


def validation_rules(steps_max: int, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """Return the rules that documents are held to.

    The check for overlapping fields is quadratic; graphql-core's own bound on it lets a request of
    4 KB take most of a second, so a subclass spends less.
    """

    class OverlappingFields(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = steps_max

    rules: list[type[ASTValidationRule]] = [
        OverlappingFields if rule is OverlappingFieldsCanBeMergedRule else rule
        for rule in (*specified_rules, *recommended_rules)
    ]
    rules += [MaybeNullValidationRule, OneOfInputValidationRule]
    if not introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    return tuple(rules)


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]


def _chosen(
    operations: list[OperationDefinitionNode], name: str | None
) -> OperationDefinitionNode | None:
    if name is None:
        return operations[0] if len(operations) == 1 else None
    return next((one for one in operations if one.name and one.name.value == name), None)


def _length(document: DocumentNode) -> int:
    return document.loc.end if document.loc is not None else 0
