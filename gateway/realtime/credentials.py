"""Where AppSync's realtime clients put their credentials: three places, one of which is used.

    ?header=<base64 of JSON>&payload=e30=                    Amplify for Flutter, gql, older clients
    Sec-WebSocket-Protocol: graphql-ws, header-<base64url>   Amplify for JavaScript, Apollo's link
    x-api-key: …  /  Authorization: …                        Amplify for Android and Swift

The JSON is an object of headers: `{"host": "…", "Authorization": "<jwt>"}`. `host` is the host that
the client was configured with, which a proxy may have changed, and is not looked at.
"""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl

from domain.errors import GatewayError
from gateway.config import Limits
from gateway.errors import Refused
from gateway.http import decode_object
from gateway.identity.credentials import Credential, read_credential
from gateway.identity.refusals import Reason, refused
from gateway.realtime.socket import Handshake

HEADER_PREFIX = "header-"
_BASE64 = str.maketrans("-_ ", "+/+")  # a form decoder has turned + into a space


def credential_of(handshake: Handshake, limits: Limits) -> Credential | None:
    """Return what a connection came with, None where it brought nothing.

    Raises Unauthenticated for several, and for what is not spelled as it should be.
    """
    given = [*_in_query(handshake), *_in_subprotocols(handshake)]
    brought: list[Credential | None] = [
        read_credential(_headers_in(text, limits)) for text in given
    ]
    brought.append(read_credential(handshake.headers))
    found = [one for one in brought if one is not None]
    if len(found) > 1 or len(given) > 1:
        raise refused(Reason.SEVERAL_CREDENTIALS)
    return found[0] if found else None


def credential_in(headers: object) -> Credential | None:
    """Return the credential in an object of headers; raises Unauthenticated for what is none."""
    if headers is None:
        return None
    if not isinstance(headers, dict):
        raise refused(Reason.MALFORMED_TOKEN)
    return read_credential(headers)


def _in_query(handshake: Handshake) -> list[str]:
    query = handshake.query_string.decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
    return [value for name, value in pairs if name == "header" and value]


def _in_subprotocols(handshake: Handshake) -> list[str]:
    offered = handshake.subprotocols
    return [one[len(HEADER_PREFIX) :] for one in offered if one.startswith(HEADER_PREFIX)]


def _headers_in(text: str, limits: Limits) -> Mapping[str, str]:
    plain = text.translate(_BASE64).rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        members = decode_object(decoded, limits)
    except (binascii.Error, ValueError, Refused, GatewayError):
        raise refused(Reason.MALFORMED_TOKEN) from None
    return members  # type: ignore[return-value]  # what is no text is refused where it is read
