"""Relay's words for a page of a listing: connection, edge, node, cursor."""

from dataclasses import dataclass
from typing import Any

import strawberry

from resolvers.pages import Listing
from schema.declare import field, object_type, reads
from schema.rules import EVERYONE


@strawberry.interface(description="Anything that has a global id of its own.")
class Node:
    """Anything that has a global id of its own."""

    id: strawberry.ID


@object_type(rule=EVERYONE)
class PageInfo:
    """Where a page ends, and whether there is more on either side."""

    has_next_page: bool = reads("has_next", bool)
    has_previous_page: bool = reads("has_previous", bool)
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One item of a listing; its cursor is made where it is asked for."""

    listing: Listing[object]
    number: int

    @property
    def cursor(self) -> str:
        """Return the position of the item, sealed."""
        return self.listing.cursor(self.number)

    @property
    def node(self) -> object:
        """Return the item."""
        return self.listing.items[self.number]


def _edges(root: Any) -> list[Edge]:
    return [Edge(root, number) for number in range(len(root.items))]


def edges(edge_type: type) -> Any:
    """Declare the edges of a connection."""
    return field(_edges, list[edge_type])  # type: ignore[valid-type]


def page_info() -> Any:
    """Declare the page's place in its listing, which the listing itself tells."""
    return reads("", PageInfo)
