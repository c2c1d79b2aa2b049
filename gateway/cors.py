"""Which web pages may call the gateway: the CORS headers of answers, and preflight answers.

No cookie is ever read, so credentials are not allowed; a token travels in a header that the page
sets itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.config import is_loopback
from gateway.headers import HeaderFields

ALLOWED_METHODS = "GET, POST"
EXPOSED_HEADERS = (
    "x-amzn-RequestId, x-amzn-ErrorType, Retry-After, RateLimit, RateLimit-Policy, Server-Timing"
)
PREFLIGHT_SECONDS = 7200
REQUESTED_HEADERS_MAX = 1024

Headers = list[tuple[bytes, bytes]]
_VARY: Headers = [(b"vary", b"Origin")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Origins that may call; `loopback` adds every port of this machine, for development."""

    origins: Sequence[str] = ()
    loopback: bool = False

    def allows(self, origin: str) -> bool:
        """Say whether pages of that origin may call."""
        if origin in self.origins:
            return True
        if not self.loopback:
            return False
        try:
            return urlsplit(origin).scheme in ("http", "https") and is_loopback(origin)
        except ValueError:
            return False


def answer_headers(policy: CorsPolicy, origin: str | None) -> Headers:
    """Return the CORS headers of an ordinary answer, for a request from that origin."""
    if origin is None or not policy.allows(origin):
        return _VARY
    return [
        *_VARY,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", EXPOSED_HEADERS.encode()),
    ]


def preflight_headers(
    policy: CorsPolicy, request: HeaderFields, *, methods: str = ALLOWED_METHODS
) -> Headers | None:
    """Return the headers of the answer to a preflight; None where the request is not one.

    A preflight from a foreign origin gets an answer that allows nothing: the browser refuses.
    """
    origin = request.get(b"origin")
    if origin is None or b"access-control-request-method" not in request:
        return None
    headers: Headers = [(b"vary", b"Origin, Access-Control-Request-Headers")]
    if not policy.allows(origin):
        return headers
    asked = request.get(b"access-control-request-headers")
    headers += [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", methods.encode()),
        (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
    ]
    if asked and len(asked) <= REQUESTED_HEADERS_MAX:
        headers.append((b"access-control-allow-headers", asked.encode("latin-1")))
    return headers
