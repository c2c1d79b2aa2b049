"""The adapter against every row of the error table, on a transport of the test's own."""

import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from domain.banking import LinkRequest
from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    GatewayError,
    InvalidInput,
    Upstream,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from integrations.plaid.adapter import Plaid, open_plaid
from integrations.plaid.pacing import Allowance, Allowances
from integrations.plaid.settings import PlaidSettings
from tests.integrations.plaid.judging import examples, faults_of, unknown_fields

if TYPE_CHECKING:
    from tests.integrations.conftest import StillTime

Answer = httpx.Response | Exception
EXAMPLES = dict(examples())
TOKEN = "access-sandbox-c4n4ry"
SETTINGS = PlaidSettings(url="https://plaid.test", client_id="client1", secret="newer-secret")
REQUEST = LinkRequest(client_user_id="con_1", client_name="Harbor Credit Counseling of Michigan")


class Vendor:
    """A far end that gives the answers it was told, the last one for ever; keeps requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        wait = {"Retry-After": found} if (found := answer.headers.get("Retry-After")) else None
        stream = httpx.ByteStream(answer.content)
        return httpx.Response(answer.status_code, stream=stream, headers=wait)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Return what was asked."""
        return [json.loads(request.content) for request in self.requests]


def good(path: str, **changes: object) -> httpx.Response:
    return httpx.Response(200, json=EXAMPLES[path] | changes)


def refusal(error_type: str, code: str, status: int = 400) -> httpx.Response:
    envelope = {
        "error_type": error_type,
        "error_code": code,
        "error_message": "about c4n4ry",
        "display_message": "about c4n4ry",
        "request_id": "r",
    }
    return httpx.Response(status, json=envelope)


Opens = Callable[..., Plaid]


@pytest.fixture
def opens(time: "StillTime") -> Opens:
    """Return a function that opens an adapter before a vendor; nothing has to be closed."""

    def open_it(vendor: Vendor, settings: PlaidSettings = SETTINGS) -> Plaid:
        return open_plaid(
            "agency_1",
            settings,
            timing=time.timing(),
            transport=httpx.MockTransport(vendor),
            today=lambda: date(2026, 11, 22),
        )

    return open_it


CALLS: dict[str, Callable[[Plaid], Awaitable[object]]] = {
    "/link/token/create": lambda plaid: plaid.create_link_token(REQUEST),
    "/item/public_token/exchange": lambda plaid: plaid.exchange("public-sandbox-1"),
    "/item/get": lambda plaid: plaid.item(TOKEN),
    "/accounts/get": lambda plaid: plaid.accounts(TOKEN),
    "/accounts/balance/get": lambda plaid: plaid.balances(TOKEN),
    "/transactions/sync": lambda plaid: plaid.transactions(TOKEN, "before"),
    "/transactions/recurring/get": lambda plaid: plaid.streams(TOKEN),
    "/liabilities/get": lambda plaid: plaid.liabilities(TOKEN),
    "/identity/get": lambda plaid: plaid.owners(TOKEN),
    "/item/remove": lambda plaid: plaid.remove(TOKEN),
}
ONCE = "/item/public_token/exchange"


@pytest.mark.parametrize("path", sorted(CALLS))
async def test_each_call_is_one_request_as_plaid_documents_it(path: str, opens: Opens) -> None:
    """Address, credentials in headers, version, and a body that Plaid's own document allows."""
    vendor = Vendor(good(path))
    await CALLS[path](opens(vendor))

    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"https://plaid.test{path}")
    assert request.headers["PLAID-CLIENT-ID"] == "client1"
    assert request.headers["PLAID-SECRET"] == "newer-secret"
    assert request.headers["Plaid-Version"] == "2020-09-14"
    assert faults_of(path, "request", request.content) == []
    assert unknown_fields(path, request.content) == set()
    assert b"secret" not in request.content


async def test_a_link_token_asks_for_what_is_read(opens: Opens) -> None:
    """A new link names products and the webhook; update mode the link, and no product."""
    vendor = Vendor(good("/link/token/create"))
    plaid = opens(vendor, replace(SETTINGS, webhook_url="https://api.test/webhooks/plaid/harbor"))
    await plaid.create_link_token(REQUEST)
    await plaid.create_link_token(replace(REQUEST, access_token=TOKEN))

    new, update = vendor.bodies
    assert new["webhook"] == "https://api.test/webhooks/plaid/harbor"
    assert new["products"] == ["transactions"]
    assert new["additional_consented_products"] == ["liabilities", "identity"]
    assert new["transactions"] == {"days_requested": 730}
    assert len(new["client_name"]) == 30
    assert (update["access_token"], "products" in update) == (TOKEN, False)


