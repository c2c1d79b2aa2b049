"""What a client wants to be told: one subscription as it asks for it, in whatever protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from domain.errors import FieldFault, GatewayError, InvalidInput
from gateway.errors import DocumentRefused, Refused
from gateway.events.port import Cursor, read_cursor
from gateway.http import Asked, asked_of
from gateway.identity.credentials import Credential
from gateway.realtime.filters import FilterGroups, read_filter

CURSOR_CHARACTERS_MAX = 128

Refusal = GatewayError | Refused | DocumentRefused
"""Why a subscription is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A subscription that is asked for.

    only: what is told of. until: what ends it. after: the cursor of the last event that its client
    has seen. source_ip: where it comes from.
    """

    asked: Asked
    credential: Credential | None = field(repr=False)
    source_ip: str | None
    only: FilterGroups | None = None
    until: FilterGroups | None = None
    after: Cursor | None = field(default=None, repr=False)

    @property
    def kept_bytes(self) -> int:
        """Return how much of it is kept for as long as it runs, in the client's own spelling."""
        given = (self.asked.document, self.asked.variables, self.only)
        return len(msgspec.json.encode(given))


class Outlet(Protocol):
    """The client's end of one subscription."""

    @property
    def connection(self) -> "Connection":
        """Return the connection that it goes by."""
        ...

    def tell(self, payload: bytes, cursor: Cursor | None) -> None:
        """Send the result of one event, a JSON object."""
        ...

    def end(self, error: GatewayError) -> None:
        """Tell that the subscription has ended, and why."""
        ...

    def complete(self) -> None:
        """Tell that the subscription has ended as its client wanted."""
        ...


class Connection(Protocol):
    """What the subscriptions of one client go by.

    waiting_bytes: what its subscriptions are still to be told, about, beside what lies unsent.
    """

    waiting_bytes: int

    def is_behind(self) -> bool:
        """Say whether more waits than may."""
        ...

    async def room(self) -> None:
        """Wait until what was sent is on its way, or the client has gone."""
        ...

    def drop(self, error: GatewayError) -> None:
        """Have done with a client that does not read."""
        ...


def wanted_of(
    members: Mapping[str, object],
    credential: Credential | None,
    source_ip: str | None,
    *,
    after: str | None = None,
) -> Wanted:
    """Return what the members of a GraphQL request ask for.

    Their `extensions` may have a `filter`, an `invalidationFilter`, and the `cursor` to go on
    after; after: the same, where a protocol has a place of its own for it. Raises Refused and
    InvalidInput.
    """
    extensions = members.get("extensions")
    given = extensions if isinstance(extensions, dict) else {}
    asked = asked_of(members)
    only, until = given.get("filter"), given.get("invalidationFilter")
    return Wanted(
        asked=asked,
        credential=credential,
        source_ip=source_ip,
        only=None if only is None else read_filter(only, "filter"),
        until=None if until is None else read_filter(until, "invalidationFilter"),
        after=_cursor(given.get("cursor", after)),
    )


def _cursor(given: object) -> Cursor | None:
    if given is None or given == "":
        return None
    if isinstance(given, str) and len(given) <= CURSOR_CHARACTERS_MAX and read_cursor(given):
        return Cursor(given)
    message = "Give the cursor of the last event as it came, or none."
    raise InvalidInput([FieldFault(path="cursor", code="INVALID", message=message)])
