"""What stands before a field: its rule, and the note that its read leaves for the audit ledger.

The gate is the schema field's own (`schema/build.py`), so that whatever executes the schema goes
through it, once for each object: `enter` before the resolver, and on root fields `leave` with what
the resolver hands out. Beneath a root field every field of a record notes whose record it is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.applications import Application
from resolvers.context import RequestContext
from resolvers.reads import Reads, class_of
from schema.rules import Rule

GATE = "gate"
"""The name under which a field's gate lies in a schema field's extensions."""
Owner = Callable[[Reads, Any], str | None]
"""Says whose data a record is: the global id of a consumer or an application; None: nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One field's gate.

    owner: whose data the object is that the field is read of; None where it is nobody's, or lies
    within a record whose own field was noted. bit: the field among all that are noted. handed_out:
    by the class of a record, whose it is, on root fields alone.
    """

    rule: Rule
    type_name: str
    field_name: str
    owner: Owner | None = None
    bit: int = 0
    handed_out: Mapping[type, Owner] | None = None

    @property
    def name(self) -> str:
        """Return what the field is called in audit lines."""
        return f"{self.type_name}.{self.field_name}"

    def enter(self, context: RequestContext, source: Any) -> None:
        """Note the read; raise the refusal where the principal may not use the field."""
        reads = context.guard.reads
        if self.handed_out is not None:
            reads.ask(self.field_name)
        owner = None if self.owner is None else self.owner(reads, source)
        # A rule that is passed is passed for all its fields, unless some are denied by name.
        if context.principal.denied_fields or id(self.rule) not in reads.passed:
            self._judge(context, owner)
        if owner is not None:
            reads.read(owner, self.bit)

    def _judge(self, context: RequestContext, owner: str | None) -> None:
        refusal = self.rule.refusal(
            context.principal, context.request.at, self.type_name, self.field_name
        )
        if refusal is not None:
            context.guard.reads.refuse(self.name, owner)
            raise refusal
        context.guard.reads.passed.add(id(self.rule))

    def leave(self, context: RequestContext, value: Any) -> None:
        """Note whose records a root field hands out, whatever is then asked of them."""
        assert self.handed_out is not None, "only what a root field gives has not been noted"
        for record in _records(value):
            owner = self.handed_out.get(class_of(record))
            if owner is not None:
                reads = context.guard.reads
                reads.read(owner(reads, record), 0)


def _records(value: Any) -> Iterable[Any]:
    """Return the records in what a root field gives: one, a list of them, a page of a listing."""
    items = getattr(value, "items", value)
    return items if isinstance(items, (list, tuple)) else (value,)


def of_itself(_reads: Reads, record: Any) -> str | None:
    """Return the owner of a consumer's own record."""
    owner: str = record.id
    return owner


def of_application(reads: Reads, record: Application) -> str | None:
    """Return the owner of an application; whose it is, is learned by the way."""
    reads.learn(record)
    return record.id


def of_its_application(_reads: Reads, record: Any) -> str | None:
    """Return the owner of what names the application that it belongs to."""
    owner: str = record.application_id
    return owner


def of_its_root(_reads: Reads, record: Any) -> str | None:
    """Return the owner of what lives in an application, whose root its own id names."""
    return f"app_{record.id.split('_', 2)[1]}"


def of_its_subject(_reads: Reads, record: Any) -> str | None:
    """Return the owner of what is about a consumer or an application, or about neither."""
    owner: str | None = record.subject
    return owner
