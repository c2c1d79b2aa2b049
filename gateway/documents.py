"""Documents over HTTP: one PUT takes a file in, one GET gives it out, each by a link of its own.

The link is the credential: sealed by the agency, minutes long, for one principal (whose reach is
asked for anew) and one document. Neither path nor file name is ever logged. What is given out is
made harmless to whoever opens it: an attachment of the checked type, that no browser sniffs at,
frames, runs or keeps.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from domain.access import ApiKey
from domain.actors import PrincipalKind
from domain.agencies import Agency
from domain.clock import utc_now
from domain.documents import Document
from domain.errors import (
    Forbidden,
    GatewayError,
    InvalidTransition,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from gateway.agency import settle_agency
from gateway.config import Config
from gateway.cors import CorsPolicy, answer_headers, preflight_headers
from gateway.errors import Refused, malformed
from gateway.front import REQUEST_ID, new_request_id, unexpected
from gateway.headers import HeaderLines
from gateway.http import AsgiRequest, ClientLeft, too_late
from gateway.logs import request_line
from gateway.negotiation import MediaType
from gateway.parts import Parts, Served
from gateway.replies import Reply, json_reply, refusal, send_reply, with_headers
from resolvers.audit_lines import leave_lines
from resolvers.context import NO_VENDORS, RequestContext, RequestMeta, open_context
from resolvers.document_links import PATH, DocumentLink, LinkUse, agency_named, open_link
from resolvers.documents import Download, awaited_document, deliver, receive
from tenants.directory.port import Directory

_METHODS = {"PUT": LinkUse.UPLOAD, "GET": LinkUse.DOWNLOAD}
_ALLOWED = "GET, PUT, OPTIONS"
_RETRY_SECONDS = 2
_PIECE_BYTES = 256 * 1024
_STATUSES: Mapping[type[GatewayError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Forbidden: HTTPStatus.FORBIDDEN,
    InvalidTransition: HTTPStatus.CONFLICT,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
}
_HARMLESS: HeaderLines = (
    (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def document_routes(
    config: Config, served: Served, parts: Callable[[], Parts], cors: CorsPolicy
) -> Sequence[Route]:
    """Return the route of documents. parts: what the stages work with, once they are opened."""
    return [Route(f"{PATH}{{token}}", DocumentEndpoint(config, served, parts, cors))]


class DocumentEndpoint:
    """Answers what comes by a link, so many files at a time as memory has room for."""

    def __init__(
        self,
        config: Config,
        served: Served,
        parts: Callable[[], Parts],
        cors: CorsPolicy,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._config = config
        self._served = served
        self._parts = parts
        self._cors = cors
        self._clock = clock
        self._places = _Places(config.documents.at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with one log line where it fails."""
        with ExitStack() as held:
            await self._respond(scope, receive, send, held)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, held: ExitStack) -> None:
        """Answer one request. held: until it is answered, and sent, in full."""
        request, began, facts = AsgiRequest(scope, receive), time.monotonic(), _Facts()
        request_id = scope.get(REQUEST_ID) or new_request_id()
        try:
            reply: Reply | Download = await self._answer(
                request, scope["path_params"]["token"], request_id, facts, held
            )
        except ClientLeft:
            return
        except Refused as refused:
            reply = refusal(refused, MediaType.JSON)
        except GatewayError as error:
            reply = _refused(error)
        except Exception as error:  # noqa: BLE001 -- the last net
            reply = unexpected(error, request_id)
        preflight = request.method == "OPTIONS"
        origin = request.headers.get(b"origin")
        headers = [] if preflight else answer_headers(self._cors, origin)
        if isinstance(reply, Download):
            await _send_file(reply, headers, send, self._config.documents.upload_seconds)
            return
        if reply.codes:
            failed = reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            request_line(
                "error" if failed else "info",
                {
                    "request_id": request_id,
                    "operation": "document",
                    "kind": facts.use,
                    "outcome": "failed" if failed else "refused",
                    "status": int(reply.status),
                    "codes": sorted(set(reply.codes)),
                    "duration_ms": round((time.monotonic() - began) * 1000, 1),
                    "agency": facts.agency,
                },
            )
        await send_reply(with_headers(reply, headers), receive, send)

    async def _answer(
        self,
        request: AsgiRequest,
        token: str,
        request_id: str,
        facts: "_Facts",
        held: ExitStack,
    ) -> Reply | Download:
        if request.method == "OPTIONS":
            return self._options(request)
        use = _METHODS.get(request.method)
        if use is None:
            raise Refused(
                malformed("Send a file by PUT, or fetch one by GET.").error,
                status=HTTPStatus.METHOD_NOT_ALLOWED,
                headers={"allow": _ALLOWED},
            )
        facts.use = use.value
        meta = RequestMeta(
            id=request_id,
            at=self._clock(),
            source_ip=request.client,
            documents=self._served.documents,
        )
        async with self._admitted(token, use, meta, facts) as (context, link):
            held.enter_context(self._places.taken(facts.agency or "", link.subject))
            try:
                if use is LinkUse.DOWNLOAD:
                    return await deliver(context, link)
                return await self._take(request, context, link)
            finally:
                changes = use is LinkUse.UPLOAD
                names = self._served.engine.field_names
                await leave_lines(context, names, self._parts().directory, changes=changes)

    @asynccontextmanager
    async def _admitted(
        self, token: str, use: LinkUse, meta: RequestMeta, facts: "_Facts"
    ) -> AsyncIterator[tuple[RequestContext, DocumentLink]]:
        """Give the context of the principal that a link stands for; raises NotFound for no link."""
        parts, named = self._parts(), agency_named(token)
        agency = None if named is None else await parts.directory.agency(named)
        if agency is None:
            raise _no_link()
        async with parts.stores.lease(agency) as store:
            link = open_link(store, token)
            if link is None or link.use is not use or meta.at >= link.expires_at:
                raise _no_link()
            if not await _is_live(link, agency, parts.directory, meta.at):
                raise _no_link()
            principal = link.principal(agency.id)
            operator = principal.kind is PrincipalKind.OPERATOR
            try:
                settled = await settle_agency(
                    principal,
                    agency.slug if operator else None,
                    parts.directory,
                    at=meta.at,
                    only=self._config.agency,
                )
            except Unauthenticated as error:
                raise _no_link() from error
            facts.agency = agency.slug
            if settled.agency is None:
                raise _no_link()
            directory = settled.directory_in(parts.directory)
            yield (
                open_context(settled.principal, agency, store, directory, NO_VENDORS, meta),
                link,
            )

    async def _take(
        self, request: AsgiRequest, context: RequestContext, link: DocumentLink
    ) -> Reply:
        """Read a file within its announced size and time, and keep it or refuse it."""
        document = await awaited_document(context, link)
        _check_headers(request, document)
        try:
            async with asyncio.timeout(self._config.documents.upload_seconds):
                content = await request.body(document.bytes_announced)
        except TimeoutError:
            raise too_late() from None
        # From here on it is done to the end, though the client be gone.
        settled = await asyncio.shield(asyncio.ensure_future(receive(context, document, content)))
        if settled.rejection is not None:
            raise Refused(
                malformed(f"The file is refused: {settled.rejection}.").error,
                status=HTTPStatus.UNPROCESSABLE_ENTITY,
            )
        assert settled.file is not None
        told = {"status": settled.status.value, "sha256": settled.file.sha256}
        return json_reply(HTTPStatus.OK, told)

    def _options(self, request: AsgiRequest) -> Reply:
        headers = preflight_headers(self._cors, request.headers, methods="GET, PUT")
        lines = [(b"allow", _ALLOWED.encode())] if headers is None else headers
        return Reply(status=HTTPStatus.NO_CONTENT, headers=tuple(lines))


