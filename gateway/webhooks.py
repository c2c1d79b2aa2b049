"""Webhooks: what a vendor tells of itself, past GraphQL: POST /webhooks/plaid/<agency's slug>.

Nothing of a webhook counts before the agency's own adapter has found the vendor's signature on it,
over the bytes as they came. It is answered 200 when what it brings about is on the disk; otherwise
the vendor tells it again. An agency that there is not, is suspended, or has no bank data is
answered alike.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import structlog
from cachetools import LRUCache
from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.agencies import Agency, AgencyStatus
from domain.clock import utc_now
from domain.errors import GatewayError, RateLimited, Unauthenticated
from gateway.errors import malformed
from gateway.front import new_request_id
from gateway.http import AsgiRequest, ClientLeft, too_late
from gateway.negotiation import MediaType
from gateway.parts import Parts
from gateway.replies import CLIENT_LEFT, Reply, error_refusal, json_reply, refusal
from resolvers.bank_webhooks import take_webhook
from resolvers.bank_work import system_context
from resolvers.context import RequestMeta

_log = structlog.stdlib.get_logger("almoner.webhooks")
WEBHOOK_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0  # anybody may begin to send one, so nobody holds a connection for long
SIGNATURE = "plaid-verification"
SIGNATURE_CHARACTERS_MAX = 4096
PATH = "/webhooks/plaid/{slug}"
FAILURES_MAX = 20
FAILURE_SECONDS = 600.0
_SOURCES_MAX = 10_000


class Strangers:
    """Addresses whose webhooks were not the vendor's: one that fails repeatedly is not looked at.

    Finding out that a signature is nobody's may take a call to the vendor for a key that it does
    not have, and there are few of those a minute: whoever made keys up could have them all, and
    the vendor's own next key would wait. The vendor's own address never fails.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: LRUCache[str, list[float]] = LRUCache(_SOURCES_MAX)

    def is_refused(self, address: str | None) -> bool:
        """Say whether so many webhooks of the address failed lately that none is looked at."""
        since = self._clock() - FAILURE_SECONDS
        recent = [at for at in self._failures.get(address or "", ()) if at > since]
        return len(recent) >= FAILURES_MAX

    def failed(self, address: str | None) -> None:
        """Note that a webhook from there was not the vendor's, or could not be told to be."""
        known = self._failures.get(address or "", [])
        self._failures[address or ""] = [*known, self._clock()][-FAILURES_MAX:]


def webhook_routes(
    parts: Callable[[], Parts],
    *,
    only: str | None = None,
    clock: Callable[[], datetime] = utc_now,
    body_seconds: float = BODY_SECONDS_MAX,
) -> list[Route]:
    """Return the routes of vendors' webhooks. only: slug of the one agency that is served."""
    strangers = Strangers()

    async def plaid(request: Request) -> Response:
        try:
            body = await _body(request, body_seconds)
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)  # nobody hears it, and nothing went wrong
        address = AsgiRequest(request.scope, request.receive).client
        if strangers.is_refused(address):
            return _response(error_refusal(_TOO_MANY, MediaType.JSON))
        try:
            reply = await _answer(request, body, parts(), only, clock())
        except GatewayError as error:
            reply = _failed(error)
            _log.warning("webhook_refused", code=error.code, status=reply.status)
            if isinstance(error, Unauthenticated):
                strangers.failed(address)
        return _response(reply)

    return [Route(PATH, plaid, methods=["POST"])]


_TOO_MANY = RateLimited(
    "Webhooks from this address did not bear the vendor's signature. Wait before sending others.",
    retry_after_seconds=int(FAILURE_SECONDS),
)


def _failed(error: GatewayError) -> Reply:
    """Return the answer to a webhook that was not taken: never a 200, or it would not come again.

    A vendor's trouble is no failure of a GraphQL request, and is one here.
    """
    reply = error_refusal(error, MediaType.JSON)
    is_fine = reply.status < HTTPStatus.BAD_REQUEST
    return structs.replace(reply, status=HTTPStatus.SERVICE_UNAVAILABLE) if is_fine else reply


async def _body(request: Request, seconds: float) -> bytes:
    """Return the body. Raises Refused for one that is too large or does not arrive in time."""
    try:
        async with asyncio.timeout(seconds):
            return await AsgiRequest(request.scope, request.receive).body(WEBHOOK_BYTES_MAX)
    except TimeoutError:
        raise too_late() from None


async def _answer(
    request: Request, body: bytes, parts: Parts, only: str | None, at: datetime
) -> Reply:
    agency = await _agency(request.path_params["slug"], parts, only)
    vendors = None if agency is None else parts.vendors.of(agency)
    if agency is None or vendors is None or vendors.banks is None:
        nothing = malformed(
            "There is nothing at this address.",
            HTTPStatus.NOT_FOUND,
            error_type="UnknownOperation",
        )
        return refusal(nothing, MediaType.JSON)
    signature = request.headers.get(SIGNATURE)
    if signature is not None and len(signature) > SIGNATURE_CHARACTERS_MAX:
        raise Unauthenticated
    facts = await vendors.banks.verified(signature, body, at)
    # What was signed, and not the signature: of that anybody can make others that hold too.
    signed = (signature or "").rpartition(".")[0]
    digest = hashlib.sha256(signed.encode() + b"\n" + body).hexdigest()
    async with parts.stores.lease(agency) as store:
        meta = RequestMeta(id=new_request_id(), at=at)
        context = system_context(agency, store, vendors, meta)
        if await take_webhook(context, vendors.banks.name, facts, digest):
            parts.bank_work.wake(agency.id)
    return json_reply(HTTPStatus.OK, {})


async def _agency(slug: str, parts: Parts, only: str | None) -> Agency | None:
    agency = await parts.directory.agency_by_slug(slug)
    if agency is None or agency.status is not AgencyStatus.ACTIVE:
        return None
    return agency if only in (None, agency.slug) else None


def _response(reply: Reply) -> Response:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(
        reply.body,
        status_code=reply.status,
        headers=headers | {"cache-control": "no-store"},
        media_type=reply.media_type.header.decode(),
    )