ROWS = [
    # type, code, status, error, attempts of a read, attempts of an exchange
    ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", 400, BankLoginRequired, 1, 1),
    ("ITEM_ERROR", "ITEM_LOCKED", 400, BankLoginRequired, 1, 1),
    ("ITEM_ERROR", "INVALID_CREDENTIALS", 400, BankLoginRequired, 1, 1),
    ("ITEM_ERROR", "USER_SETUP_REQUIRED", 400, BankLoginRequired, 1, 1),
    ("INVALID_INPUT", "INVALID_ACCESS_TOKEN", 400, BankLinkGone, 1, 1),
    ("ITEM_ERROR", "ITEM_NOT_FOUND", 400, BankLinkGone, 1, 1),
    ("ITEM_ERROR", "NO_ACCOUNTS", 400, UpstreamUnavailable, 1, 1),
    ("ITEM_ERROR", "PRODUCT_NOT_READY", 400, UpstreamUnavailable, 4, 4),
    ("INSTITUTION_ERROR", "INSTITUTION_DOWN", 400, UpstreamUnavailable, 4, 1),
    ("API_ERROR", "INTERNAL_SERVER_ERROR", 500, UpstreamUnavailable, 4, 1),
    ("API_ERROR", "PLANNED_MAINTENANCE", 400, UpstreamUnavailable, 4, 1),
    ("RATE_LIMIT_EXCEEDED", "ACCOUNTS_LIMIT", 429, UpstreamUnavailable, 4, 4),
    ("INVALID_REQUEST", "MISSING_FIELDS", 400, UpstreamUnavailable, 1, 1),
    ("INVALID_INPUT", "INVALID_INSTITUTION", 400, UpstreamUnavailable, 1, 1),
    ("INVALID_INPUT", "INVALID_API_KEYS", 400, UpstreamUnavailable, 1, 1),
    ("INVALID_INPUT", "ADDITIONAL_CONSENT_REQUIRED", 400, UpstreamUnavailable, 1, 1),
    ("SANDBOX_ERROR", "SANDBOX_PRODUCT_NOT_ENABLED", 400, UpstreamUnavailable, 1, 1),
    ("NEVER_SEEN", "NEVER_SEEN_EITHER", 400, UpstreamUnavailable, 1, 1),
    ("NEVER_SEEN", "NEVER_SEEN_EITHER", 500, UpstreamUnavailable, 4, 1),
]


@pytest.mark.parametrize(("kind", "code", "status", "error", "read", "exchanged"), ROWS)
async def test_the_error_table(
    kind: str,
    code: str,
    status: int,
    error: type[GatewayError],
    read: int,
    exchanged: int,
    opens: Opens,
) -> None:
    """Each row: the error that a caller gets, and how often Plaid is asked, by kind of call."""
    for path, attempts in (("/accounts/get", read), (ONCE, exchanged)):
        vendor = Vendor(refusal(kind, code, status))
        with pytest.raises(error) as raised:
            await CALLS[path](opens(vendor))
        assert len(vendor.requests) == attempts
        told = "".join(traceback.format_exception(raised.value)) + repr(raised.value.details())
        assert "c4n4ry" not in told.replace(TOKEN, "")
        if isinstance(raised.value, Upstream):
            assert code in raised.value.message or status == 500 or code == "NO_ACCOUNTS"


async def test_a_public_token_that_is_no_good_is_the_inputs_fault(opens: Opens) -> None:
    """Used, expired or made up: the caller is told to open Link again; junk is not even sent."""
    vendor = Vendor(refusal("INVALID_INPUT", "INVALID_PUBLIC_TOKEN"))
    for token in ("public-sandbox-1", "", "x" * 400, "ü", "a\nb"):
        with pytest.raises(InvalidInput) as raised:
            await opens(vendor).exchange(token)
        assert raised.value.fields[0].path == "input.publicToken"
    assert len(vendor.requests) == 1


