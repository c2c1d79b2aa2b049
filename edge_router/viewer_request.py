"""The Lambda@Edge front: CloudFront's viewer-request event in, a generated response out.

It has no environment, no network and no dependencies; its table lies beside it in the bundle.
Source: awsdocs/amazon-cloudfront-developer-guide, event structure and generated responses.
"""

import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from edge_router.answer import HEALTH_PATH, Answer, answer, health
from edge_router.decision import Visit, decide
from edge_router.sealing import read_bundled
from edge_router.table import RoutingTable

TABLE_FILE = "routing.json"


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Return the response to the one request of a viewer-request event."""
    parts = event["Records"][0]["cf"]
    request, table, at = parts["request"], bundled_table(), int(time.time())
    if request["uri"] == HEALTH_PATH:
        return response(health(table, at), request["method"])
    visit = Visit(
        path=request["uri"],
        query=request.get("querystring", ""),
        cookies=[item["value"] for item in request["headers"].get("cookie", ())],
        # CloudFront's id of the request is random and names nobody.
        fresh_visitor=_token(parts["config"]["requestId"]),
        secure=True,
    )
    decision = decide(table, visit, at)
    observed = {"event": "edge", "version": table.version, **decision.observed()}
    sys.stdout.write(json.dumps(observed) + "\n")
    given = answer(decision, table, method=request["method"], secure=True, at=at)
    return response(given, request["method"])


@cache
def bundled_table() -> RoutingTable:
    """Return the table of the bundle: read once in the life of a process."""
    return read_bundled((Path(__file__).parent.parent / TABLE_FILE).read_bytes())


def response(given: Answer, method: str) -> dict[str, Any]:
    """Return an answer in the shape of a generated response."""
    headers: dict[str, list[dict[str, str]]] = {}
    for name, value in given.headers:
        headers.setdefault(name.lower(), []).append({"key": name, "value": value})
    shaped: dict[str, Any] = {
        "status": str(given.status.value),
        "statusDescription": given.status.phrase,
        "headers": headers,
    }
    if given.body and method != "HEAD":
        shaped |= {"body": given.body, "bodyEncoding": "text"}
    return shaped


def _token(request_id: str) -> str:
    """Return the id in characters that a cookie's part may have."""
    kept = "".join(
        sign for sign in request_id if sign.isascii() and (sign.isalnum() or sign in "-_")
    )
    return kept[:64] or "0"
