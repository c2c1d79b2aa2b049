"""Entries of `errors` for what graphql-core reports: faults of documents, and errors of fields."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import GraphQLError

from domain.errors import GatewayError
from gateway.errors import KINDS, Entry, entry, entry_of, masked


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldErrors:
    """The errors of an executed operation, in both the shapes that are needed of them.

    entries: as answered. codes: one per entry. retry_after: the longest wait that one asks for.
    failures: what was masked, for the log alone.
    """

    entries: tuple[Entry, ...] = ()
    codes: tuple[str, ...] = ()
    retry_after: int | None = None
    failures: tuple[BaseException, ...] = field(default=(), repr=False)


def field_errors(errors: Iterable[GraphQLError], request_id: str) -> FieldErrors:
    """Return the answers to errors raised while fields were resolved.

    What a resolver raised on purpose keeps its code; everything else, graphql-core's own remarks
    about our values included, is masked.
    """
    entries: list[Entry] = []
    codes: list[str] = []
    waits: list[int] = []
    failures: list[BaseException] = []
    for error in errors:
        cause = error.original_error
        if isinstance(cause, GatewayError) and cause.code in KINDS:
            known = cause
        else:
            known = masked(request_id)
            failures.append(cause or error)
        entries.append(entry_of(known, path=error.path, locations=locations_of(error)))
        codes.append(known.code)
        wait = known.details().get("retryAfter")
        if isinstance(wait, int):
            waits.append(wait)
    return FieldErrors(
        entries=tuple(entries),
        codes=tuple(codes),
        retry_after=max(waits, default=None),
        failures=tuple(failures),
    )


def document_entry(error: GraphQLError, code: str) -> Entry:
    """Return the entry of a fault that the parser or the validator found in the document."""
    return entry(code, error.message, locations=locations_of(error))


def locations_of(error: GraphQLError) -> list[Entry] | None:
    """Return where in the document an error lies, as AppSync writes places."""
    if not error.locations:
        return None
    return [
        {"line": place.line, "column": place.column, "sourceName": None}
        for place in error.locations
    ]