async def test_what_is_not_there_is_nothing_and_no_error(opens: Opens) -> None:
    """No debts, no streams yet, a link removed already: the answer is none."""
    none = Vendor(refusal("ITEM_ERROR", "NO_LIABILITY_ACCOUNTS"))
    assert await opens(none).liabilities(TOKEN) == ()
    assert await opens(Vendor(refusal("ITEM_ERROR", "PRODUCT_NOT_READY"))).streams(TOKEN) == ()
    assert await opens(Vendor(refusal("ITEM_ERROR", "PRODUCTS_NOT_SUPPORTED"))).owners(TOKEN) == ()
    await opens(Vendor(refusal("INVALID_INPUT", "INVALID_ACCESS_TOKEN"))).remove(TOKEN)


@pytest.mark.parametrize(
    ("trouble", "read_error", "once_error"),
    [
        (httpx.ReadTimeout("slow"), UpstreamTimeout, UpstreamTimeout),
        (httpx.RemoteProtocolError("lost"), UpstreamUnavailable, UpstreamUnavailable),
        (httpx.Response(200, content=b'{"acc'), UpstreamInvalid, UpstreamInvalid),
        (httpx.Response(200, content=b"<html>"), UpstreamInvalid, UpstreamInvalid),
        (httpx.Response(502, content=b"<html>"), UpstreamUnavailable, UpstreamUnavailable),
    ],
)
async def test_a_read_is_repeated_and_an_exchange_is_not(
    trouble: Answer, read_error: type[Upstream], once_error: type[Upstream], opens: Opens
) -> None:
    """What broke off is asked for again where it only reads; an exchange may have happened."""
    vendor = Vendor(trouble, good("/accounts/get"))
    assert len(await opens(vendor).accounts(TOKEN)) == 3
    again = Vendor(trouble)
    with pytest.raises(read_error):
        await opens(again).accounts(TOKEN)
    assert len(again.requests) == SETTINGS.attempts_max
    once = Vendor(trouble)
    with pytest.raises(once_error) as raised:
        await opens(once).exchange("public-sandbox-1")
    assert (len(once.requests), raised.value.may_have_acted) == (1, True)


async def test_an_answer_of_another_shape_is_final_and_says_where(opens: Opens) -> None:
    """Asking again would bring the same; the place is named, nothing of it is kept."""
    broken = EXAMPLES["/accounts/get"] | {"accounts": [{"account_id": "c4n4ry"}]}
    vendor = Vendor(httpx.Response(200, json=broken))
    with pytest.raises(UpstreamInvalid, match=r"accounts.*Nothing of it is kept") as raised:
        await opens(vendor).accounts(TOKEN)
    assert len(vendor.requests) == 1
    assert "c4n4ry" not in raised.value.message
    assert not raised.value.may_have_acted


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(opens: Opens) -> None:
    """There is a limit to the bytes of an answer, and to those of a refusal."""
    small = replace(SETTINGS, answer_bytes_max=1000)
    with pytest.raises(UpstreamInvalid, match="larger than is accepted"):
        await opens(Vendor(good("/accounts/get")), small).accounts(TOKEN)
    long = httpx.Response(400, content=refusal("ITEM_ERROR", "ITEM_LOCKED").content + b" " * 70_000)
    with pytest.raises(UpstreamUnavailable):
        await opens(Vendor(long)).accounts(TOKEN)


async def test_either_of_two_secrets_is_taken(opens: Opens) -> None:
    """While a secret is changed over, the one that Plaid takes is found within the same attempt."""
    settings = replace(SETTINGS, previous_secret="older-secret")
    wrong = refusal("INVALID_INPUT", "INVALID_API_KEYS")
    vendor = Vendor(wrong, good("/accounts/get"))
    plaid = opens(vendor, settings)
    await plaid.accounts(TOKEN)
    await plaid.accounts(TOKEN)

    used = [request.headers["PLAID-SECRET"] for request in vendor.requests]
    assert used == ["newer-secret", "older-secret", "older-secret"]
    with pytest.raises(UpstreamUnavailable, match="Tell the operator"):
        await opens(Vendor(wrong), settings).accounts(TOKEN)


