"""Asks an agency's own authorizer about a token that is no JWT: AppSync's Lambda, over HTTP.

What comes back is from outside and decides who somebody is, so it is taken exactly as it should be
or not at all: a member that is missing, misspelled or of another type refuses the whole answer. An
authorizer that does not answer, or not in those words, is a trouble of the agency's and not of the
caller's, who is told to come back.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import structlog

from domain.access import Scope
from domain.actors import Group
from domain.agencies import Agency
from gateway.identity.claims import LEEWAY_SECONDS, LIFETIME_SECONDS_MAX, NAME_CHARACTERS_MAX
from gateway.identity.credentials import Credential, Occasion
from gateway.identity.providers import RESULT_TTL_SECONDS_MAX, Authorizer
from gateway.identity.refusals import Reason, Refusal
from gateway.identity.strict_json import read_object

TIMEOUT_SECONDS = 10
CONTEXT_BYTES_MAX = 5 * 1024 * 1024
ANSWER_BYTES_MAX = 6 * 1024 * 1024
READ_AT_ONCE_BYTES_MAX = 64 * 1024
DENIED_FIELDS_MAX = 1000
ASKED_AT_ONCE_MAX = 50
LIFE = timedelta(hours=1)
"""Of a principal whose authorizer does not say when it ends; as long as any answer may be kept."""

NOT_REACHED = (httpx.HTTPError, httpx.InvalidURL, TimeoutError)
"""Why an authorizer has given no answer."""

_MEMBERS = frozenset({"isAuthorized", "resolverContext", "deniedFields", "ttlOverride"})
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_DENIED = re.compile(
    r"(?:arn:[a-z-]{1,20}:appsync:[a-z0-9-]{0,40}:[0-9]{0,20}:apis/[A-Za-z0-9-]{1,64}"
    r"/types/([_A-Za-z][_0-9A-Za-z]{0,127})/fields/|([_A-Za-z][_0-9A-Za-z]{0,127})\.)"
    r"([_A-Za-z][_0-9A-Za-z]{0,127})",
    re.ASCII,
)
_GROUPS = {group.value: group for group in Group if group is not Group.OPERATORS}
_SCOPES = {scope.value: scope for scope in Scope}

_log = structlog.get_logger(__name__)


class NotUnderstood(ValueError):
    """An answer is not as it should be; the text says where, and repeats nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom an authorizer vouches for: a person of a group, or a machine with scopes.

    token_id: what the token can be revoked by. kept_seconds: how long the answer may be kept.
    """

    subject: str
    display_name: str
    group: Group | None
    scopes: frozenset[Scope]
    authenticated_at: datetime | None
    expires_at: datetime
    token_id: str | None = field(repr=False)
    denied_fields: frozenset[str]
    kept_seconds: int


class Authorizers:
    """The authorizers of all agencies; `client` follows no redirects, and is None without any."""

    def __init__(
        self,
        configured: tuple[Authorizer, ...],
        client: httpx.AsyncClient | None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._configured = configured
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._turns = {one.agency: asyncio.Semaphore(ASKED_AT_ONCE_MAX) for one in configured}

    def choose(self, credential: Credential) -> Authorizer:
        """Return whose token that can be; raises Refusal where it is nobody's, or several could be.

        The agency that a client names chooses among authorizers, each of which says itself whose
        token it is; a token is shown to one of them at most.
        """
        found = [
            one
            for one in self._configured
            if credential.agency_hint in (None, one.agency)
            and (one.token is None or one.token.matches(credential.value))
        ]
        if not found:
            raise Refusal(Reason.NO_AUTHORIZER)
        if len(found) > 1:
            raise Refusal(Reason.SEVERAL_AUTHORIZERS)
        return found[0]

    async def ask(
        self, authorizer: Authorizer, agency: Agency, token: str, occasion: Occasion, at: datetime
    ) -> Vouched:
        """Return whom the token stands for at that moment.

        Raises Refusal: AUTHORIZER_REFUSED and EXPIRED where it stands for nobody, and
        AUTHORIZER_UNAVAILABLE and AUTHORIZER_NOT_UNDERSTOOD, which are no fault of the caller's.
        """
        try:
            return await self.answer(authorizer, agency, token, occasion, at)
        except NotUnderstood as error:
            _log.warning("authorizer not understood", authorizer=authorizer.name, why=str(error))
            raise Refusal(Reason.AUTHORIZER_NOT_UNDERSTOOD) from None
        except NOT_REACHED as error:
            why = type(error).__name__
            _log.warning("authorizer not reached", authorizer=authorizer.name, why=why)
            raise Refusal(Reason.AUTHORIZER_UNAVAILABLE) from None

    async def answer(
        self, authorizer: Authorizer, agency: Agency, token: str, occasion: Occasion, at: datetime
    ) -> Vouched:
        """Return what `ask` returns; raises NotUnderstood and those of NOT_REACHED as they are."""
        async with asyncio.timeout(self._timeout_seconds), self._turns[authorizer.agency]:
            body = await self._post(authorizer, event_of(agency, token, occasion))
        if len(body) > READ_AT_ONCE_BYTES_MAX:
            return await asyncio.to_thread(read_answer, body, authorizer, at)
        return read_answer(body, authorizer, at)

    async def _post(self, authorizer: Authorizer, event: bytes) -> bytes:
        """Return the body of the answer, read no further than allowed and never unpacked."""
        assert self._client is not None, "who has authorizers can ask them"
        async with self._client.stream(
            "POST",
            authorizer.url,
            content=event,
            headers={
                "accept": "application/json",
                "accept-encoding": "identity",
                "content-type": "application/json",
            },
            follow_redirects=False,
            timeout=httpx.Timeout(self._timeout_seconds),
        ) as answer:
            if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise httpx.HTTPStatusError("", request=answer.request, response=answer)
            if answer.status_code != httpx.codes.OK:
                raise NotUnderstood(f"status {answer.status_code}")
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise NotUnderstood("too large")
            return bytes(body)


def event_of(agency: Agency, token: str, occasion: Occasion) -> bytes:
    """Return AppSync's event; the API is the agency's slug, and the account its id."""
    event = {
        "authorizationToken": token,
        "requestContext": {
            "apiId": agency.slug,
            "accountId": agency.id,
            "requestId": occasion.request_id,
            "queryString": occasion.document or "",
            "operationName": occasion.operation_name,
            "variables": occasion.variables,
        },
    }
    return json.dumps(event).encode("ascii")


def read_answer(body: bytes, authorizer: Authorizer, at: datetime) -> Vouched:
    """Return whom an answer vouches for; raises Refusal, and NotUnderstood where it is none."""
    try:
        answer = read_object(body)
    except Refusal as refusal:
        raise NotUnderstood(refusal.reason.value) from None
    if not _MEMBERS.issuperset(answer):
        raise NotUnderstood("a member that there is not")
    authorized = answer.get("isAuthorized")
    if not isinstance(authorized, bool):
        raise NotUnderstood("isAuthorized")
    denied = _denied_fields(answer.get("deniedFields"))
    kept_seconds = _ttl(answer.get("ttlOverride"), authorizer)
    if not authorized:
        raise Refusal(Reason.AUTHORIZER_REFUSED)
    given = _context(answer.get("resolverContext"), body)
    if given.get("agency") != authorizer.agency:
        raise NotUnderstood("resolverContext.agency")
    group, scopes = _who(given)
    subject = _name(given, "subject")
    if subject is None:
        raise NotUnderstood("resolverContext.subject")
    token_id = _name(given, "tokenId")
    return Vouched(
        subject=f"{authorizer.name}:{subject}",
        display_name=_display_name(given) or subject,
        group=group,
        scopes=scopes,
        authenticated_at=_authenticated_at(given, at),
        expires_at=_expires_at(given, at),
        token_id=None if token_id is None else f"{authorizer.name}:{token_id}",
        denied_fields=denied,
        kept_seconds=kept_seconds,
    )


def _context(value: object, body: bytes) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise NotUnderstood("resolverContext")
    if any(isinstance(one, dict | list) for one in value.values()):
        raise NotUnderstood("resolverContext is not flat")
    # An answer that is no larger needs no second look.
    if len(body) > CONTEXT_BYTES_MAX and len(json.dumps(value)) > CONTEXT_BYTES_MAX:
        raise NotUnderstood("resolverContext is too large")
    return value


def _who(given: Mapping[str, object]) -> tuple[Group | None, frozenset[Scope]]:
    """Return the one group, or the scopes: a principal is a person or a machine."""
    if ("group" in given) == ("scopes" in given):
        raise NotUnderstood("resolverContext has either a group or scopes")
    if "group" in given:
        group = _GROUPS.get(str(given["group"]))
        if group is None:
            raise NotUnderstood("resolverContext.group")
        return group, frozenset()
    listed = given["scopes"]
    names = listed.split(" ") if isinstance(listed, str) else []
    if not names or not all(name in _SCOPES for name in names):
        raise NotUnderstood("resolverContext.scopes")
    return None, frozenset(_SCOPES[name] for name in names)


def _denied_fields(value: object) -> frozenset[str]:
    """Return the fields as `Type.field`, whichever API an ARN names: here is only this one."""
    listed = [] if value is None else value
    if not isinstance(listed, list) or len(listed) > DENIED_FIELDS_MAX:
        raise NotUnderstood("deniedFields")
    denied = set()
    for one in listed:
        found = _DENIED.fullmatch(one) if isinstance(one, str) else None
        if found is None:
            raise NotUnderstood("deniedFields")
        denied.add(f"{found[1] or found[2]}.{found[3]}")
    return frozenset(denied)


def _ttl(value: object, authorizer: Authorizer) -> int:
    if value is None:
        return authorizer.result_ttl_seconds
    if type(value) is not int or not 0 <= value <= RESULT_TTL_SECONDS_MAX:
        raise NotUnderstood("ttlOverride")
    return value


def _name(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > NAME_CHARACTERS_MAX:
        raise NotUnderstood(f"resolverContext.{name}")
    if _PRINTABLE.fullmatch(value) is None:
        raise NotUnderstood(f"resolverContext.{name}")
    return value


def _display_name(given: Mapping[str, object]) -> str | None:
    value = given.get("displayName")
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS_MAX:
        raise NotUnderstood("resolverContext.displayName")
    if not value.isprintable() or not value.strip():
        raise NotUnderstood("resolverContext.displayName")
    return value


def _moment(given: Mapping[str, object], name: str) -> datetime | None:
    """Return a moment that is told in whole seconds since 1970."""
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 2**33:
        raise NotUnderstood(f"resolverContext.{name}")
    return datetime.fromtimestamp(value, UTC)


def _authenticated_at(given: Mapping[str, object], at: datetime) -> datetime | None:
    moment = _moment(given, "authenticatedAt")
    if moment is not None and moment > at + timedelta(seconds=LEEWAY_SECONDS):
        raise NotUnderstood("resolverContext.authenticatedAt")  # it would stay fresh for ever
    return moment


def _expires_at(given: Mapping[str, object], at: datetime) -> datetime:
    moment = _moment(given, "expiresAt")
    if moment is None:
        return at + LIFE
    if moment <= at:
        raise Refusal(Reason.EXPIRED)
    if moment > at + timedelta(seconds=LIFETIME_SECONDS_MAX):
        raise NotUnderstood("resolverContext.expiresAt")
    return moment
