"""Reads the credential out of a request's headers, and refuses requests that bring several.

`read_credential` alone decides which of AppSync's modes a request is in; docs/http.md has it as a
table. `authenticate` is stage 2 for every transport: HTTP gives its headers, realtime the object of
header names that its clients send.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from domain.access import Principal
from domain.errors import Unauthenticated
from gateway.headers import HeaderFields
from gateway.http import Asked
from gateway.identity.claims import TOKEN_CHARACTERS_MAX, is_token
from gateway.identity.providers import OPAQUE_TOKEN_CHARACTERS_MAX
from gateway.identity.refusals import Reason, refused
from tenants.directory.api_keys import is_secret

_AUTHORIZATION, _API_KEY, _AGENCY = "authorization", "x-api-key", "x-agency"
_WANTED = frozenset((_AUTHORIZATION, _API_KEY, _AGENCY))
_WANTED_RAW = tuple((name.encode(), name) for name in _WANTED)
_BEARER = re.compile(r"bearer(?: |\Z)", re.IGNORECASE | re.ASCII)
_IAM = re.compile(r"\s*AWS4-HMAC-SHA256\b", re.IGNORECASE | re.ASCII)
# A JWT's dots, or the beginning of its header, `{"` in base64: whatever else is wrong with it, it
# is somebody's token, and no authorizer's to see.
_LIKE_TOKEN = re.compile(r"\.[^.]*\.|(?:^|[^A-Za-z0-9_-])eyJ", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What was presented, unverified.

    kind: `opaque` is for an agency's authorizer. value: the token without `Bearer `, the API key's
    secret, or an opaque `Authorization` as it came. agency_hint: `x-agency` as sent; stage 3
    demands that it agrees with the principal, and takes it from operators alone.
    """

    kind: Literal["jwt", "api_key", "opaque"]
    value: str = field(repr=False)
    agency_hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a credential is presented for, as an authorizer is told; nobody else looks at it.

    document: None where nothing is asked yet, or by its hash.
    """

    request_id: str
    document: str | None = field(default=None, repr=False)
    operation_name: str | None = None
    variables: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """Who presents a credential, and the agency that they name: a hint, which stage 3 judges."""

    principal: Principal
    agency_hint: str | None


class Authenticates(Protocol):
    """Stage 2's port."""

    async def authenticate(self, credential: Credential, occasion: Occasion) -> Principal:
        """Return who presents the credential; raises Unauthenticated, StoreUnavailable."""
        ...


def occasion_of(request_id: str, asked: Asked | None = None) -> Occasion:
    """Return the occasion of a request; of a handshake, which asks for nothing yet."""
    if asked is None:
        return Occasion(request_id=request_id)
    return Occasion(
        request_id=request_id,
        document=asked.document,
        operation_name=asked.operation_name,
        variables=asked.variables,
    )


async def authenticate(
    headers: HeaderFields | Mapping[str, str], authenticator: Authenticates, occasion: Occasion
) -> Presented:
    """Return who presents the headers of a request, a handshake or a subscription.

    Raises Unauthenticated (AgencySuspended) where nobody does, StoreUnavailable where that cannot
    be said right now. Ask again for every request: a verdict that was revoked is not repeated.
    """
    return await present(read_credential(headers), authenticator, occasion)


async def present(
    credential: Credential | None, authenticator: Authenticates, occasion: Occasion
) -> Presented:
    """Return who presents a credential that was read before; raises as `authenticate` does."""
    if credential is None:
        raise Unauthenticated
    principal = await authenticator.authenticate(credential, occasion)
    return Presented(principal=principal, agency_hint=credential.agency_hint)


def read_credential(headers: HeaderFields | Mapping[str, str]) -> Credential | None:
    """Return the credential, None where none was brought.

    Takes a request's headers, or the object of header names that a realtime client sends; names
    are compared without regard to case. Raises Unauthenticated for several credentials, a
    repeated header, an IAM signature, and what is not spelled as a credential is.
    """
    found: dict[str, str] = {}
    for name, value in _wanted(headers):
        if name in found:
            raise refused(Reason.REPEATED_HEADER)
        found[name] = value
    hint = found.get(_AGENCY)
    authorization, secret = found.get(_AUTHORIZATION), found.get(_API_KEY)
    if authorization is not None:
        if secret is not None:
            raise refused(Reason.SEVERAL_CREDENTIALS)
        if _IAM.match(authorization):
            raise refused(Reason.IAM_NOT_OFFERED)
        if _LIKE_TOKEN.search(authorization):
            return Credential(kind="jwt", value=_read_token(authorization), agency_hint=hint)
        return Credential(kind="opaque", value=_read_opaque(authorization), agency_hint=hint)
    if secret is None:
        return None
    if not is_secret(secret):
        raise refused(Reason.MALFORMED_API_KEY)
    return Credential(kind="api_key", value=secret, agency_hint=hint)


def _wanted(headers: HeaderFields | Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(headers, HeaderFields):
        for raw_name, name in _WANTED_RAW:
            for given in headers.every(raw_name):
                yield name, given
        return
    pairs: Iterable[tuple[str, object]] = headers.items()
    for name, value in pairs:
        lowered = name.lower()
        if lowered not in _WANTED:
            continue
        if not isinstance(value, str):  # the realtime object is JSON that a client made up
            raise refused(Reason.MALFORMED_TOKEN)
        yield lowered, value


def _read_token(authorization: str) -> str:
    scheme = _BEARER.match(authorization)
    token = authorization if scheme is None else authorization[scheme.end() :]
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise refused(Reason.TOKEN_TOO_LARGE)
    if not is_token(token):
        foreign = scheme is None and " " in authorization.strip(" ")
        raise refused(Reason.UNKNOWN_SCHEME if foreign else Reason.MALFORMED_TOKEN)
    return token


def _read_opaque(authorization: str) -> str:
    if len(authorization) > OPAQUE_TOKEN_CHARACTERS_MAX:
        raise refused(Reason.TOKEN_TOO_LARGE)
    scheme = _BEARER.match(authorization)
    token = authorization if scheme is None else authorization[scheme.end() :]
    shown = token.strip(" ") if token.isascii() and token.isprintable() else ""
    # An API key in the wrong header is a secret too, and no authorizer's to see either.
    if not shown or is_secret(shown):
        raise refused(Reason.MALFORMED_TOKEN)
    return authorization
