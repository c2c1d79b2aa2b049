"""The routing table as a file: JSON with a version, an end and a signature over all of it.

Whoever opens it checks the signature first. It holds the keys of cookies, so it is as secret as
they are; what leaks with it is the choice of an agency, and nobody's data.
"""

import hmac
import json
from base64 import b64decode, b64encode
from typing import Any

from domain.errors import FieldFault, InvalidInput
from edge_router.table import CookieKey, Route, RoutingTable

FORMAT = 1


def write_table(table: RoutingTable, signing_key: bytes) -> bytes:
    """Return the table as a signed file."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "version": table.version,
        "compiledAt": table.compiled_at,
        "expiresAt": table.expires_at,
        "informationUrl": table.information_url,
        "agencies": [
            {
                "slug": route.agency,
                "name": route.name,
                "site": route.site,
                "states": list(route.states),
                "weight": route.weight,
                "accepting": route.accepting,
                "partnerCodes": list(route.partner_codes),
            }
            for route in table.routes
        ],
        "cookieKeys": [
            {
                "id": key.id,
                "secret": b64encode(key.secret).decode(),
                "acceptedUntil": key.accepted_until,
            }
            for key in table.keys
        ],
    }
    sealed = {"signature": _signature(body, signing_key), "table": body}
    return json.dumps(sealed, indent=1).encode() + b"\n"


def open_table(text: bytes, signing_key: bytes) -> RoutingTable:
    """Return the table of a signed file.

    Raises InvalidInput where it is none, was changed, was signed elsewhere, or is of a newer form.
    An expired one opens: it is the decision that knows what time it is.
    """
    sealed = _object(text)
    signature = sealed.get("signature")
    signed = isinstance(signature, str) and signature.isascii()
    if not (
        signed and hmac.compare_digest(str(signature), _signature(sealed["table"], signing_key))
    ):
        raise _fault(
            "The signature does not hold: the file was changed, or compiled with another home's"
            " keys. Put it aside and compile anew."
        )
    return _table(sealed["table"])


def read_bundled(text: bytes) -> RoutingTable:
    """Return the table of a file that was verified when it was bundled; see edge_router/bundle.py.

    There the whole package is what is trusted, and a key beside the file would prove nothing.
    """
    return _table(_object(text)["table"])


def _object(text: bytes) -> dict[str, Any]:
    try:
        sealed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _fault("This is not a routing table.") from error
    if not (isinstance(sealed, dict) and isinstance(sealed.get("table"), dict)):
        raise _fault("This is not a routing table.")
    return sealed


def _table(body: dict[str, Any]) -> RoutingTable:
    if body.get("format") != FORMAT:
        raise _fault(f"Its format is {body.get('format')!r}, and this release knows {FORMAT}.")
    try:
        return RoutingTable(
            version=body["version"],
            compiled_at=body["compiledAt"],
            expires_at=body["expiresAt"],
            information_url=body["informationUrl"],
            routes=tuple(_route(item) for item in body["agencies"]),
            keys=tuple(
                CookieKey(
                    id=item["id"],
                    secret=b64decode(item["secret"]),
                    accepted_until=item["acceptedUntil"],
                )
                for item in body["cookieKeys"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _fault("It lacks what a routing table has.") from error


def _route(item: dict[str, Any]) -> Route:
    return Route(
        agency=item["slug"],
        name=item["name"],
        site=item["site"],
        states=tuple(item["states"]),
        weight=item["weight"],
        accepting=item["accepting"],
        partner_codes=tuple(item["partnerCodes"]),
    )


def _signature(body: dict[str, Any], key: bytes) -> str:
    """Return the MAC over the one spelling that these values have."""
    spelled = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key, spelled, "sha256").hex()


def _fault(message: str) -> InvalidInput:
    return InvalidInput([FieldFault(path="file", code="INVALID", message=message)])
