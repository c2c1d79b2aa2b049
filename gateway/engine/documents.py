"""Turns a document's text into a checked operation, and remembers the documents it has checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, OperationType

from gateway.config import Limits
from gateway.engine.cost import CostFormula
from gateway.engine.judging_apart import JudgeApart
from gateway.engine.validation import Checks
from gateway.errors import malformed

if TYPE_CHECKING:
    from gateway.engine.arguments import VariablesOf
    from gateway.engine.compiling import Plan
    from gateway.engine.steering import Steering


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a checked document: what the client wants done.

    steering: what decides between its plans, once that is known. combinations: how often each of
    these has been seen. coercing: how its variables are coerced. price: what it may come to.
    plans: kept by `plans.py`.
    """

    document: DocumentNode
    node: OperationDefinitionNode
    steering: "Steering | None" = None
    coercing: "VariablesOf | None" = None
    price: CostFormula | None = None
    combinations: dict[Any, int] = field(default_factory=dict)
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
        apart: JudgeApart | None = None,
    ) -> None:
        self._checks = Checks(
            schema, limits, suggestions=suggestions, introspection=introspection, apart=apart
        )
        self._seen = seen
        share = max(1, limits.cached_characters // limits.cached_documents)
        self._checked: LRUCache[str, _Checked] = LRUCache(
            maxsize=limits.cached_characters,
            getsizeof=lambda checked: max(share, _length(checked.document)),
        )

    async def find(self, text: str, operation_name: str | None) -> Operation:
        """Return the operation to run.

        Raises DocumentTooComplex, DocumentRefused, RateLimited where too many new ones are being
        checked, and Refused for an operation not named well.
        """
        checked = self._checked.get(text)
        self._seen(checked is not None)
        if checked is None:
            document = await self._checks.check(text)
            checked = _Checked(document)
            if _length(document) <= self._checked.maxsize:
                self._checked[text] = checked
        return checked.operation(operation_name)

    def __len__(self) -> int:
        """Return how many documents are kept."""
        return len(self._checked)

    def close(self) -> None:
        """Let go what checks documents."""
        self._checks.close()


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