class _Places:
    """Files in memory: so many at once, and of them so many of one agency and of one principal.

    A slow client holds its places for minutes: it must not be all that there are.
    """

    def __init__(self, at_once: int) -> None:
        shares = (at_once, at_once - at_once // 4, max(2, at_once // 4))
        self._most = dict(enumerate(shares))
        self._held: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def taken(self, agency: str, subject: str) -> Iterator[None]:
        """Hold a place. Raises RateLimited where there is none of all, the agency's, the own."""
        whose = ((), (agency,), (agency, subject))
        if any(self._held[one] >= self._most[len(one)] for one in whose):
            raise RateLimited(retry_after_seconds=_RETRY_SECONDS)
        self._held.update(whose)
        try:
            yield
        finally:
            self._held -= Counter(whose)  # drops those of which none is left


class _Facts:
    """What was learned of a request for its log line."""

    use: str | None = None
    agency: str | None = None


async def _is_live(link: DocumentLink, agency: Agency, directory: Directory, at: datetime) -> bool:
    """Say whether whom a link stands for may come in still."""
    if link.kind is PrincipalKind.INTEGRATION:
        key: ApiKey | None = await directory.api_key(agency.id, link.subject)
        return key is None or key.is_live(at)  # None: an authorizer's machine, which has no key
    home = None if link.kind is PrincipalKind.OPERATOR else agency.id
    if await directory.is_revoked(
        home, subject=link.subject, issued_at=link.made_at, jti=None, origin_jti=None
    ):
        return False
    staff = None if home is None else await directory.staff_by_subject(home, link.subject)
    return staff is None or staff.active


def _check_headers(request: AsgiRequest, document: Document) -> None:
    """Raise Refused for another type or size than was announced, before the body is read."""
    if (request.headers.get(b"content-encoding") or "identity").strip().lower() != "identity":
        raise malformed("Send the file as it is.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    given = (request.headers.get(b"content-type") or "").partition(";")[0].strip().lower()
    if given != document.media_type:
        raise malformed(
            f"Send Content-Type: {document.media_type}, as it was announced.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    length = request.headers.get(b"content-length")
    if length is not None and length != str(document.bytes_announced):
        raise Refused(
            malformed("Send exactly as many bytes as were announced.").error,
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            if length.isdecimal() and int(length[:20]) > document.bytes_announced
            else HTTPStatus.BAD_REQUEST,
            headers={"connection": "close"},
            unread=True,
        )


async def _send_file(
    download: Download, cors: Sequence[tuple[bytes, bytes]], send: Send, seconds: float
) -> None:
    """Send a file piece by piece, as fast as the client takes it.

    Of a client that takes too long the connection is closed, in the middle of the file.
    """
    document, content = download.document, download.content
    name = quote(document.file_name, safe="")
    headers = [
        *_HARMLESS,
        *cors,
        (b"content-type", document.media_type.encode()),
        (b"content-length", b"%d" % len(content)),
        (b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode()),
    ]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
            for at in range(0, len(content), _PIECE_BYTES):
                piece = content[at : at + _PIECE_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def _refused(error: GatewayError) -> Reply:
    status = _STATUSES.get(type(error))
    return refusal(Refused(error, status=status), MediaType.JSON)


def _no_link() -> NotFound:
    """Return the refusal of whatever is no link, or is one no longer: all alike."""
    return NotFound("This link does not hold, or not any more. Ask for another one.")
