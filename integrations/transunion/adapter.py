"""Pulls credit reports from TransUnion for one agency.

A pull is not idempotent at the vendor: every request that it takes is an inquiry, is billed, and,
if hard, is seen by others. It is repeated only by the table `integrations.upstream.ONCE_ONLY`.
An answer of HTTP 200 that cannot be read leaves open whether the vendor acted; the vendor's own
`error` element says that it did not.

Each pull has a connection of its own: a kept one that the vendor has just closed would look like
one lost after sending, and a pull would be given up for nothing.
"""

import asyncio
import functools
from types import TracebackType
from typing import Self

import httpx

from domain.credit import CreditFile, CreditSubject, PullKind
from integrations.exchange import exchange
from integrations.tls import mutual_tls_context
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.wire import build_request, read_answer
from integrations.upstream import ONCE_ONLY, Attempt, Timing, UpstreamLine

VENDOR = "transunion"


class TransUnion:
    """A CreditBureau: one agency's subscription, with its client certificate and its breaker."""

    name = "TransUnion"

    def __init__(
        self, *, settings: TransUnionSettings, client: httpx.AsyncClient, line: UpstreamLine
    ) -> None:
        self._settings = settings
        self._client = client
        self._line = line

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> CreditFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""
        request = build_request(subject, kind, self._settings, reference=reference)
        read = functools.partial(
            read_answer,
            kind=kind,
            settings=self._settings,
            reference=reference,
            vendor=VENDOR,
        )

        async def attempt_once(attempt: Attempt) -> CreditFile:
            body = await exchange(
                self._client,
                attempt,
                method="POST",
                url=self._settings.url,
                content=request,
                headers={"Content-Type": f"{self._settings.content_type}; charset=utf-8"},
                connect_seconds=self._settings.connect_seconds,
                answer_bytes_max=self._settings.answer_bytes_max,
            )
            # Megabytes of XML take tens of milliseconds, too long for the event loop.
            return await asyncio.to_thread(read, body)

        return await self._line.call(f"{kind.value.lower()} pull", attempt_once)

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
