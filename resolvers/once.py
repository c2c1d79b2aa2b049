"""Idempotency: the same key with the same input does a thing once, and answers it again.

What is kept for 24 hours is the reference to the result, not its bytes: a replay reads it anew,
under the caller's rights of that moment. A key is bound to the principal and the field; the key of
the header Idempotency-Key counts for every mutation of its request.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar

from domain.errors import (
    ConsentRequired,
    Duplicate,
    IdempotencyMismatch,
    InvalidTransition,
    NotFound,
    OutcomeUnknown,
    VersionConflict,
)
from domain.validation import IDEMPOTENCY_KEY_CHARACTERS_MAX, refuse
from resolvers.context import RequestContext, store_of
from resolvers.inputs import ABSENT
from tenants.backend import Once, Replayed

KEPT_HOURS = 24
T = TypeVar("T")


class Attempts(Protocol):
    """Where idempotency records are kept: the agency's store, or the directory."""

    async def once(self, key: str) -> Once | None:
        """Return the unexpired record under the key, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a mutation; `key` is None where the caller gave none."""

    key: str | None
    digest: str
    expires_at: datetime

    def begun(self) -> Once | None:
        """Return the record of an attempt whose end is not known yet."""
        return self._once(None)

    def done(self, reference: str) -> Once | None:
        """Return the record of an attempt with this result."""
        return self._once(reference)

    def _once(self, reference: str | None) -> Once | None:
        if self.key is None:
            return None
        return Once(
            key=self.key, digest=self.digest, reference=reference, expires_at=self.expires_at
        )


async def once(
    context: RequestContext,
    action: str,
    body: object,
    *,
    key: str | None = None,
    attempts: Attempts | None = None,
    perform: Callable[[Attempt], Awaitable[T]],
    replay: Callable[[str], Awaitable[T]],
) -> T:
    """Perform the mutation named `action`, or answer what it came to the first time.

    body: the input, which the key is bound to. key: the one in the input, beside the header's.
    Raises IdempotencyMismatch for another input under the same key, OutcomeUnknown where an earlier
    attempt was begun and its end was not seen.
    """
    attempt = _attempt(context, action, body, _client_key(context, key))
    kept = store_of(context) if attempts is None else attempts
    reference = await _reference(kept, attempt)
    if reference is not None:
        return await replay(reference)
    try:
        return await perform(attempt)
    except Replayed as twin:
        if twin.reference is None:
            raise OutcomeUnknown from twin
        return await replay(twin.reference)
    except (ConsentRequired, Duplicate, InvalidTransition, NotFound, VersionConflict):
        # A twin that ran beside this one may have done it, and left nothing to do.
        reference = await _reference(kept, attempt)
        if reference is None:
            raise
        return await replay(reference)


async def _reference(attempts: Attempts, attempt: Attempt) -> str | None:
    seen = None if attempt.key is None else await attempts.once(attempt.key)
    if seen is None:
        return None
    if seen.digest != attempt.digest:
        raise IdempotencyMismatch
    if seen.reference is None:
        raise OutcomeUnknown
    return seen.reference


def _client_key(context: RequestContext, in_input: str | None) -> str | None:
    header = context.request.idempotency_key
    if in_input is not None and header is not None and in_input != header:
        raise refuse(
            "input.idempotencyKey", "INVALID", "Give the same key as the header, or one of the two."
        )
    key = header if in_input is None else in_input
    path = "Idempotency-Key" if in_input is None else "input.idempotencyKey"
    if key is not None and not key.strip():
        raise refuse(path, "REQUIRED", "Give a key that is not blank.")
    if key is not None and len(key) > IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise refuse(path, "TOO_LONG", f"Give at most {IDEMPOTENCY_KEY_CHARACTERS_MAX} characters.")
    return key


def _attempt(context: RequestContext, action: str, body: object, client_key: str | None) -> Attempt:
    expires_at = context.request.at + timedelta(hours=KEPT_HOURS)
    if client_key is None:
        return Attempt(key=None, digest="", expires_at=expires_at)
    bound = json.dumps([context.principal.subject, action, client_key])
    # The client's key, which is not kept, keys the digest too: what it digests may hold something
    # as easily guessed as a Social Security number.
    digest = hmac.digest(client_key.encode(), canonical(body).encode(), hashlib.sha256).hex()
    return Attempt(
        key=hashlib.sha256(bound.encode()).hexdigest(), digest=digest, expires_at=expires_at
    )


def canonical(body: object) -> str:
    """Return the input as JSON that is the same for every spelling of the same input."""
    return json.dumps(_plain(body), sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> object:
    if is_dataclass(value):
        named = ((item.name, getattr(value, item.name)) for item in fields(value))
        return {
            name: _plain(inner)
            for name, inner in named
            if inner is not ABSENT and name != "idempotency_key"
        }
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, date):
        return value.isoformat()
    return value
