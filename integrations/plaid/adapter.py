"""Speaks to Plaid for one agency.

All calls but one may be repeated: they read, or come to the same however often they are made. The
exchange of a public token may not, and has connections of its own that are never kept: a kept one
that Plaid has just closed would look like one lost after sending.

Where a secret was changed lately there are two that may be right. One that Plaid refuses has moved
nothing, so the other is tried within the same attempt; the one taken last is tried first.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec

from domain.banking import (
    AccountFacts,
    ItemFacts,
    LiabilityFacts,
    LinkedItem,
    LinkRequest,
    LinkToken,
    OwnerFacts,
    Progress,
    StreamFacts,
    TransactionChanges,
    WebhookFacts,
)
from domain.errors import BankLinkGone, UpstreamInvalid
from integrations.exchange import exchange
from integrations.plaid import wire
from integrations.plaid.pacing import Pacing
from integrations.plaid.refusals import (
    VENDOR,
    NoSuchAccounts,
    NoSuchKey,
    NotReady,
    SecretRefused,
    judging,
    no_public_token,
)
from integrations.plaid.settings import (
    CLIENT_NAME_CHARACTERS_MAX,
    SYNC_PAGE_TRANSACTIONS,
    PlaidSettings,
)
from integrations.plaid.syncing import sync
from integrations.plaid.webhooks import WebhookVerifier
from integrations.tls import client_tls_context
from integrations.upstream import Attempt, AttemptFailed, Timing, UpstreamLine
from integrations.verdicts import REPEATABLE, Trouble

API_VERSION = "2020-09-14"
PUBLIC_TOKEN_CHARACTERS_MAX = 300
# From this size on an answer is read beside the event loop, which it would hold for milliseconds.
_READ_ASIDE_BYTES = 32_768
_T = TypeVar("_T")
Read = Callable[[bytes], _T]


class Plaid:
    """A BankData: one agency's access to Plaid, with its breaker and its places."""

    name = "Plaid"

    def __init__(
        self,
        *,
        settings: PlaidSettings,
        clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
        line: UpstreamLine,
        pacing: Pacing,
        timing: Timing,
        today: Callable[[], date],
    ) -> None:
        """Take clients whose connections are kept, and are not."""
        self._settings = settings
        self._by_secrets = settings.by_secrets()
        self._keeping, self._unkept = clients
        self._line = line
        self._pacing = pacing
        self._timing = timing
        self._today = today
        self._verifier = WebhookVerifier(self._key, timing.clock)

    async def create_link_token(self, request: LinkRequest) -> LinkToken:
        """Return what opens Link; see BankData."""
        settings = self._settings
        body: dict[str, object] = {
            "client_name": request.client_name[:CLIENT_NAME_CHARACTERS_MAX],
            "language": settings.language,
            "country_codes": settings.country_codes,
            "user": {"client_user_id": request.client_user_id},
        }
        if settings.webhook_url is not None:
            body["webhook"] = settings.webhook_url
        if settings.redirect_uri is not None:
            body["redirect_uri"] = settings.redirect_uri
        if request.access_token is None:
            body |= {
                "products": settings.products,
                "additional_consented_products": settings.additional_products,
                "transactions": {"days_requested": settings.days_requested},
            }
        else:  # update mode: products are those that the item has
            body["access_token"] = request.access_token
        return await self._ask("/link/token/create", body, wire.read_link_token)

    async def exchange(self, public_token: str) -> LinkedItem:
        """Return the lasting token for a public one; see BankData."""
        fits = 0 < len(public_token) <= PUBLIC_TOKEN_CHARACTERS_MAX
        if not fits or not public_token.isascii() or not public_token.isprintable():
            raise no_public_token()
        body = {"public_token": public_token}
        return await self._ask("/item/public_token/exchange", body, wire.read_exchange, once=True)

    async def item(self, access_token: str) -> ItemFacts:
        """Return how the link stands."""
        return await self._of_item("/item/get", access_token, wire.read_item)

    async def accounts(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances as last known."""
        return await self._of_item("/accounts/get", access_token, wire.read_accounts)

    async def balances(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances asked of the bank now."""
        endpoint = "/accounts/balance/get"
        return await self._of_item(endpoint, access_token, wire.read_accounts, slow=True)

    async def transactions(
        self, access_token: str, cursor: str | None, progress: Progress | None = None
    ) -> TransactionChanges:
        """Return all that changed since `cursor`; see BankData.

        What Plaid refuses between two pages begins the reading again; see `syncing.sync`.
        """
        read = partial(wire.read_sync_page, latest=self._latest())
        settings = self._settings

        async def read_page(cursor: str | None) -> wire.SyncPage:
            body: dict[str, object] = {
                "count": SYNC_PAGE_TRANSACTIONS,
                "options": {"days_requested": settings.days_requested},
            }
            if cursor is not None:
                body["cursor"] = cursor
            return await self._of_item("/transactions/sync", access_token, read, body)

        try:
            return await sync(
                read_page,
                cursor,
                pages_max=settings.pages_max,
                restarts_max=settings.restarts_max,
                progress=progress,
            )
        except wire.Unusable as error:
            raise _invalid(str(error)) from None

    async def streams(self, access_token: str) -> tuple[StreamFacts, ...]:
        """Return recurring payments; none where Plaid has not yet looked for them."""
        read = partial(wire.read_streams, latest=self._latest())
        try:
            return await self._of_item("/transactions/recurring/get", access_token, read)
        except (NotReady, NoSuchAccounts):
            return ()

    async def liabilities(self, access_token: str) -> tuple[LiabilityFacts, ...]:
        """Return what is owed; none where the link has no such accounts."""
        try:
            return await self._of_item("/liabilities/get", access_token, wire.read_liabilities)
        except NoSuchAccounts:
            return ()

    async def owners(self, access_token: str) -> tuple[OwnerFacts, ...]:
        """Return whom the bank names as owners; none where it names nobody."""
        try:
            return await self._of_item("/identity/get", access_token, wire.read_owners)
        except NoSuchAccounts:
            return ()

    async def remove(self, access_token: str) -> None:
        """End the link; one that is gone already is no error."""
        with suppress(BankLinkGone):
            await self._of_item("/item/remove", access_token, wire.read_acknowledgement)

    async def verified(self, signature: str | None, body: bytes, at: datetime) -> WebhookFacts:
        """Return what a webhook says; see `WebhookVerifier.verified`."""
        return await self._verifier.verified(signature, body, at)

    async def _key(self, key_id: str) -> wire.VerificationKey | None:
        endpoint = "/webhook_verification_key/get"
        try:
            return await self._ask(endpoint, {"key_id": key_id}, wire.read_key)
        except NoSuchKey:
            return None

    async def _of_item(
        self,
        endpoint: str,
        access_token: str,
        read: Read[_T],
        body: Mapping[str, object] | None = None,
        *,
        slow: bool = False,
    ) -> _T:
        await self._pace(endpoint, access_token)
        asked = {"access_token": access_token, **(body or {})}
        return await self._ask(endpoint, asked, read, slow=slow)

    async def _pace(self, endpoint: str, access_token: str) -> None:
        """Wait for a place within Plaid's limits, or refuse what would have to wait too long."""
        within = self._settings.pacing_seconds
        wait = self._pacing.reserve(endpoint, access_token, within)
        if wait > within:
            verdict = REPEATABLE.of(httpx.codes.TOO_MANY_REQUESTS)
            raise verdict.error(
                verdict.message, vendor=VENDOR, retryable=True, may_have_acted=False
            )
        if wait > 0:
            await self._timing.sleep(wait)

    async def _ask(
        self,
        endpoint: str,
        body: Mapping[str, object],
        read: Read[_T],
        *,
        once: bool = False,
        slow: bool = False,
    ) -> _T:
        content = msgspec.json.encode(body)
        access_token = body.get("access_token")

        async def attempt_once(attempt: Attempt) -> _T:
            if attempt.number > 1 and isinstance(access_token, str):
                self._pacing.reserve(endpoint, access_token, math.inf)  # it counts at Plaid too
            refused: SecretRefused | None = None
            for settings in self._by_secrets:
                try:
                    answer = await self._send(attempt, settings, endpoint, content, once=once)
                except SecretRefused as refusal:
                    refused = refusal
                else:
                    self._prefer(settings)
                    return await _read(answer, read, once=once)
            assert refused is not None  # there is always one secret at least
            raise refused

        return await self._line.call(
            endpoint, attempt_once, self._settings.terms(once=once, slow=slow)
        )

    async def _send(
        self,
        attempt: Attempt,
        settings: PlaidSettings,
        endpoint: str,
        content: bytes,
        *,
        once: bool,
    ) -> bytes:
        return await exchange(
            self._unkept if once else self._keeping,
            attempt,
            method="POST",
            url=settings.url.rstrip("/") + endpoint,
            content=content,
            headers={"PLAID-CLIENT-ID": settings.client_id, "PLAID-SECRET": settings.secret},
            connect_seconds=settings.connect_seconds,
            answer_bytes_max=settings.answer_bytes_max,
            judge=judging(once=once),
        )

    def _prefer(self, settings: PlaidSettings) -> None:
        """Put the secret that Plaid took first for the next call."""
        if settings is not self._by_secrets[0]:
            others = (other for other in self._by_secrets if other is not settings)
            self._by_secrets = (settings, *others)

    def _latest(self) -> date:
        return self._today() + timedelta(days=self._settings.days_ahead_max)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._keeping.aclose()
        await self._unkept.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


async def _read(answer: bytes, read: Read[_T], *, once: bool) -> _T:
    """Return an answer read. What is no JSON is a broken-off answer, another shape is final."""
    try:
        if len(answer) < _READ_ASIDE_BYTES:
            return read(answer)
        return await asyncio.to_thread(read, answer)
    except wire.Unusable as error:
        invalid = _invalid(str(error), may_have_acted=once)
    except msgspec.DecodeError:
        raise AttemptFailed(Trouble.ANSWER_UNREADABLE, detail="no JSON") from None
    raise invalid


def _invalid(why: str, *, may_have_acted: bool = False) -> UpstreamInvalid:
    return UpstreamInvalid(
        f"The vendor's answer cannot be used: {why}. Nothing of it is kept.",
        vendor=VENDOR,
        retryable=False,
        may_have_acted=may_have_acted,
    )


def _today() -> date:
    return datetime.now(UTC).date()


def open_plaid(
    agency_id: str,
    settings: PlaidSettings,
    *,
    pacing: Pacing | None = None,
    timing: Timing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    today: Callable[[], date] = _today,
) -> Plaid:
    """Return the agency's adapter; its owner closes it.

    pacing: shared by all who use the same client id. `transport` replaces the network in tests.
    """
    timing = timing or Timing()
    context = client_tls_context()
    places = settings.concurrency_max

    def client(kept: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=context,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={
                "User-Agent": "almoner",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Plaid-Version": API_VERSION,
            },
            limits=httpx.Limits(max_connections=places, max_keepalive_connections=kept),
        )

    line = UpstreamLine(
        vendor=VENDOR,
        agency_id=agency_id,
        policy=settings.policy(),
        verdicts=REPEATABLE,
        timing=timing,
    )
    return Plaid(
        settings=settings,
        clients=(client(places), client(0)),
        line=line,
        pacing=pacing or Pacing(settings.allowances, timing.clock),
        timing=timing,
        today=today,
    )
