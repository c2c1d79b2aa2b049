"""One HTTP exchange with a vendor over httpx, its troubles told apart by whether anything left.

httpx's trace tells when the request's first byte is written: until then a deadline that passes is
one of connecting. The answer is read no further than its limit, in the encoding it was asked for
(identity: a compressed answer could unfold beyond any limit within one read).
"""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from domain.errors import GatewayError
from integrations.upstream import Attempt, AttemptFailed
from integrations.verdicts import Trouble

RETRY_AFTER_SECONDS_MAX = 3600.0
REFUSAL_BYTES_MAX = 65_536

Judge = Callable[[int, bytes], AttemptFailed | GatewayError | None]
"""Says what an answer that is no success means, from status and body; None: by its status."""

# In this order: the first that fits an exception or what it stands for.
_TROUBLES: tuple[tuple[type[BaseException], Trouble], ...] = (
    (httpx.ConnectTimeout, Trouble.CONNECT_TIMED_OUT),
    (httpx.PoolTimeout, Trouble.CONNECT_TIMED_OUT),
    (httpx.ConnectError, Trouble.CONNECT_FAILED),
    (httpx.ProxyError, Trouble.CONNECT_FAILED),
    (httpx.TimeoutException, Trouble.TIMED_OUT),
    (httpx.UnsupportedProtocol, Trouble.REQUEST_UNSENDABLE),
    (httpx.LocalProtocolError, Trouble.REQUEST_UNSENDABLE),
    (httpx.InvalidURL, Trouble.REQUEST_UNSENDABLE),
    (httpx.RemoteProtocolError, Trouble.CONNECTION_LOST),
    (httpx.DecodingError, Trouble.ANSWER_UNREADABLE),
)
# TLS alerts by which a server refuses a client's certificate. Under TLS 1.3 they arrive after the
# client has begun to send, and the server has thrown away what it sent.
_REFUSALS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "HANDSHAKE_FAILURE")


async def exchange(
    client: httpx.AsyncClient,
    attempt: Attempt,
    *,
    method: str,
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    connect_seconds: float,
    answer_bytes_max: int,
    judge: Judge | None = None,
) -> bytes:
    """Send one request and return the body of a successful answer.

    Raises AttemptFailed, or what `judge` makes of a vendor's own words about a refusal.
    """

    async def trace(event: str, _details: Mapping[str, object]) -> None:
        if event.endswith("send_request_headers.started"):
            attempt.connecting = False
        elif event == "connection.connect_tcp.started":
            attempt.connecting = True

    # For the connection and for the handshake each: httpx closes what it times out itself, and
    # leaves open what is cut off from outside while shaking hands.
    connect = min(connect_seconds, attempt.seconds / 2)
    try:
        request = client.build_request(
            method,
            url,
            content=content,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(attempt.seconds, connect=connect, pool=connect),
            extensions={"trace": trace},
        )
        return await _send(client, request, answer_bytes_max, judge)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        failed = AttemptFailed(trouble_of(error), detail=_names(error))
    # Outside of the handler: httpx's errors carry the request, which must not travel as a context.
    raise failed


def trouble_of(error: BaseException) -> Trouble:
    """Return what an exception of httpx, or of what it lets through, tells of the exchange."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Trouble.CERTIFICATE_REFUSED
        reason = _tls_reason(cause)
        if "ALERT" in reason and any(word in reason for word in _REFUSALS):
            return Trouble.CERTIFICATE_REFUSED
    for kind, trouble in _TROUBLES:
        if isinstance(error, kind):
            return trouble
    return Trouble.CONNECTION_LOST


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Return how long `Retry-After` asks to wait: seconds or a date; None where it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_SECONDS_MAX)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), RETRY_AFTER_SECONDS_MAX)


async def _send(
    client: httpx.AsyncClient, request: httpx.Request, bytes_max: int, judge: Judge | None
) -> bytes:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        if not response.is_success:
            raise await _refused(response, judge)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise AttemptFailed(Trouble.ANSWER_UNREADABLE, detail="encoded though not asked for")
        return await _read(response.aiter_raw(), bytes_max)
    finally:
        await response.aclose()


async def _refused(response: httpx.Response, judge: Judge | None) -> AttemptFailed | GatewayError:
    """Return what an answer that is no success means; one that is too long says nothing."""
    wait = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
    judged: AttemptFailed | GatewayError | None = None
    if judge is not None:
        try:
            body = await _read(response.aiter_raw(), REFUSAL_BYTES_MAX)
        except (AttemptFailed, httpx.HTTPError, httpx.StreamError):
            body = b""
        judged = judge(response.status_code, body)
    if isinstance(judged, AttemptFailed) and judged.retry_after_seconds is None:
        judged.retry_after_seconds = wait
    return judged or AttemptFailed(response.status_code, retry_after_seconds=wait)


async def _read(chunks: AsyncIterator[bytes], bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > bytes_max:
            raise AttemptFailed(Trouble.ANSWER_TOO_LARGE)
    return bytes(body)


def _chain(error: BaseException) -> tuple[BaseException, ...]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return tuple(chain)


def _tls_reason(error: BaseException) -> str:
    """Return OpenSSL's name for what went wrong; "" where there is none."""
    return getattr(error, "reason", None) or "" if isinstance(error, ssl.SSLError) else ""


def _names(error: BaseException) -> str:
    return " < ".join(
        " ".join(filter(None, (type(cause).__name__, _tls_reason(cause))))
        for cause in _chain(error)
    )
