"""Pulls credit reports from TransUnion for one agency.

A pull is not idempotent at the vendor: every request that it takes is an inquiry, is billed, and,
if hard, is seen by others. It is repeated only by the table `integrations.verdicts.ONCE_ONLY`.
An answer of HTTP 200 that cannot be read leaves open whether the vendor acted; the vendor's own
`error` element says that it did not.

Where a password was changed lately there are two that may be right. One that the vendor refuses
(401, 403, or an error code that says so) has moved nothing, so the other is tried within the same
attempt; the one that was taken last is tried first.

Each pull has a connection of its own: a kept one that the vendor has just closed would look like
one lost after sending, and a pull would be given up for nothing.
"""

import asyncio
from types import TracebackType
from typing import Self

import httpx

from domain.credit import CreditSubject, PulledFile, PullKind
from integrations.exchange import exchange
from integrations.tls import mutual_tls_context
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.wire import CredentialsRefused, build_request, read_answer
from integrations.upstream import Attempt, AttemptFailed, Timing, UpstreamLine
from integrations.verdicts import ONCE_ONLY

VENDOR = "transunion"
_CREDENTIALS_REFUSED = frozenset({401, 403})
MEDIA_TYPE = "text/xml"


class TransUnion:
    """A CreditBureau: one agency's subscription, with its client certificate and its breaker."""

    name = "TransUnion"

    def __init__(
        self, *, settings: TransUnionSettings, client: httpx.AsyncClient, line: UpstreamLine
    ) -> None:
        self._by_credentials = settings.by_credentials()
        self._client = client
        self._line = line

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""

        async def attempt_once(attempt: Attempt) -> PulledFile:
            refusal: AttemptFailed | CredentialsRefused | None = None
            for settings in self._by_credentials:
                try:
                    file = await self._ask(attempt, settings, subject, kind, reference)
                except AttemptFailed as failed:
                    if failed.trouble not in _CREDENTIALS_REFUSED:
                        raise
                    refusal = failed
                except CredentialsRefused as refused:
                    refusal = refused
                else:
                    self._prefer(settings)
                    return file
            assert refusal is not None  # there is always one pair of passwords at least
            raise refusal

        return await self._line.call(f"{kind.value.lower()} pull", attempt_once)

    async def _ask(
        self,
        attempt: Attempt,
        settings: TransUnionSettings,
        subject: CreditSubject,
        kind: PullKind,
        reference: str,
    ) -> PulledFile:
        body = await exchange(
            self._client,
            attempt,
            method="POST",
            url=settings.url,
            content=build_request(subject, kind, settings, reference=reference),
            headers={"Content-Type": f"{settings.content_type}; charset=utf-8"},
            connect_seconds=settings.connect_seconds,
            answer_bytes_max=settings.answer_bytes_max,
        )
        # Megabytes of XML take tens of milliseconds, too long for the event loop.
        file = await asyncio.to_thread(
            read_answer, body, kind, settings, reference=reference, vendor=VENDOR
        )
        return PulledFile(file=file, raw=body, media_type=MEDIA_TYPE)

    def _prefer(self, settings: TransUnionSettings) -> None:
        """Put what the vendor took first for the next pull."""
        if settings is not self._by_credentials[0]:
            others = (other for other in self._by_credentials if other is not settings)
            self._by_credentials = (settings, *others)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def open_transunion(
    agency_id: str,
    settings: TransUnionSettings,
    *,
    timing: Timing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> TransUnion:
    """Return the agency's adapter; its owner closes it. `transport` replaces the network in tests.

    Reads the certificate files. Raises ValueError, in words for the operator, where they cannot
    be used.
    """
    try:
        context = mutual_tls_context(
            certificate_file=settings.certificate_file,
            key_file=settings.key_file,
            key_passphrase=settings.key_passphrase,
            ca_file=settings.ca_file,
        )
    except ValueError as error:
        raise ValueError(f"TransUnion cannot be reached for {agency_id}: {error}") from error
    client = httpx.AsyncClient(
        verify=context,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "almoner", "Accept": "text/xml, application/xml"},
        limits=httpx.Limits(max_connections=settings.concurrency_max, max_keepalive_connections=0),
    )
    line = UpstreamLine(
        vendor=VENDOR,
        agency_id=agency_id,
        policy=settings.policy(),
        verdicts=ONCE_ONLY,
        timing=timing,
    )
    return TransUnion(settings=settings, client=client, line=line)
