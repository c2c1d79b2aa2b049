"""The floor under the full path: a Starlette endpoint that answers the same bytes from memory.

It does what no gateway can do without: read the body, parse the JSON, look the answer up. No
identity, no store, no GraphQL.
"""

from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.servers.arguments import data_file_given, serve


def create_peer(file: Path) -> Starlette:
    """Return an application that answers each query text with its bytes, as the file has them."""
    given = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    prepared = {query: answer.encode() for query, answer in given.items()}
    decoder = msgspec.json.Decoder(dict)

    async def graphql(request: Request) -> Response:
        body = decoder.decode(await request.body())
        return Response(prepared[body["query"]], media_type="application/json")

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])


if __name__ == "__main__":
    serve(create_peer(data_file_given()))
