"""The adapter against every row of the error table, on a transport of the test's own."""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from domain.credit import CreditBureau, CreditFile, CreditSubject, FileHit, PullKind
from domain.errors import Upstream, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from integrations.transunion.adapter import TransUnion, open_transunion
from integrations.transunion.settings import RequestForm, TransUnionSettings

if TYPE_CHECKING:
    from tests.integrations.conftest import StillTime

Answer = httpx.Response | Exception


class Vendor:
    """A far end that gives the answers it was told, the last one for ever; counts requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=headers)


@pytest.fixture
def pull(
    settings: TransUnionSettings, persona: CreditSubject, time: "StillTime"
) -> Callable[..., Any]:
    """Return a coroutine function that pulls once from a vendor."""

    async def pull_it(vendor: Vendor, changed: TransUnionSettings = settings) -> CreditFile:
        transport = httpx.MockTransport(vendor)
        async with open_transunion(
            "agency_1", changed, timing=time.timing(), transport=transport
        ) as bureau:
            return (await bureau.pull(persona, PullKind.HARD, reference="rep_1")).file

    return pull_it


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a trouble must come to."""

    answer: Answer
    error: type[Upstream]
    may_have_acted: bool
    retryable: bool
    requests: int


def unsent(answer: Answer, error: type[Upstream] = UpstreamUnavailable) -> Row:
    return Row(answer=answer, error=error, may_have_acted=False, retryable=True, requests=5)


def once(answer: Answer, error: type[Upstream], *, acted: bool) -> Row:
    return Row(answer=answer, error=error, may_have_acted=acted, retryable=False, requests=1)


