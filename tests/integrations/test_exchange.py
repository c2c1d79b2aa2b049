"""How httpx's troubles are told apart, and what of an answer is read."""

import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest

from domain.errors import BankLoginRequired
from integrations.exchange import (
    REFUSAL_BYTES_MAX,
    Judge,
    exchange,
    retry_after_seconds,
    trouble_of,
)
from integrations.upstream import Attempt, AttemptFailed
from integrations.verdicts import Trouble

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


async def ask(
    handler: Callable[[httpx.Request], httpx.Response],
    *,
    url: str = "https://vendor.test/",
    judge: Judge | None = None,
) -> bytes:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await exchange(
            client,
            Attempt(number=1, seconds=5.0),
            method="POST",
            url=url,
            content=b"<secret>666484418</secret>",
            headers={"Content-Type": "text/xml"},
            connect_seconds=1.0,
            answer_bytes_max=1000,
            judge=judge,
        )


async def trouble(handler: Callable[[httpx.Request], httpx.Response]) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        await ask(handler)
    return caught.value


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("refused"), Trouble.CONNECT_FAILED),
        (httpx.ProxyError("no proxy"), Trouble.CONNECT_FAILED),
        (httpx.ConnectTimeout("slow"), Trouble.CONNECT_TIMED_OUT),
        (httpx.PoolTimeout("full"), Trouble.CONNECT_TIMED_OUT),
        (httpx.ReadTimeout("slow"), Trouble.TIMED_OUT),
        (httpx.WriteTimeout("slow"), Trouble.TIMED_OUT),
        (httpx.ReadError("reset"), Trouble.CONNECTION_LOST),
        (httpx.WriteError("reset"), Trouble.CONNECTION_LOST),
        (httpx.CloseError("reset"), Trouble.CONNECTION_LOST),
        (httpx.RemoteProtocolError("not HTTP"), Trouble.CONNECTION_LOST),
        (httpx.LocalProtocolError("bad header"), Trouble.REQUEST_UNSENDABLE),
        (httpx.UnsupportedProtocol("ftp"), Trouble.REQUEST_UNSENDABLE),
        (httpx.DecodingError("not gzip"), Trouble.ANSWER_UNREADABLE),
        (httpx.StreamError("closed"), Trouble.CONNECTION_LOST),
        (ssl.SSLError(1, "broken"), Trouble.CONNECTION_LOST),
        (ConnectionResetError(), Trouble.CONNECTION_LOST),
    ],
)
async def test_exceptions_have_their_troubles(error: Exception, expected: Trouble) -> None:
    """Each way for an exchange to break is known by whether the request can have left."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    failed = await trouble(handler)
    assert failed.trouble is expected
    # The cause would carry the request, and with it whose file was asked for.
    assert failed.__cause__ is None
    assert failed.__context__ is None
    assert "666484418" not in repr(failed)
    assert type(error).__name__ in str(failed)


@pytest.mark.parametrize("reason", ["TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA"])
def test_a_refused_certificate_is_known_wherever_it_shows(reason: str) -> None:
    """A TLS alert about our certificate means that nothing was processed, even after sending."""
    alert = ssl.SSLError(1, f"[SSL: {reason}]")
    alert.reason = reason
    outer = httpx.ReadError("broken")
    outer.__cause__ = alert
    assert trouble_of(outer) is Trouble.CERTIFICATE_REFUSED
    assert trouble_of(alert) is Trouble.CERTIFICATE_REFUSED


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 502, 503, 504])
async def test_statuses_are_told_as_numbers(status: int) -> None:
    """Anything but a success is a failure of its status; redirects are not followed."""
    headers = {"Location": "https://elsewhere.test/", "Retry-After": "3"}
    failed = await trouble(lambda _request: httpx.Response(status, headers=headers))
    assert failed.trouble == status
    assert failed.retry_after_seconds == 3.0


async def test_a_vendors_words_about_a_refusal_are_judged() -> None:
    """The judge gets status and body, and its word stands; without one the status does."""
    heard: list[tuple[int, bytes]] = []

    def judge(status: int, body: bytes) -> AttemptFailed | BankLoginRequired | None:
        heard.append((status, body))
        if status == 400:
            return BankLoginRequired()
        return AttemptFailed(429, detail="its own") if status == 429 else None

    def refusing(status: int, body: bytes) -> Callable[[httpx.Request], httpx.Response]:
        stream = httpx.ByteStream(body)
        return lambda _: httpx.Response(status, stream=stream, headers={"Retry-After": "7"})

    with pytest.raises(BankLoginRequired):
        await ask(refusing(400, b"why"), judge=judge)
    with pytest.raises(AttemptFailed, match="its own") as own:
        await ask(refusing(429, b""), judge=judge)
    with pytest.raises(AttemptFailed) as plain:
        await ask(refusing(500, b"x" * (REFUSAL_BYTES_MAX + 1)), judge=judge)
    assert (own.value.retry_after_seconds, plain.value.retry_after_seconds) == (7.0, 7.0)
    assert plain.value.trouble == 500
    assert heard == [(400, b"why"), (429, b""), (500, b"")]


async def test_an_answer_is_read_up_to_its_limit() -> None:
    """A body of the limit's size is read, a longer one is given up while reading."""
    whole = httpx.ByteStream(b"x" * 1000)
    assert await ask(lambda _request: httpx.Response(200, stream=whole)) == b"x" * 1000
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 100

    failed = await trouble(lambda _request: httpx.Response(200, content=endless()))
    assert failed.trouble is Trouble.ANSWER_TOO_LARGE
    assert sent <= 11


async def test_a_compressed_answer_is_not_unfolded() -> None:
    """Nothing compressed is asked for, and what comes compressed all the same is refused."""
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["Accept-Encoding"])
        bomb = gzip.compress(b"x" * 100_000)
        return httpx.Response(200, content=bomb, headers={"Content-Encoding": "gzip"})

    failed = await trouble(handler)
    assert asked == ["identity"]
    assert failed.trouble is Trouble.ANSWER_UNREADABLE


async def test_an_impossible_address_is_not_sent() -> None:
    """An address that HTTP does not know is a fault of ours."""
    with pytest.raises(AttemptFailed) as caught:
        await ask(lambda _request: httpx.Response(200), url="https://[::1")
    assert caught.value.trouble is Trouble.REQUEST_UNSENDABLE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999999", 3600.0),
        ("Thu, 15 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 15 Jan 2026 12:00:30 -0000", 30.0),
        ("Thu, 15 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float | None) -> None:
    """Both forms of Retry-After are read, within bounds; anything else says nothing."""
    assert retry_after_seconds(value, NOW) == expected
