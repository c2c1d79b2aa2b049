"""A server that is asked: its addresses, the credentials for it, and the documents it knows."""

import base64
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from conformance.facts import CredentialKind, HandshakeKind

DEFAULT_ORIGIN = "http://localhost:3000"
ANSWER_SECONDS_MAX = 30.0
FRAME_SECONDS_MAX = 15.0  # as long as Amplify waits for an acknowledgement

_AWS_HOST = re.compile(r"^(\w{26})\.appsync-api\.(.+\.amazonaws\.com(?:\.cn)?)$")
_SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/appsync/aws4_request, "
    "SignedHeaders=host, Signature=none"
)


class NotAsked(Exception):
    """A fact cannot be asked of this server as things are; the text says what is lacking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server. documents: by the names that facts call them by, without the `$`.

    handshake: where it looks for credentials of the realtime socket, where a fact does not say.
    frame_seconds_max: how long a frame is waited for. tls: how its certificate is judged.
    """

    url: str
    realtime_url: str
    api_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    documents: Mapping[str, str] = field(default_factory=dict)
    origin: str = DEFAULT_ORIGIN
    handshake: HandshakeKind = "subprotocol"
    frame_seconds_max: float = FRAME_SECONDS_MAX
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Return the host of the GraphQL endpoint, as realtime clients name it."""
        return urlsplit(self.url).netloc

    def document(self, name: str) -> str:
        """Return a document; raises NotAsked where there is none of that name."""
        if name not in self.documents:
            raise NotAsked(f"give --{name}")
        return self.documents[name]

    def credential(self, kind: CredentialKind) -> dict[str, str]:
        """Return the headers that a credential is sent by; raises NotAsked without it."""
        return _CREDENTIALS[kind](self)


def realtime_url_of(url: str) -> str:
    """Return where the stock clients look for the realtime socket of an endpoint.

    Hosts of AWS's own have another host for it; any other address has `/realtime` behind it.
    """
    scheme, host, path, _, _ = urlsplit(url)
    aws = _AWS_HOST.match(host)
    if aws:
        host = f"{aws[1]}.appsync-realtime-api.{aws[2]}"
    else:
        path = f"{path.rstrip('/')}/realtime"
    return urlunsplit(("wss" if scheme == "https" else "ws", host, path, "", ""))


def _given(secret: str | None, what: str) -> str:
    if secret is None:
        raise NotAsked(f"give {what}")
    return secret


def _forged(token: str | None) -> str:
    """Return a token whose signature does not hold: the good one altered, or a made-up one."""
    if token is not None and token.count(".") == 2:  # noqa: PLR2004 -- a JWT's three parts
        signed, _, signature = token.rpartition(".")
        return f"{signed}.{'A' if signature[:1] != 'A' else 'B'}{signature[1:]}"
    issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Conforms1"
    claims = {"iss": issuer, "token_use": "access", "sub": "nobody", "iat": 0, "exp": 4102444800}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "none"}, claims)]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, bytes(256))
    )


_CREDENTIALS: Mapping[CredentialKind, Callable[[Server], dict[str, str]]] = {
    "none": lambda _: {},
    "good": lambda server: server.credential("token" if server.token else "key"),
    "key": lambda server: {"x-api-key": _given(server.api_key, "an API key")},
    "token": lambda server: {"Authorization": _given(server.token, "a token")},
    "bearer": lambda server: {"Authorization": f"Bearer {_given(server.token, 'a token')}"},
    "both": lambda server: server.credential("key") | server.credential("token"),
    "wrong_key": lambda _: {"x-api-key": "da2-" + 26 * "z"},
    "wrong_token": lambda server: {"Authorization": _forged(server.token)},
    "other": lambda _: {"Authorization": "Basic bm9ib2R5Og=="},
    "signature": lambda _: {"Authorization": _SIGNATURE},
}
