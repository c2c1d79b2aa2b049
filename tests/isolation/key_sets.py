"""The far end of identity: the key sets of all pools, over HTTP on loopback."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.gateway.identity.forge import Signer


class KeySetServer:
    """The pools' key sets over HTTP on loopback, from a thread of its own."""

    def __init__(self, pools: Iterable[str]) -> None:
        """Make each pool a key of its own."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                pool = self.path.split("/")[1]
                body = json.dumps({"keys": [server.signers[pool].jwk()]}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.signers = {
            name: Signer(
                f"{base}/{name}",
                f"key-of-{name}",
                rsa.generate_private_key(public_exponent=65537, key_size=2048),
            )
            for name in pools
        }

    @contextmanager
    def serving(self) -> Iterator["KeySetServer"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
