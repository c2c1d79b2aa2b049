"""The peer: a hand-written Starlette endpoint that answers the same bytes from memory.

It does what no gateway can do without: read the body, parse the JSON, look the answer up. No
identity, no store, no GraphQL: the floor that the full path is measured against.
"""

import os
import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def create_peer(answers: dict[str, str]) -> Starlette:
    """Return an application that answers each known query text with its bytes."""
    prepared = {query: answer.encode() for query, answer in answers.items()}
    decoder = msgspec.json.Decoder(dict)

    async def graphql(request: Request) -> Response:
        body = decoder.decode(await request.body())
        return Response(prepared[body["query"]], media_type="application/json")

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])


def main() -> None:
    """Serve the answers of the file named first on the port named second."""
    answers = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=dict[str, str])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    uvicorn.run(
        create_peer(answers),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