async def test_the_limit_of_an_item_is_waited_for_or_told(opens: Opens, time: "StillTime") -> None:
    """A call beyond Plaid's limit waits for its place; one that would wait too long is refused."""
    table = {"/accounts/get": Allowance(item=2, client=100)}
    settings = replace(SETTINGS, allowances=Allowances(by_endpoint=table), pacing_seconds=45)
    vendor = Vendor(good("/accounts/get"))
    plaid = opens(vendor, settings)
    await plaid.accounts(TOKEN)
    await plaid.accounts(TOKEN)
    with pytest.raises(UpstreamUnavailable, match="asked too often") as raised:
        await plaid.accounts(TOKEN)
    assert (len(vendor.requests), raised.value.retryable) == (2, True)
    time.now += 20
    await plaid.accounts(TOKEN)
    assert time.slept == [40]
    await plaid.accounts("access-sandbox-other")
    assert time.slept == [40]


async def test_every_attempt_counts_at_plaid(opens: Opens, time: "StillTime") -> None:
    """Repetitions use up the limit too."""
    table = {"/accounts/get": Allowance(item=2, client=100)}
    settings = replace(SETTINGS, allowances=Allowances(by_endpoint=table))
    vendor = Vendor(httpx.Response(502), good("/accounts/get"))
    plaid = opens(vendor, settings)
    await plaid.accounts(TOKEN)
    before = time.now
    await plaid.accounts(TOKEN)
    assert time.now - before > 50


async def test_the_breaker_is_the_agencys_and_spares_plaid(opens: Opens, time: "StillTime") -> None:
    """After failures in a row nobody asks for a while; a consumer's errand is none."""
    settings = replace(SETTINGS, attempts_max=1, breaker_failures_max=3)
    vendor = Vendor(httpx.Response(502))
    plaid = opens(vendor, settings)
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            await plaid.accounts(TOKEN)
    with pytest.raises(UpstreamUnavailable, match="left alone"):
        await plaid.item(TOKEN)
    assert len(vendor.requests) == 3
    time.now += 31
    vendor.answers = [refusal("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")]
    for _ in range(4):
        with pytest.raises(BankLoginRequired):
            await plaid.accounts(TOKEN)
    bank_down = opens(Vendor(refusal("INSTITUTION_ERROR", "INSTITUTION_DOWN")), settings)
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable, match="The bank does not answer"):
            await bank_down.accounts(TOKEN)


async def test_balances_have_a_deadline_of_their_own(opens: Opens, time: "StillTime") -> None:
    """Banks take their time with balances; waits never go past the deadline."""
    vendor = Vendor(refusal("RATE_LIMIT_EXCEEDED", "BALANCE_LIMIT", 429))
    vendor.answers[0].headers["Retry-After"] = "30"  # type: ignore[union-attr]
    with pytest.raises(UpstreamUnavailable):
        await opens(vendor).balances(TOKEN)
    assert time.slept == [30]
    with pytest.raises(UpstreamUnavailable):
        await opens(vendor).accounts(TOKEN)
    assert time.slept == [30]


async def test_a_sync_sends_cursor_and_count(opens: Opens) -> None:
    """Pages are 500 long; the first of all names no cursor, the next the one before it."""
    more = good("/transactions/sync", has_more=True, next_cursor="second", added=[], removed=[])
    last = good("/transactions/sync", has_more=False, next_cursor="third")
    vendor = Vendor(more, last)
    changes = await opens(vendor).transactions(TOKEN, None)

    first, second = vendor.bodies
    assert (first["count"], "cursor" in first) == (500, False)
    assert second["cursor"] == "second"
    assert (changes.cursor, changes.complete, changes.from_start) == ("third", True, True)


async def test_a_sync_that_fails_leaves_nothing(opens: Opens) -> None:
    """An error on a later page is the sync's: no cursor comes out, so nothing is skipped."""
    more = good("/transactions/sync", has_more=True, next_cursor="second")
    with pytest.raises(BankLoginRequired):
        await opens(Vendor(more, refusal("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"))).transactions(
            TOKEN, None
        )
    twice = good("/transactions/sync", has_more=False, next_cursor="third")
    with pytest.raises(UpstreamInvalid, match="added twice"):
        await opens(Vendor(more, twice)).transactions(TOKEN, "before")
    same = good("/transactions/sync", has_more=True, next_cursor="before", added=[])
    with pytest.raises(UpstreamInvalid, match="leads back"):
        await opens(Vendor(same)).transactions(TOKEN, "before")