REFUSAL = b"<creditBureau><product><error><code>42</code></error></product></creditBureau>"
TABLE = {
    "refused": unsent(httpx.ConnectError("refused")),
    "connect timeout": unsent(httpx.ConnectTimeout("slow"), UpstreamTimeout),
    "pool timeout": unsent(httpx.PoolTimeout("full"), UpstreamTimeout),
    "429": unsent(page(b"", 429)),
    "503": unsent(page(b"", 503)),
    "read timeout": once(httpx.ReadTimeout("slow"), UpstreamTimeout, acted=True),
    "write timeout": once(httpx.WriteTimeout("slow"), UpstreamTimeout, acted=True),
    "dropped": once(httpx.ReadError("reset"), UpstreamUnavailable, acted=True),
    "not HTTP": once(httpx.RemoteProtocolError("what"), UpstreamUnavailable, acted=True),
    "500": once(page(b"", 500), UpstreamUnavailable, acted=True),
    "502": once(page(b"", 502), UpstreamUnavailable, acted=True),
    "504": once(page(b"", 504), UpstreamUnavailable, acted=True),
    "302": once(page(b"", 302, {"Location": "/"}), UpstreamUnavailable, acted=True),
    "400": once(page(b"", 400), UpstreamUnavailable, acted=False),
    "401": once(page(b"", 401), UpstreamUnavailable, acted=False),
    "404": once(page(b"", 404), UpstreamUnavailable, acted=False),
    "bad header": once(httpx.LocalProtocolError("no"), UpstreamUnavailable, acted=False),
    "not XML": once(page(b"<html><br></html>"), UpstreamInvalid, acted=True),
    "empty": once(page(b""), UpstreamInvalid, acted=True),
    "too large": once(page(b"x" * 5_000_001), UpstreamInvalid, acted=True),
    "compressed": once(page(b"", 200, {"Content-Encoding": "gzip"}), UpstreamInvalid, acted=True),
    "vendor's error": once(page(REFUSAL), UpstreamInvalid, acted=False),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
async def test_the_error_table(pull: Callable[..., Any], row: Row) -> None:
    """Each trouble is its typed error, repeated only where it certainly did not act."""
    vendor = Vendor(row.answer)
    with pytest.raises(row.error) as caught:
        await pull(vendor)
    error = caught.value
    assert type(error) is row.error
    assert error.vendor == "transunion"
    assert (error.may_have_acted, error.retryable, len(vendor.requests)) == (
        row.may_have_acted,
        row.retryable,
        row.requests,
    )


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
async def test_no_error_tells_of_the_subject(pull: Callable[..., Any], row: Row) -> None:
    """Neither an error nor anything it was caused by carries what was asked for, or a password."""
    vendor = Vendor(row.answer)
    with pytest.raises(Upstream) as caught:
        await pull(vendor)
    link: BaseException | None = caught.value
    while link is not None:
        told = f"{link!r} {link} {vars(link)} {''.join(traceback.format_exception_only(link))}"
        for secret in ("666484418", "Uphold", "Perry", "sandbox", "1956"):
            assert secret not in told
        assert not isinstance(link, httpx.HTTPError)
        link = link.__cause__ or link.__context__


async def test_a_vendor_that_comes_back_is_used(
    pull: Callable[..., Any], sample: bytes, time: "StillTime"
) -> None:
    """Refused connections and 503s are repeated with growing waits until there is an answer."""
    vendor = Vendor(
        httpx.ConnectError("refused"), page(b"", 503, {"Retry-After": "2"}), page(sample)
    )
    file = await pull(vendor)
    assert file.hit is FileHit.HIT
    assert len(vendor.requests) == 3
    assert time.slept == [0.25, 2.0]


async def test_the_answer_comes_along_as_it_was_sent(
    settings: TransUnionSettings, persona: CreditSubject, sample: bytes, time: "StillTime"
) -> None:
    """Beside the file as it was understood a pull gives the vendor's very bytes."""
    transport = httpx.MockTransport(Vendor(page(sample)))
    async with open_transunion(
        "agency_1", settings, timing=time.timing(), transport=transport
    ) as bureau:
        pulled = await bureau.pull(persona, PullKind.HARD, reference="rep_1")
    assert (pulled.raw, pulled.media_type) == (sample, "text/xml")


async def test_a_pull_is_posted_as_xml(
    pull: Callable[..., Any], sample: bytes, settings: TransUnionSettings
) -> None:
    """One POST with the vendor's media type; identity encoding; nothing personal but the body."""
    vendor = Vendor(page(sample))
    await pull(vendor)
    (request,) = vendor.requests
    assert request.method == "POST"
    assert str(request.url) == settings.url
    assert request.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert request.headers["Accept-Encoding"] == "identity"
    assert "666484418" not in str(request.headers)
    assert b"<number>666484418</number>" in request.content
    assert b"F1000002" in request.content


async def test_both_forms_are_sent(
    pull: Callable[..., Any], sample: bytes, settings: TransUnionSettings
) -> None:
    """The form of the request is the agency's to choose; both answers read alike."""
    bare, enveloped = Vendor(page(sample)), Vendor(page(sample))
    one = await pull(bare, replace(settings, request_form=RequestForm.BARE))
    other = await pull(enveloped)
    assert one == other
    assert b"<xmlrequest" not in bare.requests[0].content
    assert b"<xmlrequest" in enveloped.requests[0].content


async def test_agencies_do_not_share_a_breaker(
    settings: TransUnionSettings, persona: CreditSubject, sample: bytes, time: "StillTime"
) -> None:
    """One agency's failing vendor is another agency's working one."""
    broken = open_transunion(
        "agency_1",
        settings,
        timing=time.timing(),
        transport=httpx.MockTransport(Vendor(page(b"", 500))),
    )
    vendor = Vendor(page(sample), page(sample))
    working = open_transunion(
        "agency_2", settings, timing=time.timing(), transport=httpx.MockTransport(vendor)
    )
    async with broken, working:
        for _ in range(5):
            with pytest.raises(UpstreamUnavailable, match="failed"):
                await broken.pull(persona, PullKind.SOFT, reference="r")
        with pytest.raises(UpstreamUnavailable, match="left alone") as caught:
            await broken.pull(persona, PullKind.SOFT, reference="r")
        assert not caught.value.may_have_acted
        assert (await working.pull(persona, PullKind.SOFT, reference="r")).file.hit is FileHit.HIT


async def test_a_cancelled_pull_ends_at_once(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """Cancelling a pull cancels the request under way."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(_request: httpx.Request) -> httpx.Response:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return httpx.Response(200)

    async with open_transunion("agency_1", settings, transport=httpx.MockTransport(hang)) as bureau:
        task = asyncio.create_task(bureau.pull(persona, PullKind.SOFT, reference="r"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()


def test_the_adapter_satisfies_the_port(settings: TransUnionSettings) -> None:
    """A TransUnion is a CreditBureau, by name and by method."""
    bureau: CreditBureau = open_transunion("agency_1", settings)
    assert isinstance(bureau, TransUnion)
    assert bureau.name == "TransUnion"
