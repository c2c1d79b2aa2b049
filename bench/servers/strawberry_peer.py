"""Strawberry as it is shipped, and with all it offers for speed; argument 3: `stock` or `tuned`."""

import sys

import orjson  # type: ignore[import-not-found] # in the bench's own environment
import strawberry
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from bench.servers.arguments import applications_given, serve
from bench.synthetic.types import query_type


class QuickJson(GraphQL):
    """The view with orjson in both directions."""

    def decode_json(self, data: str | bytes) -> object:
        """Return what JSON says."""
        value: object = orjson.loads(data)
        return value

    def encode_json(self, data: object) -> bytes:
        """Return the JSON of an answer."""
        text: bytes = orjson.dumps(data)
        return text


def create_peer(kind: str) -> GraphQL:
    """Return the ASGI application of a kind."""
    query = query_type(applications_given())
    if kind == "stock":
        return GraphQL(strawberry.Schema(query=query))
    return QuickJson(strawberry.Schema(query=query, extensions=[ParserCache, ValidationCache]))


if __name__ == "__main__":
    serve(create_peer(sys.argv[3]))
