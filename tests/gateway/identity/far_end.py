"""An OIDC issuer and an authorizer over HTTP on loopback, from a thread of their own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.gateway.identity.forge import Signer


@dataclass(slots=True)
class FarEnd:
    """What both say, and what the authorizer was asked. answers: by token; others are refused."""

    url: str
    signer: Signer
    answers: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    @property
    def file(self) -> str:
        """Return the file of providers that names both, for harbor."""
        return f"""
            [[oidc]]
            name = "login"
            agency = "harbor"
            issuer = "{self.url}/login"
            client_id = "web|mobile"
            groups = {{ Counselors = "counselors", Clients = "consumers" }}

            [[authorizer]]
            name = "door"
            agency = "harbor"
            url = "{self.url}/authorize"
            identity_validation_expression = "door-.*|almoner-doctor-.*"
            """


@contextmanager
def serving_far_end() -> Iterator[FarEnd]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            issuer = far_end.signer.issuer
            documents: dict[str, Any] = {
                "/login/.well-known/openid-configuration": {
                    "issuer": issuer,
                    "jwks_uri": f"{issuer}/keys",
                },
                "/login/keys": {"keys": [far_end.signer.jwk()]},
                "/pool/.well-known/jwks.json": {"keys": [far_end.signer.jwk()]},
            }
            document = documents.get(self.path)
            self._say(404 if document is None else 200, document)

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            far_end.events.append(event)
            refusal = {"isAuthorized": False}
            token = event["authorizationToken"]
            self._say(far_end.status, far_end.answers.get(token, refusal))

        def _say(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    far_end = FarEnd(url, Signer(f"{url}/login", "login-key", key))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield far_end
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
